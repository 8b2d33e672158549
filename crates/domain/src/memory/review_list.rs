//! `memory.review_list`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{
    Verdict,
    memories::{self, review::Filter},
};
use types::{
    Page, PrincipalId, Timestamp,
    memory::{Flag, Memory, Right, Trust},
};

use super::{judge, review::redacted};
use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Lists the workspace's memories for review.
pub struct ReviewList;

/// What is looked for, and why.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Why, 8 to 500 characters; stands in the audit log.
    reason: String,
    /// Only this trust.
    trust: Option<Trust>,
    /// Only rows with this flag.
    flags: Option<Flag>,
    /// Only this principal's.
    owner: Option<PrincipalId>,
    /// Changed at or after.
    since: Option<Timestamp>,
    /// Changed before.
    until: Option<Timestamp>,
    /// 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A memory under review: its text only if the reviewer may read that anyway.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReviewedMemory")]
pub struct Reviewed {
    /// The memory.
    #[serde(flatten)]
    memory: Memory,
    /// Names of the patterns its text matches.
    patterns: Vec<&'static str>,
}

impl Operation for ReviewList {
    const SPEC: Spec = Spec {
        id: "memory.review_list",
        summary: "List the workspace's memories by trust and flags, newest first, without the text of those you may not read.",
        access: Access::Permission(Permission::MemoryReview),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[Code::SecretDetected],
        example: include_str!("review_list.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/admin/memories"), route("GET", "/admin/memories")],
    };
    type Who = Known;
    type Input = Narrowed;
    type Output = Json<Page<Reviewed>>;

    async fn run(call: Call<Known>, input: Narrowed) -> Result<Json<Page<Reviewed>>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, input.limit);
        checks.done()?;
        super::check_reason(&input.reason)?;
        let filter = Filter {
            trust: input.trust,
            flag: input.flags,
            owner: input.owner,
            since: input.since,
            until: input.until,
        };
        let (page, before) = Paging::open(&call, &Self::SPEC, &filter, (limit, input.cursor.as_deref()))?;
        let (scope, now, rows) = (call.scope(), call.now(), page.rows());
        // A reading that leaves a row in the audit log.
        let found = call
            .write(move |change| {
                let found = memories::review::list(change, &scope, &filter, (before.as_deref(), rows), now)?;
                let found = found.into_iter().map(|memory| {
                    let is_seen = memories::may(change, &scope, &memory, Right::Read, now)?;
                    Ok(Reviewed { patterns: judge::patterns(&memory), memory: redacted(memory, is_seen) })
                });
                let found = found.collect::<Result<Vec<_>>>()?;
                change.touched(scope.workspace());
                change.detail("reason", input.reason.as_str());
                change.detail("rows", found.len().min(rows - 1));
                Ok(Verdict::Done(found))
            })
            .await?;
        Ok(Json(page.close(&call, found, None, |last| last.memory.id.to_string())))
    }
}
