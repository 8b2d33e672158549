//! Numbered changes of the schema, forward only: checked against what was applied before, backed up, applied one by one.

use std::path::Path;

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use types::Timestamp;

use crate::{Error, Result, Tx, args, lock};

/// One change of the schema. Once released it never changes; a mistake is repaired by the next one.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its place; numbers start above 0 and only grow.
    pub number: i64,
    /// A few words for people.
    pub name: &'static str,
    /// Statements, run in one transaction with foreign keys checked at its end. They must not end the transaction.
    pub sql: &'static str,
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";
const IS_EMPTY: &str = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)";
const IS_NEW: &str = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations')";
const APPLIED: &str = "SELECT number, checksum FROM migrations ORDER BY number";
const MADE: &str =
    "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' ORDER BY name";
const RECORD: &str = "INSERT INTO migrations (number, name, checksum, applied_at) VALUES ($1, $2, $3, $4)";
const DANGLING: &str = "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_check)";
const STAMP: &str = "SELECT strftime('%Y%m%dT%H%M%SZ', $1, 'unixepoch')";

/// Brings the database to the newest schema of `migrations`. A failure leaves the migrations before it applied.
pub(crate) fn run(
    connection: &mut Connection,
    directory: &Path,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<()> {
    let applied = applied(connection)?;
    let pending = pending(&applied, migrations)?;
    let Some(first) = pending.first() else { return Ok(()) };
    let is_empty: bool = connection.query_row(IS_EMPTY, [], |row| row.get(0)).map_err(failed)?;
    if !is_empty {
        back_up(connection, directory, first.number, now)?;
    }
    // Rebuilding a table drops the old one, which must not touch the rows that refer to it.
    connection.pragma_update(None, "foreign_keys", false).map_err(failed)?;
    for migration in pending {
        apply(connection, migration, now)?;
        tracing::info!(number = migration.number, name = migration.name, "applied a migration");
    }
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)
}

/// The number of the newest migration in the database, and how many of `migrations` are still to come.
///
/// # Errors
/// [`Error::NewerSchema`], [`Error::MigrationChanged`], and those of the database.
pub(crate) fn state(tx: &Tx<'_>, migrations: &[Migration]) -> Result<(i64, usize)> {
    let applied: Vec<(i64, String)> = tx.rows(APPLIED, args![], |row| Ok::<_, Error>((row.int(0)?, row.text(1)?)))?;
    let rest = pending(&applied, migrations)?;
    Ok((applied.last().map_or(0, |(number, _)| *number), rest.len()))
}

/// The tables and indexes that `migrations` make, as `(name, statement)` by name.
///
/// # Errors
/// Those of the database.
pub(crate) fn made_by(migrations: &[Migration]) -> Result<Vec<(String, String)>> {
    let connection = Connection::open_in_memory().map_err(failed)?;
    connection.execute_batch(CREATE).map_err(failed)?;
    for migration in migrations {
        connection.execute_batch(migration.sql).map_err(failed)?;
    }
    let mut statement = connection.prepare(MADE).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

/// The tables and indexes of the database, as `(name, statement)` by name.
///
/// # Errors
/// Those of the database.
pub(crate) fn made(tx: &Tx<'_>) -> Result<Vec<(String, String)>> {
    tx.rows(MADE, args![], |row| Ok((row.text(0)?, row.text(1)?)))
}

fn applied(connection: &Connection) -> Result<Vec<(i64, String)>> {
    let is_new: bool = connection.query_row(IS_NEW, [], |row| row.get(0)).map_err(failed)?;
    if is_new {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare(APPLIED).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

/// The migrations after those applied, which must be an unchanged beginning of the list.
fn pending<'m>(applied: &[(i64, String)], migrations: &'m [Migration]) -> Result<&'m [Migration]> {
    let is_growing = migrations.is_sorted_by(|one, next| one.number < next.number);
    if !is_growing || migrations.first().is_some_and(|first| first.number < 1) {
        return Err(Error::internal("the numbers of the migrations do not grow"));
    }
    let known = migrations.last().map_or(0, |last| last.number);
    let found = applied.last().map_or(0, |(number, _)| *number);
    if found > known {
        return Err(Error::NewerSchema { found, known });
    }
    let mut rest = migrations;
    for (number, sum) in applied {
        let Some((next, others)) = rest.split_first() else {
            return Err(Error::MigrationChanged { number: *number });
        };
        if next.number != *number || checksum(next.sql) != *sum {
            return Err(Error::MigrationChanged { number: next.number.min(*number) });
        }
        rest = others;
    }
    Ok(rest)
}

fn apply(connection: &mut Connection, migration: &Migration, now: Timestamp) -> Result<()> {
    let behaviour = rusqlite::TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behaviour).map_err(failed)?;
    transaction.execute_batch(CREATE).map_err(failed)?;
    transaction.execute_batch(migration.sql).map_err(failed)?;
    if transaction.is_autocommit() {
        return Err(Error::internal("a migration ended its own transaction"));
    }
    let is_dangling: bool = transaction.query_row(DANGLING, [], |row| row.get(0)).map_err(failed)?;
    if is_dangling {
        return Err(Error::internal("a migration left a reference to a missing row"));
    }
    let row = (migration.number, migration.name, checksum(migration.sql), now.micros());
    transaction.execute(RECORD, row).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Copies the database to `backups/before-NNNN-<time>.db`, complete under its name or not there at all.
fn back_up(connection: &Connection, directory: &Path, number: i64, now: Timestamp) -> Result<()> {
    let secs = now.micros().div_euclid(1_000_000);
    let stamp: String = connection.query_row(STAMP, [secs], |row| row.get(0)).map_err(failed)?;
    let backups = lock::private_directory(&directory.join("backups"))?;
    let path = backups.join(format!("before-{number:04}-{stamp}.db"));
    let partial = backups.join("partial.db");
    let file = lock::private_file(&partial)?;
    file.set_len(0).map_err(|error| Error::file("empty an unfinished backup", error))?;
    copy(connection, &partial)?;
    file.sync_all().map_err(|error| Error::file("sync a backup", error))?;
    std::fs::rename(&partial, &path).map_err(|error| Error::file("name a backup", error))?;
    lock::sync_directory(&backups)?;
    tracing::info!(path = %path.display(), "backed up the database before migrating it");
    Ok(())
}

fn copy(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |error| Error::sqlite("back up the database", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut target = Connection::open_with_flags(path, flags).map_err(failed)?;
    let step = Backup::new(connection, &mut target).and_then(|backup| backup.step(-1)).map_err(failed)?;
    if step != StepResult::Done {
        return Err(Error::unavailable("back up the database"));
    }
    // One file that can be copied away, without a log beside it.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(failed)?;
    target.close().map_err(|(_, error)| failed(error))
}

fn failed(error: rusqlite::Error) -> Error {
    Error::sqlite("migrate the database", error)
}

/// FNV-1a: it guards against an accident, not against an attacker, who could change the sum as well.
fn checksum(text: &str) -> String {
    let sum = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{sum:016x}")
}
