//! `team.update`

use schemars::JsonSchema;
use serde::Deserialize;
use store::Verdict;
use types::{TeamId, team::Team};

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Renames a team.
pub struct Update;

/// What changes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// Which one.
    id: TeamId,
    /// Only if it is at this version.
    expected_version: Option<i64>,
    /// The new name, unique in the workspace, ignoring case: `^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`.
    name: String,
}

impl Operation for Update {
    const SPEC: Spec = Spec {
        id: "team.update",
        summary: "Rename a team; its id, its members and what is shared with it stay.",
        access: Access::Permission(Permission::TeamManage),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NameNotAllowed, Code::NotFound, Code::AlreadyExists],
        example: include_str!("update.json"),
        tool: None,
        routes: &[route("PATCH", "/api/v1/teams/{id}")],
    };
    type Who = Known;
    type Input = Changes;
    type Output = Json<Team>;

    async fn run(call: Call<Known>, changes: Changes) -> Result<Json<Team>> {
        super::named(&changes.name)?;
        let scope = call.scope();
        call.write(move |change| {
            let old = super::found(change, &scope, changes.id)?;
            super::check_version(&old, changes.expected_version)?;
            let team = Team { name: changes.name.clone(), version: old.version + 1, ..old };
            store::teams::update(change, &scope, &team).map_err(|error| super::taken(error, &team.name))?;
            change.touched(team.id);
            change.publish("team.updated", team.id);
            Ok(Verdict::Done(team))
        })
        .await
        .map(Json)
    }
}
