//! The file of a backup: a line of JSON in the open, then an age envelope around a tar of a manifest, its signatures and
//! the parts. `tail -n +2 FILE | age -d | tar -x` opens it without this program (docs/guide/backup.md).

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::{failure::Result, interrupt::Interrupt, output};

pub(crate) mod header;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod open;
pub(crate) mod write;

/// The entry that says what else there is.
const MANIFEST: &str = "manifest.json";
/// The entry with its signatures.
const SIGNATURES: &str = "manifest.sig";
/// What the signatures are for.
const PURPOSE: &str = "backup manifest";
/// Bytes that are read and written at once.
const PIECE: usize = 1 << 20;

/// Whether an entry of this name is a part that belongs into a data directory.
fn is_part(name: &str) -> bool {
    let plain = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
    };
    match name.split_once('/') {
        None => name == crate::directory::DATABASE || name == crate::config::FILE,
        Some((folder, name)) => folder == crate::secrets::DIRECTORY && plain(name),
    }
}

/// Says once a second how far the work is, and ends it after Ctrl-C.
pub(crate) struct Progress<'i> {
    interrupt: &'i Interrupt,
    what: &'static str,
    total: u64,
    done: u64,
    said: Instant,
}

impl<'i> Progress<'i> {
    /// Of work on so many bytes.
    pub(crate) fn of(what: &'static str, total: u64, interrupt: &'i Interrupt) -> Self {
        Self { interrupt, what, total, done: 0, said: Instant::now() }
    }

    /// More bytes are done.
    fn more(&mut self, bytes: u64) -> Result<()> {
        self.interrupt.check()?;
        self.done += bytes;
        if self.said.elapsed() >= Duration::from_secs(1) {
            self.said = Instant::now();
            output::words(&format!("{} {} of {} MiB", self.what, self.done >> 20, self.total >> 20))?;
        }
        Ok(())
    }
}

/// A file or folder that is removed again unless it is kept.
pub(crate) struct Unfinished<'p>(Option<&'p Path>);

impl<'p> Unfinished<'p> {
    /// From now on `path` is removed when this is dropped.
    pub(crate) const fn at(path: &'p Path) -> Self {
        Self(Some(path))
    }

    /// It stays.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let Some(path) = self.0 else { return };
        let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            // There is no better place left to say it.
            let _ = output::words(&format!("cannot remove {}: {error}", path.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_data_directory_are_parts() {
        for part in ["guildhall.db", "guildhall.toml", "keys/audit.key", "keys/signing-2.key"] {
            assert!(is_part(part), "{part}");
        }
        for other in ["keys", "keys/", "keys/..", "keys/.x", "keys/a/b", "/guildhall.db", "../x", "keys/A", "backups/x"]
        {
            assert!(!is_part(other), "{other}");
        }
    }
}
