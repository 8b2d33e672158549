//! The data directory: what it holds, and whether anybody else can look into it.

use std::{
    collections::BTreeSet,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use crate::{
    config::{self, Finding},
    failure::{Failure, Result},
    secrets,
};

/// The database's file.
pub(crate) const DATABASE: &str = "guildhall.db";
/// Held by the process that has the database open: its process id, then the address it serves, a line each.
const LOCK: &str = "guildhall.lock";
/// The socket of the local operator.
pub(crate) const SOCKET: &str = "guildhall.sock";
/// What a server in the background says; the shim that starts one locks it.
pub(crate) const BACKGROUND_LOG: &str = "guildhall.log";
/// Stands while an initialisation is under way; one that was cut off leaves it behind.
pub(crate) const MARKER: &str = "guildhall.initialising";

/// More than a process id and an address have.
const LONGEST_LOCK: u64 = 128;

/// What may lie in a directory that still counts as empty.
const HARMLESS: [&str; 4] = [config::FILE, LOCK, BACKGROUND_LOG, "lost+found"];
/// Files beside the keys that nobody else may read, as far as they exist.
const PRIVATE: [&str; 6] = [config::FILE, DATABASE, "guildhall.db-wal", "guildhall.db-shm", LOCK, BACKGROUND_LOG];

/// What a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing, or it does not exist.
    Empty,
    /// An initialisation that was cut off before anybody was told a secret.
    Unfinished,
    /// An installation.
    Installed,
    /// Something else.
    Foreign,
}

/// What the directory holds.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn state(directory: &Path) -> Result<State> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Empty),
        Err(error) => return Err(unreadable(directory, &error)),
    };
    let names = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<BTreeSet<_>>>()
        .map_err(|error| unreadable(directory, &error))?;
    Ok(if names.contains(MARKER) {
        State::Unfinished
    } else if names.contains(DATABASE) || names.contains(secrets::DIRECTORY) {
        State::Installed
    } else if names.iter().all(|name| HARMLESS.contains(&name.as_str())) {
        State::Empty
    } else {
        State::Foreign
    })
}

fn unreadable(directory: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot read the data directory {}: {error}", directory.display()))
        .hint("name another one with --data")
}

/// Refuses a directory that holds something else.
pub(crate) fn foreign(directory: &Path) -> Failure {
    Failure::usage(format!("{} is not empty and holds no installation", directory.display()))
        .hint("name an empty or a new directory with --data")
}

/// Who else can read the directory or what lies in it.
pub(crate) fn check(directory: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let keys = directory.join(secrets::DIRECTORY);
    for path in [directory.to_path_buf(), keys.clone()] {
        // A link to the directory itself is followed: the directory is judged, wherever it is.
        look(&path, Metadata::is_dir, "0700", fs::metadata(&path), &mut findings);
    }
    let private = PRIVATE.iter().map(|name| directory.join(name));
    for path in private.chain(secrets::FILES.iter().chain([&secrets::SIGNING]).map(|name| keys.join(name))) {
        let found = fs::symlink_metadata(&path);
        look(&path, Metadata::is_file, "0600", found, &mut findings);
    }
    if keys.exists() && !directory.join(DATABASE).exists() {
        let missing = format!("{} is missing", directory.join(DATABASE).display());
        findings.push(Finding::new(missing).hint("put the database back, or name another directory with --data"));
    }
    findings
}

/// Who else can read the configuration, if there is one.
pub(crate) fn check_config(directory: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let path = directory.join(config::FILE);
    look(&path, Metadata::is_file, "0600", fs::symlink_metadata(&path), &mut findings);
    findings
}

fn look(
    path: &Path,
    is_right: fn(&Metadata) -> bool,
    mode: &str,
    found: io::Result<Metadata>,
    findings: &mut Vec<Finding>,
) {
    let shown = path.display();
    let found = match found {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return findings.push(Finding::new(format!("cannot look at {shown}: {error}"))),
    };
    let uid = rustix::process::geteuid().as_raw();
    if !is_right(&found) {
        let kind = if mode == "0700" { "directory" } else { "plain file" };
        findings.push(Finding::new(format!("{shown} is not a {kind}")));
    } else if found.uid() != uid {
        findings.push(
            Finding::new(format!("{shown} belongs to user {}, not to the one who runs guildhall ({uid})", found.uid()))
                .hint(format!("run guildhall as its owner, or: chown {uid} {shown}")),
        );
    } else if found.mode() & 0o077 != 0 {
        let is = found.mode() & 0o7777;
        findings.push(
            Finding::new(format!("{shown} has mode {is:04o}, others can read it; it must be {mode}"))
                .hint(format!("chmod {mode} {shown}")),
        );
    }
}

/// Longest path of a Unix socket in bytes, without the byte that ends it.
const LONGEST_SOCKET: usize = 107;

/// The socket's path.
///
/// # Errors
/// When the kernel cannot hold it.
pub(crate) fn socket(directory: &Path) -> Result<PathBuf> {
    let path = directory.join(SOCKET);
    let length = path.as_os_str().len();
    if length > LONGEST_SOCKET {
        return Err(Failure::usage(format!(
            "the path of the socket has {length} bytes, at most {LONGEST_SOCKET} are possible: {}",
            path.display()
        ))
        .hint("name a data directory with a shorter path with --data"));
    }
    Ok(path)
}

/// Who holds the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its process id; none while it is being written.
    pub(crate) pid: Option<u32>,
    /// Where it serves; none of a process that is no server.
    pub(crate) address: Option<SocketAddr>,
}

/// Who holds the directory's lock; nobody when it is free, whatever an earlier holder left in the file. Changes nothing.
///
/// # Errors
/// When the lock file cannot be looked at.
pub(crate) fn holder(directory: &Path) -> io::Result<Option<Holder>> {
    let file = match File::open(directory.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    file.take(LONGEST_LOCK).read_to_string(&mut text)?;
    let mut lines = text.lines().map(str::trim);
    let pid = lines.next().and_then(|line| line.parse().ok());
    Ok(Some(Holder { pid, address: lines.next().and_then(|line| line.parse().ok()) }))
}

/// Writes the address into the lock file that this process holds, behind its process id.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_address(directory: &Path, address: SocketAddr) -> Result<()> {
    OpenOptions::new()
        .append(true)
        .open(directory.join(LOCK))
        .and_then(|mut file| writeln!(file, "{address}"))
        .map_err(|error| Failure::internal("cannot write the address into the lock file", error))
}

/// Removes a socket that a server left behind; to be called only while holding the directory's lock.
///
/// # Errors
/// When something else is in its place, or it cannot be removed.
pub(crate) fn remove_stale_socket(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(found) if found.file_type().is_socket() => {
            fs::remove_file(path).map_err(|error| Failure::internal("cannot remove the old socket", error))
        }
        Ok(_) => Err(Failure::usage(format!("{} is not a socket", path.display())).hint("move it away")),
        Err(error) => Err(Failure::internal("cannot look at the old socket", error)),
    }
}

/// Whether a running process holds the directory.
pub(crate) fn is_held(directory: &Path) -> bool {
    holder(directory).is_ok_and(|holder| holder.is_some())
}

/// Whether the database exists: a directory without one has nothing to verify.
pub(crate) fn has_database(directory: &Path) -> bool {
    directory.join(DATABASE).exists()
}
