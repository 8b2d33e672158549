//! Where imported objects came from: one row for each thing of another system that was brought in.

use types::{JobId, Timestamp};

use crate::{Result, Scope, Tx, args};

const FIND: &str = "SELECT object, digest FROM origins \
     WHERE workspace_id = $1 AND system = $2 AND noun = $3 AND source_id = $4";
const PUT: &str = "INSERT INTO origins (workspace_id, system, noun, source_id, object, digest, file_sha256, imported_at, \
     job_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (workspace_id, system, noun, source_id) DO UPDATE SET object = excluded.object, \
     digest = excluded.digest, file_sha256 = excluded.file_sha256, imported_at = excluded.imported_at, \
     job_id = excluded.job_id";

/// What a thing is called where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The other system, such as `mcp-memory`.
    pub system: &'a str,
    /// What sort of thing it is, such as `memory`.
    pub noun: &'a str,
    /// Its id there.
    pub id: &'a str,
}

/// What it became here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The id of the object.
    pub object: String,
    /// The digest of the source when it was last brought in.
    pub digest: String,
}

/// How it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The SHA-256 of the file it stood in; empty when the file was not named.
    pub file_sha256: &'a str,
    /// When.
    pub at: Timestamp,
    /// By which job.
    pub job: JobId,
}

/// What a thing of another system became in this workspace, if it was brought in before.
///
/// # Errors
/// Those of the store.
pub fn find(tx: &Tx<'_>, scope: &Scope, source: Source<'_>) -> Result<Option<Known>> {
    let args = args![scope.workspace().to_string(), source.system, source.noun, source.id];
    tx.row(FIND, args, |row| Ok(Known { object: row.text(0)?, digest: row.text(1)? }))
}

/// Notes where an object came from, in the place of an earlier note on the same source.
///
/// # Errors
/// Those of the store.
pub fn put(tx: &Tx<'_>, scope: &Scope, source: Source<'_>, known: &Known, arrival: Arrival<'_>) -> Result<()> {
    let row = args![
        scope.workspace().to_string(),
        source.system,
        source.noun,
        source.id,
        known.object.as_str(),
        known.digest.as_str(),
        arrival.file_sha256,
        arrival.at.micros(),
        arrival.job.to_string(),
    ];
    tx.change(PUT, row).map(drop)
}
