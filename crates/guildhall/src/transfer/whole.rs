//! Files and directories that appear whole or not at all, for their owner alone, and never in the place of something else.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::failure::{Failure, Result, exit};

/// Something that is being made under another name beside its own; what is not finished is removed.
pub(crate) struct Whole {
    path: PathBuf,
    making: PathBuf,
    is_done: bool,
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot {what} {}: {error}", path.display()))
        .hint("name a path in a directory you may write to")
}

fn exists(path: &Path) -> Failure {
    Failure::new(exit::ALREADY, format!("{} exists already; nothing was written", path.display()))
        .hint("name a new path, or move what is there away")
}

impl Whole {
    fn begin(path: &Path) -> Result<Self> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(exists(path));
        }
        let Some(name) = path.file_name() else {
            return Err(Failure::usage(format!("{} names no file", path.display())).hint("name a new path"));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.partial", std::process::id()));
        Ok(Self { path: path.to_owned(), making: path.with_file_name(hidden), is_done: false })
    }

    /// Begins a file.
    ///
    /// # Errors
    /// [`exit::ALREADY`] when there is something, and those of the file system.
    pub(crate) fn file(path: &Path) -> Result<(Self, File)> {
        let whole = Self::begin(path)?;
        let file = create(&whole.making)?;
        Ok((whole, file))
    }

    /// Begins a directory; files are made in [`making`](Self::making).
    ///
    /// # Errors
    /// Those of [`file`](Self::file).
    pub(crate) fn directory(path: &Path) -> Result<Self> {
        let whole = Self::begin(path)?;
        DirBuilder::new()
            .mode(0o700)
            .create(&whole.making)
            .map_err(|error| failed("make the directory", &whole.making, &error))?;
        Ok(whole)
    }

    /// Where it is until it is finished.
    pub(crate) fn making(&self) -> &Path {
        &self.making
    }

    /// Gives it its name. Its files must be on the disk by now.
    ///
    /// # Errors
    /// [`exit::ALREADY`] when something came into its place meanwhile.
    pub(crate) fn finish(mut self) -> Result<()> {
        match renameat_with(CWD, &self.making, CWD, &self.path, RenameFlags::NOREPLACE) {
            Ok(()) => self.is_done = true,
            Err(rustix::io::Errno::EXIST) => return Err(exists(&self.path)),
            Err(error) => return Err(failed("write", &self.path, &io::Error::from(error))),
        }
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(parent).and_then(|folder| folder.sync_all()).map_err(|error| failed("write", &self.path, &error))
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed stays under a name that says what it is.
            let _ = if self.making.is_dir() { fs::remove_dir_all(&self.making) } else { fs::remove_file(&self.making) };
        }
    }
}

/// A new file that only its owner reads.
///
/// # Errors
/// Those of the file system.
pub(crate) fn create(path: &Path) -> Result<File> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map_err(|error| failed("write", path, &error))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn nothing_is_overwritten_and_nothing_half_made_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        drop(Whole::file(&path).unwrap());
        drop(Whole::directory(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let (whole, mut file) = Whole::file(&path).unwrap();
        file.write_all(b"mine").unwrap();
        fs::write(&path, "theirs").unwrap();
        assert_eq!(whole.finish().unwrap_err().exit, exit::ALREADY);
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(Whole::directory(&path).err().unwrap().exit, exit::ALREADY);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
