//! Grants: what others may do with one memory.

use types::{
    GranteeId, MemoryId, Timestamp, UserId, WorkspaceId,
    memory::{Grant, Right},
};

use super::word;
use crate::{
    Error, Everything, Result, Row, Scope, Tx, args,
    row::{moment, parsed},
};

const PUT: &str = "INSERT INTO memory_grants (workspace_id, memory_id, grantee, permission, expires_at, granted_by, \
     granted_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (workspace_id, memory_id, grantee) DO UPDATE SET permission = excluded.permission, \
     expires_at = excluded.expires_at, granted_by = excluded.granted_by, granted_at = excluded.granted_at";
const TAKE: &str = "DELETE FROM memory_grants WHERE workspace_id = $1 AND memory_id = $2 AND grantee = $3";
const LIST: &str = "SELECT grantee, permission, expires_at, granted_by, granted_at FROM memory_grants \
     WHERE workspace_id = $1 AND memory_id = $2 ORDER BY grantee";
const MINE: &str = "SELECT permission FROM memory_grants WHERE workspace_id = $1 AND memory_id = $2 \
     AND (expires_at IS NULL OR expires_at > $3) AND grantee IN (SELECT CAST($4 AS TEXT) UNION ALL \
     SELECT team_id FROM team_members WHERE workspace_id = $1 AND principal = $4)";
const ALL: &str = "SELECT memory_id, grantee, permission, expires_at, granted_by, granted_at FROM memory_grants \
     WHERE workspace_id = $1";
const KNOWN_AGENT: &str = "SELECT 1 FROM agents WHERE workspace_id = $1 AND id = $2";
const KNOWN_TEAM: &str = "SELECT 1 FROM teams WHERE workspace_id = $1 AND id = $2";
const FORGET: &str = "DELETE FROM memory_grants WHERE workspace_id = $1 AND memory_id = $2";

fn read(row: &Row<'_>, first: usize) -> Result<Grant> {
    Ok(Grant {
        grantee: parsed(row.text_ref(first)?)?,
        permission: word(Right::parse(row.text_ref(first + 1)?))?,
        expires_at: moment(row.opt_int(first + 2)?),
        granted_by: parsed(row.text_ref(first + 3)?)?,
        granted_at: Timestamp::from_micros(row.int(first + 4)?),
    })
}

/// Gives a grant, in the place of one that the grantee already has.
///
/// # Errors
/// Those of the store.
pub fn put(tx: &Tx<'_>, scope: &Scope, id: MemoryId, grant: &Grant) -> Result<()> {
    let row = args![
        scope.workspace().to_string(),
        id.to_string(),
        grant.grantee.to_string(),
        grant.permission.as_str(),
        grant.expires_at.map(Timestamp::micros),
        grant.granted_by.to_string(),
        grant.granted_at.micros(),
    ];
    tx.change(PUT, row).map(drop)
}

/// Takes a grant back; false when there was none.
///
/// # Errors
/// Those of the store.
pub fn take(tx: &Tx<'_>, scope: &Scope, id: MemoryId, grantee: GranteeId) -> Result<bool> {
    Ok(tx.change(TAKE, args![scope.workspace().to_string(), id.to_string(), grantee.to_string()])? == 1)
}

/// Every grant of a memory, those that have expired too.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, scope: &Scope, id: MemoryId) -> Result<Vec<Grant>> {
    of(tx, scope.workspace(), id)
}

pub(super) fn of(tx: &Tx<'_>, workspace: WorkspaceId, id: MemoryId) -> Result<Vec<Grant>> {
    tx.rows(LIST, args![workspace.to_string(), id.to_string()], |row| read(row, 0))
}

/// Whether there is such a grantee in the workspace.
///
/// # Errors
/// Those of the store.
pub fn is_known(tx: &Tx<'_>, scope: &Scope, grantee: GranteeId) -> Result<bool> {
    let statement = match grantee {
        GranteeId::User(user) => return Ok(user == UserId::LOCAL),
        GranteeId::Agent(_) => KNOWN_AGENT,
        GranteeId::Team(_) => KNOWN_TEAM,
    };
    let args = args![scope.workspace().to_string(), grantee.to_string()];
    Ok(tx.row(statement, args, |_| Ok::<_, Error>(()))?.is_some())
}

/// The most that the viewer, or a team of theirs, was granted.
pub(super) fn strongest(tx: &Tx<'_>, scope: &Scope, id: MemoryId, now: Timestamp) -> Result<Option<Right>> {
    let args = args![scope.workspace().to_string(), id.to_string(), now.micros(), scope.viewer().to_string()];
    let rights = tx.rows(MINE, args, |row| word(Right::parse(row.text_ref(0)?)))?;
    Ok(rights.into_iter().max())
}

/// Hands every grant of a workspace to `visit`; for loading the search index.
///
/// # Errors
/// Those of the store.
pub fn all(tx: &Tx<'_>, _: Everything, workspace: WorkspaceId, mut visit: impl FnMut(MemoryId, Grant)) -> Result<()> {
    tx.each(ALL, args![workspace.to_string()], |row| {
        visit(parsed(row.text_ref(0)?)?, read(row, 1)?);
        Ok::<_, Error>(())
    })
}

/// Drops the grants of a memory.
pub(super) fn forget(tx: &Tx<'_>, workspace: &str, id: &str) -> Result<()> {
    tx.change(FORGET, args![workspace, id]).map(drop)
}
