//! `[log]`: what the server writes down for its operators, on stderr.

use serde::{Deserialize, Serialize};

use super::{Finding, Section};

/// What the server writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// The least weighty events that are written.
    pub(crate) level: Level,
    /// How an event is written.
    pub(crate) format: Format,
}

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
        Self { level: Level::Info, format: Format::Text }
    }
}

impl Section for Log {
    const NAME: &'static str = "log";
    const KEYS: &'static [&'static str] = &["level", "format"];

    fn check(&self, _: &mut Vec<Finding>) {}
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
