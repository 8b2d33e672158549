//! `guildhall man`

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use crate::{
    failure::{Failure, Result, exit},
    manual, output,
};

/// Prints the main page, or writes all of them.
pub(super) fn run(out: Option<&Path>) -> Result<()> {
    let cannot_render = |error| Failure::internal("cannot make the man pages", error);
    let Some(folder) = out else {
        return output::file(&manual::page().map_err(cannot_render)?);
    };
    let cannot_write = |path: &Path, error: std::io::Error| {
        Failure::new(exit::REFUSED, format!("cannot write {}: {error}", path.display()))
            .hint("name a directory with --out that you may write to")
    };
    fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))?;
    let pages = manual::pages().map_err(cannot_render)?;
    for (name, text) in &pages {
        let path = folder.join(name);
        // Whoever installs them does it for everybody.
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(0o644)))
            .map_err(|error| cannot_write(&path, error))?;
    }
    output::words(&format!("{} pages in {}", pages.len(), folder.display()))
}
