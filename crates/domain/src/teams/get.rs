//! `team.get`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{TeamId, team::Team};

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Shows one team.
pub struct Get;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: TeamId,
}

impl Operation for Get {
    const SPEC: Spec = Spec {
        id: "team.get",
        summary: "Show one team and its members.",
        access: Access::Permission(Permission::TeamRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("get.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/teams/{id}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Team>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Team>> {
        let scope = call.scope();
        call.read(move |tx| super::found(tx, &scope, which.id)).await.map(Json)
    }
}
