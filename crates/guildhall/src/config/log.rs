//! `[log]`: what the server writes down for its operators, on stderr.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Finding, Section};

/// What the server writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// The least weighty events that are written.
    pub(crate) level: Level,
    /// Other levels of single parts.
    pub(crate) targets: BTreeMap<String, Level>,
    /// How an event is written; when unset it depends on who reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<Format>,
}

/// The parts that have levels of their own: the lines of requests, and this workspace's crates. Other crates say only
/// what went wrong: they might repeat what they were sent.
pub(crate) const TARGETS: [&str; 7] = ["calls", "guildhall", "server", "domain", "store", "search", "security"];

/// How weighty an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Someone must look.
    Error,
    /// Someone may look.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// A line for people.
    Text,
    /// A JSON object on one line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, targets: BTreeMap::new(), format: None }
    }
}

impl Section for Log {
    const NAME: &'static str = "log";
    const KEYS: &'static [&'static str] = &["level", "targets", "format"];

    fn check(&self, findings: &mut Vec<Finding>) {
        for name in self.targets.keys().filter(|name| !TARGETS.contains(&name.as_str())) {
            findings.push(
                Finding::new(format!("`log.targets`: there is no part `{name}`"))
                    .hint(format!("there are {}", TARGETS.join(", "))),
            );
        }
    }
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
        }
    }
}
