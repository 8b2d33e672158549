//! `agent.disable`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{AgentId, agent::Agent};

use super::update::{Changes, change};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Disables an agent: its credentials are refused from the next call on.
pub struct Disable;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: AgentId,
}

impl Operation for Disable {
    const SPEC: Spec = Spec {
        id: "agent.disable",
        summary: "Disable an agent: its keys are refused from the next call on; its rows stay.",
        access: Access::Permission(Permission::AgentManage),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("disable.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/agents/{id}/disable")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Agent>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Agent>> {
        change(&call, Changes::disabling(which.id)).await.map(Json)
    }
}
