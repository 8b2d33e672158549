//! `key.get`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{KeyId, key::ApiKey};

use super::{reached, shown};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Shows what is kept of a key.
pub struct Get;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: KeyId,
}

impl Operation for Get {
    const SPEC: Spec = Spec {
        id: "key.get",
        summary: "Show what is kept of an API key; never the key.",
        access: Access::Permission(Permission::KeyOwn),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("get.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/keys/{id}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<ApiKey>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<ApiKey>> {
        let (who, now) = (call.who().clone(), call.now());
        call.read(move |tx| reached(tx, &who, which.id).map(|key| shown(&key, now))).await.map(Json)
    }
}
