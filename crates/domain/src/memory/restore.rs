//! `memory.restore`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Scope, Tx, Verdict, memories};
use types::{
    MemoryId, Timestamp,
    memory::{Change, Memory, Right},
};

use super::delete::RESTORABLE_SECS;
use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Brings a deleted memory back.
pub struct Restore;

/// Which one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one.
    id: MemoryId,
}

impl Operation for Restore {
    const SPEC: Spec = Spec {
        id: "memory.restore",
        summary: "Bring a memory back that was deleted in the last 30 days, with its versions.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::KeyExists, Code::QuotaExceeded, Code::RestoreExpired],
        example: include_str!("restore.json"),
        tool: Some(Tool { name: "restore_memory", set: "memory", listed: &[] }),
        routes: &[route("POST", "/api/v1/memories/{id}/restore")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Memory>> {
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        let app = Arc::clone(&call.app);
        call.write(move |change| {
            let deleted = restorable(change, &scope, &who, which.id, now)?;
            let one = memories::counts::Count { rows: 1, bytes: super::bytes(&deleted) };
            super::quota::room(&app, change, &scope, (deleted.owner, one), now)?;
            let memory = restore(change, &scope, (&deleted, Change::Restored), now)?;
            // Whoever brings back what is somebody else's need not be one of its readers.
            let is_seen = memories::may(change, &scope, &memory, Right::Read, now)?;
            Ok(Verdict::Done(super::review::redacted(memory, is_seen)))
        })
        .await
        .map(Json)
    }
}

fn expired() -> Error {
    Error::new(Code::RestoreExpired, "the memory was deleted more than 30 days ago, or its own time was over")
        .hint("a backup may still hold it: `guildhall backup list`")
}

/// The deleted memory, if the caller may bring it back.
fn restorable(tx: &Tx<'_>, scope: &Scope, who: &Known, id: MemoryId, now: Timestamp) -> Result<Memory> {
    let may = |owner| owner == scope.viewer() || who.has(Permission::MemoryManage);
    if let Some(memory) = memories::deleted(tx, scope, id)?.filter(|memory| may(memory.owner)) {
        let is_over = memory.deleted_at.is_none_or(|at| at.plus_secs(RESTORABLE_SECS) <= now)
            || memory.expires_at.is_some_and(|end| end <= now);
        return if is_over { Err(expired()) } else { Ok(memory) };
    }
    if memories::gone::tombstone(tx, scope, id)?.is_some_and(may) {
        return Err(expired());
    }
    Err(Error::not_found())
}

/// Makes a deleted memory live again, whoever holds its key by now permitting.
pub(super) fn restore(
    change: &mut crate::Change<'_, '_>,
    scope: &Scope,
    (deleted, how): (&Memory, Change),
    now: Timestamp,
) -> Result<Memory> {
    let memory = Memory { deleted_at: None, ..super::next(deleted, now) };
    if let Some(key) = &memory.key {
        super::free_key(change, scope, (memory.owner, key), now)?;
    }
    super::store_unbounded(change, scope, (deleted, &memory), (how, "memory.restored", None))?;
    Ok(memory)
}
