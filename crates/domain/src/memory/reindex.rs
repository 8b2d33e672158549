//! `memory.reindex`

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use security::scan;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{
    Scope, Verdict, jobs,
    jobs::Job,
    memories::{self, counts},
};
use types::{JobId, Timestamp};

use super::judge;
use crate::{
    App, Call, Code, Error, Result,
    access::{Known, Permission, everything, system_scope},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

pub(super) const KIND: &str = "memory.reindex";
/// Rows in one transaction.
const BATCH: i64 = 100;
/// How long one sweep works on it.
const PART: Duration = Duration::from_secs(1);

/// Makes anew what is derived from texts: index terms, and flags when their patterns are newer.
pub struct Reindex;

/// What is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum What {
    Keyword,
    Embeddings,
    All,
}

/// What is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// `keyword`, `embeddings` or `all`.
    what: What,
}

/// The job that does it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "QueuedReindexing")]
pub struct Queued {
    /// Its id; `memory.stats` of the workspace shows its progress.
    job_id: JobId,
    /// `queued` or `running`.
    state: String,
}

/// How far a job is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReindexingProgress")]
pub struct Progress {
    /// Which job.
    job_id: JobId,
    /// Rows done.
    done: i64,
    /// Rows there were when it began.
    total: i64,
}

impl Operation for Reindex {
    const SPEC: Spec = Spec {
        id: "memory.reindex",
        summary: "Make the search index of this workspace anew, in the background; memory.stats of the workspace shows the progress.",
        access: Access::Permission(Permission::MemoryManage),
        effect: Effect::Upsert,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::SemanticUnavailable],
        example: include_str!("reindex.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/admin/memories/reindex"), route("POST", "/admin/memories/reindex")],
    };
    type Who = Known;
    type Input = Wanted;
    type Output = Json<Queued>;

    async fn run(call: Call<Known>, wanted: Wanted) -> Result<Json<Queued>> {
        if wanted.what == What::Embeddings {
            return Err(Error::new(Code::SemanticUnavailable, "no embedding model is installed")
                .hint("use `keyword` to make the index of words anew"));
        }
        let (scope, now) = (call.scope(), call.now());
        let id = JobId::new(now, call.app.bits()?);
        call.write(move |change| {
            if let Some(open) = jobs::open_here(change, &scope, KIND)? {
                change.touched(open.id);
                return Ok(Verdict::Done(Queued { job_id: open.id, state: open.state }));
            }
            let total = counts::live(change, &scope, counts::Of::Workspace, now)?.values().map(|one| one.rows).sum();
            let job = Job {
                id,
                workspace: scope.workspace(),
                kind: KIND.into(),
                state: "queued".into(),
                spec: Map::new(),
                progress: progress("", 0, total),
                created_by: scope.viewer(),
                created_at: now,
                updated_at: now,
            };
            jobs::insert(change, &scope, &job)?;
            change.touched(id);
            Ok(Verdict::Done(Queued { job_id: id, state: job.state }))
        })
        .await
        .map(Json)
    }
}

fn progress(after: &str, done: i64, total: i64) -> Map<String, Value> {
    Map::from_iter([("after".into(), json!(after)), ("done".into(), json!(done)), ("total".into(), json!(total))])
}

fn number(job: &Job, name: &str) -> i64 {
    job.progress.get(name).and_then(Value::as_i64).unwrap_or(0)
}

/// How far the workspace's reindexing is, if there is one.
pub(super) fn under_way(tx: &store::Tx<'_>, scope: &Scope) -> Result<Option<Progress>> {
    let open = jobs::open_here(tx, scope, KIND)?;
    Ok(open.map(|job| Progress { job_id: job.id, done: number(&job, "done"), total: number(&job, "total") }))
}

/// Does a bounded part of the oldest job; to be called by the sweeper.
pub(crate) async fn advance(app: &Arc<App>) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < PART {
        let (inner, now) = (Arc::clone(app), app.now());
        let step = app.store.write(move |tx| Ok::<_, Error>(Verdict::Done(batch(&inner, tx, now)?)));
        match step.await? {
            Step::Idle => return Ok(()),
            Step::Moved => {}
            Step::Finished(workspace) => app.recall.forget(workspace),
        }
    }
    Ok(())
}

enum Step {
    Idle,
    Moved,
    Finished(types::WorkspaceId),
}

fn batch(app: &App, tx: &store::Tx<'_>, now: Timestamp) -> Result<Step> {
    let Some(mut job) = jobs::open(tx, everything("the sweeper carries on with open jobs"), KIND)? else {
        return Ok(Step::Idle);
    };
    let scope = system_scope(job.workspace);
    let after = job.progress.get("after").and_then(Value::as_str).unwrap_or_default().to_owned();
    let rows = memories::review::all_after(tx, &scope, &after, BATCH)?;
    for memory in &rows {
        memories::searchable::keep_terms(tx, &scope, memory.id, &super::terms(memory))?;
        if memory.flags_version < scan::VERSION {
            let mut judged = memory.clone();
            judge::judge_stored(app, &mut judged, (memory.trust, &memory.flags));
            memories::rejudge(tx, &scope, (memory, &judged))?;
        }
    }
    let done = number(&job, "done") + i64::try_from(rows.len()).unwrap_or(0);
    job.updated_at = now;
    let Some(last) = rows.last() else {
        job.state = "completed".into();
        jobs::advance(tx, &scope, &job)?;
        return Ok(Step::Finished(job.workspace));
    };
    job.state = "running".into();
    job.progress = progress(&last.id.to_string(), done, number(&job, "total").max(done));
    jobs::advance(tx, &scope, &job)?;
    Ok(Step::Moved)
}
