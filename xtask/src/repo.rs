//! The work tree: where it is, which files belong to it, and how to run a program in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::Result;

#[derive(Debug)]
pub(crate) struct Repo {
    root: PathBuf,
}

impl Repo {
    /// The repository around the current directory.
    pub(crate) fn open() -> Result<Self> {
        let here = std::env::current_dir().map_err(|error| format!("no current directory: {error}"))?;
        let root = here
            .ancestors()
            .find(|directory| directory.join("xtask/Cargo.toml").is_file())
            .ok_or("not inside the repository: no xtask/Cargo.toml above the current directory")?;
        Ok(Self { root: root.to_path_buf() })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Paths git tracks or would track, relative to the root, sorted; deleted ones are left out.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = self.output("git", &arguments)?;
        let mut files: Vec<String> = listed
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The text of a file; `None` when it is not UTF-8.
    pub(crate) fn text(&self, relative: &str) -> Result<Option<String>> {
        let bytes =
            std::fs::read(self.root.join(relative)).map_err(|error| format!("cannot read {relative}: {error}"))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// The text of a file that has to be there.
    pub(crate) fn required(&self, relative: &str) -> Result<String> {
        self.text(relative)?.ok_or_else(|| format!("{relative} is not UTF-8"))
    }

    pub(crate) fn write(&self, relative: &str, text: &str) -> Result<()> {
        let path = self.root.join(relative);
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)
                .map_err(|error| format!("cannot create {}: {error}", directory.display()))?;
        }
        std::fs::write(&path, text).map_err(|error| format!("cannot write {relative}: {error}"))
    }

    /// Runs a program in the root and returns what it wrote to standard output; its words go to the terminal.
    pub(crate) fn output(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let shown = || format!("{program} {}", arguments.join(" "));
        let done = Command::new(program)
            .args(arguments)
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot run `{}`: {error}", shown()))?;
        if !done.status.success() {
            return Err(format!("`{}` failed: {}", shown(), done.status));
        }
        String::from_utf8(done.stdout).map_err(|_| format!("`{}` did not print UTF-8", shown()))
    }
}
