//! Rows of the audit log.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::Timestamp;

/// Who did what, when, from where, and how it ended. Each row's MAC covers the one before it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AuditRow {
    /// Position in the workspace's chain, from 1, without gaps.
    pub seq: i64,
    /// When.
    pub ts: Timestamp,
    /// The principal's id, or `anonymous`, or `system`.
    pub actor: String,
    /// The key or session used.
    pub credential_id: Option<String>,
    /// The face: `rest`, `mcp`, `socket`, `system`.
    pub via: String,
    /// The operation's id, or an event such as `auth.token_rejected`.
    pub action: String,
    /// The object touched first.
    pub object: Option<String>,
    /// `ok`, `denied` or `failed`.
    pub outcome: String,
    /// The error code when it was not `ok`.
    pub code: Option<String>,
    /// `info`, `warning` or `critical`.
    pub severity: String,
    /// The client's address.
    pub ip: Option<String>,
    /// What the client called itself, at most 200 characters.
    pub user_agent: Option<String>,
    /// Finds the call in the server's log.
    pub request_id: Option<String>,
    /// Further facts, at most 4 KiB; never a secret, never a text.
    pub details: Value,
}
