//! The writing thread: group commit.
//!
//! It takes whatever is queued, runs each job in a savepoint of one transaction, commits with one sync and only then
//! answers. SQLite may give up the *whole* transaction when a statement fails (a full disk, an I/O error); then nothing
//! of the group is durable, nobody has been answered, and each job is run again in a transaction of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};

use super::{
    super::{
        Shared,
        job::{End, Job},
    },
    abandon, control,
};
use crate::{
    Announcement, Error, Result,
    tx::{Access, Aftermath, Tx},
};

pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
    pub(super) group: usize,
}

/// How a group ended.
enum Ended {
    /// Durable after so long a commit; this is left to do.
    Committed(Aftermath, Duration),
    /// Nothing is kept; everybody gets this answer.
    Failed(Error),
    /// Nothing is kept; each job is to be tried alone.
    Lost,
}

impl Writer {
    /// Works until the queue is closed and empty, then moves the log into the database.
    pub(super) fn run(self) -> Result<()> {
        let mut jobs = Vec::new();
        while self.shared.writes.take(self.group, &mut jobs) {
            let group = std::mem::take(&mut jobs);
            let ran = catch_unwind(AssertUnwindSafe(|| self.group(group)));
            if ran.is_err() {
                tracing::error!("the writing thread caught a panic");
                abandon(&self.connection);
            }
        }
        self.finish()
    }

    fn group(&self, mut jobs: Vec<Box<dyn Job>>) {
        jobs.retain_mut(|job| job.start());
        if jobs.len() < 2 {
            jobs.into_iter().for_each(|job| self.alone(job));
            return;
        }
        let fault = match self.together(&mut jobs) {
            Ended::Committed(aftermath, took) => {
                self.shared.counters.committed(jobs.len(), took);
                self.settle(&aftermath);
                None
            }
            Ended::Failed(error) => Some(error),
            Ended::Lost => {
                abandon(&self.connection);
                self.shared.counters.reruns.fetch_add(u64::try_from(jobs.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
                jobs.into_iter().for_each(|job| self.alone(job));
                return;
            }
        };
        self.shared.counters.answered(jobs.len());
        for job in jobs {
            job.answer(fault.clone());
        }
    }

    /// All jobs in one transaction.
    fn together(&self, jobs: &mut [Box<dyn Job>]) -> Ended {
        if let Err(error) = self.begin() {
            return Ended::Failed(error);
        }
        let mut aftermath = Aftermath::default();
        for job in jobs {
            if self.in_savepoint(&mut **job, &mut aftermath).is_none() {
                return Ended::Lost;
            }
        }
        let began = Instant::now();
        match control(&self.connection, "COMMIT") {
            Ok(()) => Ended::Committed(aftermath, began.elapsed()),
            Err(error) => {
                abandon(&self.connection);
                // A deferred constraint is the fault of one job, not of the group.
                if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
                    return Ended::Lost;
                }
                Ended::Failed(Error::sqlite("commit", error))
            }
        }
    }

    /// One job in a savepoint of the open transaction; `None` if the transaction is gone or cannot be trusted.
    fn in_savepoint(&self, job: &mut dyn Job, aftermath: &mut Aftermath) -> Option<()> {
        control(&self.connection, "SAVEPOINT job").ok()?;
        let mut tx = Tx::new(&self.connection, Access::Write);
        let end = job.run(&mut tx);
        // Asked after success too: a closure may have swallowed the error that ended the transaction.
        if self.connection.is_autocommit() {
            return None;
        }
        match end {
            End::Keep => aftermath.add(tx.into_aftermath()),
            End::Undo => control(&self.connection, "ROLLBACK TO job").ok()?,
        }
        control(&self.connection, "RELEASE job").ok()
    }

    /// One job in a transaction of its own, answered.
    fn alone(&self, mut job: Box<dyn Job>) {
        let fault = match self.begin() {
            Ok(()) => self.alone_begun(&mut *job).err(),
            Err(error) => Some(error),
        };
        self.shared.counters.answered(1);
        job.answer(fault);
    }

    fn alone_begun(&self, job: &mut dyn Job) -> Result<()> {
        let mut tx = Tx::new(&self.connection, Access::Write);
        let end = job.run(&mut tx);
        let aftermath = tx.into_aftermath();
        match end {
            End::Undo => abandon(&self.connection),
            End::Keep if self.connection.is_autocommit() => {
                return Err(Error::unavailable("the transaction was lost"));
            }
            End::Keep => {
                let began = Instant::now();
                control(&self.connection, "COMMIT").map_err(|error| {
                    abandon(&self.connection);
                    Error::sqlite("commit", error)
                })?;
                self.shared.counters.committed(1, began.elapsed());
                self.settle(&aftermath);
            }
        }
        Ok(())
    }

    /// Does what is left to do of what is durable now, before the writers are answered.
    fn settle(&self, aftermath: &Aftermath) {
        self.observe(&aftermath.announcements);
        if aftermath.scrub {
            match self.empty_log() {
                Ok(true) => {}
                Ok(false) => tracing::warn!("a reader keeps the log from being emptied; a later checkpoint does it"),
                Err(error) => tracing::warn!(error = %error, "the log was not emptied; a later checkpoint does it"),
            }
        }
    }

    /// Moves the log into the database and cuts it; false when a reader is in the way.
    fn empty_log(&self) -> Result<bool> {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        Ok(moved.map_err(|error| Error::sqlite("move the log into the database", error))? == 0)
    }

    fn begin(&self) -> Result<()> {
        abandon(&self.connection);
        control(&self.connection, "BEGIN IMMEDIATE").map_err(|error| Error::sqlite("begin a write", error))
    }

    /// Tells the observer what is durable now. Whatever it does, the writers get their answers.
    fn observe(&self, announcements: &[Announcement]) {
        let Some(observer) = self.shared.observer.get() else { return };
        if announcements.is_empty() {
            return;
        }
        if let Err(error) = control(&self.connection, "BEGIN") {
            tracing::error!(error = %error, "the observer cannot read what was committed");
        }
        let tx = Tx::new(&self.connection, Access::Read);
        let observed = catch_unwind(AssertUnwindSafe(|| observer.committed(&tx, announcements)));
        if observed.is_err() {
            tracing::error!("the observer panicked");
        }
        abandon(&self.connection);
    }

    fn finish(self) -> Result<()> {
        let is_empty = self.empty_log()?;
        self.connection.close().map_err(|(_, error)| Error::sqlite("close the database", error))?;
        if !is_empty {
            return Err(Error::unavailable("move the log into the database"));
        }
        Ok(())
    }
}
