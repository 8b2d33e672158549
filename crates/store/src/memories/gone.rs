//! Rows that end: by their time, by deletion, by purge.

use types::{MemoryId, PrincipalId, Timestamp, WorkspaceId, memory::Memory};

use super::{counts, grants, read, searchable, tags, versions};
use crate::{Everything, Result, Row, Scope, Tx, args, row::parsed};

macro_rules! selected_anywhere {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), ", workspace_id FROM memories ", $rest)
    };
}

const EXPIRED_KEY: &str = selected_anywhere!(
    "WHERE workspace_id = $1 AND owner = $2 AND key = $3 AND deleted_at IS NULL AND expires_at <= $4"
);
const EXPIRED: &str =
    selected_anywhere!("WHERE expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT $2");
const LONG_DELETED: &str =
    selected_anywhere!("WHERE deleted_at IS NOT NULL AND deleted_at <= $1 ORDER BY deleted_at LIMIT $2");
const PURGE: &str = "DELETE FROM memories WHERE id = $1 AND workspace_id = $2";
const BURY: &str = "INSERT INTO memory_tombstones (id, workspace_id, owner, deleted_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (id) DO NOTHING";
const TOMBSTONE: &str = "SELECT owner FROM memory_tombstones WHERE id = $1 AND workspace_id = $2";
const FORGET_TOMBSTONES: &str = "DELETE FROM memory_tombstones WHERE deleted_at <= $1";

fn placed(row: &Row<'_>) -> Result<(WorkspaceId, Memory)> {
    Ok((parsed(row.text_ref(28)?)?, read(row)?))
}

/// Removes a row with its terms, versions and grants.
///
/// # Errors
/// Those of the store.
pub fn purge(tx: &Tx<'_>, scope: &Scope, memory: &Memory) -> Result<()> {
    remove(tx, scope.workspace(), memory)
}

fn remove(tx: &Tx<'_>, workspace: WorkspaceId, memory: &Memory) -> Result<()> {
    let (space, id) = (workspace.to_string(), memory.id.to_string());
    tx.change(PURGE, args![id.as_str(), space.as_str()])?;
    searchable::forget(tx, &space, &id)?;
    versions::forget(tx, &space, &id)?;
    grants::forget(tx, &space, &id)?;
    tags::moved(tx, workspace, Some(memory), None)?;
    counts::moved(tx, workspace, Some(memory), None)
}

/// Removes the expired memory of an owner that still holds a key, so that the key can be given anew; which one it was.
///
/// # Errors
/// Those of the store.
pub fn free_expired_key(
    tx: &Tx<'_>,
    scope: &Scope,
    (owner, key): (PrincipalId, &str),
    now: Timestamp,
) -> Result<Option<MemoryId>> {
    let args = args![scope.workspace().to_string(), owner.to_string(), key, now.micros()];
    let Some(expired) = tx.row(EXPIRED_KEY, args, read)? else { return Ok(None) };
    remove(tx, scope.workspace(), &expired)?;
    Ok(Some(expired.id))
}

/// Leaves a tombstone, so that who restores the row learns that it is too late.
fn bury(tx: &Tx<'_>, workspace: WorkspaceId, memory: &Memory, deleted_at: Timestamp) -> Result<()> {
    let stone = args![memory.id.to_string(), workspace.to_string(), memory.owner.to_string(), deleted_at.micros()];
    tx.change(BURY, stone).map(drop)
}

/// Removes at most `limit` rows whose time is over; which, and where they were.
///
/// # Errors
/// Those of the store.
pub fn sweep_expired(tx: &Tx<'_>, _: Everything, now: Timestamp, limit: i64) -> Result<Vec<(WorkspaceId, MemoryId)>> {
    let mut gone = Vec::new();
    for (workspace, memory) in tx.rows(EXPIRED, args![now.micros(), limit], placed)? {
        if let Some(deleted_at) = memory.deleted_at {
            bury(tx, workspace, &memory, deleted_at)?;
        }
        remove(tx, workspace, &memory)?;
        gone.push((workspace, memory.id));
    }
    Ok(gone)
}

/// Removes at most `limit` rows that were deleted before a moment; a tombstone is left of each. How many.
///
/// # Errors
/// Those of the store.
pub fn sweep_deleted(tx: &Tx<'_>, _: Everything, before: Timestamp, limit: i64) -> Result<usize> {
    let rows = tx.rows(LONG_DELETED, args![before.micros(), limit], placed)?;
    for (workspace, memory) in &rows {
        bury(tx, *workspace, memory, memory.deleted_at.unwrap_or(before))?;
        remove(tx, *workspace, memory)?;
    }
    Ok(rows.len())
}

/// Drops tombstones of rows that were deleted before a moment.
///
/// # Errors
/// Those of the store.
pub fn sweep_tombstones(tx: &Tx<'_>, _: Everything, before: Timestamp) -> Result<u64> {
    tx.change(FORGET_TOMBSTONES, args![before.micros()])
}

/// Who owned a memory of which only a tombstone is left.
///
/// # Errors
/// Those of the store.
pub fn tombstone(tx: &Tx<'_>, scope: &Scope, id: MemoryId) -> Result<Option<PrincipalId>> {
    tx.row(TOMBSTONE, args![id.to_string(), scope.workspace().to_string()], |row| parsed(row.text_ref(0)?))
}
