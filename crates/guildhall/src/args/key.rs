//! `guildhall key`: API keys.

use clap::{Args, Subcommand};

use super::{In, Part};

#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) verb: KeyVerb,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// List the keys, without their secrets
    List {
        /// Only this agent's, by name or id
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Make a key for an agent; it is printed this once
    Create {
        /// The agent's name or id
        agent: String,
        /// What it is for
        #[arg(long, default_value = "made by guildhall key create")]
        label: String,
        /// Narrow it to this permission; may be given again
        #[arg(long = "permission", value_name = "PERMISSION")]
        permissions: Vec<String>,
        /// List this MCP toolset by default; may be given again
        #[arg(long = "toolset", value_name = "TOOLSET")]
        toolsets: Vec<String>,
        /// Seconds to live, up to a year
        #[arg(long, value_name = "SECONDS")]
        expires_in: Option<i64>,
        /// Calls per minute
        #[arg(long, value_name = "N")]
        rate_per_minute: Option<u32>,
        /// Let it rotate itself
        #[arg(long)]
        self_rotate: bool,
    },
    /// End a key now
    Revoke {
        /// Its id
        id: String,
    },
    /// Let a key work again that a restore suspended
    Resume {
        /// Its id
        #[arg(required_unless_present = "all")]
        id: Option<String>,
        /// Every suspended key of the workspace
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Replace a key by a new one, which is printed this once
    Rotate {
        /// Its id
        id: String,
        /// How long the old one goes on working
        #[arg(long, value_name = "SECONDS")]
        overlap_seconds: Option<i64>,
    },
}
