//! `[store]`: the database.

use serde::{Deserialize, Serialize};

use super::{Finding, Section, within};

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    /// Reading threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) readers: Option<u32>,
    /// Mebibytes of the data directory's file system that must stay free.
    pub(crate) min_free_megabytes: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self { readers: None, min_free_megabytes: 100 }
    }
}

impl Store {
    /// Bytes that must stay free.
    pub(crate) fn min_free_bytes(&self) -> u64 {
        u64::from(self.min_free_megabytes) << 20
    }
}

impl Section for Store {
    const NAME: &'static str = "store";
    const KEYS: &'static [&'static str] = &["readers", "min_free_megabytes"];

    fn check(&self, findings: &mut Vec<Finding>) {
        if let Some(readers) = self.readers {
            within(findings, "store.readers", readers, (1, 64));
        }
        // The log beside the database grows to 16 MiB before it is moved: with less, even refusals could not be written.
        within(findings, "store.min_free_megabytes", self.min_free_megabytes, (16, 1_048_576));
    }
}
