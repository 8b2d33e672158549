//! `[limits]`: how many calls are answered. They can be moved, never switched off.

use serde::{Deserialize, Serialize};

use super::{Finding, Section, within};

/// How many calls are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Calls per minute of one agent.
    pub(crate) agents_per_minute: u32,
    /// Calls per minute of one person.
    pub(crate) users_per_minute: u32,
    /// Calls per minute of a new key.
    pub(crate) key_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { agents_per_minute: 1_000, users_per_minute: 100, key_per_minute: 1_000 }
    }
}

impl Section for Limits {
    const NAME: &'static str = "limits";
    const KEYS: &'static [&'static str] = &["agents_per_minute", "users_per_minute", "key_per_minute"];

    fn check(&self, findings: &mut Vec<Finding>) {
        for (key, value) in [
            ("limits.agents_per_minute", self.agents_per_minute),
            ("limits.users_per_minute", self.users_per_minute),
            ("limits.key_per_minute", self.key_per_minute),
        ] {
            within(findings, key, value, (1, 1_000_000));
        }
    }
}
