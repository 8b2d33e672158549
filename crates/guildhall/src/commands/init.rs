//! `guildhall init`

use security::Secret;
use serde_json::json;

use super::Context;
use crate::{
    config::{self, Flags},
    directory,
    failure::Result,
    installation::{self, First},
    output::{self, Form},
    posture,
    welcome::{self, Addresses},
};

/// Initialises a directory and prints its first agent's key.
pub(super) fn run(context: &Context<'_>) -> Result<()> {
    let directory = context.directory()?;
    if !installation::is_needed(&directory)? {
        return Err(installation::already(&directory));
    }
    let (config, mut findings) = config::load(&directory, context.environment, &Flags::default());
    findings.extend(posture::of_build(&config));
    findings.extend(posture::of_directory(&directory, true));
    posture::refuse(findings)?;
    // A socket that cannot be bound later is better refused now.
    directory::socket(&directory)?;
    let first = installation::init(&directory, &config, installation::FirstKey::Make)?;
    let addresses = Addresses::of(&config, None);
    match context.form {
        Form::Json => output::json(&welcome::object(&directory, &addresses, &first.workspace, &agent(&first))),
        Form::Text => {
            if let Some(api_key) = &first.api_key {
                output::document(&welcome::key(&first.agent_name, api_key.reveal(), &addresses))?;
            }
            output::words(&format!("initialised {}; `guildhall up` starts it", directory.display()))
        }
    }
}

/// The agent with its key.
pub(super) fn agent(first: &First) -> serde_json::Value {
    json!({ "id": first.agent_id, "name": first.agent_name, "api_key": first.api_key.as_ref().map(Secret::reveal) })
}
