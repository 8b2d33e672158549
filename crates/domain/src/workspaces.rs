//! Workspaces; only the local operator makes and lists them.

use store::Everything;
use types::{Timestamp, WorkspaceId, workspace::Workspace};

use crate::{Result, input::Checks};

pub mod create;
pub mod list;

fn checked(checks: &mut Checks, slug: &str, name: &str) {
    let sound = (2..=39).contains(&slug.len())
        && slug.bytes().next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !sound {
        checks.fail("slug", "must be 2 to 39 of a-z 0-9 - and begin with a letter or digit");
    }
    checks.line("name", name, 1..=100);
}

fn new(id: WorkspaceId, slug: &str, name: &str, now: Timestamp) -> Workspace {
    Workspace { id, slug: slug.to_owned(), name: name.to_owned(), status: "active".into(), created_at: now }
}

/// Adds a workspace with the beginnings of its ledgers.
///
/// # Errors
/// Those of the store; a taken slug is a conflict.
pub fn found(
    tx: &store::Tx<'_>,
    reason: Everything,
    id: WorkspaceId,
    (slug, name): (&str, &str),
    now: Timestamp,
) -> Result<Workspace> {
    let workspace = new(id, slug, name, now);
    store::workspaces::insert(tx, reason, &workspace, &security::chain::ORIGIN)?;
    Ok(workspace)
}
