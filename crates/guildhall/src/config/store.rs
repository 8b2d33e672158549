//! `[store]`: the database.

use serde::{Deserialize, Serialize};

use super::{Finding, Section, within};

/// The database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Store {
    /// Reading threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) readers: Option<u32>,
}

impl Section for Store {
    const NAME: &'static str = "store";
    const KEYS: &'static [&'static str] = &["readers"];

    fn check(&self, findings: &mut Vec<Finding>) {
        if let Some(readers) = self.readers {
            within(findings, "store.readers", readers, (1, 64));
        }
    }
}
