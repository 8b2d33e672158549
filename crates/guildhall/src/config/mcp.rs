//! `[mcp]`: what MCP clients see.

use domain::catalogue;
use serde::{Deserialize, Serialize};

use super::{Finding, Section};

/// What MCP clients see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Mcp {
    /// Toolsets listed when neither the request nor the key names any.
    pub(crate) default_toolsets: Vec<String>,
}

impl Default for Mcp {
    fn default() -> Self {
        Self { default_toolsets: vec!["core".to_owned()] }
    }
}

impl Section for Mcp {
    const NAME: &'static str = "mcp";
    const KEYS: &'static [&'static str] = &["default_toolsets"];

    fn check(&self, findings: &mut Vec<Finding>) {
        for name in self.default_toolsets.iter().filter(|name| !catalogue::is_toolset(name)) {
            findings.push(
                Finding::new(format!("`mcp.default_toolsets`: there is no toolset `{name}`"))
                    .hint(format!("there are {} and all", catalogue::TOOLSETS.join(", "))),
            );
        }
        if self.default_toolsets.is_empty() {
            findings.push(Finding::new("`mcp.default_toolsets` must name at least one toolset"));
        }
    }
}
