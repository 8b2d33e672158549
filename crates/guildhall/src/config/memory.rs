//! `[memory]`: how much is kept, and what is hidden until somebody has looked at it.

use serde::{Deserialize, Serialize};
use types::memory::Flag;

use super::{Finding, Section, within};

/// How much is kept, and what is hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Memory {
    /// Live memories of one principal.
    pub(crate) max_rows: u32,
    /// Mebibytes of their contents and values.
    pub(crate) max_megabytes: u32,
    /// Flags whose texts are quarantined when they are written.
    pub(crate) quarantine_on: Vec<Flag>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { max_rows: 100_000, max_megabytes: 256, quarantine_on: vec![Flag::TagCharacters] }
    }
}

impl Memory {
    /// What the domain wants to know of it.
    pub(crate) fn settings(&self) -> domain::MemorySettings {
        domain::MemorySettings {
            max_rows: self.max_rows.into(),
            max_bytes: i64::from(self.max_megabytes) << 20,
            quarantine_on: self.quarantine_on.clone(),
        }
    }
}

impl Section for Memory {
    const NAME: &'static str = "memory";
    const KEYS: &'static [&'static str] = &["max_rows", "max_megabytes", "quarantine_on"];

    fn check(&self, findings: &mut Vec<Finding>) {
        within(findings, "memory.max_rows", self.max_rows, (1, 100_000_000));
        within(findings, "memory.max_megabytes", self.max_megabytes, (1, 1_048_576));
    }
}
