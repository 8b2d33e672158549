//! One test per promise of the store, written against its public surface, so that every engine keeps the same ones.
//!
//! Not part of the library: `tests/<engine>/main.rs` includes this file, implements [`Engine`] and lists the promises
//! with `promises!`.

#[path = "conformance/announcements.rs"]
pub(crate) mod announcements;
#[path = "conformance/groups.rs"]
pub(crate) mod groups;
#[path = "conformance/migrations.rs"]
pub(crate) mod migrations;
#[path = "conformance/queues.rs"]
pub(crate) mod queues;
#[path = "conformance/snapshots.rs"]
pub(crate) mod snapshots;
#[path = "conformance/transactions.rs"]
pub(crate) mod transactions;

use std::{
    sync::{
        Mutex,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
};

use store::{Error, Migration, Options, Store, Tx, Verdict, args};

/// An engine under test, over one database that is empty at first.
pub(crate) trait Engine {
    /// Opens the database.
    fn open_with(&self, tune: impl FnOnce(&mut Options), migrations: &[Migration]) -> Result<Store, Error>;

    /// Grants the database what it uses now and a little more.
    fn starve(&self, store: &Store);

    /// Ends [`starve`](Self::starve).
    fn feed(&self, store: &Store);

    /// Opens the database with the tables of this suite.
    fn open(&self) -> Store {
        self.open_with(|_| (), ITEMS).unwrap()
    }
}

/// The tables most promises are tested with.
pub(crate) const ITEMS: &[Migration] = &[Migration {
    number: 1,
    name: "items",
    sql: "CREATE TABLE items (
              id BIGINT NOT NULL PRIMARY KEY, name TEXT, amount DOUBLE PRECISION, body BLOB, UNIQUE (name));
          CREATE TABLE parts (
              id BIGINT NOT NULL PRIMARY KEY, item BIGINT NOT NULL REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED);",
}];

/// The error of a closure: the store's, or its own.
#[derive(Debug)]
pub(crate) enum Failure {
    Store(Error),
    Own,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

pub(crate) type Answer<T> = Result<T, Failure>;

/// Adds an item.
pub(crate) fn add(tx: &Tx<'_>, id: i64) -> Answer<()> {
    tx.change("INSERT INTO items (id) VALUES ($1)", args![id])?;
    Ok(())
}

/// Adds an item in a transaction of its own, without a runtime.
pub(crate) fn insert(store: &Store, id: i64) -> Answer<()> {
    store.write_blocking(move |tx| {
        add(tx, id)?;
        Ok(Verdict::Done(()))
    })
}

/// The ids of all items, ascending.
pub(crate) fn ids(store: &Store) -> Vec<i64> {
    store.read_blocking(|tx| tx.rows("SELECT id FROM items ORDER BY id", args![], |row| row.int(0))).unwrap()
}

/// Keeps the writing thread busy until released, so that what a test queues meanwhile forms one group.
pub(crate) struct Held {
    release: Sender<()>,
    holder: JoinHandle<()>,
}

impl Held {
    /// Returns once the writing thread is inside the holding write.
    pub(crate) fn writer(store: &Store) -> Self {
        let (started, is_started) = channel();
        let (release, released) = channel();
        let released = Mutex::new(released);
        let store = store.clone();
        let holder = thread::spawn(move || {
            let held: Answer<()> = store.write_blocking(move |_| {
                started.send(()).unwrap();
                released.lock().unwrap().recv().unwrap();
                Ok(Verdict::Done(()))
            });
            held.unwrap();
        });
        is_started.recv().unwrap();
        Self { release, holder }
    }

    pub(crate) fn release(self) {
        self.release.send(()).unwrap();
        self.holder.join().unwrap();
    }
}

/// Waits, without a clock, until so many writes are queued.
pub(crate) fn wait_for_queued_writes(store: &Store, count: u64) {
    while store.statistics().queued_writes < count {
        thread::yield_now();
    }
}

/// Starts a write on a thread of its own.
pub(crate) fn start<T: Send + 'static>(
    store: &Store,
    f: impl Fn(&mut Tx<'_>) -> Answer<Verdict<T, Failure>> + Send + 'static,
) -> JoinHandle<Answer<T>> {
    let store = store.clone();
    thread::spawn(move || store.write_blocking(f))
}

/// Runs asynchronous test code.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Turns the promises into tests of one engine.
macro_rules! promises {
    ($engine:expr) => {
        $crate::conformance::promises! { $engine;
            transactions {
                a_write_is_seen_by_the_next_read
                a_read_sees_one_state
                an_error_keeps_nothing
                a_refusal_is_kept
                a_panic_harms_nobody
                a_taken_unique_value_is_a_conflict
                a_conflict_leaves_the_transaction_usable
                a_missing_reference_fails_the_write
                values_come_back_as_they_went_in
                a_read_cannot_change_anything
                a_wrong_column_is_an_internal_error
            }
            groups {
                waiting_writers_share_a_commit
                an_error_takes_back_only_its_own_write
                a_panic_takes_back_only_its_own_write
                a_late_constraint_fails_only_its_own_write
                a_full_disk_fails_only_the_write_it_stops
                nothing_slips_out_of_a_lost_transaction
                a_swallowed_loss_is_not_a_success
            }
            queues {
                a_full_queue_answers_overloaded
                a_late_write_is_not_run
                a_cancelled_write_is_not_run
                a_cancelled_read_is_not_run
                a_started_write_ends_without_its_caller
                closing_finishes_what_is_queued
                a_closed_store_is_unavailable
                asynchronous_calls_are_answered
            }
            announcements {
                only_what_is_committed_is_announced
                the_observer_sees_the_commit_before_the_answer
                the_observer_cannot_change_anything
                a_panicking_observer_harms_nobody
                there_is_one_observer
            }
            snapshots {
                a_snapshot_holds_what_was_answered_and_nothing_in_part
                a_snapshot_never_overwrites
            }
            migrations {
                migrations_are_applied_once_and_in_order
                a_changed_migration_is_refused
                a_migration_before_the_last_is_refused
                a_newer_database_is_refused
                a_failing_migration_keeps_the_ones_before_it
                a_migration_cannot_leave_a_dangling_reference
            }
        }
    };
    ($engine:expr; $($area:ident { $($promise:ident)* })*) => { $(
        mod $area {
            $(#[test] fn $promise() { crate::conformance::$area::$promise(&$engine); })*
        }
    )* };
}
pub(crate) use promises;
