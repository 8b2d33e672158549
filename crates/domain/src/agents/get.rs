//! `agent.get`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{AgentId, agent::Agent};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Shows one agent.
pub struct Get;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: AgentId,
}

impl Operation for Get {
    const SPEC: Spec = Spec {
        id: "agent.get",
        summary: "Show one agent.",
        access: Access::Permission(Permission::AgentRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("get.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/agents/{id}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Agent>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Agent>> {
        let scope = call.scope();
        let found = call.read(move |tx| Ok(store::agents::get(tx, &scope, which.id)?)).await?;
        found.map(Json).ok_or_else(Error::not_found)
    }
}
