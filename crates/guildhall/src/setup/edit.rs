//! Editing a text: an insertion is remembered as the text that it put in, and undone by cutting that text out.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    file::{Audience, Target},
    record::Change,
};
use crate::{
    failure::{Failure, Result},
    installation::failed,
};

/// Why a client's file cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// What is wrong.
    pub(crate) reason: String,
    /// Line and column, from 1, when it is at one place.
    pub(crate) place: Option<(usize, usize)>,
}

impl Broken {
    /// Something wrong with the document as a whole.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), place: None }
    }

    /// Something wrong at a line and a column.
    pub(crate) fn at(reason: impl Into<String>, line: usize, column: usize) -> Self {
        Self { reason: reason.into(), place: Some((line, column)) }
    }

    /// Says that a file cannot be edited.
    pub(crate) fn refuse(&self, file: &Path) -> Failure {
        let place = self.place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
        Failure::usage(format!("cannot edit {}{place}: {}; it was not touched", file.display(), self.reason))
            .hint("mend the file by hand, then run the command again")
    }
}

/// A file, and what becomes of it.
pub(crate) struct Edit {
    /// The file as it is.
    pub(crate) target: Target,
    /// Its new text; none when nothing changes.
    pub(crate) text: Option<String>,
    /// What is remembered of it, or was.
    pub(crate) change: Change,
    /// Where the file is copied to before it changes; none when a copy has nothing that is not kept already.
    pub(crate) backup: Option<PathBuf>,
}

/// A file before and after.
pub(crate) struct Difference {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its text before; none when there was no file.
    pub(crate) before: Option<String>,
    /// Its text after.
    pub(crate) after: String,
}

impl Edit {
    /// A file that does not change.
    pub(crate) fn unchanged(target: Target, change: Change) -> Self {
        Self { target, text: None, change, backup: None }
    }

    /// A file that gets a new text. `bare` is its text without anything of ours: when an earlier copy holds just that,
    /// or when the file was made for us, no other copy is needed.
    pub(crate) fn changed(target: Target, (text, bare): (String, &str), change: Change) -> Self {
        let is_kept = match &change.backup {
            Some(copy) => fs::read(copy).is_ok_and(|kept| kept == bare.as_bytes()),
            None => change.created && is_blank(bare),
        };
        let backup = if is_kept { None } else { target.free_backup() };
        Self { target, text: Some(text), change, backup }
    }

    /// What changes.
    pub(crate) fn difference(&self) -> Option<Difference> {
        let after = self.text.clone()?;
        Some(Difference { path: self.change.file.clone(), before: self.target.text().map(str::to_owned), after })
    }

    /// Writes the file, after a copy of what it was.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn write(&self, audience: Audience) -> Result<()> {
        let Some(text) = &self.text else { return Ok(()) };
        self.keep()?;
        self.target.write(text, audience)
    }

    /// Writes the file as it was; one that was made and holds nothing else goes. A copy that is the same as the file
    /// then is of no more use, and goes too; a file that comes out otherwise is copied first.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn take_back(&self) -> Result<()> {
        let Some(text) = &self.text else { return Ok(()) };
        self.keep()?;
        if self.change.created && is_blank(text) {
            self.target.delete(&self.change.directories)?;
        } else {
            self.target.write(text, Audience::Owner)?;
        }
        match &self.change.backup {
            Some(copy) if fs::read(copy).is_ok_and(|kept| kept == text.as_bytes()) => {
                fs::remove_file(copy).map_err(|error| failed(&format!("remove {}", copy.display()), &error))
            }
            _ => Ok(()),
        }
    }

    fn keep(&self) -> Result<()> {
        self.backup.as_ref().map_or(Ok(()), |backup| self.target.back_up(backup))
    }
}

/// Whether a document says nothing.
fn is_blank(text: &str) -> bool {
    matches!(text.trim_start_matches('\u{feff}').trim(), "" | "{}")
}

/// A text with something put in at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inserted {
    /// The whole text.
    pub(crate) text: String,
    /// What was put in.
    pub(crate) inserted: String,
    /// Whether the container was put in too.
    pub(crate) made: bool,
}

impl Inserted {
    /// `text` with `inserted` at a byte.
    pub(crate) fn new(text: &str, at: usize, inserted: String, made: bool) -> Self {
        let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
        Self { text: format!("{before}{inserted}{after}"), inserted, made }
    }
}

/// The text without what was put in, the last first; none when one of them is not there exactly once.
pub(crate) fn cut(text: &str, inserted: &[String]) -> Option<String> {
    inserted.iter().rev().try_fold(text.to_owned(), |text, piece| {
        let (before, after) = text.split_once(piece.as_str())?;
        (!piece.is_empty() && !after.contains(piece.as_str())).then(|| format!("{before}{after}"))
    })
}
