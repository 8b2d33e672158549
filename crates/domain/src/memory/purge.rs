//! `memory.purge`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{Verdict, memories};
use types::MemoryId;

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Removes a memory for good, with its versions and what search knew of it.
pub struct Purge;

/// Which one, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Which one, deleted or not.
    id: MemoryId,
    /// Why, 8 to 500 characters; stands in the audit log.
    reason: String,
}

/// What was purged.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PurgedMemory")]
pub struct Purged {
    /// Which one.
    id: MemoryId,
}

impl Operation for Purge {
    const SPEC: Spec = Spec {
        id: "memory.purge",
        summary: "Remove a memory for good: content, versions, grants and search index rows. It cannot be restored.",
        access: Access::Permission(Permission::MemoryManage),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::SecretDetected],
        example: include_str!("purge.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/admin/memories/{id}/purge"), route("POST", "/admin/memories/{id}/purge")],
    };
    type Who = Known;
    type Input = Which;
    type Output = Json<Purged>;

    async fn run(call: Call<Known>, which: Which) -> Result<Json<Purged>> {
        super::check_reason(&which.reason)?;
        let (scope, now) = (call.scope(), call.now());
        call.write(move |change| {
            let memory = match memories::regardless(change, &scope, which.id, now)? {
                Some(memory) => memory,
                None => memories::deleted(change, &scope, which.id)?.ok_or_else(Error::not_found)?,
            };
            memories::gone::purge(change, &scope, &memory)?;
            // Answers that are kept for repeats hold its text too.
            store::replays::blank(change, &scope, &memory.id.to_string())?;
            change.scrub();
            change.touched(memory.id);
            change.detail("reason", which.reason.as_str());
            change.publish("memory.purged", memory.id);
            Ok(Verdict::Done(Purged { id: memory.id }))
        })
        .await
        .map(Json)
    }
}
