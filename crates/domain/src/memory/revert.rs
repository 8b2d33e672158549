//! `memory.revert`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Verdict, memories};
use types::{
    MemoryId, Timestamp,
    memory::{Change, Memory, Right},
};

use super::{fields, judge};
use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Takes an earlier version of a memory up again, as its next version.
pub struct Revert;

/// Which version of which memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which memory.
    id: MemoryId,
    /// The version to take up, as `get_memory_history` lists it.
    version: i64,
    /// Only if it is at this version.
    expected_version: Option<i64>,
}

/// The text and labels of an earlier version as the memory's next one. Who may read it, what it is called, how long it is
/// kept and what took its place stay.
pub(super) fn reverted(present: &Memory, earlier: &Memory, now: Timestamp) -> Memory {
    Memory {
        kind: earlier.kind,
        content: earlier.content.clone(),
        value: earlier.value.clone(),
        summary: earlier.summary.clone(),
        tags: earlier.tags.clone(),
        importance: earlier.importance,
        project: earlier.project.clone(),
        metadata: earlier.metadata.clone(),
        ..super::next(present, now)
    }
}

impl Operation for Revert {
    const SPEC: Spec = Spec {
        id: "memory.revert",
        summary: "Take an earlier version of a memory up again; it becomes the next version, and the ones between stay.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::KeyExists, Code::QuotaExceeded, Code::SecretDetected],
        example: include_str!("revert.json"),
        tool: Some(Tool { name: "revert_memory", set: "memory", listed: &[] }),
        routes: &[route("POST", "/api/v1/memories/{id}/revert")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Memory>> {
        let (scope, who, now) = (call.scope(), call.who().clone(), call.now());
        let app = Arc::clone(&call.app);
        call.write(move |change| {
            let old = super::allowed(change, &scope, &who, (which.id, Right::Write), now)?;
            super::check_version(&old, which.expected_version)?;
            let earlier = memories::versions::one(change, &scope, which.id, which.version)?.ok_or_else(|| {
                Error::new(crate::Code::NotFound, format!("version {} is not kept", which.version))
                    .hint("`get_memory_history` lists those that are")
            })?;
            let mut memory = reverted(&old, &earlier.memory, now);
            let claimed = fields::claims(&earlier.memory.provenance);
            memory.provenance = fields::provenance(&who, now, memory.project.clone(), claimed);
            let start = judge::restart(&who, &[&old, &earlier.memory], &memory);
            judge::judge(&app, &mut memory, start)?;
            let terms = super::terms(&memory);
            let how = (Change::Reverted, "memory.updated", Some(&*terms));
            super::store_changed(&app, change, &scope, (&old, &memory), how)?;
            Ok(Verdict::Done(memory))
        })
        .await
        .map(Json)
    }
}
