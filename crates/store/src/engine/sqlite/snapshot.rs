//! Copies of the whole database, made while it is used.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{super::snapshot::Snapshot, abandon, control, open_for_reading};
use crate::{Error, Result, lock};

/// How far behind the threads that answer callers a copy stands in line for the processor.
const PATIENCE: i32 = 10;

/// Copies the database in `directory` to a new file. To be called on a thread of its own, whose priority it lowers.
pub(in crate::engine) fn snapshot(directory: &Path, target: &Path) -> Result<Snapshot> {
    // Elsewhere than on Linux this is the whole process's, which must not wait. A refusal only makes writers slower.
    if cfg!(target_os = "linux") {
        let _ = rustix::process::nice(PATIENCE);
    }
    let folder = target.parent().ok_or(Error::internal("a copy of the database has no directory"))?;
    lock::private_directory(folder)?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target)
        .map_err(|error| Error::file("make the file for a copy of the database", error))?;
    let taken = Snapshot::of(target);
    pinned(&directory.join(super::FILE), target)?;
    let synced = file.sync_all().and_then(|()| file.metadata());
    let size_bytes = synced.map_err(|error| Error::file("sync a copy of the database", error))?.len();
    lock::sync_directory(folder)?;
    Ok(taken.sized(size_bytes))
}

/// One read transaction around the whole copy: a commit in between neither shows in it nor makes it begin again.
fn pinned(database: &Path, target: &Path) -> Result<()> {
    let connection = open_for_reading(database)?;
    control(&connection, "BEGIN").map_err(|error| Error::sqlite("begin a copy of the database", error))?;
    let copied = copy(&connection, target);
    abandon(&connection);
    copied
}

/// Copies a database in one step into the empty file at `path`, which nobody else looks at before it is synced.
pub(crate) fn copy(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |error| Error::sqlite("copy the database", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut target = Connection::open_with_flags(path, flags).map_err(failed)?;
    target.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
    let step = Backup::new(connection, &mut target).and_then(|backup| backup.step(-1)).map_err(failed)?;
    if step != StepResult::Done {
        return Err(Error::unavailable("copy the database"));
    }
    // One file that can be copied away, without a log beside it.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(failed)?;
    target.close().map_err(|(_, error)| failed(error))
}
