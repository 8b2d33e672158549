//! From what a person types, a name in any case or an id, to the id that an operation takes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use types::{AgentId, PrincipalId, TeamId};

use crate::{
    client::Client,
    failure::{Failure, Result, exit},
};

/// An agent's id, from its id or its name. An id is taken as it is: the operation says whether there is such an agent.
///
/// # Errors
/// [`exit::NOT_FOUND`] when no agent has this name, and those of `agent.list`.
pub(crate) fn agent(client: &Client, text: &str) -> Result<String> {
    if text.parse::<AgentId>().is_ok() {
        return Ok(text.to_owned());
    }
    named(client, "agent.list", text)?.ok_or_else(|| {
        Failure::new(exit::NOT_FOUND, format!("there is no agent named `{text}`"))
            .hint("`guildhall agent list` shows them, `guildhall agent add` makes one")
    })
}

/// A principal's id, from its id or an agent's name.
///
/// # Errors
/// Those of [`agent`].
pub(crate) fn principal(client: &Client, text: &str) -> Result<String> {
    if text.parse::<PrincipalId>().is_ok() { Ok(text.to_owned()) } else { agent(client, text) }
}

/// A team's id, from its id or its name. An id is taken as it is: the operation says whether there is such a team.
///
/// # Errors
/// [`exit::NOT_FOUND`] when no team has this name, and those of `team.list`.
pub(crate) fn team(client: &Client, text: &str) -> Result<String> {
    if text.parse::<TeamId>().is_ok() {
        return Ok(text.to_owned());
    }
    named(client, "team.list", text)?.ok_or_else(|| {
        Failure::new(exit::NOT_FOUND, format!("there is no team named `{text}`"))
            .hint("`guildhall team list` shows them, `guildhall team add` makes one")
    })
}

/// The id of the one item of a list that has this name.
fn named(client: &Client, list: &str, name: &str) -> Result<Option<String>> {
    let answer = client.json(list, &json!({ "name": name }))?;
    Ok(answer.pointer("/items/0/id").and_then(Value::as_str).map(str::to_owned))
}

/// Principals' names for people: an agent's name, `you` for the local operator, otherwise the id.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: BTreeMap<String, String>,
}

impl Names {
    /// The name of a principal; each is asked for once.
    ///
    /// # Errors
    /// Those of `agent.get`, except that an agent that is gone keeps its id.
    pub(crate) fn of(&mut self, client: &Client, id: &str) -> Result<String> {
        if let Some(name) = self.known.get(id) {
            return Ok(name.clone());
        }
        let name = if id.parse::<AgentId>().is_ok() {
            match client.json("agent.get", &json!({ "id": id })) {
                Ok(agent) => member(&agent, "name").unwrap_or(id).to_owned(),
                Err(failure) if failure.exit == exit::NOT_FOUND => id.to_owned(),
                Err(failure) => return Err(failure),
            }
        } else if id == PrincipalId::LOCAL.to_string() {
            "you".to_owned()
        } else {
            id.to_owned()
        };
        self.known.insert(id.to_owned(), name.clone());
        Ok(name)
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}
