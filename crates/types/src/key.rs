//! API keys, as anybody but their first reader sees them: without the secret.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{KeyId, PrincipalId, Timestamp};

/// What is kept and shown of an API key.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ApiKey {
    /// The key's name in logs and lists.
    pub id: KeyId,
    /// What it is for.
    pub label: String,
    /// Who acts with it.
    pub principal: PrincipalId,
    /// What it narrows the principal's rights to; null is all of them.
    pub permissions: Option<Vec<String>>,
    /// MCP toolsets listed by default; null is the server's default.
    pub toolsets: Option<Vec<String>>,
    /// The key's first 12 characters.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From then on it is refused.
    pub expires_at: Timestamp,
    /// Calls per 60 s.
    pub rate_per_minute: u32,
    /// Calls per 3,600 s.
    pub rate_per_hour: u32,
    /// When it was last used, to within a batch of 30 s.
    pub last_used_at: Option<Timestamp>,
    /// How often it was used, to within a batch of 30 s.
    pub usage_count: i64,
    /// `active`, `rotating`, `suspended` (by a restore, until it is resumed), `expired` or `revoked`.
    pub status: String,
    /// It may rotate itself.
    pub self_rotate: bool,
}
