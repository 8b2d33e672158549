//! Flags of the stdio shim.

use std::path::PathBuf;

use clap::Args;

/// Which server, and as whom. Without a key it is an agent on the data directory's own socket, never the local operator.
#[derive(Debug, Args)]
pub(crate) struct Mcp {
    /// A server on this machine, such as http://127.0.0.1:8640/mcp; needs a key [default: the data directory's socket]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// File with the API key, for its owner's eyes only [default: $GUILDHALL_API_KEY]
    #[arg(long, value_name = "FILE", conflicts_with = "agent")]
    pub(crate) key_file: Option<PathBuf>,
    /// Agent to be without a key [default: agent]
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub(crate) agent: Option<String>,
    /// The agent's workspace [default: default]
    #[arg(long, value_name = "SLUG", conflicts_with_all = ["url", "key_file"])]
    pub(crate) workspace: Option<String>,
    /// MCP toolsets to list, such as core,memory
    #[arg(long, value_name = "LIST")]
    pub(crate) toolsets: Option<String>,
    /// Do not start a server when none runs
    #[arg(long)]
    pub(crate) no_start: bool,
}
