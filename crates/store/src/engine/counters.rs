//! What the metrics page shows about the database.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the store was opened, and the present length of its queues.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Reads that were run.
    pub reads: u64,
    /// Writes that were answered after their transaction.
    pub writes: u64,
    /// Commits: each is one sync of the log.
    pub groups: u64,
    /// The most writes that shared a commit.
    pub largest_group: u64,
    /// Writes that were run again, alone, because their group was lost.
    pub reruns: u64,
    /// Calls answered [`Error::Overloaded`](crate::Error::Overloaded).
    pub refused: u64,
    /// Reads waiting for a thread.
    pub queued_reads: u64,
    /// Writes waiting for the thread.
    pub queued_writes: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) largest_group: AtomicU64,
    pub(super) reruns: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Counters {
    /// Notes a commit of `writes`.
    pub(super) fn committed(&self, writes: usize) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.largest_group.fetch_max(count(writes), Ordering::Relaxed);
    }

    /// Notes `writes` that are about to be answered.
    pub(super) fn answered(&self, writes: usize) {
        self.writes.fetch_add(count(writes), Ordering::Relaxed);
    }

    pub(super) fn read(&self, queued_reads: usize, queued_writes: usize) -> Statistics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            reads: get(&self.reads),
            writes: get(&self.writes),
            groups: get(&self.groups),
            largest_group: get(&self.largest_group),
            reruns: get(&self.reruns),
            refused: get(&self.refused),
            queued_reads: count(queued_reads),
            queued_writes: count(queued_writes),
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
