//! What reviewers and clean-ups look for: rows by trust, flags, owner and age, whoever may read them.

use types::{
    MemoryId, PrincipalId, Timestamp,
    memory::{Access, Flag, Memory, Trust},
};

use super::{read, size};
use crate::{Result, Scope, Tx, args, row::parsed};

macro_rules! looked_for {
    ($through:literal) => {
        concat!(
            "WHERE workspace_id = $1 AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $2) AND id < $3 ",
            "AND (CAST($4 AS TEXT) IS NULL OR trust = $4) AND (CAST($5 AS TEXT) IS NULL OR owner = $5) ",
            "AND (CAST($6 AS TEXT) IS NULL OR flags LIKE $6) AND updated_at >= $7 AND updated_at < $8",
            $through,
            " ORDER BY id DESC LIMIT $9"
        )
    };
}

const ANY: &str = selected!(looked_for!(""));
const QUARANTINED: &str = selected!(looked_for!(" AND trust = 'quarantined'"));
const FLAGGED: &str = selected!(looked_for!(" AND flags <> '[]'"));
const STALE_OWN: &str = "SELECT id FROM memories WHERE workspace_id = $1 AND owner = $2 AND deleted_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $3) AND updated_at < $4 AND importance < $5 \
     AND (CAST($6 AS TEXT) IS NULL OR access <> $6) ORDER BY updated_at, id LIMIT $7";
const STALE: &str = "SELECT id FROM memories WHERE workspace_id = $1 AND CAST($2 AS TEXT) IS NOT NULL \
     AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > $3) AND updated_at < $4 AND importance < $5 \
     AND (CAST($6 AS TEXT) IS NULL OR access <> $6) ORDER BY updated_at, id LIMIT $7";
const OUTDATED: &str = selected!("WHERE workspace_id = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT $3");

/// What a review is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this trust.
    pub trust: Option<Trust>,
    /// Only rows with this flag.
    pub flag: Option<Flag>,
    /// Only this principal's.
    pub owner: Option<PrincipalId>,
    /// Changed at or after.
    pub since: Option<Timestamp>,
    /// Changed before.
    pub until: Option<Timestamp>,
}

/// At most `limit` live rows of the workspace that were stored before the one with id `before`, newest first, whoever may
/// read them; their size stands in `size_bytes`.
///
/// # Errors
/// Those of the store.
pub fn list(
    tx: &Tx<'_>,
    scope: &Scope,
    filter: &Filter,
    (before, limit): (Option<&str>, usize),
    now: Timestamp,
) -> Result<Vec<Memory>> {
    let statement = match (filter.trust, filter.flag) {
        (Some(Trust::Quarantined), _) => QUARANTINED,
        (_, Some(_)) => FLAGGED,
        _ => ANY,
    };
    let args = args![
        scope.workspace().to_string(),
        now.micros(),
        before.unwrap_or("~"),
        filter.trust.map(Trust::as_str),
        filter.owner.map(|owner| owner.to_string()),
        filter.flag.map(|flag| format!("%\"{}\"%", flag.as_str())),
        filter.since.map_or(i64::MIN, Timestamp::micros),
        filter.until.map_or(i64::MAX, Timestamp::micros),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ];
    tx.rows(statement, args, |row| {
        let memory = read(row)?;
        Ok(Memory { size_bytes: Some(size(&memory)), ..memory })
    })
}

/// Rows whose last change and importance lie below bounds.
#[derive(Debug, Clone, Copy)]
pub struct Stale {
    /// Only the viewer's own.
    pub own: bool,
    /// Last changed before.
    pub before: Timestamp,
    /// Of less importance than.
    pub importance: f64,
    /// Leave out rows of this access.
    pub spared: Option<Access>,
}

/// At most `limit` stale rows, longest unchanged first.
///
/// # Errors
/// Those of the store.
pub fn stale(tx: &Tx<'_>, scope: &Scope, stale: Stale, limit: i64, now: Timestamp) -> Result<Vec<MemoryId>> {
    let statement = if stale.own { STALE_OWN } else { STALE };
    let args = args![
        scope.workspace().to_string(),
        scope.viewer().to_string(),
        now.micros(),
        stale.before.micros(),
        stale.importance,
        stale.spared.map(Access::as_str),
        limit,
    ];
    tx.rows(statement, args, |row| parsed(row.text_ref(0)?))
}

/// At most `limit` undeleted rows of a workspace after an id, in the order of their ids; for working through all of them.
///
/// # Errors
/// Those of the store.
pub fn all_after(tx: &Tx<'_>, scope: &Scope, after: &str, limit: i64) -> Result<Vec<Memory>> {
    tx.rows(OUTDATED, args![scope.workspace().to_string(), after, limit], read)
}
