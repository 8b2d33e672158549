//! `team.create`

use schemars::JsonSchema;
use serde::Deserialize;
use store::Verdict;
use types::{TeamId, team::Team};

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Makes a team.
pub struct Create;

/// A new team.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    /// Unique in the workspace, ignoring case: `^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`.
    name: String,
}

impl Operation for Create {
    const SPEC: Spec = Spec {
        id: "team.create",
        summary: "Make a team without members.",
        access: Access::Permission(Permission::TeamManage),
        effect: Effect::Create,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NameNotAllowed, Code::AlreadyExists],
        example: include_str!("create.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/teams")],
    };
    type Who = Known;
    type Input = NewTeam;
    type Output = Json<Team>;

    async fn run(call: Call<Known>, input: NewTeam) -> Result<Json<Team>> {
        super::named(&input.name)?;
        let id = TeamId::new(call.now(), call.app.bits()?);
        let team = Team { id, name: input.name, members: Vec::new(), created_at: call.now(), version: 1 };
        let scope = call.scope();
        call.write(move |change| {
            store::teams::insert(change, &scope, &team).map_err(|error| super::taken(error, &team.name))?;
            change.touched(team.id);
            change.publish("team.created", team.id);
            Ok(Verdict::Done(team.clone()))
        })
        .await
        .map(Json)
    }
}
