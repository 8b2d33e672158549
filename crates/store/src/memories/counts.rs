//! How many memories there are and how large they are: counters that every change keeps in step, so that statistics and
//! quotas read a few rows whatever the size of the table.
//!
//! A counter holds undeleted rows. What has expired and is not yet swept is counted by index and taken off.

use std::collections::BTreeMap;

use types::{
    MemoryId, PrincipalId, Timestamp, WorkspaceId,
    memory::{Access, Kind, Layer, Memory, Trust},
};

use super::{size, word};
use crate::{Error, Result, Row, Scope, Tx, args, row::parsed};

const MOVE: &str = "INSERT INTO memory_counts (workspace_id, owner, kind, access, team_id, trust, layer, live, bytes) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (workspace_id, owner, kind, access, team_id, trust, layer) \
     DO UPDATE SET live = memory_counts.live + excluded.live, bytes = memory_counts.bytes + excluded.bytes";
const USAGE: &str = "SELECT COALESCE(CAST(SUM(live) AS BIGINT), 0), COALESCE(CAST(SUM(bytes) AS BIGINT), 0) \
     FROM memory_counts WHERE workspace_id = $1 AND owner = $2";

macro_rules! counters {
    ($whose:expr) => {
        concat!(
            "SELECT kind, access, trust, layer, CAST(SUM(live) AS BIGINT), CAST(SUM(bytes) AS BIGINT) ",
            "FROM memory_counts WHERE ",
            $whose,
            " GROUP BY kind, access, trust, layer"
        )
    };
}
macro_rules! my_teams {
    () => {
        "(SELECT team_id FROM team_members WHERE workspace_id = $1 AND principal = $2)"
    };
}
// A row is open or a team's, not both: each is counted along an index of its own.
macro_rules! open {
    () => {
        "workspace_id = $1 AND owner <> $2 AND access IN ('public', 'system')"
    };
}
macro_rules! teams {
    () => {
        concat!(
            "workspace_id = $1 AND owner <> $2 AND access IN ('private', 'shared', 'team') AND team_id IN ",
            my_teams!()
        )
    };
}
macro_rules! trusted {
    ($whose:expr) => {
        concat!($whose, " AND trust <> 'quarantined'")
    };
}
// The casts lead the planner to the index on granted rows, and keep it from walking the workspace.
macro_rules! granted {
    () => {
        concat!(
            "CAST(workspace_id AS TEXT) = $1 AND owner <> $2 AND trust <> 'quarantined' ",
            "AND access IN ('shared', 'team') AND COALESCE(team_id, '') NOT IN ",
            my_teams!(),
            " AND CAST(id AS TEXT) IN (SELECT memory_id FROM memory_grants WHERE workspace_id = $1 ",
            "AND (expires_at IS NULL OR expires_at > $3) ",
            "AND grantee IN (SELECT CAST($2 AS TEXT) UNION ALL SELECT team_id FROM team_members ",
            "WHERE workspace_id = $1 AND principal = $2))"
        )
    };
}
macro_rules! rows {
    ($whose:expr) => {
        concat!(
            "SELECT kind, access, trust, COALESCE(layer, ''), COUNT(*), COALESCE(CAST(SUM(size_bytes) AS BIGINT), 0) ",
            "FROM memories WHERE ",
            $whose,
            " AND deleted_at IS NULL GROUP BY kind, access, trust, COALESCE(layer, '')"
        )
    };
}
macro_rules! expired {
    ($whose:expr) => {
        rows!(concat!($whose, " AND expires_at IS NOT NULL AND expires_at <= $3"))
    };
}
macro_rules! ending {
    ($whose:expr) => {
        concat!(
            "SELECT COUNT(*) FROM memories WHERE ",
            $whose,
            " AND deleted_at IS NULL AND expires_at IS NOT NULL AND expires_at > $3 AND expires_at <= $4"
        )
    };
}
macro_rules! own {
    () => {
        "workspace_id = $1 AND owner = $2"
    };
}
// What ends soon is found by its time, whatever the size of the workspace.
macro_rules! by_time {
    () => {
        "CAST(workspace_id AS TEXT) = $1 AND CAST($2 AS TEXT) IS NOT NULL"
    };
}

const OWN: &str = counters!(own!());
const WORKSPACE: &str = counters!("workspace_id = $1 AND CAST($2 AS TEXT) IS NOT NULL");
const OPEN: &str = counters!(trusted!(open!()));
const TEAMS: &str = counters!(trusted!(teams!()));
const EXPIRED_OWN: &str = expired!(own!());
const EXPIRED_WORKSPACE: &str = expired!(by_time!());
const EXPIRED_OPEN: &str = expired!(trusted!(open!()));
const EXPIRED_TEAMS: &str = expired!(trusted!(teams!()));
const GRANTED: &str = rows!(concat!(granted!(), " AND (expires_at IS NULL OR expires_at > $3)"));
const ENDING_OWN: &str = ending!(own!());
const ENDING_WORKSPACE: &str = ending!(by_time!());
const ENDING_OPEN: &str = ending!(trusted!(open!()));
const ENDING_TEAMS: &str = ending!(trusted!(teams!()));
const ENDING_GRANTED: &str = ending!(granted!());
const NEWEST: &str = "SELECT id FROM memories WHERE workspace_id = $1 AND deleted_at IS NULL \
     AND (expires_at IS NULL OR expires_at > $2) ORDER BY id DESC LIMIT $3";

/// Whose memories are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// The viewer's own.
    Own,
    /// What the viewer may see.
    Visible,
    /// Every row of the workspace.
    Workspace,
}

/// What rows are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sort {
    /// What sort of thing they hold.
    pub kind: Kind,
    /// Who may read them.
    pub access: Access,
    /// How far they are relied on.
    pub trust: Trust,
    /// How long they are kept.
    pub layer: Option<Layer>,
}

/// Rows and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub rows: i64,
    /// Bytes of their contents and values.
    pub bytes: i64,
}

fn add(tx: &Tx<'_>, workspace: WorkspaceId, memory: &Memory, (live, bytes): (i64, i64)) -> Result<()> {
    let row = args![
        workspace.to_string(),
        memory.owner.to_string(),
        memory.kind.as_str(),
        memory.access.as_str(),
        memory.team_id.map(|team| team.to_string()).unwrap_or_default(),
        memory.trust.as_str(),
        memory.layer.map(Layer::as_str).unwrap_or_default(),
        live,
        bytes,
    ];
    tx.change(MOVE, row).map(drop)
}

/// Keeps the counters in step with one row's change.
pub(super) fn moved(
    tx: &Tx<'_>,
    workspace: WorkspaceId,
    before: Option<&Memory>,
    after: Option<&Memory>,
) -> Result<()> {
    let counted = |memory: &&Memory| memory.deleted_at.is_none();
    let sort = |memory: &Memory| (memory.kind, memory.access, memory.team_id, memory.trust, memory.layer);
    match (before.filter(counted), after.filter(counted)) {
        (Some(old), Some(new)) if sort(old) == sort(new) => {
            let grown = size(new) - size(old);
            if grown == 0 { Ok(()) } else { add(tx, workspace, new, (0, grown)) }
        }
        (old, new) => {
            if let Some(old) = old {
                add(tx, workspace, old, (-1, -size(old)))?;
            }
            new.map_or(Ok(()), |new| add(tx, workspace, new, (1, size(new))))
        }
    }
}

/// Undeleted rows of an owner, those too that have expired and are not swept yet.
///
/// # Errors
/// Those of the store.
pub fn usage(tx: &Tx<'_>, scope: &Scope, owner: PrincipalId) -> Result<Count> {
    let found = tx.row(USAGE, args![scope.workspace().to_string(), owner.to_string()], |row| {
        Ok::<_, Error>(Count { rows: row.int(0)?, bytes: row.int(1)? })
    })?;
    Ok(found.unwrap_or_default())
}

fn read(row: &Row<'_>) -> Result<(Sort, Count)> {
    let layer = row.text_ref(3)?;
    let sort = Sort {
        kind: word(Kind::parse(row.text_ref(0)?))?,
        access: word(Access::parse(row.text_ref(1)?))?,
        trust: word(Trust::parse(row.text_ref(2)?))?,
        layer: if layer.is_empty() { None } else { Some(word(Layer::parse(layer))?) },
    };
    Ok((sort, Count { rows: row.int(4)?, bytes: row.int(5)? }))
}

/// Live rows by what they are; sorts without a row are left out.
///
/// # Errors
/// Those of the store.
pub fn live(tx: &Tx<'_>, scope: &Scope, of: Of, now: Timestamp) -> Result<BTreeMap<Sort, Count>> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    let timeless = args![workspace.as_str(), viewer.as_str()];
    let timed = args![workspace.as_str(), viewer.as_str(), now.micros()];
    let mut all: BTreeMap<Sort, Count> = BTreeMap::new();
    let mut take = |statement: &'static str, args: &[crate::Value<'_>], sign: i64| -> Result<()> {
        tx.each(statement, args, |row| {
            let (sort, count) = read(row)?;
            let sum = all.entry(sort).or_default();
            sum.rows += sign * count.rows;
            sum.bytes += sign * count.bytes;
            Ok(())
        })
    };
    match of {
        Of::Workspace => {
            take(WORKSPACE, timeless, 1)?;
            take(EXPIRED_WORKSPACE, timed, -1)?;
        }
        Of::Own | Of::Visible => {
            take(OWN, timeless, 1)?;
            take(EXPIRED_OWN, timed, -1)?;
        }
    }
    if of == Of::Visible {
        take(OPEN, timeless, 1)?;
        take(EXPIRED_OPEN, timed, -1)?;
        take(TEAMS, timeless, 1)?;
        take(EXPIRED_TEAMS, timed, -1)?;
        take(GRANTED, timed, 1)?;
    }
    all.retain(|_, count| count.rows != 0);
    Ok(all)
}

/// How many live rows expire until a moment.
///
/// # Errors
/// Those of the store.
pub fn expiring(tx: &Tx<'_>, scope: &Scope, of: Of, (now, until): (Timestamp, Timestamp)) -> Result<i64> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    let statements: &[&'static str] = match of {
        Of::Own => &[ENDING_OWN],
        Of::Visible => &[ENDING_OWN, ENDING_OPEN, ENDING_TEAMS, ENDING_GRANTED],
        Of::Workspace => &[ENDING_WORKSPACE],
    };
    let mut total = 0;
    for statement in statements {
        let args = args![workspace.as_str(), viewer.as_str(), now.micros(), until.micros()];
        total += tx.row(statement, args, |row| row.int(0))?.unwrap_or(0);
    }
    Ok(total)
}

/// The ids of the rows stored last in the workspace, newest first.
///
/// # Errors
/// Those of the store.
pub fn newest(tx: &Tx<'_>, scope: &Scope, limit: i64, now: Timestamp) -> Result<Vec<MemoryId>> {
    tx.rows(NEWEST, args![scope.workspace().to_string(), now.micros(), limit], |row| parsed(row.text_ref(0)?))
}
