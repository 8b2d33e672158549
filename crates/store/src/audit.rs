//! The audit ledger. Rows are only ever added; the chain's MACs are made by the gate.

use types::{Timestamp, WorkspaceId, audit::AuditRow};

use crate::{
    Error, Everything, Result, Row, Scope, Tx, args,
    row::{json, to_json},
};

/// Where a workspace's ledgers end.
#[derive(Debug, Clone)]
pub struct Head {
    /// The newest audit row's number; 0 before the first.
    pub audit_seq: i64,
    /// The newest audit row's MAC.
    pub audit_mac: [u8; 32],
    /// The newest outbox row's number; 0 before the first.
    pub outbox_seq: i64,
}

/// A row with the MACs that bind it.
#[derive(Debug, Clone)]
pub struct Chained {
    /// The row.
    pub row: AuditRow,
    /// The MAC of the row before.
    pub prev: [u8; 32],
    /// This row's MAC.
    pub mac: [u8; 32],
}

const HEAD: &str = "SELECT audit_seq, audit_mac, outbox_seq FROM workspace_heads WHERE workspace_id = $1";
const ADVANCE: &str =
    "UPDATE workspace_heads SET audit_seq = $1, audit_mac = $2, outbox_seq = $3 WHERE workspace_id = $4";
const TOTALS: &str = "SELECT COALESCE(CAST(SUM(audit_seq) AS BIGINT), 0), \
     COALESCE(CAST(SUM(outbox_seq) AS BIGINT), 0) FROM workspace_heads";
const INSERT: &str = "INSERT INTO audit (workspace_id, seq, ts, actor, credential_id, via, action, object, outcome, \
     code, severity, ip, user_agent, request_id, details, prev, mac) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const LIST: &str = "SELECT seq, ts, actor, credential_id, via, action, object, outcome, code, severity, ip, \
     user_agent, request_id, details FROM audit WHERE workspace_id = $1 AND seq < $2 \
     AND (CAST($3 AS TEXT) IS NULL OR actor = $3) AND (CAST($4 AS TEXT) IS NULL OR action = $4) \
     AND (CAST($5 AS TEXT) IS NULL OR outcome = $5) AND (CAST($6 AS TEXT) IS NULL OR severity = $6) \
     AND (CAST($7 AS TEXT) IS NULL OR object = $7) AND ts >= $8 AND ts < $9 ORDER BY seq DESC LIMIT $10";
const COUNT: &str = "SELECT COUNT(*) FROM audit WHERE workspace_id = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR actor = $2) AND (CAST($3 AS TEXT) IS NULL OR action = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR outcome = $4) AND (CAST($5 AS TEXT) IS NULL OR severity = $5) \
     AND (CAST($6 AS TEXT) IS NULL OR object = $6) AND ts >= $7 AND ts < $8";
const NEWEST: &str = "SELECT MAX(audit.ts) FROM audit JOIN workspace_heads \
     ON audit.workspace_id = workspace_heads.workspace_id AND audit.seq = workspace_heads.audit_seq";
const WALK: &str = "SELECT seq, ts, actor, credential_id, via, action, object, outcome, code, severity, ip, \
     user_agent, request_id, details, prev, mac FROM audit WHERE workspace_id = $1 AND seq > $2 ORDER BY seq";

fn mac_at(row: &Row<'_>, column: usize) -> Result<[u8; 32]> {
    row.bytes_ref(column)?.try_into().map_err(|_| Error::internal("an audit MAC has the wrong length"))
}

fn read(row: &Row<'_>) -> Result<AuditRow> {
    Ok(AuditRow {
        seq: row.int(0)?,
        ts: Timestamp::from_micros(row.int(1)?),
        actor: row.text(2)?,
        credential_id: row.opt_text(3)?,
        via: row.text(4)?,
        action: row.text(5)?,
        object: row.opt_text(6)?,
        outcome: row.text(7)?,
        code: row.opt_text(8)?,
        severity: row.text(9)?,
        ip: row.opt_text(10)?,
        user_agent: row.opt_text(11)?,
        request_id: row.opt_text(12)?,
        details: json(row.text_ref(13)?)?,
    })
}

/// Where the workspace's ledgers end.
///
/// # Errors
/// Those of the store.
pub fn head(tx: &Tx<'_>, workspace: WorkspaceId) -> Result<Head> {
    tx.row(HEAD, args![workspace.to_string()], |row| {
        Ok(Head { audit_seq: row.int(0)?, audit_mac: mac_at(row, 1)?, outbox_seq: row.int(2)? })
    })?
    .ok_or_else(|| Error::internal("a workspace has no head"))
}

/// How many audit rows, and how many outbox rows, were ever written in all workspaces together.
///
/// # Errors
/// Those of the store.
pub fn totals(tx: &Tx<'_>, _: Everything) -> Result<(i64, i64)> {
    let totals = tx.row(TOTALS, args![], |row| Ok((row.int(0)?, row.int(1)?)))?;
    Ok(totals.unwrap_or_default())
}

/// Moves the ends; the last statement of a write.
///
/// # Errors
/// Those of the store.
pub fn advance(tx: &Tx<'_>, workspace: WorkspaceId, head: &Head) -> Result<()> {
    tx.change(ADVANCE, args![head.audit_seq, &head.audit_mac[..], head.outbox_seq, workspace.to_string()]).map(drop)
}

/// Adds a row to the chain.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &Tx<'_>, workspace: WorkspaceId, chained: &Chained) -> Result<()> {
    let row = &chained.row;
    tx.change(
        INSERT,
        args![
            workspace.to_string(),
            row.seq,
            row.ts.micros(),
            row.actor.as_str(),
            row.credential_id.as_deref(),
            row.via.as_str(),
            row.action.as_str(),
            row.object.as_deref(),
            row.outcome.as_str(),
            row.code.as_deref(),
            row.severity.as_str(),
            row.ip.as_deref(),
            row.user_agent.as_deref(),
            row.request_id.as_deref(),
            to_json(&row.details)?,
            &chained.prev[..],
            &chained.mac[..],
        ],
    )?;
    Ok(())
}

/// What a list of audit rows is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only this outcome.
    pub outcome: Option<String>,
    /// Only this severity.
    pub severity: Option<String>,
    /// Only this object.
    pub object: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

impl Filter {
    fn span(&self) -> (i64, i64) {
        (self.from.map_or(i64::MIN, Timestamp::micros), self.to.map_or(i64::MAX, Timestamp::micros))
    }
}

/// At most `limit` rows before the one numbered `before`, newest first.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, scope: &Scope, filter: &Filter, before: i64, limit: usize) -> Result<Vec<AuditRow>> {
    let (from, to) = filter.span();
    tx.rows(
        LIST,
        args![
            scope.workspace().to_string(),
            before,
            filter.actor.as_deref(),
            filter.action.as_deref(),
            filter.outcome.as_deref(),
            filter.severity.as_deref(),
            filter.object.as_deref(),
            from,
            to,
            i64::try_from(limit).unwrap_or(i64::MAX),
        ],
        read,
    )
}

/// How many rows pass the filter.
///
/// # Errors
/// Those of the store.
pub fn count(tx: &Tx<'_>, scope: &Scope, filter: &Filter) -> Result<i64> {
    let (from, to) = filter.span();
    let args = args![
        scope.workspace().to_string(),
        filter.actor.as_deref(),
        filter.action.as_deref(),
        filter.outcome.as_deref(),
        filter.severity.as_deref(),
        filter.object.as_deref(),
        from,
        to,
    ];
    Ok(tx.row(COUNT, args, |row| row.int(0))?.unwrap_or(0))
}

/// When the newest row of any workspace was written; none before the first.
///
/// # Errors
/// Those of the store.
pub fn newest(tx: &Tx<'_>, _: Everything) -> Result<Option<Timestamp>> {
    Ok(tx.row(NEWEST, args![], |row| row.opt_int(0))?.flatten().map(Timestamp::from_micros))
}

/// Walks a workspace's chain after the row numbered `after`, oldest first.
///
/// # Errors
/// Those of the store and of `visit`.
pub fn walk(
    tx: &Tx<'_>,
    _: Everything,
    workspace: WorkspaceId,
    after: i64,
    mut visit: impl FnMut(Chained) -> Result<()>,
) -> Result<()> {
    tx.each(WALK, args![workspace.to_string(), after], |row| {
        visit(Chained { row: read(row)?, prev: mac_at(row, 14)?, mac: mac_at(row, 15)? })
    })
}
