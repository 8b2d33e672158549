//! What a text holds beside its meaning: credentials are refused, what a reader should know is flagged, and trust begins at
//! the writer's level (contract memory §5).

use security::scan::{self, Report};
use serde_json::Value;
use types::memory::{Flag, Memory, Trust};

use crate::{
    App, Code, Error, Result,
    access::{Known, Permission},
};

/// The trust a text of this writer begins with.
pub(super) fn start(who: &Known) -> Trust {
    if who.identity().permissions.has(Permission::MemoryReview) { Trust::Trusted } else { Trust::Unreviewed }
}

/// The trust a changed text begins with: its writer's level. What was hidden stays hidden when it is written again by
/// somebody who could not release it.
pub(super) fn restart(who: &Known, before: &[&Memory], new: &Memory) -> Trust {
    let is_same = |old: &&&Memory| (&old.content, &old.value) == (&new.content, &new.value);
    let was_hidden = before.iter().filter(is_same).any(|old| old.trust == Trust::Quarantined);
    match start(who) {
        Trust::Unreviewed if was_hidden => Trust::Quarantined,
        start => start,
    }
}

/// Sets flags and trust of a memory whose text is new; `start` is the trust it begins with.
///
/// # Errors
/// `secret_detected`, naming the field, the pattern and its offset, never the text.
pub(super) fn judge(app: &App, memory: &mut Memory, start: Trust) -> Result<()> {
    let report = report(memory, true)?;
    decide(app, memory, report.flags(), (start, &[]));
    Ok(())
}

/// The same of a text that was stored before with this trust and these flags: a new flag may hide it, what a reviewer
/// decided of the old ones stands, and it is never refused.
pub(super) fn judge_stored(app: &App, memory: &mut Memory, (trust, known): (Trust, &[Flag])) {
    let flags = report(memory, false).map(|report| report.flags()).unwrap_or_default();
    decide(app, memory, flags, (trust, known));
}

fn decide(app: &App, memory: &mut Memory, flags: Vec<Flag>, (start, known): (Trust, &[Flag])) {
    let hidden = flags.iter().any(|flag| app.settings.memory.quarantine_on.contains(flag) && !known.contains(flag));
    memory.flags = flags;
    memory.flags_version = scan::VERSION;
    memory.trust = if hidden { Trust::Quarantined } else { start };
}

/// The names of the patterns that a memory's text matches, for its reviewers.
pub(super) fn patterns(memory: &Memory) -> Vec<&'static str> {
    report(memory, false).map(|report| report.patterns().to_vec()).unwrap_or_default()
}

/// Refuses a text of an operator, such as a reason, that holds a credential.
pub(super) fn clean(field: &str, text: &str) -> Result<()> {
    refused(field, &scan::scan(text))
}

fn refused(field: &str, report: &Report) -> Result<()> {
    let Some(secret) = report.refused() else { return Ok(()) };
    Err(Error::new(
        Code::SecretDetected,
        format!("{field} holds a credential ({}) at byte {}; it was not stored", secret.kind, secret.offset),
    )
    .fact("field", field)
    .fact("pattern", secret.kind)
    .fact("offset", secret.offset)
    .hint("take the credential out, store where it is kept instead, and revoke it if others may have seen it"))
}

fn report(memory: &Memory, refuse: bool) -> Result<Report> {
    let mut all = Report::default();
    let mut one = |field: &str, text: &str| {
        let report = scan::scan(text);
        if refuse {
            refused(field, &report)?;
        }
        all.merge(report);
        Ok::<_, Error>(())
    };
    let named = [
        ("content", &memory.content),
        ("summary", &memory.summary),
        ("key", &memory.key),
        ("project", &memory.project),
        ("provenance.task_id", &memory.provenance.task_id),
        ("provenance.correlation_id", &memory.provenance.correlation_id),
    ];
    for (field, text) in named {
        if let Some(text) = text {
            one(field, text)?;
        }
    }
    for tag in &memory.tags {
        one("tags", tag)?;
    }
    if let Some(why) = &memory.provenance.why {
        for text in why.intent.iter().chain(&why.description) {
            one("provenance.why", text)?;
        }
    }
    if let Some(source) = &memory.provenance.source {
        one("provenance.source", &source.kind)?;
        one("provenance.source", &source.reference)?;
    }
    if let Some(value) = &memory.value {
        strings(value, &mut |text| one("value", text))?;
    }
    for (name, value) in &memory.metadata {
        one("metadata", name)?;
        strings(value, &mut |text| one("metadata", text))?;
    }
    Ok(all)
}

/// Every string of a value: its leaves, the names of its members, and pairs of both, so that `password: …` is seen as one.
fn strings(value: &Value, visit: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => visit(text)?,
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) => visit(&format!("{name}: {text}"))?,
                        member => {
                            visit(name)?;
                            open.push(member);
                        }
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}
