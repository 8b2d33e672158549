//! `memory.get`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use types::{
    MemoryId, PrincipalId,
    memory::{Access as MemoryAccess, Grant, Memory},
};

use super::fields;
use crate::{
    Call, Code, Error, Result,
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
    /// Give this or `key`. The id it had where it was imported from serves too.
    id: Option<MemoryId>,
    /// The key it is kept under.
    key: Option<String>,
    /// Whose key; default you.
    owner: Option<PrincipalId>,
}

/// A memory in full.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FoundMemory")]
pub struct Found {
    /// The memory.
    #[serde(flatten)]
    memory: Memory,
    /// What others may do with it; only for its owner, when it is shared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grants: Vec<Grant>,
}

fn with_grants(tx: &store::Tx<'_>, scope: &store::Scope, found: Option<Memory>) -> Result<Option<Found>> {
    let Some(memory) = found else { return Ok(None) };
    let is_mine = memory.owner == scope.viewer() && memory.access != MemoryAccess::Private;
    let grants = if is_mine { store::memories::grants::list(tx, scope, memory.id)? } else { Vec::new() };
    Ok(Some(Found { memory, grants }))
}

impl Operation for Get {
    const SPEC: Spec = Spec {
        id: "memory.get",
        summary: "Fetch one memory in full, by id or by key.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("get.json"),
        tool: Some(Tool { name: "get_memory", set: "core", listed: &[] }),
        routes: &[route("GET", "/api/v1/memories/{id}"), route("GET", "/api/v1/memories/by-key/{key}")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Found>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Found>> {
        let (scope, now) = (call.scope(), call.now());
        let found = match (which.id, which.key) {
            (Some(id), None) if which.owner.is_none() => {
                let read = move |tx: &store::Tx<'_>| {
                    let found = match store::memories::get(tx, &scope, id, now)? {
                        Some(memory) => Some(memory),
                        None => super::imported::by_old_id(tx, &scope, id, now)?,
                    };
                    with_grants(tx, &scope, found)
                };
                call.read(read).await?
            }
            (None, Some(key)) => {
                let mut checks = Checks::default();
                let key = fields::key(&mut checks, &key);
                checks.done()?;
                let owner = which.owner.unwrap_or(scope.viewer());
                let read = move |tx: &store::Tx<'_>| {
                    with_grants(tx, &scope, store::memories::by_key(tx, &scope, owner, &key, now)?)
                };
                call.read(read).await?
            }
            _ => return Err(Error::invalid("id", "give `id`, or `key` with or without `owner`")),
        };
        let found = found.ok_or_else(Error::not_found)?;
        call.app.tally.fetched(found.memory.id, now);
        Ok(Json(found))
    }
}
