//! Which rows a statement may touch. Every store function takes one of these; there is no unscoped finder.

use types::{PrincipalId, WorkspaceId};

/// One workspace, seen by one principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    workspace: WorkspaceId,
    viewer: PrincipalId,
}

impl Scope {
    /// The rows of a workspace that a principal may see. Made only where a caller was authorised.
    #[must_use]
    pub const fn of(workspace: WorkspaceId, viewer: PrincipalId) -> Self {
        Self { workspace, viewer }
    }

    /// The workspace.
    #[must_use]
    pub const fn workspace(&self) -> WorkspaceId {
        self.workspace
    }

    /// Who looks.
    #[must_use]
    pub const fn viewer(&self) -> PrincipalId {
        self.viewer
    }
}

/// Rows of every workspace: key look-up, sweepers, start-up. Takes the reason why.
#[derive(Debug, Clone, Copy)]
pub struct Everything {
    reason: &'static str,
}

impl Everything {
    /// Reach across workspaces, because of this.
    #[must_use]
    pub const fn because(reason: &'static str) -> Self {
        Self { reason }
    }

    /// Why it was asked for.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}
