//! Backups: the copy they are made of, and what holds after one was restored (contract places.md §7).

use std::sync::Arc;

use store::Verdict;
use types::BackupId;

use crate::{
    App, Error, Result,
    access::everything,
    ledger::{self, Draft},
};

pub mod snapshot;

/// The folder of the data directory that copies are made in.
pub const FOLDER: &str = "backups";
/// How the name of a copy begins that is not sealed yet.
pub const UNSEALED: &str = "snapshot-";

/// To be called once on a restored database, before anybody is served: suspends every API key, because revocations newer
/// than the backup are unknown, and notes the restore in the audit log of every workspace. How many keys were suspended.
///
/// # Errors
/// Those of the store; nothing is changed then.
pub async fn restored(app: &Arc<App>, backup: BackupId) -> Result<u64> {
    let (inner, now) = (Arc::clone(app), app.now());
    app.store
        .write(move |tx| {
            let reason = everything("a restore suspends the keys of every workspace and is noted in each");
            let suspended = store::keys::suspend_all(tx, reason, now)?;
            for workspace in store::workspaces::list(tx, reason)? {
                let mut row = Draft::system("backup.restored", now);
                row.object = Some(backup.to_string());
                row.severity = "warning";
                ledger::append(&inner, tx, workspace.id, row, Vec::new())?;
            }
            Ok::<_, Error>(Verdict::Done(suspended))
        })
        .await
}
