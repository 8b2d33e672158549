//! Workspaces: the tenants.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Timestamp, WorkspaceId};

/// A tenant. Nothing crosses from one to another.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Workspace {
    /// Its id.
    pub id: WorkspaceId,
    /// Short name for the command line: `^[a-z0-9][a-z0-9-]{1,38}$`.
    pub slug: String,
    /// Name for people, at most 100 characters.
    pub name: String,
    /// `active` or `suspended`; a suspended workspace's credentials are refused.
    pub status: String,
    /// When it was made.
    pub created_at: Timestamp,
}
