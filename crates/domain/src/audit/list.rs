//! `audit.list`

use schemars::JsonSchema;
use serde::Deserialize;
use store::audit::Filter;
use types::{Page, Timestamp, audit::AuditRow};

use crate::{
    Call, Error, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::{Checks, page_limit},
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, Tool, route},
};

/// Lists the workspace's audit log.
pub struct List;

/// What the list is narrowed to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Only this principal's id, or `anonymous`.
    actor: Option<String>,
    /// Only this action, such as `memory.create`.
    action: Option<String>,
    /// `ok`, `denied` or `failed`.
    outcome: Option<String>,
    /// `info`, `warning` or `critical`.
    severity: Option<String>,
    /// Only this object's id.
    object: Option<String>,
    /// Not before.
    from: Option<Timestamp>,
    /// Before.
    to: Option<Timestamp>,
    /// 1 to 200, default 50.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Also say how many there are.
    #[serde(default)]
    count: bool,
}

impl Operation for List {
    const SPEC: Spec = Spec {
        id: "audit.list",
        summary: "List the audit log, newest first: who did what, when, from where, and how it ended.",
        access: Access::Permission(Permission::AuditRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("list.json"),
        tool: Some(Tool { name: "list_audit", set: "admin", listed: &[] }),
        routes: &[route("GET", "/admin/logs"), route("GET", "/api/v1/admin/logs"), route("GET", "/api/v1/audit")],
    };
    type Who = Known;
    type Input = Narrowed;
    type Output = Json<Page<AuditRow>>;

    async fn run(call: Call<Known>, input: Narrowed) -> Result<Json<Page<AuditRow>>> {
        let mut checks = Checks::default();
        let limit = page_limit(&mut checks, input.limit);
        for (field, text) in [("actor", &input.actor), ("action", &input.action), ("object", &input.object)] {
            if let Some(text) = text {
                checks.line(field, text, 1..=128);
            }
        }
        one_of(&mut checks, "outcome", input.outcome.as_deref(), &["ok", "denied", "failed"]);
        one_of(&mut checks, "severity", input.severity.as_deref(), &["info", "warning", "critical"]);
        checks.done()?;
        let filter = Filter {
            actor: input.actor,
            action: input.action,
            outcome: input.outcome,
            severity: input.severity,
            object: input.object,
            from: input.from,
            to: input.to,
        };
        let (page, before) = Paging::open(&call, &Self::SPEC, &filter, (limit, input.cursor.as_deref()))?;
        let before = before.map_or(Ok(i64::MAX), |before| before.parse()).map_err(|_| Error::internal())?;
        let (scope, count, rows) = (call.scope(), input.count, page.rows());
        let (items, total) = call
            .read(move |tx| {
                let items = store::audit::list(tx, &scope, &filter, before, rows)?;
                Ok((items, count.then(|| store::audit::count(tx, &scope, &filter)).transpose()?))
            })
            .await?;
        Ok(Json(page.close(&call, items, total, |last| last.seq.to_string())))
    }
}

fn one_of(checks: &mut Checks, field: &str, word: Option<&str>, words: &[&str]) {
    if word.is_some_and(|word| !words.contains(&word)) {
        checks.fail(field, format!("must be one of {}", words.join(", ")));
    }
}
