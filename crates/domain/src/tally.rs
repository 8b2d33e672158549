//! Counters that are written in batches, never on a call's own path: uses of keys, fetches of memories.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use store::{Everything, Tx, Verdict};
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
    agents: Counts<AgentId>,
    memories: Counts<MemoryId>,
}

fn count<K: Hash + Eq>(counts: &Counts<K>, key: K, now: Timestamp) {
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

    /// An agent called without a key.
    pub(crate) fn agent_called(&self, agent: AgentId, now: Timestamp) {
        count(&self.agents, agent, now);
    }

    /// A memory was fetched.
    pub(crate) fn fetched(&self, memory: MemoryId, now: Timestamp) {
        count(&self.memories, memory, now);
    }

    /// Writes what was counted; a batch that cannot be written is counted on.
    pub(crate) async fn flush(&self, app: &Arc<App>) -> Result<()> {
        let keys = write(&self.keys, app, |tx, reason, ((key, agent), times, last)| {
            store::keys::used(tx, reason, *key, *times, *last)?;
            Ok(store::agents::seen(tx, reason, *agent, *last)?)
        });
        keys.await?;
        let agents = write(&self.agents, app, |tx, reason, (agent, _, last)| {
            Ok(store::agents::seen(tx, reason, *agent, *last)?)
        });
        agents.await?;
        let memories = write(&self.memories, app, |tx, reason, (memory, times, last)| {
            Ok(store::memories::fetched(tx, reason, *memory, *times, *last)?)
        });
        memories.await
    }
}

/// Writes one count.
type One<K> = fn(&Tx<'_>, Everything, &(K, i64, Timestamp)) -> Result<()>;

/// Writes counts in batches; from the first batch that fails on, they are counted again.
async fn write<K>(counts: &Counts<K>, app: &App, one: One<K>) -> Result<()>
where
    K: Hash + Eq + Clone + Send + 'static,
{
    let reason = everything("the sweeper writes what was counted");
    let taken = take(counts);
    for (number, batch) in taken.chunks(BATCH).enumerate() {
        let batch = batch.to_vec();
        let written = app.store.write(move |tx| {
            batch.iter().try_for_each(|count| one(tx, reason, count))?;
            Ok::<_, Error>(Verdict::Done(()))
        });
        if let Err(error) = written.await {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, times, last) in taken.iter().skip(number * BATCH) {
                let entry = counts.entry(key.clone()).or_insert((0, *last));
                *entry = (entry.0 + times, entry.1.max(*last));
            }
            return Err(error);
        }
    }
    Ok(())
}
