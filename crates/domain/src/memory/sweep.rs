//! Frees the space of what has ended. Nothing here decides what anybody sees: expiry and deletion are judged on every read.

use std::{collections::BTreeMap, sync::Arc};

use store::{Verdict, memories::gone};
use types::{MemoryId, WorkspaceId};

use super::delete::RESTORABLE_SECS;
use crate::{App, Error, Result, access::everything, ledger};

/// Rows removed in one transaction.
const BATCH: i64 = 200;
/// Transactions of one sweep, so that a sweep stays short; the next one goes on.
const BATCHES: usize = 25;
/// How long it is remembered that a memory was deleted, in seconds: a year.
const REMEMBERED_SECS: i64 = 31_536_000;

/// Removes expired rows, and deleted ones that can no longer be restored.
pub(crate) async fn sweep(app: &Arc<App>) -> Result<()> {
    for _ in 0..BATCHES {
        let inner = Arc::clone(app);
        let swept = app.store.write(move |tx| Ok::<_, Error>(Verdict::Done(batch(&inner, tx)?)));
        if swept.await? < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
    Ok(())
}

fn batch(app: &App, tx: &mut store::Tx<'_>) -> Result<usize> {
    let (now, reason) = (app.now(), everything("the sweeper frees the space of what has ended"));
    let expired = gone::sweep_expired(tx, reason, now, BATCH)?;
    let deleted = gone::sweep_deleted(tx, reason, now.plus_secs(-RESTORABLE_SECS), BATCH)?;
    gone::sweep_tombstones(tx, reason, now.plus_secs(-REMEMBERED_SECS))?;
    let swept = expired.len().max(deleted);
    let mut places: BTreeMap<WorkspaceId, Vec<MemoryId>> = BTreeMap::new();
    for (workspace, memory) in expired {
        places.entry(workspace).or_default().push(memory);
    }
    for (workspace, memories) in places {
        let events = memories.into_iter().map(|memory| ("memory.expired", memory.to_string())).collect();
        ledger::announce(tx, workspace, now, events)?;
    }
    Ok(swept)
}
