//! `team.delete`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Verdict;
use types::TeamId;

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Deletes a team.
pub struct Delete;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Doomed {
    /// Which one.
    id: TeamId,
    /// Only if it is at this version.
    expected_version: Option<i64>,
}

/// What was deleted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedTeam")]
pub struct Deleted {
    /// Which one.
    id: TeamId,
    /// The name it had, which is free now.
    name: String,
}

impl Operation for Delete {
    const SPEC: Spec = Spec {
        id: "team.delete",
        summary: "Delete a team: nobody is in it any more; what was shared with it stays with its owners.",
        access: Access::Permission(Permission::TeamManage),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("delete.json"),
        tool: None,
        routes: &[route("DELETE", "/api/v1/teams/{id}")],
    };
    type Who = Known;
    type Input = Doomed;
    type Output = Json<Deleted>;

    async fn run(call: Call<Known>, doomed: Doomed) -> Result<Json<Deleted>> {
        let scope = call.scope();
        call.write(move |change| {
            let team = super::found(change, &scope, doomed.id)?;
            super::check_version(&team, doomed.expected_version)?;
            store::teams::delete(change, &scope, team.id)?;
            change.touched(team.id);
            change.publish("team.deleted", team.id);
            Ok(Verdict::Done(Deleted { id: team.id, name: team.name }))
        })
        .await
        .map(Json)
    }
}
