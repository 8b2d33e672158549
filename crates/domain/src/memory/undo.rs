//! `memory.undo`

use std::{collections::HashSet, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::{
    Scope, Verdict,
    memories::undo::{self, Deeds},
};
use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Change, Memory, Trust, Version},
};

use super::{delete::RESTORABLE_SECS, judge, restore, revert};
use crate::{
    App, Call, Code, Result,
    access::{Known, Permission},
    cursor::Paging,
    input::Checks,
    operation::{Access, Effect, Json, Operation, Rate, Replay, Spec, route},
};

const MOST: u32 = 10_000;
const CHANGED_LATER: &str = "somebody else changed it later";

/// Undoes what one principal did to memories in a span of time.
pub struct Undo;

/// Whose deeds, in which span.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Whose.
    principal: PrincipalId,
    /// From then on.
    since: Timestamp,
    /// Until then, excluded; default now.
    until: Option<Timestamp>,
    /// Default true: only say what would be done.
    dry_run: Option<bool>,
    /// Why, 8 to 500 characters; stands in the audit log.
    reason: String,
    /// Rows looked at in one call, 1 to 10,000, default 1,000.
    limit: Option<u32>,
    /// `next_cursor` of the call before.
    cursor: Option<String>,
}

/// What was undone, or would be.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "UndoneDeeds")]
pub struct Undone {
    /// Rows the principal had stored, now quarantined.
    quarantined: usize,
    /// Rows the principal had changed, now as they were.
    reverted: usize,
    /// Rows the principal had deleted, now back.
    restored: usize,
    /// Rows left alone: somebody else changed them later, or no good version is kept.
    conflicts: Vec<Conflict>,
    /// Nothing was changed.
    dry_run: bool,
    /// There are more: call again with it.
    next_cursor: Option<String>,
}

/// A row left alone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UndoConflict")]
pub struct Conflict {
    /// Which one.
    id: MemoryId,
    /// Why.
    why: &'static str,
}

/// What is to be done with one row.
enum Plan {
    Quarantine,
    Revert(Box<Memory>),
    Restore(Option<Box<Memory>>),
    Leave(&'static str),
    Nothing,
}

/// The newest version that is not one of the principal's: by somebody else, or, of a row of their own, from before the span.
fn good<'v>(deeds: Deeds, row: &Memory, versions: &'v [Version]) -> Option<&'v Memory> {
    let is_good = |version: &&Version| {
        version.memory.deleted_at.is_none()
            && (version.by != deeds.principal || (row.owner == deeds.principal && version.at < deeds.since))
    };
    versions.iter().find(is_good).map(|version| &version.memory)
}

fn plan(deeds: Deeds, row: &Memory, versions: &[Version]) -> Plan {
    let Some(present) = versions.first() else { return Plan::Nothing };
    if row.owner == deeds.principal && deeds.include(deeds.principal, row.created_at) {
        let is_hidden = row.deleted_at.is_some() || row.trust == Trust::Quarantined;
        return match (is_hidden, present.by == deeds.principal) {
            (true, _) => Plan::Nothing,
            (false, true) => Plan::Quarantine,
            (false, false) => Plan::Leave(CHANGED_LATER),
        };
    }
    if !versions.iter().any(|version| deeds.include(version.by, version.at)) {
        return Plan::Nothing;
    }
    if !deeds.include(present.by, present.at) {
        return if present.change == Change::Undone { Plan::Nothing } else { Plan::Leave(CHANGED_LATER) };
    }
    // What was changed before it was deleted is taken back too.
    let changed =
        versions.iter().any(|version| deeds.include(version.by, version.at) && version.change != Change::Deleted);
    match (good(deeds, row, versions), row.deleted_at, changed) {
        (_, Some(_), false) => Plan::Restore(None),
        (Some(earlier), Some(_), true) => Plan::Restore(Some(Box::new(earlier.clone()))),
        (Some(earlier), None, _) => Plan::Revert(Box::new(earlier.clone())),
        (None, _, _) => Plan::Leave("no version from before is kept"),
    }
}

/// The text, labels, trust and audience of an earlier version.
fn as_before(present: &Memory, earlier: &Memory, now: Timestamp) -> Memory {
    Memory {
        key: earlier.key.clone(),
        access: earlier.access,
        team_id: earlier.team_id,
        layer: earlier.layer,
        expires_at: earlier.expires_at,
        provenance: earlier.provenance.clone(),
        superseded_by: earlier.superseded_by,
        ..revert::reverted(present, earlier, now)
    }
}

/// Carries a plan out. What comes back was within the owner's quota once, and was stored: neither is asked again.
fn undo(
    app: &App,
    change: &mut crate::Change<'_, '_>,
    scope: &Scope,
    (row, plan): (&Memory, Plan),
    now: Timestamp,
) -> Result<()> {
    let earlier = match plan {
        Plan::Quarantine => {
            let memory = Memory { trust: Trust::Quarantined, ..super::next(row, now) };
            let how = (Change::Undone, "memory.reviewed", None);
            return super::store_unbounded(change, scope, (row, &memory), how);
        }
        Plan::Restore(None) => return restore::restore(change, scope, (row, Change::Undone), now).map(drop),
        Plan::Restore(Some(earlier)) | Plan::Revert(earlier) => earlier,
        Plan::Leave(_) | Plan::Nothing => return Ok(()),
    };
    let mut memory = Memory { deleted_at: None, ..as_before(row, &earlier, now) };
    if let Some(key) = &memory.key {
        super::free_key(change, scope, (memory.owner, key), now)?;
    }
    judge::judge_stored(app, &mut memory, (earlier.trust, &earlier.flags));
    let terms = super::terms(&memory);
    super::store_unbounded(change, scope, (row, &memory), (Change::Undone, "memory.updated", Some(&terms)))
}

impl Undone {
    fn add(&mut self, id: MemoryId, plan: &Plan) {
        match plan {
            Plan::Quarantine => self.quarantined += 1,
            Plan::Revert(_) => self.reverted += 1,
            Plan::Restore(_) => self.restored += 1,
            Plan::Leave(why) => self.conflicts.push(Conflict { id, why }),
            Plan::Nothing => {}
        }
    }
}

/// A key that another row has taken since, or takes in this call, makes a row a conflict; the dry run sees that too.
fn checked(
    change: &crate::Change<'_, '_>,
    scope: &Scope,
    (row, plan): (&Memory, Plan),
    taken: &mut HashSet<(PrincipalId, String)>,
    now: Timestamp,
) -> Result<Plan> {
    let key = match &plan {
        Plan::Restore(None) => &row.key,
        Plan::Restore(Some(earlier)) | Plan::Revert(earlier) => &earlier.key,
        _ => return Ok(plan),
    };
    let Some(key) = key else { return Ok(plan) };
    let holder = store::memories::holder(change, scope, (row.owner, key), now)?;
    let is_taken = holder.is_some_and(|id| id != row.id) || !taken.insert((row.owner, key.clone()));
    Ok(if is_taken { Plan::Leave("another memory has its key now") } else { plan })
}

impl Operation for Undo {
    const SPEC: Spec = Spec {
        id: "memory.undo",
        summary: "Undo what a principal did to memories in a span of time: what it stored is quarantined, what it changed or deleted is as before.",
        access: Access::Permission(Permission::MemoryManage),
        effect: Effect::Destroy,
        rate: Rate::Default,
        replay: Replay::Answer,
        refusals: &[Code::SecretDetected],
        example: include_str!("undo.json"),
        tool: None,
        routes: &[route("POST", "/api/v1/admin/memories/undo"), route("POST", "/admin/memories/undo")],
    };
    type Who = Known;
    type Input = Span;
    type Output = Json<Undone>;

    async fn run(call: Call<Known>, span: Span) -> Result<Json<Undone>> {
        let mut checks = Checks::default();
        let limit = span.limit.unwrap_or(1_000);
        checks.range("limit", limit, 1..=MOST);
        let until = span.until.unwrap_or_else(|| call.now().plus_secs(1));
        if until <= span.since {
            checks.fail("until", "must be after `since`");
        }
        checks.done()?;
        super::check_reason(&span.reason)?;
        let dry_run = span.dry_run.unwrap_or(true);
        let deeds = Deeds { principal: span.principal, since: span.since, until };
        let filters = (deeds.principal, deeds.since, span.until, dry_run);
        let (page, after) = Paging::open(&call, &Self::SPEC, &filters, (limit, span.cursor.as_deref()))?;
        let (scope, now, app, who) = (call.scope(), call.now(), Arc::clone(&call.app), call.who().clone());
        let rows = i64::try_from(page.rows()).unwrap_or(i64::MAX);
        let most = page.rows() - 1;
        call.write(move |change| {
            let after = after.as_deref().unwrap_or_default();
            let ids = undo::touched(change, &scope, deeds, (after, rows))?;
            let (mut undone, mut taken) = (Undone { dry_run, ..Undone::default() }, HashSet::new());
            for id in ids.iter().take(most) {
                let Some((row, versions)) = undo::history(change, &scope, *id)? else { continue };
                // Whether the sweeper has been there already makes no difference.
                let is_gone = |deleted: Timestamp| deleted.plus_secs(RESTORABLE_SECS) <= now;
                if row.expires_at.is_some_and(|end| end <= now) || row.deleted_at.is_some_and(is_gone) {
                    continue;
                }
                let plan = checked(change, &scope, (&row, plan(deeds, &row, &versions)), &mut taken, now)?;
                undone.add(*id, &plan);
                if !dry_run {
                    undo(&app, change, &scope, (&row, plan), now)?;
                }
            }
            if let (Some(last), true) = (ids.iter().take(most).next_back(), ids.len() > most) {
                undone.next_cursor = Some(page.after(&app, &who, &last.to_string()));
            }
            change.touched(deeds.principal);
            change.detail("reason", span.reason.as_str());
            change.detail("dry_run", dry_run);
            change.detail("quarantined", undone.quarantined);
            change.detail("reverted", undone.reverted);
            change.detail("restored", undone.restored);
            change.detail("conflicts", undone.conflicts.len());
            Ok(Verdict::Done(undone))
        })
        .await
        .map(Json)
    }
}
