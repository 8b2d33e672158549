//! The handle of a database: closures in, answers out.

mod counters;
mod job;
mod queue;
mod snapshot;
mod sqlite;
mod threads;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;
use types::Timestamp;

use self::{
    counters::Counters,
    job::{Call, Job, Timer},
    queue::Queue,
    threads::Threads,
};
use crate::{Announcement, Error, Migration, Result, Tx, Verdict};

pub(crate) use self::sqlite::{copy, open_for_reading};
pub use self::{
    counters::{Sizes, Statistics},
    snapshot::Snapshot,
    sqlite::Inspection,
};

/// How to open a [`Store`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the database lives; created with mode 0700 if missing.
    pub directory: PathBuf,
    /// When it is opened: written beside migrations and into the names of backups.
    pub now: Timestamp,
    /// Reading threads.
    pub readers: usize,
    /// How many reads, and how many writes, may wait; callers beyond that wait for room.
    pub queue: usize,
    /// How many writes share one commit at most.
    pub group: usize,
    /// How long a call may wait to be started before it is answered [`Error::Overloaded`].
    pub wait: Duration,
}

impl Options {
    /// Two readers, 1,024 jobs, 256 writes in a group, 5 seconds.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, now: Timestamp) -> Self {
        Self { directory: directory.into(), now, readers: 2, queue: 1024, group: 256, wait: Duration::from_secs(5) }
    }
}

/// The longest wait: one that the clock cannot add up is cut to it.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Told what became durable, before the writers are answered: keeps indexes in memory in step.
pub trait Observer: Send + Sync {
    /// Called on the writing thread after a commit with announcements in it. `tx` is read-only and sees the committed
    /// state; if it cannot be opened its statements fail, and what is kept in memory must be marked as stale.
    /// The callers of this and all later writes wait meanwhile. A panic is logged and otherwise without effect.
    fn committed(&self, tx: &Tx<'_>, announcements: &[Announcement]);
}

/// A handle of an open database; cheap to clone. The last handle dropped closes it like [`Store::close`].
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// What every thread of a store and every handle share.
struct Shared {
    reads: Queue<Box<dyn Job>>,
    writes: Queue<Box<dyn Job>>,
    counters: Counters,
    observer: OnceLock<Arc<dyn Observer>>,
}

struct Inner {
    shared: Arc<Shared>,
    directory: PathBuf,
    wait: Duration,
    readers: Threads,
    writer: Threads,
}

impl Store {
    /// Opens (or creates) the database in a directory, applies `migrations` and starts the threads. Blocks.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Unsafe`], [`Error::NewerSchema`], [`Error::MigrationChanged`], [`Error::Corrupt`]
    /// and those of the file system; the database is then as it was, except for the migrations that went through.
    pub fn open(options: Options, migrations: &[Migration]) -> Result<Self> {
        let shared = Arc::new(Shared {
            reads: Queue::new(options.queue),
            writes: Queue::new(options.queue),
            counters: Counters::default(),
            observer: OnceLock::new(),
        });
        let (readers, writer) = sqlite::open(&options, migrations, &shared)?;
        let directory = options.directory;
        Ok(Self { inner: Arc::new(Inner { shared, directory, wait: options.wait, readers, writer }) })
    }

    /// Runs `f` in a read transaction: all its statements see the same state, the newest when it reads first.
    ///
    /// Dropping the future before `f` was started cancels it. Needs a Tokio runtime with its timer.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Overloaded`] if it was not started in time.
    pub async fn read<T, E>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.call(&self.inner.shared.reads, Timer::Runtime).read(f).await
    }

    /// Runs `f` in a transaction that is committed with others; the answer comes after the commit is on the disk.
    ///
    /// `f` may be run again if its transaction is lost, so it must have no effect but on `tx`. Dropping the future
    /// before `f` was started cancels it; afterwards it runs to its end. Needs a Tokio runtime with its timer.
    ///
    /// # Errors
    /// Those of `f`, after which nothing it did is kept; [`Error::Overloaded`] if it was not started in time;
    /// [`Error::Unavailable`] or [`Error::StorageFull`] if the commit failed.
    pub async fn write<T, E>(
        &self,
        f: impl Fn(&mut Tx<'_>) -> Result<Verdict<T, E>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.call(&self.inner.shared.writes, Timer::Runtime).write(f).await
    }

    /// [`read`](Self::read) for commands without a runtime.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_blocking<T, E>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let call = self.call(&self.inner.shared.reads, Timer::Thread);
        job::block_on(call.deadline, call.read(f))
    }

    /// [`write`](Self::write) for commands without a runtime.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub fn write_blocking<T, E>(
        &self,
        f: impl Fn(&mut Tx<'_>) -> Result<Verdict<T, E>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let call = self.call(&self.inner.shared.writes, Timer::Thread);
        job::block_on(call.deadline, call.write(f))
    }

    /// Copies the database as it is at one moment into a new file at `path` (mode 0600, complete and on the disk when this
    /// answers), while reads and writes go on: every write answered before is in it, and none in part. Takes a thread and
    /// a connection of its own; until it is done the log beside the database only grows. The file's directory is made
    /// (mode 0700) if it is missing.
    ///
    /// Dropping the future lets the copy run to its end and then removes it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the file is there already, [`Error::StorageFull`], and those of the database; no file
    /// is left then.
    pub async fn snapshot(&self, path: PathBuf) -> Result<Snapshot> {
        let (done, answer) = oneshot::channel();
        let directory = self.inner.directory.clone();
        std::thread::Builder::new()
            .name("store-snapshot".to_owned())
            .spawn(move || {
                // A copy that nobody waits for any more is dropped here, and the file with it.
                let _ = done.send(sqlite::snapshot(&directory, &path));
            })
            .map_err(|error| Error::file("start a thread for a copy of the database", error))?;
        answer.await.unwrap_or(Err(Error::internal("the thread of a copy of the database panicked")))
    }

    /// Where the database lives.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// Sets the observer, once in the life of the store.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is one already.
    pub fn observe(&self, observer: Arc<dyn Observer>) -> Result<()> {
        let slot = &self.inner.shared.observer;
        slot.set(observer).map_err(|_| Error::internal("the store has an observer already"))
    }

    /// Counters since the store was opened.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let shared = &self.inner.shared;
        shared.counters.read(shared.reads.len(), shared.writes.len())
    }

    /// What the files of the database take on the disk. Asks the file system.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sizes(&self) -> Result<Sizes> {
        sqlite::sizes(&self.inner.directory)
    }

    /// Refuses new work on every handle, finishes what is queued, moves the log into the database and lets the
    /// directory go. Blocks; must not be called inside a closure of this store.
    ///
    /// # Errors
    /// If the log could not be moved; nothing is lost, the next opening does it.
    pub fn close(self) -> Result<()> {
        self.inner.close()
    }

    fn call<'q>(&'q self, queue: &'q Queue<Box<dyn Job>>, timer: Timer) -> Call<'q> {
        let now = Instant::now();
        let deadline = now.checked_add(self.inner.wait).unwrap_or(now + FOREVER);
        Call { queue, deadline, timer, refused: &self.inner.shared.counters.refused }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Inner {
    /// Readers first: the log can be moved as a whole only when nobody reads it.
    fn close(&self) -> Result<()> {
        self.shared.reads.close();
        let readers = self.readers.join();
        self.shared.writes.close();
        self.writer.join().and(readers)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(error = %error, "the database was not closed cleanly");
        }
    }
}
