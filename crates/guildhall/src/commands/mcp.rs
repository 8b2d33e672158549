//! `guildhall mcp`

use super::Context;
use crate::{
    args::Mcp,
    directory, environment,
    failure::{Failure, Result},
    installation,
    mcp::{self, Door, Identity, Starter},
};

/// Speaks MCP on standard input and output until the input ends.
pub(super) fn run(context: &Context<'_>, flags: Mcp) -> Result<()> {
    let key = match &flags.key_file {
        Some(path) => Some(mcp::key_file(path)?),
        None => context.environment.api_key(),
    };
    let (door, starter) = match &flags.url {
        Some(url) => {
            let key = key.ok_or_else(|| {
                Failure::usage(format!("--url needs a key: neither --key-file nor {} is given", environment::API_KEY))
                    .hint("`guildhall key create AGENT` makes one")
            })?;
            (Door::url(url, key)?, None)
        }
        None => {
            let directory = context.directory()?;
            if key.is_some() && (flags.agent.is_some() || flags.workspace.is_some()) {
                mcp::say(&format!("{} is set: --agent and --workspace are not looked at", environment::API_KEY));
            }
            let identity = key.map_or_else(
                || Identity::Agent {
                    name: flags.agent.unwrap_or_else(|| installation::AGENT.to_owned()),
                    workspace: flags.workspace,
                },
                Identity::Key,
            );
            let door = Door::socket(directory::socket(&directory)?, &identity)?;
            (door, if flags.no_start { None } else { Some(Starter::new(directory)?) })
        }
    };
    let door = match &flags.toolsets {
        Some(list) => door.toolsets(list)?,
        None => door,
    };
    mcp::run(door, starter)
}
