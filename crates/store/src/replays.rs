//! Answers kept for repeats of a call with the same `Idempotency-Key`.

use types::Timestamp;

use crate::{Everything, Result, Scope, Tx, args};

/// The kept answer of a call.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The digest of operation and input.
    pub body_hash: Vec<u8>,
    /// The object it touched first.
    pub object: Option<String>,
    /// Its answer as JSON; none when that held a secret, or something that was purged.
    pub answer: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

const FIND: &str = "SELECT body_hash, object, answer, created_at FROM replays \
     WHERE workspace_id = $1 AND principal = $2 AND key = $3";
const FORGET: &str = "DELETE FROM replays WHERE workspace_id = $1 AND principal = $2 AND key = $3";
const INSERT: &str = "INSERT INTO replays (workspace_id, principal, key, body_hash, object, answer, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const BLANK: &str = "UPDATE replays SET answer = NULL WHERE workspace_id = $1 AND answer LIKE $2";
const PRUNE: &str = "DELETE FROM replays WHERE created_at < $1";

/// The kept answer for a key of the scope's viewer.
///
/// # Errors
/// Those of the store.
pub fn find(tx: &Tx<'_>, scope: &Scope, key: &str) -> Result<Option<Replay>> {
    tx.row(FIND, args![scope.workspace().to_string(), scope.viewer().to_string(), key], |row| {
        Ok(Replay {
            body_hash: row.bytes(0)?,
            object: row.opt_text(1)?,
            answer: row.opt_text(2)?,
            created_at: Timestamp::from_micros(row.int(3)?),
        })
    })
}

/// Keeps an answer, in place of one that has grown old.
///
/// # Errors
/// Those of the store.
pub fn keep(tx: &Tx<'_>, scope: &Scope, key: &str, replay: &Replay) -> Result<()> {
    let (workspace, viewer) = (scope.workspace().to_string(), scope.viewer().to_string());
    tx.change(FORGET, args![workspace.as_str(), viewer.as_str(), key])?;
    tx.change(
        INSERT,
        args![
            workspace,
            viewer,
            key,
            &replay.body_hash[..],
            replay.object.as_deref(),
            replay.answer.as_deref(),
            replay.created_at.micros(),
        ],
    )?;
    Ok(())
}

/// Drops every answer of the scope's workspace that names an object; that the calls were made is remembered.
///
/// # Errors
/// Those of the store.
pub fn blank(tx: &Tx<'_>, scope: &Scope, object: &str) -> Result<u64> {
    tx.change(BLANK, args![scope.workspace().to_string(), format!("%{object}%")])
}

/// Drops answers older than a moment.
///
/// # Errors
/// Those of the store.
pub fn prune(tx: &Tx<'_>, _: Everything, before: Timestamp) -> Result<u64> {
    tx.change(PRUNE, args![before.micros()])
}
