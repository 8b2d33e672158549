//! What the metrics page shows about the database.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use types::histogram::{Distribution, Histogram};

/// Upper bounds of how many writes share a commit; the largest group has 256.
const GROUP_BOUNDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Upper bounds of how long a commit takes, in microseconds.
const COMMIT_BOUNDS: &[u64] = &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 1_000_000];

/// Counters since the store was opened, and the present length of its queues.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    /// Reading threads.
    pub readers: u64,
    /// Reading threads that are at work.
    pub busy_readers: u64,
    /// Commits by how many writes shared them.
    pub group_sizes: Distribution,
    /// Commits by how long they took, in microseconds: the sync of the log, without the statements before it.
    pub commit_micros: Distribution,
}

/// What the files of a database take on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of the log beside it.
    pub log_bytes: u64,
}

#[derive(Debug)]
pub(super) struct Counters {
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) readers: AtomicU64,
    pub(super) busy_readers: AtomicU64,
    group_sizes: Histogram,
    commit_micros: Histogram,
    largest_group: AtomicU64,
    pub(super) reruns: AtomicU64,
    pub(super) refused: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            readers: AtomicU64::new(0),
            busy_readers: AtomicU64::new(0),
            group_sizes: Histogram::new(GROUP_BOUNDS),
            commit_micros: Histogram::new(COMMIT_BOUNDS),
            largest_group: AtomicU64::new(0),
            reruns: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// Notes a commit of `writes`.
    pub(super) fn committed(&self, writes: usize, took: Duration) {
        self.group_sizes.count(count(writes));
        self.commit_micros.count(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.largest_group.fetch_max(count(writes), Ordering::Relaxed);
    }

    /// Notes `writes` that are about to be answered.
    pub(super) fn answered(&self, writes: usize) {
        self.writes.fetch_add(count(writes), Ordering::Relaxed);
    }

    pub(super) fn read(&self, queued_reads: usize, queued_writes: usize) -> Statistics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let group_sizes = self.group_sizes.read();
        Statistics {
            reads: get(&self.reads),
            writes: get(&self.writes),
            groups: group_sizes.counts.iter().sum(),
            largest_group: get(&self.largest_group),
            reruns: get(&self.reruns),
            refused: get(&self.refused),
            queued_reads: count(queued_reads),
            queued_writes: count(queued_writes),
            readers: get(&self.readers),
            busy_readers: get(&self.busy_readers),
            group_sizes,
            commit_micros: self.commit_micros.read(),
        }
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
