//! `guildhall agent`

use super::{Context, Input, cell, one, page};
use crate::{
    args::{self, AgentVerb},
    failure::Result,
    resolve,
};

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
            let id = resolve::agent(&client, &agent)?;
            let disabled = client.json("agent.disable", &Input::default().with("id", id).value())?;
            one(context.form, &disabled, &format!("disabled {}", cell(&disabled, "/name")))
        }
    }
}
