//! Agents: machines that act for people.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{AgentId, PrincipalId, Timestamp};

/// A machine principal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Unique in the workspace, ignoring case.
    pub name: String,
    /// Name for people.
    pub display_name: String,
    /// What runs behind it, such as `claude-code`; set by operators, never by the agent.
    pub agent_type: String,
    /// `reader`, `agent` or `operator`.
    pub role: String,
    /// Single permissions beside the role's.
    pub grants: Vec<String>,
    /// The person it belongs to; null is the workspace.
    pub owner: Option<PrincipalId>,
    /// What it says it can do; informs, gives no right.
    pub capabilities: Map<String, Value>,
    /// `active` or `disabled`.
    pub status: String,
    /// When it last called, to within a batch of 30 s.
    pub last_seen_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Rises with every change.
    pub version: i64,
}
