//! `guildhall setup`, declared.

use clap::Args;

use crate::setup::clients::Client;

/// Which client, and how.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The client to set up
    #[arg(value_enum)]
    pub(crate) client: Client,
    /// The project's file (that of the git repository around this directory) instead of the user's
    #[arg(long)]
    pub(crate) project: bool,
    /// Reach the server by its URL, with the key from the environment, instead of starting `guildhall mcp`
    #[arg(long)]
    pub(crate) http: bool,
    /// Also tell agents in the client's rules file when to use their memory
    #[arg(long)]
    pub(crate) rules: bool,
    /// Undo it: entry, rules and key go, however they were made; the agent stays
    #[arg(long)]
    pub(crate) remove: bool,
    /// Only show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Name of the client's agent [default: the client's]
    #[arg(long, value_name = "NAME", value_parser = agent_name)]
    pub(crate) agent: Option<String>,
}

/// The name becomes part of a path and of a command before the server judges it.
fn agent_name(text: &str) -> Result<String, String> {
    let sound = text.len() <= 64
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.:-".contains(&byte));
    if sound {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 of A-Z a-z 0-9 _ . : - and begin with a letter or digit".to_owned())
    }
}
