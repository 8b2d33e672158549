//! `memory.review`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use store::{Verdict, memories};
use types::{
    MemoryId,
    memory::{Change, Memory, Right, Trust},
};

use crate::{
    Call, Code, Error, Result,
    access::{Known, Permission},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Decides how far a memory is relied on.
pub struct Review;

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Decision {
    Trust,
    Quarantine,
    Release,
}

/// What is decided of which memory, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdicts {
    /// Which memory.
    id: MemoryId,
    /// `trust`; `quarantine`, which hides it; `release`, which ends a quarantine and leaves it unreviewed.
    decision: Decision,
    /// Why, 8 to 500 characters; stands in the audit log.
    reason: String,
}

impl Decision {
    fn on(self, memory: &Memory) -> Result<Trust> {
        match self {
            Self::Trust => Ok(Trust::Trusted),
            Self::Quarantine => Ok(Trust::Quarantined),
            Self::Release if memory.trust == Trust::Quarantined => Ok(Trust::Unreviewed),
            Self::Release => Err(Error::new(Code::InvalidInput, "the memory is not quarantined")
                .hint("`trust` and `quarantine` are the decisions on it")),
        }
    }
}

/// A memory as its reviewer sees it: without its text unless they may read that anyway.
pub(super) fn redacted(memory: Memory, is_seen: bool) -> Memory {
    if is_seen {
        return memory;
    }
    Memory {
        size_bytes: Some(super::bytes(&memory)),
        content: None,
        value: None,
        summary: None,
        tags: Vec::new(),
        metadata: serde_json::Map::new(),
        provenance: types::memory::Provenance {
            why: None,
            task_id: None,
            correlation_id: None,
            source: None,
            ..memory.provenance
        },
        ..memory
    }
}

impl Operation for Review {
    const SPEC: Spec = Spec {
        id: "memory.review",
        summary: "Decide how far a memory is relied on: trust it, quarantine it, or release it from quarantine. Needs no right to read it.",
        access: Access::Permission(Permission::MemoryReview),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::NotFound, Code::QuotaExceeded, Code::SecretDetected],
        example: include_str!("review.json"),
        tool: Some(Tool { name: "review_memory", set: "admin", listed: &[] }),
        routes: &[route("POST", "/api/v1/admin/memories/{id}/review"), route("POST", "/admin/memories/{id}/review")],
    };
    type Who = Known;
    type Input = Verdicts;
    type Output = Json<Memory>;

    async fn run(call: Call<Known>, input: Verdicts) -> Result<Json<Memory>> {
        super::check_reason(&input.reason)?;
        let (scope, now, app) = (call.scope(), call.now(), Arc::clone(&call.app));
        call.write(move |change| {
            let old = memories::regardless(change, &scope, input.id, now)?.ok_or_else(Error::not_found)?;
            let trust = input.decision.on(&old)?;
            let memory = Memory { trust, ..super::next(&old, now) };
            let how = (Change::Reviewed, "memory.reviewed", None);
            super::store_changed(&app, change, &scope, (&old, &memory), how)?;
            change.detail("decision", trust.as_str());
            change.detail("reason", input.reason.as_str());
            let is_seen = memories::may(change, &scope, &old, Right::Read, now)?
                && memories::may(change, &scope, &memory, Right::Read, now)?;
            Ok(Verdict::Done(redacted(memory, is_seen)))
        })
        .await
        .map(Json)
    }
}
