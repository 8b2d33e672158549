//! `ops.calls`

use std::{pin::pin, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch::Receiver, time::Instant};
use types::Timestamp;

use crate::{
    Call, Code, Result,
    access::{Known, Permission},
    calls::Finished,
    catalogue,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

/// Longest wait for a call; a call of any operation may take 60 s.
const LONGEST_WAIT_SECS: u32 = 50;

/// Shows the calls that ended lately in the caller's workspace.
pub struct Calls;

/// Which calls are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Only calls after this number, which `next` of the answer before says; without it the newest.
    after: Option<u64>,
    /// At most so many, 1 to 200; 50 when absent.
    limit: Option<u32>,
    /// How long to wait for a call when there is none yet, 0 to 50 seconds; 0 when absent.
    wait_seconds: Option<u32>,
    /// Only calls of this operation.
    operation: Option<String>,
    /// Only calls of this principal, by id or name.
    principal: Option<String>,
    /// Only calls that ended so: `ok`, `error` for any error, or an error code.
    outcome: Option<String>,
}

/// Calls, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Page {
    /// The calls that fit.
    items: Vec<Ended>,
    /// The `after` of the next question.
    next: u64,
    /// How many calls after `after` are no longer kept: 1,000 are kept of each workspace.
    missed: u64,
    /// When the server began to count; another moment means that it was started anew and `after` begins at 0.
    started_at: Timestamp,
}

/// A call that ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ended {
    /// Its number, counted up within the workspace.
    seq: u64,
    /// When it ended.
    ended_at: Timestamp,
    /// Finds it in the log and in the audit log.
    request_id: String,
    /// `rest`, `mcp` or `socket`.
    face: &'static str,
    /// What was called.
    operation: &'static str,
    /// Who called; absent for a stranger.
    principal_id: Option<String>,
    /// Their name.
    principal_name: Option<String>,
    /// `ok` or an error code.
    outcome: &'static str,
    /// How long it took, in milliseconds.
    took_ms: f64,
    /// The first object that it changed, as its audit row names it.
    object: Option<String>,
}

impl Operation for Calls {
    const SPEC: Spec = Spec {
        id: "ops.calls",
        summary: "Show the calls that ended lately in this workspace, or wait for the next ones; inputs are never kept.",
        access: Access::Permission(Permission::AuditRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("calls.json"),
        tool: None,
        routes: &[route("GET", "/api/v1/admin/calls")],
    };
    type Who = Known;
    type Input = Wanted;
    type Output = Json<Page>;

    async fn run(call: Call<Known>, wanted: Wanted) -> Result<Json<Page>> {
        let (limit, wait) = wanted.check()?;
        let ring = call.app.calls.of(call.scope().workspace());
        let deadline = Instant::now() + wait;
        let mut newer = ring.follow();
        // One watch over all rounds: a new one would not know of what ended before it.
        let mut ended = pin!(call.app.credential_ended(call.who().identity()));
        loop {
            newer.mark_unchanged();
            let seen = ring.after(wanted.after, limit, |one| wanted.fits(one));
            let is_answer = !seen.calls.is_empty() || seen.missed > 0;
            if is_answer || !call.waits(&mut newer, deadline, ended.as_mut()).await {
                return Ok(Json(Page {
                    items: seen.calls.into_iter().map(Ended::from).collect(),
                    next: seen.looked,
                    missed: seen.missed,
                    started_at: call.app.started_at,
                }));
            }
        }
    }
}

impl Call<Known> {
    /// Whether a newer call came before the deadline and before the caller's credential ended.
    async fn waits(&self, newer: &mut Receiver<u64>, deadline: Instant, ended: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = ended => false,
            came = tokio::time::timeout_at(deadline, newer.changed()) => matches!(came, Ok(Ok(()))),
            () = self.app.calls.closed() => false,
        }
    }
}

impl Wanted {
    fn check(&self) -> Result<(usize, Duration)> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, self.limit);
        let wait = self.wait_seconds.unwrap_or(0);
        checks.range("wait_seconds", wait, 0..=LONGEST_WAIT_SECS);
        if let Some(principal) = &self.principal {
            checks.line("principal", principal, 1..=128);
        }
        if self.operation.as_deref().is_some_and(|id| catalogue::by_id(id).is_none()) {
            checks.fail("operation", "there is no such operation");
        }
        if let Some(outcome) = &self.outcome {
            let is_known = ["ok", "error"].contains(&outcome.as_str()) || Code::parse(outcome).is_some();
            if !is_known {
                checks.fail("outcome", "must be `ok`, `error` or an error code");
            }
        }
        checks.done()?;
        Ok((usize::try_from(limit).unwrap_or_default(), Duration::from_secs(wait.into())))
    }

    fn fits(&self, call: &Finished) -> bool {
        let is_operation = self.operation.as_deref().is_none_or(|id| call.spec.id == id);
        let is_principal = self.principal.as_deref().is_none_or(|wanted| {
            call.identity.as_ref().is_some_and(|who| who.name == wanted || who.principal.to_string() == wanted)
        });
        let is_outcome = self.outcome.as_deref().is_none_or(|wanted| match (wanted, call.code) {
            ("error", code) => code.is_some(),
            (wanted, code) => outcome(code) == wanted,
        });
        is_operation && is_principal && is_outcome
    }
}

fn outcome(code: Option<Code>) -> &'static str {
    code.map_or("ok", Code::as_str)
}

impl From<Finished> for Ended {
    fn from(call: Finished) -> Self {
        let micros = u32::try_from(call.took.as_micros()).unwrap_or(u32::MAX);
        Self {
            seq: call.seq,
            ended_at: call.ended_at,
            request_id: call.origin.request_id.clone(),
            face: call.origin.via.as_str(),
            operation: call.spec.id,
            principal_id: call.identity.as_ref().map(|who| who.principal.to_string()),
            principal_name: call.identity.as_ref().map(|who| who.name.clone()),
            outcome: outcome(call.code),
            took_ms: f64::from(micros) / 1_000.0,
            object: call.object,
        }
    }
}
