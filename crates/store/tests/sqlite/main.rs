//! The embedded engine keeps the promises of the conformance suite, and those that only files can break.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod child;
#[path = "../../src/conformance.rs"]
mod conformance;
mod crash;
mod directory;
mod faults;
mod inspection;
mod lists;
mod offline;
mod plans;
mod teams;

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path};

use conformance::{Answer, Engine, promises};
use store::{Error, Migration, Options, Store, Verdict, args};
use tempfile::TempDir;
use types::Timestamp;

/// A new directory that only we can enter.
fn tempdir() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// SQLite in a directory of its own.
struct Sqlite(TempDir);

impl Sqlite {
    fn new() -> Self {
        Self(tempdir())
    }
}

/// How a directory is opened in these tests.
fn options(directory: &Path) -> Options {
    Options::new(directory, Timestamp::from_micros(1_790_000_000_000_000))
}

fn limit_pages(store: &Store, limit: impl Fn(i64) -> &'static str + Send + 'static) {
    let limited: Answer<()> = store.write_blocking(move |tx| {
        let pages = tx.row("PRAGMA page_count", args![], |row| row.int(0))?.unwrap_or_default();
        tx.row(limit(pages), args![], |row| row.int(0))?;
        Ok(Verdict::Done(()))
    });
    limited.unwrap();
}

impl Engine for Sqlite {
    fn open_with(&self, tune: impl FnOnce(&mut Options), migrations: &[Migration]) -> Result<Store, Error> {
        let mut options = options(self.0.path());
        tune(&mut options);
        Store::open(options, migrations)
    }

    fn starve(&self, store: &Store) {
        // A limit cannot be bound as an argument; the suite's tables take less than these.
        limit_pages(store, |pages| {
            assert!(pages < 30, "{pages}");
            "PRAGMA max_page_count = 50"
        });
    }

    fn feed(&self, store: &Store) {
        limit_pages(store, |_| "PRAGMA max_page_count = 1000000");
    }
}

mod promise {
    super::promises!(crate::Sqlite::new());
}
