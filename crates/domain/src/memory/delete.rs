//! `memory.delete`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Verdict;
use types::{
    MemoryId, Timestamp,
    memory::{Change, Memory, Right},
};

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// How long a deleted memory can be brought back, in seconds.
pub(crate) const RESTORABLE_SECS: i64 = 30 * 86_400;

/// Deletes a memory.
pub struct Delete;

/// Which one.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Doomed {
    /// Which one.
    id: MemoryId,
    /// Only if it is at this version.
    expected_version: Option<i64>,
}

/// What was deleted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeletedMemory")]
pub struct Deleted {
    /// Which one.
    id: MemoryId,
    /// When.
    deleted_at: Timestamp,
    /// The row is kept until then.
    restore_until: Timestamp,
}

impl Operation for Delete {
    const SPEC: Spec = Spec {
        id: "memory.delete",
        summary: "Delete a memory: it is gone from every list and search, its key is free, and for 30 days it can be restored.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound],
        example: include_str!("delete.json"),
        tool: Some(Tool { name: "delete_memory", set: "memory", listed: &[] }),
        routes: &[route("DELETE", "/api/v1/memories/{id}")],
    };
    type Who = Known;
    type Input = Doomed;
    type Output = Json<Deleted>;

    async fn run(call: Call<Known>, doomed: Doomed) -> Result<Json<Deleted>> {
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        let app = std::sync::Arc::clone(&call.app);
        call.write(move |change| {
            let memory = super::allowed(change, &scope, &who, (doomed.id, Right::Delete), now)?;
            super::check_version(&memory, doomed.expected_version)?;
            delete(&app, change, &scope, &memory, now)?;
            Ok(Verdict::Done(Deleted { id: doomed.id, deleted_at: now, restore_until: now.plus_secs(RESTORABLE_SECS) }))
        })
        .await
        .map(Json)
    }
}

/// Hides a memory everywhere and frees its key.
pub(super) fn delete(
    app: &crate::App,
    change: &mut crate::Change<'_, '_>,
    scope: &store::Scope,
    memory: &Memory,
    now: Timestamp,
) -> Result<()> {
    let gone = Memory { deleted_at: Some(now), ..super::next(memory, now) };
    super::store_changed(app, change, scope, (memory, &gone), (Change::Deleted, "memory.deleted", None))
}
