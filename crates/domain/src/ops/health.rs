//! `health`

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Call, Result,
    access::Visitor,
    operation::{Access, Effect, Empty, Json, Operation, Rate, Replay, Spec, route},
};

/// Says that the server answers and its store can be read.
pub struct Health;

/// The state; nothing else is told to strangers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub struct State {
    /// Always `ok`; a server that is not answers 503.
    status: &'static str,
}

impl Operation for Health {
    const SPEC: Spec = Spec {
        id: "health",
        summary: "Say that the server answers and its store can be read.",
        access: Access::Open,
        effect: Effect::Read,
        rate: Rate::Free,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("health.json"),
        tool: None,
        routes: &[
            route("GET", "/health"),
            route("GET", "/auth/health"),
            route("GET", "/livez"),
            route("GET", "/readyz"),
        ],
    };
    type Who = Visitor;
    type Input = Empty;
    type Output = Json<State>;

    async fn run(call: Call<Visitor>, _: Empty) -> Result<Json<State>> {
        call.read(|_| Ok(())).await?;
        Ok(Json(State { status: "ok" }))
    }
}
