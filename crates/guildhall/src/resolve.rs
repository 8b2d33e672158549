//! Names that people type, and the ids that operations take.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use types::{AgentId, PrincipalId};

use crate::{
    client::Client,
    failure::{Failure, Result, exit},
};

/// Pages that are read to find a name: 200,000 agents.
const MOST_PAGES: usize = 1_000;

/// An agent's id, from its id or its name in any case.
///
/// # Errors
/// [`exit::NOT_FOUND`] when no agent has this name.
pub(crate) fn agent(client: &Client, text: &str) -> Result<String> {
    if text.parse::<AgentId>().is_ok() {
        return Ok(text.to_owned());
    }
    let mut cursor = Value::Null;
    for _ in 0..MOST_PAGES {
        let input = match &cursor {
            Value::Null => json!({ "limit": 200 }),
            cursor => json!({ "limit": 200, "cursor": cursor }),
        };
        let mut answer = client.json("agent.list", &input)?;
        let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_named = |item: &&Value| member(item, "name").is_some_and(|name| name.eq_ignore_ascii_case(text));
        if let Some(id) = items.iter().find(is_named).and_then(|item| member(item, "id")) {
            return Ok(id.to_owned());
        }
        cursor = answer.get_mut("next_cursor").map(Value::take).unwrap_or_default();
        if cursor.is_null() {
            break;
        }
    }
    Err(Failure::new(exit::NOT_FOUND, format!("there is no agent named `{text}`"))
        .hint("`guildhall agent list` shows them, `guildhall agent add` makes one"))
}

/// The id of whoever owns something, from any principal's id or an agent's name in any case.
///
/// # Errors
/// Those of [`agent`].
pub(crate) fn principal(client: &Client, text: &str) -> Result<String> {
    if text.parse::<PrincipalId>().is_ok() { Ok(text.to_owned()) } else { agent(client, text) }
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
