//! The data directory: who may read it, and who holds it.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// Held as long as a store is open; the kernel releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes `guildhall.lock` in `directory` and writes the process id into it.
    pub(crate) fn take(directory: &Path) -> Result<Self> {
        let mut file = private_file(&directory.join("guildhall.lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { pid: holder(&mut file) }),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock the data directory", error)),
        }
        write_pid(&mut file).map_err(|error| Error::file("write the lock file", error))?;
        Ok(Self { _file: file })
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// The first line; what follows is the server's address.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(128).read_to_string(&mut text).ok()?;
    text.lines().next()?.trim().parse().ok()
}

/// Creates `path` (mode 0700) or checks that nobody else can look into it; returns it without symbolic links.
pub(crate) fn private_directory(path: &Path) -> Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Error::file("create a directory", error))?;
    let path = path.canonicalize().map_err(|error| Error::file("find a directory", error))?;
    let found = path.symlink_metadata().map_err(|error| Error::file("look at a directory", error))?;
    check(&path, &found, "must have mode 0700: others can enter this directory")?;
    Ok(path)
}

/// Opens `path` for reading and writing, created with mode 0600, or checks that nobody else can read it.
pub(crate) fn private_file(path: &Path) -> Result<File> {
    check_file(path)?;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::file("open a file", error))?;
    Ok(file)
}

/// Checks that `path`, if it exists, is a plain file of ours that nobody else can read.
pub(crate) fn check_file(path: &Path) -> Result<()> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::file("look at a file", error)),
    };
    if !found.is_file() {
        return Err(Error::Unsafe { path: path.to_owned(), what: "must be a plain file, not a link or a device" });
    }
    check(path, &found, "must have mode 0600: others can read this file")
}

/// Makes the names in `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| Error::file("sync a directory", error))
}

fn check(path: &Path, found: &Metadata, mode: &'static str) -> Result<()> {
    let refuse = |what| Err(Error::Unsafe { path: path.to_owned(), what });
    if found.uid() != rustix::process::geteuid().as_raw() {
        return refuse("must belong to the user who runs guildhall");
    }
    if found.mode() & 0o077 != 0 {
        return refuse(mode);
    }
    Ok(())
}
