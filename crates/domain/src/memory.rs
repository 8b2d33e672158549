//! Memories: what agents know and share (contract memory.md).

use serde_json::Value;
use store::{Scope, Tx, memories};
use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Access, Kind, Memory, Right, Trust},
};

use crate::{
    App, Code, Error, Result,
    access::{Known, Permission},
};

pub mod cleanup;
pub mod consolidate;
pub mod create;
pub mod create_many;
pub mod delete;
mod fields;
pub mod get;
pub mod history;
pub(crate) mod imported;
mod judge;
pub mod list;
pub mod purge;
mod question;
mod quota;
pub mod recall;
pub mod reindex;
pub mod restore;
pub mod revert;
pub mod review;
pub mod review_list;
pub mod search;
pub mod set;
pub mod share;
pub mod stats;
pub(crate) mod sweep;
pub mod undo;
pub mod unshare;
pub mod update;

/// Texts are indexed up to this many characters.
const INDEXED_CHARS: usize = 10_000;

/// Compiles the patterns that every text is judged by, which takes about a tenth of a second; without it the first text
/// waits for that.
pub fn prepare() {
    drop(security::scan::scan(""));
}

/// What the search index needs of a memory's text.
fn terms(memory: &Memory) -> Vec<u8> {
    let mut builder = ::search::Terms::builder();
    if let Some(content) = &memory.content {
        builder = builder.text(first(content, INDEXED_CHARS));
    }
    if let Some(value) = &memory.value {
        builder = builder.text(first(&leaves(value), INDEXED_CHARS));
    }
    if let Some(summary) = &memory.summary {
        builder = builder.text(summary);
    }
    for label in memory.key.iter().chain(&memory.tags) {
        builder = builder.boosted(label);
    }
    builder.build().to_blob()
}

/// At most so many characters of a text.
fn first(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The string leaves of a value, one a line.
fn leaves(value: &Value) -> String {
    let mut text = String::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(leaf) => {
                text.push_str(leaf);
                text.push('\n');
            }
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(members) => open.extend(members.values().rev()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    text
}

/// The text of a memory for an excerpt.
fn prose(memory: &Memory) -> String {
    memory.content.clone().or_else(|| memory.value.as_ref().map(leaves)).unwrap_or_default()
}

/// The kind of a memory whose caller named none.
fn default_kind(value: Option<&Value>) -> Kind {
    if value.is_some() { Kind::Value } else { Kind::Note }
}

fn version_conflict(memory: &Memory) -> Error {
    Error::new(Code::VersionConflict, format!("the memory is at version {}", memory.version))
        .fact("current_version", memory.version)
        .hint("read it again, apply the change to what you find, and send its version")
}

fn key_exists(key: &str) -> Error {
    Error::new(Code::KeyExists, format!("a live memory has the key `{key}`"))
        .hint("use `set_memory` to replace it, or another key")
}

fn check_version(memory: &Memory, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(version) if version != memory.version => Err(version_conflict(memory)),
        _ => Ok(()),
    }
}

/// When a memory of this layer or lifetime expires.
fn expiry(fields: &fields::Lifetime, now: Timestamp) -> Option<Timestamp> {
    fields.seconds().map(|secs| now.plus_secs(secs))
}

/// Makes a key free that only an expired memory of its owner holds.
fn free_key(
    change: &mut crate::Change<'_, '_>,
    scope: &Scope,
    (owner, key): (PrincipalId, &str),
    now: Timestamp,
) -> Result<()> {
    if let Some(expired) = memories::gone::free_expired_key(change, scope, (owner, key), now)? {
        change.publish("memory.expired", expired);
    }
    Ok(())
}

/// A memory the caller may do this to: not found when they may not even see it, denied when they may see it only.
fn allowed(tx: &Tx<'_>, scope: &Scope, who: &Known, (id, needed): (MemoryId, Right), now: Timestamp) -> Result<Memory> {
    let memory = memories::get(tx, scope, id, now)?.ok_or_else(Error::not_found)?;
    permit(tx, scope, who, (&memory, needed), now)?;
    Ok(memory)
}

/// Refuses what the caller may not do to a memory they may see (contract memory §4, and §5.3: low trust never overwrites
/// high trust).
fn permit(tx: &Tx<'_>, scope: &Scope, who: &Known, (memory, needed): (&Memory, Right), now: Timestamp) -> Result<()> {
    let manages = memory.access == Access::System && who.has(Permission::MemoryManage);
    if !manages && !memories::may(tx, scope, memory, needed, now)? {
        let (required, hint) = match memory.access {
            Access::System => ("memory:manage", "only holders of `memory:manage` change `system` memories"),
            _ => ("ownership, or a grant", "ask its owner to share it with `write`, or store a memory of your own"),
        };
        return Err(Error::new(
            Code::PermissionDenied,
            format!("you may read this memory, not {} it", needed.as_str()),
        )
        .fact("required", required)
        .hint(hint));
    }
    let is_foreign = memory.owner != scope.viewer();
    if is_foreign && needed == Right::Write && memory.trust == Trust::Trusted && !who.has(Permission::MemoryReview) {
        return Err(Error::new(
            Code::PermissionDenied,
            "a trusted memory of somebody else may be changed by reviewers only",
        )
        .fact("required", Permission::MemoryReview.as_str())
        .hint("store what you know as a memory of your own"));
    }
    Ok(())
}

fn quarantined(id: MemoryId) -> Error {
    Error::new(Code::Quarantined, format!("the memory {id} is quarantined"))
        .fact("id", id.to_string())
        .hint("a reviewer can release it: `guildhall call memory.review`")
}

/// The next version of a memory.
fn next(old: &Memory, now: Timestamp) -> Memory {
    Memory { version: old.version + 1, updated_at: now, ..old.clone() }
}

/// Checks an operator's reason: 8 to 500 characters, without a credential in it.
fn check_reason(reason: &str) -> Result<()> {
    let mut checks = crate::input::Checks::default();
    checks.text("reason", reason, 8..=500);
    checks.done()?;
    judge::clean("reason", reason)
}

fn bytes(memory: &Memory) -> i64 {
    memories::size(memory)
}

/// Stores a new memory of the caller: its key is made free of an expired one, the quota is kept, the access may be given.
fn store_new(
    app: &App,
    change: &mut crate::Change<'_, '_>,
    (scope, who): (&Scope, &Known),
    (memory, how): (&Memory, types::memory::Change),
    terms: &[u8],
) -> Result<()> {
    let now = memory.updated_at;
    if let Some(key) = &memory.key {
        free_key(change, scope, (memory.owner, key), now)?;
    }
    fields::may_give(change, scope, who, memory)?;
    let added = memories::counts::Count { rows: 1, bytes: bytes(memory) };
    quota::room(app, change, scope, (memory.owner, added), now)?;
    memories::insert(change, scope, (memory, how), terms).map_err(|error| taken(error, memory))?;
    change.touched(memory.id);
    change.publish("memory.created", memory.id);
    Ok(())
}

/// Puts a changed memory in the place of the old one, within the owner's quota.
fn store_changed(
    app: &App,
    change: &mut crate::Change<'_, '_>,
    scope: &Scope,
    (old, new): (&Memory, &Memory),
    (how, event, terms): (types::memory::Change, &'static str, Option<&[u8]>),
) -> Result<()> {
    let grown = bytes(new) - bytes(old);
    quota::room(app, change, scope, (new.owner, memories::counts::Count { rows: 0, bytes: grown }), new.updated_at)?;
    store_unbounded(change, scope, (old, new), (how, event, terms))
}

/// Puts a changed memory in the place of the old one, whatever the owner's quota: for what brings an earlier text back.
fn store_unbounded(
    change: &mut crate::Change<'_, '_>,
    scope: &Scope,
    (old, new): (&Memory, &Memory),
    (how, event, terms): (types::memory::Change, &'static str, Option<&[u8]>),
) -> Result<()> {
    memories::replace(change, scope, (old, new), how, terms).map_err(|error| taken(error, new))?;
    change.touched(new.id);
    change.publish(event, new.id);
    Ok(())
}

/// A conflict on the key, in the caller's words.
fn taken(error: store::Error, memory: &Memory) -> Error {
    match (Error::from(error), &memory.key) {
        (error, Some(key)) if error.code() == Code::AlreadyExists => key_exists(key),
        (error, _) => error,
    }
}
