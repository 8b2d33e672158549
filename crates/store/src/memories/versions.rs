//! Versions of a memory that were replaced. The present one is the row itself.

use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Change, Kind, Memory, Version},
};

use super::word;
use crate::{
    Result, Row, Scope, Tx, args,
    row::{json, parsed, to_json},
};

/// Versions kept of a memory, with the present one.
const KEPT: i64 = 50;
/// The same for values, whose keys are set often.
const KEPT_OF_VALUES: i64 = 20;

const KEEP: &str = "INSERT INTO memory_versions (workspace_id, memory_id, version, owner, at, author, change, snapshot) \
     SELECT workspace_id, id, version, owner, updated_at, changed_by, change, $1 FROM memories \
     WHERE id = $2 AND workspace_id = $3";
const PRUNE: &str = "DELETE FROM memory_versions WHERE workspace_id = $1 AND memory_id = $2 AND version <= $3";
const LIST: &str = "SELECT at, author, change, snapshot FROM memory_versions \
     WHERE workspace_id = $1 AND memory_id = $2 AND version < $3 ORDER BY version DESC LIMIT $4";
const ONE: &str = "SELECT at, author, change, snapshot FROM memory_versions \
     WHERE workspace_id = $1 AND memory_id = $2 AND version = $3";
const PRESENT: &str = "SELECT updated_at, changed_by, change FROM memories WHERE id = $1 AND workspace_id = $2";
const FORGET: &str = "DELETE FROM memory_versions WHERE workspace_id = $1 AND memory_id = $2";

fn read(row: &Row<'_>) -> Result<Version> {
    Ok(Version {
        at: Timestamp::from_micros(row.int(0)?),
        by: parsed(row.text_ref(1)?)?,
        change: word(Change::parse(row.text_ref(2)?))?,
        memory: json(row.text_ref(3)?)?,
    })
}

/// Keeps the present version, which is about to be replaced.
pub(super) fn keep(tx: &Tx<'_>, scope: &Scope, old: &Memory) -> Result<()> {
    tx.change(KEEP, args![to_json(old)?, old.id.to_string(), scope.workspace().to_string()]).map(drop)
}

/// Drops versions past the number that is kept beside `new`.
pub(super) fn prune(tx: &Tx<'_>, scope: &Scope, new: &Memory) -> Result<()> {
    let kept = if new.kind == Kind::Value { KEPT_OF_VALUES } else { KEPT };
    tx.change(PRUNE, args![scope.workspace().to_string(), new.id.to_string(), new.version - kept]).map(drop)
}

pub(super) fn forget(tx: &Tx<'_>, workspace: &str, id: &str) -> Result<()> {
    tx.change(FORGET, args![workspace, id]).map(drop)
}

/// When a memory became what it is, by whom and how.
///
/// # Errors
/// Those of the store.
pub fn present(tx: &Tx<'_>, scope: &Scope, id: MemoryId) -> Result<Option<(Timestamp, PrincipalId, Change)>> {
    tx.row(PRESENT, args![id.to_string(), scope.workspace().to_string()], |row| {
        Ok((Timestamp::from_micros(row.int(0)?), parsed(row.text_ref(1)?)?, word(Change::parse(row.text_ref(2)?))?))
    })
}

/// At most `limit` replaced versions before a number, newest first.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, scope: &Scope, id: MemoryId, (before, limit): (i64, usize)) -> Result<Vec<Version>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.rows(LIST, args![scope.workspace().to_string(), id.to_string(), before, limit], read)
}

/// One replaced version, unless it was pruned.
///
/// # Errors
/// Those of the store.
pub fn one(tx: &Tx<'_>, scope: &Scope, id: MemoryId, version: i64) -> Result<Option<Version>> {
    tx.row(ONE, args![scope.workspace().to_string(), id.to_string(), version], read)
}
