//! API keys: only their SHA-256 is kept.

use types::{KeyId, PrincipalId, Timestamp, WorkspaceId};

use crate::{
    Everything, Result, Row, Scope, Tx, args,
    row::{json, moment, parsed, to_json},
};

/// A key's row.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Its id.
    pub id: KeyId,
    /// The tenant it opens.
    pub workspace: WorkspaceId,
    /// Who acts with it.
    pub principal: PrincipalId,
    /// Its first characters.
    pub prefix: String,
    /// What it is for.
    pub label: String,
    /// What it narrows the principal's rights to.
    pub permissions: Option<Vec<String>>,
    /// MCP toolsets listed by default.
    pub toolsets: Option<Vec<String>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it is refused.
    pub expires_at: Timestamp,
    /// From then on its successors are refused too.
    pub line_ends_at: Timestamp,
    /// When a rotated key stops working.
    pub rotates_out_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Calls per 60 s.
    pub rate_per_minute: u32,
    /// Calls per 3,600 s.
    pub rate_per_hour: u32,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// How often it was used.
    pub usage_count: i64,
    /// It may rotate itself.
    pub self_rotate: bool,
}

const INSERT: &str = "INSERT INTO api_keys (id, workspace_id, principal, prefix, label, permissions, toolsets, \
     created_at, expires_at, line_ends_at, rotates_out_at, revoked_at, rate_per_minute, rate_per_hour, last_used_at, \
     usage_count, self_rotate, hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
const BY_HASH: &str = "SELECT id, workspace_id, principal, prefix, label, permissions, toolsets, created_at, \
     expires_at, line_ends_at, rotates_out_at, revoked_at, rate_per_minute, rate_per_hour, last_used_at, usage_count, \
     self_rotate FROM api_keys WHERE hash = $1";
const BY_ID: &str = "SELECT id, workspace_id, principal, prefix, label, permissions, toolsets, created_at, \
     expires_at, line_ends_at, rotates_out_at, revoked_at, rate_per_minute, rate_per_hour, last_used_at, usage_count, \
     self_rotate FROM api_keys WHERE workspace_id = $1 AND id = $2";
const LIST: &str = "SELECT id, workspace_id, principal, prefix, label, permissions, toolsets, created_at, \
     expires_at, line_ends_at, rotates_out_at, revoked_at, rate_per_minute, rate_per_hour, last_used_at, usage_count, \
     self_rotate FROM api_keys WHERE workspace_id = $1 AND id > $2 \
     AND (CAST($3 AS TEXT) IS NULL OR principal = $3) AND (CAST($4 AS TEXT) IS NULL OR id = $4) ORDER BY id LIMIT $5";
const COUNT: &str = "SELECT COUNT(*) FROM api_keys WHERE workspace_id = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR principal = $2) AND (CAST($3 AS TEXT) IS NULL OR id = $3)";
const REVOKE: &str = "UPDATE api_keys SET revoked_at = $1 WHERE workspace_id = $2 AND id = $3";
const ROTATE_OUT: &str = "UPDATE api_keys SET rotates_out_at = $1 WHERE workspace_id = $2 AND id = $3";
const USED: &str = "UPDATE api_keys SET usage_count = usage_count + $1, last_used_at = $2 WHERE id = $3";

const EXPIRING: &str = "SELECT id FROM api_keys WHERE revoked_at IS NULL AND suspended_at IS NULL AND rotates_out_at IS NULL \
     AND expires_at > $1 AND expires_at <= $2 ORDER BY expires_at, id LIMIT $3";
const IDLE: &str = "SELECT id FROM api_keys WHERE revoked_at IS NULL AND suspended_at IS NULL AND rotates_out_at IS NULL \
     AND expires_at > $1 AND COALESCE(last_used_at, created_at) < $2 ORDER BY created_at, id LIMIT $3";

fn read(row: &Row<'_>) -> Result<KeyRow> {
    Ok(KeyRow {
        id: parsed(row.text_ref(0)?)?,
        workspace: parsed(row.text_ref(1)?)?,
        principal: parsed(row.text_ref(2)?)?,
        prefix: row.text(3)?,
        label: row.text(4)?,
        permissions: row.opt_text(5)?.as_deref().map(json).transpose()?,
        toolsets: row.opt_text(6)?.as_deref().map(json).transpose()?,
        created_at: Timestamp::from_micros(row.int(7)?),
        expires_at: Timestamp::from_micros(row.int(8)?),
        line_ends_at: Timestamp::from_micros(row.int(9)?),
        rotates_out_at: moment(row.opt_int(10)?),
        revoked_at: moment(row.opt_int(11)?),
        rate_per_minute: u32::try_from(row.int(12)?).unwrap_or(u32::MAX),
        rate_per_hour: u32::try_from(row.int(13)?).unwrap_or(u32::MAX),
        last_used_at: moment(row.opt_int(14)?),
        usage_count: row.int(15)?,
        self_rotate: row.flag(16)?,
    })
}

/// Adds a key under its hash.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &Tx<'_>, scope: &Scope, key: &KeyRow, hash: &[u8; 32]) -> Result<()> {
    tx.change(
        INSERT,
        args![
            key.id.to_string(),
            scope.workspace().to_string(),
            key.principal.to_string(),
            key.prefix.as_str(),
            key.label.as_str(),
            key.permissions.as_ref().map(to_json).transpose()?,
            key.toolsets.as_ref().map(to_json).transpose()?,
            key.created_at.micros(),
            key.expires_at.micros(),
            key.line_ends_at.micros(),
            key.rotates_out_at.map(Timestamp::micros),
            key.revoked_at.map(Timestamp::micros),
            key.rate_per_minute,
            key.rate_per_hour,
            key.last_used_at.map(Timestamp::micros),
            key.usage_count,
            key.self_rotate,
            &hash[..],
        ],
    )?;
    Ok(())
}

/// The key with this hash, whatever its state and workspace.
///
/// # Errors
/// Those of the store.
pub fn by_hash(tx: &Tx<'_>, _: Everything, hash: &[u8; 32]) -> Result<Option<KeyRow>> {
    tx.row(BY_HASH, args![&hash[..]], read)
}

/// The key with this id in the scope's workspace.
///
/// # Errors
/// Those of the store.
pub fn get(tx: &Tx<'_>, scope: &Scope, id: KeyId) -> Result<Option<KeyRow>> {
    tx.row(BY_ID, args![scope.workspace().to_string(), id.to_string()], read)
}

/// What a list of keys is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this principal's.
    pub principal: Option<PrincipalId>,
    /// Only this one.
    pub id: Option<KeyId>,
}

/// At most `limit` keys after the one with the id `after`, by id.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, scope: &Scope, filter: &Filter, after: &str, limit: usize) -> Result<Vec<KeyRow>> {
    tx.rows(
        LIST,
        args![
            scope.workspace().to_string(),
            after,
            filter.principal.map(|id| id.to_string()),
            filter.id.map(|id| id.to_string()),
            i64::try_from(limit).unwrap_or(i64::MAX),
        ],
        read,
    )
}

/// How many keys pass the filter.
///
/// # Errors
/// Those of the store.
pub fn count(tx: &Tx<'_>, scope: &Scope, filter: &Filter) -> Result<i64> {
    let (principal, id) = (filter.principal.map(|id| id.to_string()), filter.id.map(|id| id.to_string()));
    let args = args![scope.workspace().to_string(), principal, id];
    Ok(tx.row(COUNT, args, |row| row.int(0))?.unwrap_or(0))
}

/// Ends a key now.
///
/// # Errors
/// Those of the store.
pub fn revoke(tx: &Tx<'_>, scope: &Scope, id: KeyId, at: Timestamp) -> Result<()> {
    tx.change(REVOKE, args![at.micros(), scope.workspace().to_string(), id.to_string()]).map(drop)
}

/// Lets a rotated key work until a moment.
///
/// # Errors
/// Those of the store.
pub fn rotate_out(tx: &Tx<'_>, scope: &Scope, id: KeyId, until: Timestamp) -> Result<()> {
    tx.change(ROTATE_OUT, args![until.micros(), scope.workspace().to_string(), id.to_string()]).map(drop)
}

/// Adds to a key's usage.
///
/// # Errors
/// Those of the store.
pub fn used(tx: &Tx<'_>, _: Everything, id: KeyId, times: i64, last: Timestamp) -> Result<()> {
    tx.change(USED, args![times, last.micros(), id.to_string()]).map(drop)
}

/// Keys in use that expire after `now` and not after `until`, the earliest first. A key that was rotated ends because it
/// was meant to, so it is none of them.
///
/// # Errors
/// Those of the store.
pub fn expiring(tx: &Tx<'_>, _: Everything, (now, until): (Timestamp, Timestamp), limit: usize) -> Result<Vec<KeyId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.rows(EXPIRING, args![now.micros(), until.micros(), limit], |row| parsed(row.text_ref(0)?))
}

/// Keys in use at `now` that nobody has used, or that were made and not used, since `since`; the oldest first.
///
/// # Errors
/// Those of the store.
pub fn idle(tx: &Tx<'_>, _: Everything, (now, since): (Timestamp, Timestamp), limit: usize) -> Result<Vec<KeyId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    tx.rows(IDLE, args![now.micros(), since.micros(), limit], |row| parsed(row.text_ref(0)?))
}
