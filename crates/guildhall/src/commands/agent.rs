//! `guildhall agent`

use serde_json::Value;
use types::AgentId;

use super::{Context, Input, cell, one, page};
use crate::{
    args::{self, AgentVerb},
    client::Client,
    failure::{Failure, Result, exit},
};

/// Pages that are read to find a name: 200,000 agents.
const MOST_PAGES: usize = 1_000;

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, agent: args::Agent) -> Result<()> {
    let client = context.client(agent.r#in.workspace.as_deref())?;
    match agent.verb {
        AgentVerb::List(part) => {
            let answer = client.json("agent.list", &Input::default().part(part).value())?;
            let columns = [
                ("name", "/name"),
                ("id", "/id"),
                ("type", "/agent_type"),
                ("role", "/role"),
                ("status", "/status"),
                ("last seen", "/last_seen_at"),
            ];
            page(context.form, &answer, &columns)
        }
        AgentVerb::Add { name, agent_type, role, display_name, grants } => {
            let input = Input::default()
                .with("name", name)
                .maybe("agent_type", agent_type)
                .maybe("role", role)
                .maybe("display_name", display_name)
                .list("grants", grants);
            let made = client.json("agent.create", &input.value())?;
            one(context.form, &made, &format!("{}  {}", cell(&made, "/id"), cell(&made, "/name")))
        }
        AgentVerb::Disable { agent } => {
            let id = resolved(&client, &agent)?;
            let disabled = client.json("agent.disable", &Input::default().with("id", id).value())?;
            one(context.form, &disabled, &format!("disabled {}", cell(&disabled, "/name")))
        }
    }
}

/// An agent's id, from its id or its name in any case.
///
/// # Errors
/// [`exit::NOT_FOUND`] when no agent has this name.
pub(super) fn resolved(client: &Client, agent: &str) -> Result<String> {
    if agent.parse::<AgentId>().is_ok() {
        return Ok(agent.to_owned());
    }
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let input = Input::default().with("limit", 200).maybe("cursor", cursor.take());
        let answer = client.json("agent.list", &input.value())?;
        let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if let Some(found) = items.iter().find(|item| cell(item, "/name").eq_ignore_ascii_case(agent)) {
            return Ok(cell(found, "/id"));
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Err(Failure::new(exit::NOT_FOUND, format!("there is no agent named `{agent}`"))
        .hint("`guildhall agent list` shows them, `guildhall agent add` makes one"))
}
