//! The file that a copy of the database is.

use std::path::{Path, PathBuf};

/// A copy of the database in a file. Dropped, it removes the file, unless it was [kept](Snapshot::keep).
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    size_bytes: u64,
}

impl Snapshot {
    /// For the engine: the file at `path`, which is removed from here on when this is dropped.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), size_bytes: 0 }
    }

    /// For the engine: how large it became.
    pub(super) fn sized(mut self, size_bytes: u64) -> Self {
        self.size_bytes = size_bytes;
        self
    }

    /// How large the file is.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Leaves the file where it is.
    #[must_use]
    pub fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.path)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(error = %error, path = %self.path.display(), "a copy of the database was not removed");
        }
    }
}
