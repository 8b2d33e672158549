//! What can go wrong between the product and its database.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use rusqlite::ErrorCode;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause of an [`Error`], for the log only: it may name tables and columns.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// A failure of the database. Cloneable, because one failed commit answers many callers.
#[derive(Debug, Clone)]
pub enum Error {
    /// Busy, locked, closed or an I/O error. Nothing was changed; the call may be repeated.
    ///
    /// If the commit itself failed *and* the machine dies before the next commit, the change may still turn up.
    Unavailable {
        /// What was being done.
        what: &'static str,
        /// The engine's own error.
        cause: Option<Cause>,
    },
    /// The disk (or the quota of the database) is full. Nothing was changed.
    StorageFull {
        /// The engine's own error.
        cause: Option<Cause>,
    },
    /// More work is queued than can be started before its deadline. The work was not started.
    Overloaded {
        /// How long the caller should wait before it asks again.
        retry_after: Duration,
    },
    /// A unique constraint refused the row. The statement changed nothing; the transaction goes on.
    Conflict {
        /// The columns (SQLite: `table.column, table.column`) or the name (PostgreSQL) of the constraint.
        constraint: String,
        /// The engine's own error.
        cause: Option<Cause>,
    },
    /// The database was written by a newer binary.
    NewerSchema {
        /// The highest migration in the database.
        found: i64,
        /// The highest migration this binary knows.
        known: i64,
    },
    /// A migration that was applied is not the one this binary holds.
    MigrationChanged {
        /// Its number.
        number: i64,
    },
    /// Another process (or another `Store` of this process) holds the directory.
    Locked {
        /// The holder's process id, if it has written it down yet.
        pid: Option<u32>,
    },
    /// A file or directory that others could read or change; never repaired silently.
    Unsafe {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it and how it should be.
        what: &'static str,
    },
    /// The database file is damaged or is no database.
    Corrupt {
        /// The engine's own error.
        cause: Option<Cause>,
    },
    /// A mistake in this program: a statement, a type, a panic.
    Internal {
        /// What was being done.
        what: &'static str,
        /// The engine's own error.
        cause: Option<Cause>,
    },
}

impl Error {
    pub(crate) const fn unavailable(what: &'static str) -> Self {
        Self::Unavailable { what, cause: None }
    }

    pub(crate) const fn internal(what: &'static str) -> Self {
        Self::Internal { what, cause: None }
    }

    /// An error of the file system around the database.
    pub(crate) fn file(what: &'static str, error: std::io::Error) -> Self {
        let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let cause: Option<Cause> = Some(Arc::new(error));
        if full { Self::StorageFull { cause } } else { Self::Unavailable { what, cause } }
    }

    /// An error of SQLite; `what` says what was being done.
    pub(crate) fn sqlite(what: &'static str, error: rusqlite::Error) -> Self {
        let conflict = constraint_of(&error);
        let code = error.sqlite_error_code();
        let cause: Option<Cause> = Some(Arc::new(error));
        if let Some(constraint) = conflict {
            return Self::Conflict { constraint, cause };
        }
        match code {
            Some(ErrorCode::DiskFull) => Self::StorageFull { cause },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { cause },
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Unavailable { what, cause },
            _ => Self::Internal { what, cause },
        }
    }
}

/// The text after `UNIQUE constraint failed:`, if that is what failed.
fn constraint_of(error: &rusqlite::Error) -> Option<String> {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID, SQLITE_CONSTRAINT_UNIQUE};
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return None;
    };
    if ![SQLITE_CONSTRAINT_UNIQUE, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID]
        .contains(&failure.extended_code)
    {
        return None;
    }
    let text = message.as_deref().unwrap_or_default();
    Some(text.split_once(": ").map_or(text, |(_, columns)| columns).to_owned())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { what, .. } => write!(f, "the database is unavailable: {what}"),
            Self::StorageFull { .. } => f.write_str("the storage of the database is full"),
            Self::Overloaded { retry_after } => {
                write!(f, "the database is overloaded, retry after {} ms", retry_after.as_millis())
            }
            Self::Conflict { constraint, .. } => write!(f, "a row with the same value exists already: {constraint}"),
            Self::NewerSchema { found, known } => {
                write!(
                    f,
                    "the database has schema {found}, this binary knows schemas up to {known}; hint: run a newer binary"
                )
            }
            Self::MigrationChanged { number } => {
                write!(
                    f,
                    "migration {number} in the database is not the one in this binary; hint: run the binary that wrote it"
                )
            }
            Self::Locked { pid: Some(pid) } => write!(f, "the data directory is in use by process {pid}"),
            Self::Locked { pid: None } => f.write_str("the data directory is in use by another process"),
            Self::Unsafe { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Corrupt { .. } => f.write_str("the database file is damaged; hint: restore a backup"),
            Self::Internal { what, .. } => write!(f, "internal error of the database layer: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable { cause, .. }
            | Self::StorageFull { cause }
            | Self::Conflict { cause, .. }
            | Self::Corrupt { cause }
            | Self::Internal { cause, .. } => {
                cause.as_ref().map(|cause| &**cause as &(dyn std::error::Error + 'static))
            }
            Self::Overloaded { .. }
            | Self::NewerSchema { .. }
            | Self::MigrationChanged { .. }
            | Self::Locked { .. }
            | Self::Unsafe { .. } => None,
        }
    }
}
