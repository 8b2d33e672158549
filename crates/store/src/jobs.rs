//! Long work that goes on between calls: imports, reindexing. One row a job, with its progress.

use serde_json::{Map, Value};
use types::{JobId, PrincipalId, Timestamp, WorkspaceId};

use crate::{
    Everything, Result, Row, Scope, Tx, args,
    row::{json, parsed, to_json},
};

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Where it works.
    pub workspace: WorkspaceId,
    /// What sort of work it is.
    pub kind: String,
    /// `queued`, `running`, `completed`, `partial`, `failed` or `cancelled`.
    pub state: String,
    /// What it is to do.
    pub spec: Map<String, Value>,
    /// How far it is.
    pub progress: Map<String, Value>,
    /// Who asked for it.
    pub created_by: PrincipalId,
    /// When.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

const INSERT: &str = "INSERT INTO jobs (id, workspace_id, kind, state, spec, progress, created_by, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const GET: &str = "SELECT id, workspace_id, kind, state, spec, progress, created_by, created_at, updated_at FROM jobs \
     WHERE workspace_id = $1 AND id = $2";
const OPEN_HERE: &str = "SELECT id, workspace_id, kind, state, spec, progress, created_by, created_at, updated_at \
     FROM jobs WHERE workspace_id = $1 AND kind = $2 AND state IN ('queued', 'running') ORDER BY id LIMIT 1";
const OPEN: &str = "SELECT id, workspace_id, kind, state, spec, progress, created_by, created_at, updated_at \
     FROM jobs WHERE kind = $1 AND state IN ('queued', 'running') ORDER BY id LIMIT 1";
const MOVE: &str = "UPDATE jobs SET state = $1, progress = $2, updated_at = $3 WHERE id = $4 AND workspace_id = $5";

fn read(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        id: parsed(row.text_ref(0)?)?,
        workspace: parsed(row.text_ref(1)?)?,
        kind: row.text(2)?,
        state: row.text(3)?,
        spec: json(row.text_ref(4)?)?,
        progress: json(row.text_ref(5)?)?,
        created_by: parsed(row.text_ref(6)?)?,
        created_at: Timestamp::from_micros(row.int(7)?),
        updated_at: Timestamp::from_micros(row.int(8)?),
    })
}

/// Adds a job.
///
/// # Errors
/// Those of the store.
pub fn insert(tx: &Tx<'_>, scope: &Scope, job: &Job) -> Result<()> {
    let row = args![
        job.id.to_string(),
        scope.workspace().to_string(),
        job.kind.as_str(),
        job.state.as_str(),
        to_json(&job.spec)?,
        to_json(&job.progress)?,
        job.created_by.to_string(),
        job.created_at.micros(),
        job.updated_at.micros(),
    ];
    tx.change(INSERT, row).map(drop)
}

/// One job of the workspace.
///
/// # Errors
/// Those of the store.
pub fn get(tx: &Tx<'_>, scope: &Scope, id: JobId) -> Result<Option<Job>> {
    tx.row(GET, args![scope.workspace().to_string(), id.to_string()], read)
}

/// The workspace's oldest job of a kind that is not over.
///
/// # Errors
/// Those of the store.
pub fn open_here(tx: &Tx<'_>, scope: &Scope, kind: &str) -> Result<Option<Job>> {
    tx.row(OPEN_HERE, args![scope.workspace().to_string(), kind], read)
}

/// The oldest job of a kind that is not over, wherever it works.
///
/// # Errors
/// Those of the store.
pub fn open(tx: &Tx<'_>, _: Everything, kind: &str) -> Result<Option<Job>> {
    tx.row(OPEN, args![kind], read)
}

/// Writes down how far a job is.
///
/// # Errors
/// Those of the store.
pub fn advance(tx: &Tx<'_>, scope: &Scope, job: &Job) -> Result<()> {
    let row = args![
        job.state.as_str(),
        to_json(&job.progress)?,
        job.updated_at.micros(),
        job.id.to_string(),
        scope.workspace().to_string(),
    ];
    tx.change(MOVE, row).map(drop)
}
