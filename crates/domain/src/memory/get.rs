//! `memory.get`

use schemars::JsonSchema;
use serde::Deserialize;
use types::{MemoryId, PrincipalId, memory::Memory};

use super::fields;
use crate::{
    Call, Error, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Fetches one memory in full.
pub struct Get;

/// Which one: its id, or its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Give this or `key`.
    id: Option<MemoryId>,
    /// The key it is kept under.
    key: Option<String>,
    /// Whose key; default you.
    owner: Option<PrincipalId>,
}

impl Operation for Get {
    const SPEC: Spec = Spec {
        id: "memory.get",
        summary: "Fetch one memory in full, by id or by key.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        tool: Some(Tool { name: "get_memory", set: "core", listed: &[] }),
        routes: &[route("GET", "/api/v1/memories/{id}"), route("GET", "/api/v1/memories/by-key/{key}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Memory>> {
        let (scope, now) = (call.scope(), call.now());
        let found = match (which.id, which.key) {
            (Some(id), None) if which.owner.is_none() => {
                call.read(move |tx| Ok(store::memories::get(tx, &scope, id, now)?)).await?
            }
            (None, Some(key)) => {
                let mut checks = Checks::default();
                let key = fields::key(&mut checks, &key);
                checks.done()?;
                let owner = which.owner.unwrap_or(scope.viewer());
                call.read(move |tx| Ok(store::memories::by_key(tx, &scope, owner, &key, now)?)).await?
            }
            _ => return Err(Error::invalid("id", "give `id`, or `key` with or without `owner`")),
        };
        let memory = found.ok_or_else(Error::not_found)?;
        call.app.tally.fetched(memory.id, now);
        Ok(Json(memory))
    }
}
