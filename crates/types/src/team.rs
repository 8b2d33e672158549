//! Teams: principals of one workspace that share.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{PrincipalId, TeamId, Timestamp};

/// A group of principals. Who belongs to it is decided by the workspace's operators, never by a claim in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Unique in the workspace, ignoring case.
    pub name: String,
    /// Who belongs to it, in order of their ids; at most 1,000.
    pub members: Vec<PrincipalId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Rises with every change of the name or of the members.
    pub version: i64,
}
