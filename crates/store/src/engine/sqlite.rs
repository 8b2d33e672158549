//! The embedded engine: one writing connection, several reading ones, each on its own thread.

mod inspection;
mod reader;
mod snapshot;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

use super::{Options, Shared, counters::Sizes, threads::Threads};
use crate::{
    Error, Migration, Result,
    lock::{self, Lock},
    migrate,
};

pub use self::inspection::Inspection;
pub(crate) use self::snapshot::copy;
pub(super) use self::snapshot::snapshot;

const FILE: &str = "guildhall.db";
const LOG: &str = "guildhall.db-wal";

/// What the files of the database in a directory take.
pub(super) fn sizes(directory: &Path) -> Result<Sizes> {
    let bytes = |name: &str| match std::fs::metadata(directory.join(name)) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::file("ask for the size of a file of the database", error)),
    };
    Ok(Sizes { database_bytes: bytes(FILE)?, log_bytes: bytes(LOG)? })
}

/// Opens the database and starts its threads: the readers, then the writer. The threads hold the lock.
pub(super) fn open(options: &Options, migrations: &[Migration], shared: &Arc<Shared>) -> Result<(Threads, Threads)> {
    let directory = lock::private_directory(&options.directory)?;
    let lock = Arc::new(Lock::take(&directory)?);
    let path = directory.join(FILE);
    for beside in [LOG, "guildhall.db-shm"] {
        lock::check_file(&directory.join(beside))?;
    }
    // SQLite gives its log and its index the mode of the database.
    drop(lock::private_file(&path)?);
    lock::sync_directory(&directory)?;
    let mut connection = open_for_writing(&path)?;
    migrate::run(&mut connection, &directory, migrations, options.now)?;

    let readers = (0..options.readers.max(1)).map(|_| open_for_reading(&path)).collect::<Result<Vec<_>>>()?;
    let writer = writer::Writer { connection, shared: Arc::clone(shared), group: options.group };
    let threads = (Threads::default(), Threads::default());
    let started = start(&threads, readers, writer, &lock);
    if let Err(error) = started {
        shared.reads.close();
        shared.writes.close();
        return Err(error);
    }
    Ok(threads)
}

fn start(
    (reading, writing): &(Threads, Threads),
    readers: Vec<Connection>,
    writer: writer::Writer,
    lock: &Arc<Lock>,
) -> Result<()> {
    for (number, connection) in readers.into_iter().enumerate() {
        let lock = Arc::clone(lock);
        let reader = reader::Reader { connection, shared: Arc::clone(&writer.shared) };
        reading.start(format!("store-read-{number}"), move || {
            reader.run();
            drop(lock);
            Ok(())
        })?;
    }
    let lock = Arc::clone(lock);
    writing.start("store-write".to_owned(), move || {
        let result = writer.run();
        drop(lock);
        result
    })
}

fn open_for_writing(path: &Path) -> Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| Error::sqlite("switch to the write-ahead log", error))?;
    if mode != "wal" {
        return Err(Error::unavailable("the file system cannot hold a write-ahead log"));
    }
    // FULL syncs the log at every commit: what is acknowledged survives a power cut.
    set(&connection, "synchronous", "FULL")?;
    set(&connection, "cache_size", -8_192)?;
    // In pages: 16 MiB between checkpoints; a log that a long read made longer is cut afterwards.
    set(&connection, "wal_autocheckpoint", 4_096)?;
    set(&connection, "journal_size_limit", 64 << 20)?;
    // What is removed is overwritten: a purged text must not be left in free space of the file.
    set(&connection, "secure_delete", true)?;
    Ok(connection)
}

/// A connection that cannot change anything.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    set(&connection, "query_only", true)?;
    set(&connection, "cache_size", -4_096)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let opened = |error| Error::sqlite("open the database", error);
    let connection = Connection::open_with_flags(path, flags).map_err(opened)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(opened)?;
    connection.set_prepared_statement_cache_capacity(512);
    for (config, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        // Otherwise binding other values makes SQLite prepare some statements anew at every run.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        connection.set_db_config(config, is_on).map_err(opened)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0).map_err(opened)?;
    set(&connection, "foreign_keys", true)?;
    set(&connection, "trusted_schema", false)?;
    set(&connection, "temp_store", "MEMORY")?;
    set(&connection, "cell_size_check", true)?;
    Ok(connection)
}

fn set(connection: &Connection, name: &str, value: impl rusqlite::ToSql) -> Result<()> {
    connection.pragma_update(None, name, value).map_err(|error| Error::sqlite("set up a connection", error))
}

/// Runs a statement of the engine itself (`BEGIN`, `COMMIT` …).
fn control(connection: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Ends whatever transaction is open without keeping it.
fn abandon(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = control(connection, "ROLLBACK")
    {
        tracing::error!(error = %error, "a rollback failed");
    }
}
