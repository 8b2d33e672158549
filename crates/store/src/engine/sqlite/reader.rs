//! A reading thread: one job, one read transaction.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use rusqlite::Connection;

use super::{
    super::{Shared, job::Job},
    abandon, control,
};
use crate::{
    Error,
    tx::{Access, Tx},
};

pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// Works until the queue is closed and empty.
    pub(super) fn run(self) {
        let mut jobs = Vec::new();
        let counters = &self.shared.counters;
        counters.readers.fetch_add(1, Ordering::Relaxed);
        while self.shared.reads.take(1, &mut jobs) {
            for job in jobs.drain(..) {
                counters.busy_readers.fetch_add(1, Ordering::Relaxed);
                let ran = catch_unwind(AssertUnwindSafe(|| self.job(job)));
                if ran.is_err() {
                    tracing::error!("a reading thread caught a panic");
                    abandon(&self.connection);
                }
                counters.busy_readers.fetch_sub(1, Ordering::Relaxed);
            }
        }
        counters.readers.fetch_sub(1, Ordering::Relaxed);
    }

    fn job(&self, mut job: Box<dyn Job>) {
        if !job.start() {
            return;
        }
        let fault = match control(&self.connection, "BEGIN") {
            Ok(()) => {
                job.run(&mut Tx::new(&self.connection, Access::Read));
                abandon(&self.connection);
                None
            }
            Err(error) => Some(Error::sqlite("begin a read", error)),
        };
        self.shared.counters.reads.fetch_add(1, Ordering::Relaxed);
        job.answer(fault);
    }
}
