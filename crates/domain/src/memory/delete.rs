//! `memory.delete`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Verdict;
use types::{MemoryId, Timestamp};

use crate::{
    Call, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

const RESTORABLE_SECS: i64 = 30 * 86_400;

/// Deletes a memory of the caller.
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
        summary: "Delete a memory of yours: it is gone from every list and search, and its key is free.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        tool: Some(Tool { name: "delete_memory", set: "memory", listed: &[] }),
        routes: &[route("DELETE", "/api/v1/memories/{id}")],
    };
    type Who = Known;
    type Input = Doomed;
    type Output = Json<Deleted>;

    async fn run(call: Call<Known>, doomed: Doomed) -> Result<Json<Deleted>> {
        let (scope, now) = (call.scope(), call.now());
        call.write(move |change| {
            let memory = super::update::owned(change, &scope, doomed.id, now)?;
            super::check_version(&memory, doomed.expected_version)?;
            store::memories::delete(change, &scope, doomed.id, now)?;
            change.touched(doomed.id);
            change.publish("memory.deleted", doomed.id);
            Ok(Verdict::Done(Deleted { id: doomed.id, deleted_at: now, restore_until: now.plus_secs(RESTORABLE_SECS) }))
        })
        .await
        .map(Json)
    }
}
