//! Memories: what agents know and share (contract memory.md).

use serde_json::Value;
use types::{
    Timestamp,
    memory::{Kind, Memory},
};

use crate::{Code, Error};

pub mod create;
pub mod delete;
mod fields;
pub mod get;
pub mod list;
pub mod search;
pub mod set;
pub mod update;

/// Texts are indexed up to this many characters.
const INDEXED_CHARS: usize = 10_000;

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
    Error::new(Code::KeyExists, format!("a live memory of yours has the key `{key}`"))
        .hint("use `set_memory` to replace it, or another key")
}

fn check_version(memory: &Memory, expected: Option<i64>) -> Result<(), Error> {
    match expected {
        Some(version) if version != memory.version => Err(version_conflict(memory)),
        _ => Ok(()),
    }
}

/// When a memory of this layer or lifetime expires.
fn expiry(fields: &fields::Lifetime, now: Timestamp) -> Option<Timestamp> {
    fields.seconds().map(|secs| now.plus_secs(secs))
}

/// Makes a key free that only an expired memory of the caller holds.
fn free_key(change: &mut crate::Change<'_, '_>, scope: &store::Scope, key: &str, now: Timestamp) -> Result<(), Error> {
    if let Some(expired) = store::memories::free_expired_key(change, scope, key, now)? {
        change.publish("memory.expired", expired);
    }
    Ok(())
}
