//! What one principal did to memories in a span of time.

use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Memory, Version},
};

use super::{read, versions};
use crate::{Result, Scope, Tx, args, row::parsed};

// Rows the principal stored; rows of theirs changed by them; rows of others that they changed last; rows of others of which
// they made an earlier version. An id can come from more than one. Each part is read along the index that holds just these
// rows: the cast keeps the planner from walking all ids.
macro_rules! of_theirs {
    ($which:literal) => {
        concat!("workspace_id = $1 AND owner = $2 AND CAST(id AS TEXT) > $3 AND ", $which)
    };
}
const TOUCHED: &str = concat!(
    "SELECT id FROM memories WHERE ",
    of_theirs!("deleted_at IS NULL AND created_at >= $4 AND created_at < $5"),
    " UNION SELECT id FROM memories WHERE ",
    of_theirs!("deleted_at IS NULL AND updated_at >= $4 AND updated_at < $5"),
    " UNION SELECT id FROM memories WHERE ",
    of_theirs!("deleted_at IS NOT NULL "),
    "AND ((created_at >= $4 AND created_at < $5) OR (updated_at >= $4 AND updated_at < $5)) ",
    "UNION SELECT id FROM memories WHERE workspace_id = $1 AND changed_by = $2 AND changed_by <> owner ",
    "AND CAST(id AS TEXT) > $3 AND updated_at >= $4 AND updated_at < $5 ",
    "UNION SELECT memory_id FROM memory_versions WHERE workspace_id = $1 AND author = $2 AND author <> owner ",
    "AND CAST(memory_id AS TEXT) > $3 AND at >= $4 AND at < $5 ORDER BY 1 LIMIT $6"
);
const ROW: &str = selected!("WHERE id = $1 AND workspace_id = $2");

/// The principal and the span.
#[derive(Debug, Clone, Copy)]
pub struct Deeds {
    /// Whose.
    pub principal: PrincipalId,
    /// From then on.
    pub since: Timestamp,
    /// Until then, excluded.
    pub until: Timestamp,
}

impl Deeds {
    /// Whether something was one of the deeds.
    #[must_use]
    pub fn include(&self, by: PrincipalId, at: Timestamp) -> bool {
        by == self.principal && self.since <= at && at < self.until
    }
}

/// At most `limit` rows that the deeds touched, after an id, in the order of their ids.
///
/// # Errors
/// Those of the store.
pub fn touched(tx: &Tx<'_>, scope: &Scope, deeds: Deeds, (after, limit): (&str, i64)) -> Result<Vec<MemoryId>> {
    let args = args![
        scope.workspace().to_string(),
        deeds.principal.to_string(),
        after,
        deeds.since.micros(),
        deeds.until.micros(),
        limit,
    ];
    tx.rows(TOUCHED, args, |row| parsed(row.text_ref(0)?))
}

/// A row, deleted or not, with every version that is kept of it, the present one first.
///
/// # Errors
/// Those of the store.
pub fn history(tx: &Tx<'_>, scope: &Scope, id: MemoryId) -> Result<Option<(Memory, Vec<Version>)>> {
    let Some(row) = tx.row(ROW, args![id.to_string(), scope.workspace().to_string()], read)? else { return Ok(None) };
    let Some((at, by, change)) = versions::present(tx, scope, id)? else { return Ok(None) };
    let mut all = vec![Version { at, by, change, memory: row.clone() }];
    all.extend(versions::list(tx, scope, id, (i64::MAX, usize::MAX))?);
    Ok(Some((row, all)))
}
