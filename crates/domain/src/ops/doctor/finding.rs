//! What a check is, and what it found.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much it matters when a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Severity {
    /// Something does not work, or is not safe.
    Error,
    /// Something will not work soon, or should be better.
    Warn,
    /// Something worth knowing.
    Info,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Status {
    /// Nothing is wrong.
    Pass,
    /// Something is wrong.
    Fail,
    /// The check could not run, so nothing is known.
    Unknown,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The check's name.
    pub id: Cow<'static, str>,
    /// How much it matters.
    pub severity: Severity,
    /// How the check ended.
    pub status: Status,
    /// What was seen; for `unknown`, why nothing was.
    pub observed: String,
    /// What the check is for.
    pub why: Cow<'static, str>,
    /// What to do; absent when nothing is to be done.
    pub fix: Option<String>,
}

/// A check: its name and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub id: &'static str,
    /// How much it matters when it fails.
    pub severity: Severity,
    /// What it is for.
    pub why: &'static str,
}

/// What a check that ran saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing wrong: what was looked at.
    Good(String),
    /// Something wrong: what, and what to do.
    Bad(String, String),
}

impl Check {
    /// The finding of a check that ran.
    #[must_use]
    pub fn found(self, seen: Seen) -> Finding {
        match seen {
            Seen::Good(observed) => self.finding(Status::Pass, observed, None),
            Seen::Bad(observed, fix) => self.finding(Status::Fail, observed, Some(fix)),
        }
    }

    /// The finding of a check that could not run, and what makes it run.
    #[must_use]
    pub fn unknown(self, reason: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.finding(Status::Unknown, reason.into(), Some(fix.into()))
    }

    fn finding(self, status: Status, observed: String, fix: Option<String>) -> Finding {
        let (id, why) = (Cow::Borrowed(self.id), Cow::Borrowed(self.why));
        Finding { id, severity: self.severity, status, observed, why, fix }
    }
}
