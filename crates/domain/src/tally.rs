//! Counters that are written in batches, never on a call's own path: uses of keys, fetches of memories.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use store::Verdict;
use types::{AgentId, KeyId, MemoryId, Timestamp};

use crate::{App, Error, Result, access::everything};

/// Objects counted between two flushes at most; past that, further ones are not counted.
const BOUND: usize = 100_000;
/// Rows written in one transaction at most, so that writers wait little.
const BATCH: usize = 500;

type Counts<K> = Mutex<HashMap<K, (i64, Timestamp)>>;

/// What has been counted since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    keys: Counts<(KeyId, AgentId)>,
    memories: Counts<MemoryId>,
}

fn count<K: std::hash::Hash + Eq>(counts: &Counts<K>, key: K, now: Timestamp) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    if counts.len() < BOUND || counts.contains_key(&key) {
        let entry = counts.entry(key).or_insert((0, now));
        *entry = (entry.0 + 1, now.max(entry.1));
    }
}

fn take<K>(counts: &Counts<K>) -> Vec<(K, i64, Timestamp)> {
    let taken = std::mem::take(&mut *counts.lock().unwrap_or_else(PoisonError::into_inner));
    taken.into_iter().map(|(key, (times, last))| (key, times, last)).collect()
}

impl Tally {
    /// A key was used.
    pub(crate) fn key_used(&self, key: KeyId, agent: AgentId, now: Timestamp) {
        count(&self.keys, (key, agent), now);
    }

    /// A memory was fetched.
    pub(crate) fn fetched(&self, memory: MemoryId, now: Timestamp) {
        count(&self.memories, memory, now);
    }

    /// Writes what was counted.
    pub(crate) async fn flush(&self, app: &Arc<App>) -> Result<()> {
        let reason = everything("the sweeper writes what was counted");
        for batch in take(&self.keys).chunks(BATCH) {
            let batch = batch.to_vec();
            app.store
                .write(move |tx| {
                    for ((key, agent), times, last) in &batch {
                        store::keys::used(tx, reason, *key, *times, *last)?;
                        store::agents::seen(tx, reason, *agent, *last)?;
                    }
                    Ok::<_, Error>(Verdict::Done(()))
                })
                .await?;
        }
        for batch in take(&self.memories).chunks(BATCH) {
            let batch = batch.to_vec();
            app.store
                .write(move |tx| {
                    for (memory, times, last) in &batch {
                        store::memories::fetched(tx, reason, *memory, *times, *last)?;
                    }
                    Ok::<_, Error>(Verdict::Done(()))
                })
                .await?;
        }
        Ok(())
    }
}
