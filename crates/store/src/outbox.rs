//! The outbox: what changed, in the order it was committed. Indexes and live feeds follow it.

use types::{Timestamp, WorkspaceId};

use crate::{Announcement, Everything, Result, Tx, args};

const INSERT: &str = "INSERT INTO outbox (workspace_id, seq, at, kind, object) VALUES ($1, $2, $3, $4, $5)";
const PRUNE: &str = "DELETE FROM outbox WHERE at < $1";

/// Appends a row and announces it once it is durable.
///
/// # Errors
/// Those of the store.
pub fn append(
    tx: &mut Tx<'_>,
    workspace: WorkspaceId,
    sequence: i64,
    at: Timestamp,
    event: (&'static str, String),
) -> Result<()> {
    let (kind, object) = event;
    tx.change(INSERT, args![workspace.to_string(), sequence, at.micros(), kind, object.as_str()])?;
    tx.announce(Announcement { workspace: workspace.to_string(), sequence, kind, object });
    Ok(())
}

/// Drops rows older than a moment.
///
/// # Errors
/// Those of the store.
pub fn prune(tx: &Tx<'_>, _: Everything, before: Timestamp) -> Result<u64> {
    tx.change(PRUNE, args![before.micros()])
}
