//! Memories that come from elsewhere: the limits of any memory hold, the text is judged like any other, and nothing arrives
//! with more trust than `unreviewed` (contract memory §5.1).

use store::{
    Scope, Tx,
    memories::{self, counts::Count, grants},
    origins,
};
use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Change as How, Grant, Memory, Provenance, Right, Trust},
};

use super::{fields, judge, quota};
use crate::{
    App, Call, Change, Code, Error, Result,
    access::{Known, Permission},
    input::Checks,
};

/// What origins call a memory.
pub(crate) const NOUN: &str = "memory";

/// A memory of the caller with nothing in it, to make arriving ones of.
pub(crate) fn blank(call: &Call<Known>) -> Result<Memory> {
    fields::fresh(call, None, types::memory::Claimed::default())
}

/// What the server says of an arriving text's origin, beside what its author had claimed.
pub(crate) fn provenance(blank: &Memory, claimed: types::memory::Claimed, project: Option<String>) -> Provenance {
    Provenance {
        project,
        why: claimed.why,
        task_id: claimed.task_id,
        correlation_id: claimed.correlation_id,
        source: claimed.source,
        ..blank.provenance.clone()
    }
}

/// Checks an arriving memory as a new one is checked, and judges its text; its terms for the search index.
///
/// # Errors
/// `invalid_input`, `too_large` and `secret_detected`, each naming the field.
pub(crate) fn check(app: &App, memory: &mut Memory) -> Result<Vec<u8>> {
    let mut checks = Checks::default();
    fields::body(&mut checks, memory.content.as_deref(), memory.value.as_ref());
    memory.key = memory.key.take().map(|key| fields::key(&mut checks, &key));
    memory.tags = fields::tags(&mut checks, &memory.tags);
    fields::summary(&mut checks, memory.summary.as_deref());
    fields::importance(&mut checks, Some(memory.importance));
    fields::optional_line(&mut checks, "project", memory.project.as_deref(), 255);
    fields::metadata(&mut checks, &memory.metadata);
    fields::claimed(&mut checks, &fields::claims(&memory.provenance));
    checks.done()?;
    judge::judge(app, memory, Trust::Unreviewed)?;
    Ok(super::terms(memory))
}

/// Stores an arriving memory for its owner, with what others may do with it.
///
/// # Errors
/// `key_exists` and `quota_exceeded`.
pub(crate) fn store(
    app: &App,
    change: &mut Change<'_, '_>,
    scope: &Scope,
    (memory, granted, terms): (&Memory, &[Grant], &[u8]),
    now: Timestamp,
) -> Result<()> {
    free_key(change, scope, memory, now)?;
    let added = Count { rows: 1, bytes: super::bytes(memory) };
    quota::room(app, change, scope, (memory.owner, added), now)?;
    memories::insert(change, scope, (memory, How::Imported), terms)?;
    for grant in granted {
        grants::put(change, scope, memory.id, grant)?;
    }
    change.publish("memory.created", memory.id);
    Ok(())
}

/// Puts what arrived anew in the place of what had arrived before; the old one is kept in the history.
///
/// # Errors
/// `key_exists` and `quota_exceeded`; `permission_denied` for a trusted memory of somebody else, unless the caller reviews.
pub(crate) fn replace(
    app: &App,
    change: &mut Change<'_, '_>,
    (scope, who): (&Scope, &Known),
    (old, new, terms): (&Memory, &Memory, &[u8]),
    now: Timestamp,
) -> Result<()> {
    if old.trust == Trust::Trusted && old.owner != scope.viewer() {
        who.require(Permission::MemoryReview)?;
    }
    if new.key != old.key {
        free_key(change, scope, new, now)?;
    }
    let grown = Count { rows: 0, bytes: super::bytes(new) - super::bytes(old) };
    quota::room(app, change, scope, (new.owner, grown), now)?;
    memories::replace(change, scope, (old, new), How::Imported, Some(terms))?;
    change.publish("memory.updated", new.id);
    Ok(())
}

/// Makes the key of an arriving memory free of an expired one, and refuses it when a live one has it.
fn free_key(change: &mut Change<'_, '_>, scope: &Scope, memory: &Memory, now: Timestamp) -> Result<()> {
    let Some(key) = &memory.key else { return Ok(()) };
    super::free_key(change, scope, (memory.owner, key), now)?;
    match memories::holder(change, scope, (memory.owner, key), now)? {
        Some(_) => Err(super::key_exists(key)),
        None => Ok(()),
    }
}

/// Whether the caller may change a memory that was here before anything was imported.
///
/// # Errors
/// `permission_denied`.
pub(crate) fn may_replace(tx: &Tx<'_>, scope: &Scope, memory: &Memory, now: Timestamp) -> Result<()> {
    if memories::may(tx, scope, memory, Right::Write, now)? {
        return Ok(());
    }
    Err(Error::new(Code::PermissionDenied, "a memory with this id is here already, and is not yours to change")
        .fact("required", "ownership, or a grant")
        .hint("import without `update`, which leaves it as it is"))
}

/// The live memory that one with this id became when it was imported from another installation, when the viewer may see it.
pub(super) fn by_old_id(tx: &Tx<'_>, scope: &Scope, old: MemoryId, now: Timestamp) -> Result<Option<Memory>> {
    let source = origins::Source { system: crate::transfer::GUILDHALL, noun: NOUN, id: &old.to_string() };
    let Some(known) = origins::find(tx, scope, source)? else { return Ok(None) };
    let id: MemoryId = known.object.parse().map_err(|error| Error::internal().cause(error))?;
    Ok(memories::get(tx, scope, id, now)?)
}

/// Whether there is such a principal in the workspace.
pub(crate) fn is_principal(tx: &Tx<'_>, scope: &Scope, principal: PrincipalId) -> Result<bool> {
    Ok(grants::is_known(tx, scope, principal.into())?)
}
