//! A bounded queue from many callers to a few database threads.
//!
//! The bound is a semaphore, so a caller waits for room without a thread; whether it may go on waiting is the
//! caller's business (a deadline). Threads take what is there in one go.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

pub(super) struct Queue<J> {
    room: Semaphore,
    waiting: Mutex<Waiting<J>>,
    filled: Condvar,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    is_closed: bool,
}

impl<J> Queue<J> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            room: Semaphore::new(bound.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: Mutex::new(Waiting { jobs: VecDeque::new(), is_closed: false }),
            filled: Condvar::new(),
        }
    }

    /// Waits for room; `None` once the queue is closed. Dropping the permit gives the room back.
    pub(super) async fn room(&self) -> Option<SemaphorePermit<'_>> {
        self.room.acquire().await.ok()
    }

    /// Queues `job`; hands it back if the queue is closed.
    pub(super) fn push(&self, room: SemaphorePermit<'_>, job: J) -> Result<(), J> {
        let mut waiting = self.lock();
        if waiting.is_closed {
            return Err(job);
        }
        room.forget();
        waiting.jobs.push_back(job);
        drop(waiting);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for work and takes up to `most` jobs; `false` once the queue is closed and empty.
    pub(super) fn take(&self, most: usize, into: &mut Vec<J>) -> bool {
        let waiting = self.lock();
        let mut waiting = self
            .filled
            .wait_while(waiting, |waiting| waiting.jobs.is_empty() && !waiting.is_closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = waiting.jobs.len().min(most.max(1));
        into.extend(waiting.jobs.drain(..count));
        drop(waiting);
        self.room.add_permits(count);
        count > 0
    }

    /// No more jobs; what is queued is still done.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.room.close();
        self.filled.notify_all();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
