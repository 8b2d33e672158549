//! `memory.history`

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Scope, Tx, memories};
use types::{
    MemoryId, Page, Timestamp,
    memory::{Memory, Right, Trust, Version},
};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Lists the versions of a memory.
pub struct History;

/// Whose versions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which memory.
    id: MemoryId,
    /// 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Operation for History {
    const SPEC: Spec = Spec {
        id: "memory.history",
        summary: "List the versions of a memory you own or may write, newest first: who changed it, when and how.",
        access: Access::Permission(Permission::MemoryRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::NotFound],
        example: include_str!("history.json"),
        tool: Some(Tool { name: "get_memory_history", set: "memory", listed: &[] }),
        routes: &[route("GET", "/api/v1/memories/{id}/versions")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Page<Version>>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Page<Version>>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, which.limit);
        checks.done()?;
        let (page, after) = Paging::open(&call, &Self::SPEC, &which.id, (limit, which.cursor.as_deref()))?;
        let before = match after {
            Some(place) => place.parse().map_err(|error| Error::internal().cause(error))?,
            None => i64::MAX,
        };
        let (scope, now, rows) = (call.scope(), call.now(), page.rows());
        let versions = call
            .read(move |tx| {
                let memory = writable(tx, &scope, which.id, now)?;
                let mut all = Vec::new();
                if memory.version < before {
                    let present = memories::versions::present(tx, &scope, which.id)?;
                    let (at, by, change) = present.ok_or_else(Error::internal)?;
                    all.push(Version { at, by, change, memory });
                }
                all.extend(memories::versions::list(tx, &scope, which.id, (before, rows))?);
                Ok(all)
            })
            .await?;
        Ok(Json(page.close(&call, versions, None, |last| last.memory.version.to_string())))
    }
}

/// A memory whose earlier texts the caller may read: its own, or one it may write. They may hold what was removed before
/// the memory was shared.
fn writable(tx: &Tx<'_>, scope: &Scope, id: MemoryId, now: Timestamp) -> Result<Memory> {
    let memory = memories::get(tx, scope, id, now)?.ok_or_else(Error::not_found)?;
    if memory.trust == Trust::Quarantined {
        return Err(Error::new(Code::NotFound, "the history of a memory is closed while it is quarantined")
            .hint("`get_memory` shows it to you; a reviewer can release it"));
    }
    if memory.owner == scope.viewer() || memories::may(tx, scope, &memory, Right::Write, now)? {
        return Ok(memory);
    }
    Err(Error::new(Code::PermissionDenied, "the history of a memory is for its owner and for those who may write it")
        .fact("required", "ownership, or a write grant")
        .hint("`get_memory` shows its present version"))
}
