//! The first line of a backup: what anybody may read of it.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use types::{BackupId, Timestamp};

use crate::failure::{Failure, Result, exit};

/// The format this program writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// A longer first line is not one of ours.
const LONGEST: u64 = 4 << 10;

/// What anybody may read; the manifest inside holds its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// The number of the format.
    pub(crate) guildhall_backup: u32,
    /// The backup.
    pub(crate) id: BackupId,
    /// Everything answered before is in it.
    pub(crate) created_at: Timestamp,
    /// The version of the program that made it.
    pub(crate) product: String,
    /// The number of the database's newest migration.
    pub(crate) schema: i64,
    /// Which installation it is of: the first digits of the fingerprint of its signing keys.
    pub(crate) instance: String,
    /// The SHA-256 of the envelope's head, which tells damage from a wrong passphrase.
    pub(crate) envelope: String,
}

impl Header {
    /// As it stands in the file, line end included.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads the first line; none when it is not the first line of a backup.
    ///
    /// # Errors
    /// Those of the reader.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<(Self, Vec<u8>)>> {
        let mut line = Vec::new();
        from.take(LONGEST).read_until(b'\n', &mut line)?;
        let parsed = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice::<Self>(line).ok());
        Ok(parsed.filter(|header| header.guildhall_backup == FORMAT).map(|header| (header, line)))
    }
}

/// A backup by its first line.
pub(crate) struct Listed {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// How large it is.
    pub(crate) size_bytes: u64,
    /// What it says of itself.
    pub(crate) header: Header,
}

/// The backups in a folder, oldest first; other files are passed over.
///
/// # Errors
/// [`exit::NOT_FOUND`] when there is no such folder; those of the file system.
pub(crate) fn list(folder: &Path) -> Result<Vec<Listed>> {
    let failed = |error: io::Error| {
        let exit = if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::USAGE };
        Failure::new(exit, format!("cannot read the folder {}: {error}", folder.display()))
            .hint("name the folder that holds the backups")
    };
    let mut listed = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !path.is_file() {
            continue;
        }
        let read = File::open(&path).and_then(|file| {
            let size_bytes = file.metadata()?.len();
            Ok((Header::read(&mut BufReader::new(file))?, size_bytes))
        });
        match read {
            Ok((Some((header, _)), size_bytes)) => listed.push(Listed { path, size_bytes, header }),
            Ok((None, _)) => {}
            Err(error) => crate::output::words(&format!("cannot read {}: {error}", path.display()))?,
        }
    }
    listed.sort_by_key(|one| (one.header.created_at, one.header.id));
    Ok(listed)
}
