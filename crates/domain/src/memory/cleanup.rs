//! `memory.cleanup`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{
    Verdict,
    memories::{self, review::Stale},
};
use types::{MemoryId, memory::Access as MemoryAccess};

use crate::{
    Call, Result,
    access::{Known, Permission},
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

const DAY_SECS: i64 = 86_400;
/// Rows one call deletes at most.
const MOST: usize = 1_000;

/// Deletes memories that are old and of little importance.
pub struct Cleanup;

/// Whose rows are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Whose {
    Own,
    Workspace,
}

/// What counts as stale.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Last changed so many days ago, 1 to 36,500, default 90.
    older_than_days: Option<i64>,
    /// Of less importance than this, 0 to 1, default 0.3.
    importance_below: Option<f64>,
    /// Default true: only say what would be deleted.
    dry_run: Option<bool>,
    /// `own` (default), or `workspace` (needs `memory:manage`).
    of: Option<Whose>,
}

/// What was deleted, or would be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CleanedMemories")]
pub struct Cleaned {
    /// How many.
    count: usize,
    /// Which, longest unchanged first; at most 1,000 a call.
    ids: Vec<MemoryId>,
    /// Nothing was deleted.
    dry_run: bool,
    /// There are more: call again.
    more: bool,
}

impl Operation for Cleanup {
    const SPEC: Spec = Spec {
        id: "memory.cleanup",
        summary: "Find memories of yours that are old and of little importance; with dry_run=false delete them. They can be restored for 30 days.",
        access: Access::Permission(Permission::MemoryWrite),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[],
        example: include_str!("cleanup.json"),
        tool: Some(Tool { name: "cleanup_memories", set: "memory", listed: &[] }),
        routes: &[route("POST", "/api/v1/memories/cleanup")],
    };
    type Who = Known;
    type Input = Bounds;
    type Output = Json<Cleaned>;

    async fn run(call: Call<Known>, bounds: Bounds) -> Result<Json<Cleaned>> {
        let mut checks = Checks::default();
        let (days, importance) = (bounds.older_than_days.unwrap_or(90), bounds.importance_below.unwrap_or(0.3));
        checks.range("older_than_days", days, 1..=36_500);
        checks.range("importance_below", importance, 0.0..=1.0);
        checks.done()?;
        let own = bounds.of != Some(Whose::Workspace);
        if !own {
            call.who().require(Permission::MemoryManage)?;
        }
        let (scope, now, app) = (call.scope(), call.now(), Arc::clone(&call.app));
        let dry_run = bounds.dry_run.unwrap_or(true);
        // Nothing is deleted that `memory.delete` would refuse.
        let spared = (!call.who().has(Permission::MemoryManage)).then_some(MemoryAccess::System);
        let stale = Stale { own, before: now.plus_secs(-days * DAY_SECS), importance, spared };
        call.write(move |change| {
            let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
            let mut ids = memories::review::stale(change, &scope, stale, limit, now)?;
            let more = ids.len() > MOST;
            ids.truncate(MOST);
            if !dry_run {
                for id in &ids {
                    let found = memories::regardless(change, &scope, *id, now)?;
                    let memory = found.ok_or_else(crate::Error::internal)?;
                    super::delete::delete(&app, change, &scope, &memory, now)?;
                }
            }
            change.touched(scope.viewer());
            change.detail("count", ids.len());
            change.detail("dry_run", dry_run);
            Ok(Verdict::Done(Cleaned { count: ids.len(), ids, dry_run, more }))
        })
        .await
        .map(Json)
    }
}
