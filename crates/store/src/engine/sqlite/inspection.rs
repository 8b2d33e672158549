//! Looking at a database that no server has open, without changing a byte of it.

use std::{fmt::Write as _, os::unix::ffi::OsStrExt as _, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{abandon, connect, control, set};
use crate::{Error, Result, Tx, lock::Lock, tx::Access};

/// A database opened for reading only: nothing is migrated, created or moved. Holds the directory's lock until dropped.
#[derive(Debug)]
pub struct Inspection {
    connection: Connection,
    _lock: Lock,
}

impl Inspection {
    /// Opens the database of a directory. Blocks. The modes of its files are not judged.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Corrupt`], [`Error::Unavailable`] when there is no database, and those of the lock.
    pub fn open(directory: &Path) -> Result<Self> {
        let lock = Lock::take(directory)?;
        let path = directory.join("guildhall.db");
        let log = directory.join("guildhall.db-wal");
        let connection = match log.metadata() {
            // What was committed last is in the log, which the engine reads only where it may keep its index beside it.
            Ok(found) if found.len() > 0 => connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
            // Without a log nothing is made beside the file, because nobody can change it while the lock is held.
            _ => connect(unchanging(&path).as_ref(), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?,
        };
        set(&connection, "query_only", true)?;
        Ok(Self { connection, _lock: lock })
    }

    /// Runs `f` in a read transaction.
    ///
    /// # Errors
    /// Those of `f`, and [`Error::Corrupt`] or [`Error::Unavailable`] when the database cannot be read.
    pub fn read<T, E: From<Error>>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        control(&self.connection, "BEGIN").map_err(|error| Error::sqlite("begin a read", error))?;
        let result = f(&Tx::new(&self.connection, Access::Read));
        abandon(&self.connection);
        result
    }
}

/// The path as a URI that says that the file does not change.
fn unchanging(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(*byte)),
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
