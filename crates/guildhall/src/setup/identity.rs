//! The agent that a client acts as, and its key.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use security::api_key;
use serde_json::{Value, json};
use types::{Clock, Timestamp};

use super::{
    file::{Audience, Target},
    record,
};
use crate::{
    failure::{Failure, Result, exit},
    operator::Operator,
};

/// By which our keys are found again among an agent's.
const LABEL: &str = "made by guildhall setup";
/// The longest that a key may live: a client is set up once, not every season.
const LIFE_SECS: i64 = 31_536_000;
/// A key that ends sooner is replaced when the client is set up again.
const ENDS_SOON_SECS: i64 = 30 * 86_400;

/// An agent that is there, and whether something had to be made.
pub(crate) struct Identity {
    /// The agent's id.
    pub(crate) id: String,
    /// Whether the agent or its key is new.
    pub(crate) is_new: bool,
}

/// Makes or finds the agent, and makes or keeps the key in its file, where one is named.
///
/// # Errors
/// [`exit::REFUSED`] when the agent is disabled; those of the operations and of the file.
pub(crate) fn ensure(
    operator: &Operator,
    (name, agent_type): (&str, &str),
    key_file: Option<&Path>,
    clock: &dyn Clock,
) -> Result<Identity> {
    let found = operator.json("agent.list", &json!({ "name": name }))?.pointer("/items/0").cloned();
    let is_known = found.is_some();
    let agent = match found {
        Some(agent) if agent.get("status").and_then(Value::as_str) != Some("active") => {
            return Err(Failure::new(exit::REFUSED, format!("the agent `{name}` is disabled"))
                .hint("name another one with --agent"));
        }
        Some(agent) => agent,
        None => operator.json("agent.create", &json!({ "name": name, "agent_type": agent_type }))?,
    };
    let id = text(&agent, "/id")?;
    let has_key = match key_file {
        Some(file) => keep_key(operator, &id, file, clock)?,
        None => true,
    };
    Ok(Identity { id, is_new: !is_known || !has_key })
}

/// Ends every key of the agent that was made here; how many lived.
///
/// # Errors
/// Those of the operations.
pub(crate) fn revoke(operator: &Operator, agent: &str) -> Result<usize> {
    let keys = keys(operator, agent)?;
    revoke_but(operator, &keys, None)
}

/// Whether the file holds a key that works; makes a new one when it does not. The old ones end after the new one is in
/// the file, so that a kill in between leaves the client with a key that works.
fn keep_key(operator: &Operator, agent: &str, file: &Path, clock: &dyn Clock) -> Result<bool> {
    let keys = keys(operator, agent)?;
    // Whoever could read the key may have it.
    if fs::metadata(file).is_ok_and(|found| found.mode() & 0o077 != 0) {
        record::remove_key_file(file)?;
    }
    let target = Target::read(file)?;
    let held = target.text().map(str::trim).filter(|key| api_key::lookup(key).is_some());
    let limit = clock.now().plus_secs(ENDS_SOON_SECS);
    if keys.iter().any(|key| held.is_some_and(|held| works(key, held, limit))) {
        return Ok(true);
    }
    let made = operator.json("key.create", &json!({ "principal": agent, "label": LABEL, "expires_in": LIFE_SECS }))?;
    target.write(&format!("{}\n", text(&made, "/api_key")?), Audience::Owner)?;
    revoke_but(operator, &keys, made.pointer("/key/id"))?;
    Ok(false)
}

fn works(key: &Value, held: &str, limit: Timestamp) -> bool {
    let member = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let ends = key.get("expires_at").and_then(|ends| serde_json::from_value::<Timestamp>(ends.clone()).ok());
    let prefix = member("prefix");
    member("status") == "active"
        && !prefix.is_empty()
        && held.starts_with(prefix)
        && ends.is_some_and(|ends| ends > limit)
}

/// Every key of the agent.
fn keys(operator: &Operator, agent: &str) -> Result<Vec<Value>> {
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let answer = operator.json("key.list", &json!({ "principal": agent, "limit": 200, "cursor": cursor }))?;
        all.extend(answer.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
        match answer.get("next_cursor") {
            None | Some(Value::Null) => return Ok(all),
            Some(next) => cursor = next.clone(),
        }
    }
}

fn revoke_but(operator: &Operator, keys: &[Value], kept: Option<&Value>) -> Result<usize> {
    let is_live = |key: &&Value| {
        key.get("label").and_then(Value::as_str) == Some(LABEL)
            && !matches!(key.get("status").and_then(Value::as_str), Some("revoked" | "expired"))
            && key.get("id") != kept
    };
    let live: Vec<&Value> = keys.iter().filter(is_live).collect();
    for key in &live {
        operator.json("key.revoke", &json!({ "id": key.get("id") }))?;
    }
    Ok(live.len())
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Failure::internal(pointer, "is missing in an answer"))
}
