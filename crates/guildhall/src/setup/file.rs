//! A file of somebody else's: read whole, backed up, and replaced in one step or not at all.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::{
    failure::{Failure, Result, exit},
    installation::{failed, sync},
};

/// The largest file that is edited.
const LARGEST_BYTES: u64 = 32 << 20;

/// Who may read what is made where nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Its owner.
    Owner,
    /// Everybody, as files of a project that is shared.
    Everybody,
}

impl Audience {
    const fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Everybody => 0o644,
        }
    }

    const fn directory_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Everybody => 0o755,
        }
    }
}

/// A file, or the place where one can be made.
pub(crate) struct Target {
    path: PathBuf,
    before: Option<(String, Metadata)>,
}

impl Target {
    /// Reads the file; a link is followed to what it names.
    ///
    /// # Errors
    /// [`exit::USAGE`] when it is no text of at most 32 MiB, or a link to nothing; those of the file system.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let path = if is_link {
            path.canonicalize().map_err(|error| {
                Failure::usage(format!("{} is a link that leads nowhere: {error}", path.display()))
                    .hint("remove the link, or make the file it names")
            })?
        } else {
            path.to_owned()
        };
        match fs::metadata(&path) {
            Ok(found) => Ok(Self { before: Some((text_of(&path, &found)?, found)), path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { path, before: None }),
            Err(error) => Err(failed(&format!("look at {}", path.display()), &error)),
        }
    }

    /// What it holds; none when there is no file.
    pub(crate) fn text(&self) -> Option<&str> {
        self.before.as_ref().map(|(text, _)| text.as_str())
    }

    /// Directories above it that do not exist, the outermost first.
    pub(crate) fn missing_directories(&self) -> Vec<PathBuf> {
        let above = self.path.ancestors().skip(1).take_while(|path| !path.exists());
        let mut missing: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
        missing.reverse();
        missing
    }

    /// Where a copy of it would go; none when there is no file.
    pub(crate) fn free_backup(&self) -> Option<PathBuf> {
        self.before.as_ref()?;
        let name = self.path.file_name()?.to_string_lossy().into_owned();
        (1..).map(|number: u32| self.path.with_file_name(format!("{name}.guildhall-{number}.bak"))).find(|path| {
            // Also a link that leads nowhere is somebody's.
            fs::symlink_metadata(path).is_err()
        })
    }

    /// Copies what was read to a new file of the same mode.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn back_up(&self, to: &Path) -> Result<()> {
        let Some((text, found)) = &self.before else { return Ok(()) };
        let made = create(to, text, |file| file.set_permissions(Permissions::from_mode(found.mode() & 0o7777)));
        made.map_err(|error| failed(&format!("copy {} to {}", self.path.display(), to.display()), &error))
    }

    /// Replaces the file in one step, with its mode and owner, or makes it together with missing directories.
    ///
    /// # Errors
    /// [`exit::BUSY`] when somebody changed the file since it was read; those of the file system.
    pub(crate) fn write(&self, text: &str, audience: Audience) -> Result<()> {
        let shown = self.path.display();
        for directory in self.missing_directories() {
            DirBuilder::new()
                .create(&directory)
                .and_then(|()| fs::set_permissions(&directory, Permissions::from_mode(audience.directory_mode())))
                .map_err(|error| failed(&format!("make {}", directory.display()), &error))?;
        }
        let new = self.path.with_file_name(format!(
            ".{}.guildhall-{}.new",
            self.path.file_name().unwrap_or_default().to_string_lossy(),
            std::process::id()
        ));
        // A run of the same number was killed, in a container of its own perhaps.
        let _ = fs::remove_file(&new);
        let dressed = |file: &File| match &self.before {
            Some((_, found)) => dress(file, found),
            None => file.set_permissions(Permissions::from_mode(audience.file_mode())),
        };
        let written = create(&new, text, dressed).map_err(|error| failed(&format!("write {shown}"), &error));
        let placed = written
            .and_then(|()| self.check_unchanged())
            .and_then(|()| fs::rename(&new, &self.path).map_err(|error| failed(&format!("replace {shown}"), &error)));
        if placed.is_err() {
            let _ = fs::remove_file(&new);
        }
        placed?;
        self.path.parent().map_or(Ok(()), sync)
    }

    /// Removes the file, and then the directories that were made for it and are empty.
    ///
    /// # Errors
    /// [`exit::BUSY`] when somebody changed the file since it was read; those of the file system.
    pub(crate) fn delete(&self, directories: &[PathBuf]) -> Result<()> {
        self.check_unchanged()?;
        fs::remove_file(&self.path).map_err(|error| failed(&format!("remove {}", self.path.display()), &error))?;
        for directory in directories.iter().rev() {
            // One that holds something else by now stays.
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Clients write their files too; what they wrote meanwhile must not be lost.
    fn check_unchanged(&self) -> Result<()> {
        let now = match fs::read(&self.path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&format!("read {}", self.path.display()), &error)),
        };
        if now.as_deref() == self.text().map(str::as_bytes) {
            return Ok(());
        }
        Err(Failure::new(exit::BUSY, format!("{} was changed by somebody else just now", self.path.display()))
            .hint("run the command again; close the client first if it keeps writing"))
    }
}

fn text_of(path: &Path, found: &Metadata) -> Result<String> {
    let shown = path.display();
    if !found.is_file() {
        return Err(Failure::usage(format!("{shown} is not a file")).hint("move it away"));
    }
    if found.len() > LARGEST_BYTES {
        return Err(Failure::usage(format!("{shown} has {} bytes, at most {LARGEST_BYTES} are edited", found.len()))
            .hint("edit it by hand; `--dry-run` on an empty file shows what to add"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| failed(&format!("read {shown}"), &error))?;
    String::from_utf8(bytes).map_err(|error| {
        Failure::usage(format!("{shown} is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
            .hint("save it as UTF-8, then run the command again")
    })
}

/// Makes a file that was not there, durable, and nobody else's until it is dressed.
fn create(path: &Path, text: &str, dressed: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    dressed(&file)?;
    file.sync_all()
}

/// Gives a file the owner and mode of another.
fn dress(file: &File, like: &Metadata) -> io::Result<()> {
    let is = file.metadata()?;
    if (is.uid(), is.gid()) != (like.uid(), like.gid()) {
        let (uid, gid) = (rustix::fs::Uid::from_raw(like.uid()), rustix::fs::Gid::from_raw(like.gid()));
        rustix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    file.set_permissions(Permissions::from_mode(like.mode() & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_no_hindrance() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mcp.json");
        let left = directory.path().join(format!(".mcp.json.guildhall-{}.new", std::process::id()));
        fs::write(left, "half of").unwrap();
        Target::read(&file).unwrap().write("{}", Audience::Owner).unwrap();
        assert_eq!(fs::read_to_string(file).unwrap(), "{}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_not_lost() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mcp.json");
        for before in [None, Some("{}")] {
            let _ = fs::remove_file(&file);
            if let Some(text) = before {
                fs::write(&file, text).unwrap();
            }
            let target = Target::read(&file).unwrap();
            fs::write(&file, "theirs").unwrap();
            for done in [target.write("ours", Audience::Owner), target.delete(&[])] {
                assert_eq!(done.err().map(|failure| failure.exit), Some(exit::BUSY), "{before:?}");
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
        }
    }
}
