//! Workspaces and the heads of their ledgers.

use types::{Timestamp, WorkspaceId, workspace::Workspace};

use crate::{Everything, Result, Row, Tx, args, row::parsed};

const INSERT: &str = "INSERT INTO workspaces (id, slug, name, status, created_at) VALUES ($1, $2, $3, $4, $5)";
const INSERT_HEAD: &str =
    "INSERT INTO workspace_heads (workspace_id, audit_seq, audit_mac, outbox_seq) VALUES ($1, 0, $2, 0)";
const LIST: &str = "SELECT id, slug, name, status, created_at FROM workspaces ORDER BY created_at, id LIMIT 1000";
const BY_SLUG: &str = "SELECT id, slug, name, status, created_at FROM workspaces WHERE slug = $1";
const BY_ID: &str = "SELECT id, slug, name, status, created_at FROM workspaces WHERE id = $1";

fn read(row: &Row<'_>) -> Result<Workspace> {
    Ok(Workspace {
        id: parsed(row.text_ref(0)?)?,
        slug: row.text(1)?,
        name: row.text(2)?,
        status: row.text(3)?,
        created_at: Timestamp::from_micros(row.int(4)?),
    })
}

/// Adds a workspace and the start of its ledgers.
///
/// # Errors
/// [`crate::Error::Conflict`] when the slug is taken.
pub fn insert(tx: &Tx<'_>, _: Everything, workspace: &Workspace, origin: &[u8; 32]) -> Result<()> {
    tx.change(
        INSERT,
        args![
            workspace.id.to_string(),
            workspace.slug.as_str(),
            workspace.name.as_str(),
            workspace.status.as_str(),
            workspace.created_at.micros(),
        ],
    )?;
    tx.change(INSERT_HEAD, args![workspace.id.to_string(), &origin[..]])?;
    Ok(())
}

/// All workspaces, oldest first, at most 1,000.
///
/// # Errors
/// Those of the store.
pub fn list(tx: &Tx<'_>, _: Everything) -> Result<Vec<Workspace>> {
    tx.rows(LIST, args![], read)
}

/// The workspace with this slug.
///
/// # Errors
/// Those of the store.
pub fn by_slug(tx: &Tx<'_>, _: Everything, slug: &str) -> Result<Option<Workspace>> {
    tx.row(BY_SLUG, args![slug], read)
}

/// The workspace with this id.
///
/// # Errors
/// Those of the store.
pub fn by_id(tx: &Tx<'_>, _: Everything, id: WorkspaceId) -> Result<Option<Workspace>> {
    tx.row(BY_ID, args![id.to_string()], read)
}
