//! `guildhall memory`: memories of the local operator, and those shared with them.

use serde_json::Value;
use types::MemoryId;

use super::{Context, Input, cell, given, one, page};
use crate::{
    args::{self, MemoryVerb},
    client::Client,
    failure::{Failure, Result},
    output::{self, Form},
};

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, memory: args::Memory) -> Result<()> {
    let client = context.client(memory.r#in.workspace.as_deref())?;
    let form = context.form;
    match memory.verb {
        MemoryVerb::Add(added) => add(&client, form, added),
        MemoryVerb::Get { which, owner } => get(&client, form, &which, owner),
        MemoryVerb::Search { query, tags, kinds, limit } => {
            let question = Input::default()
                .with("query", query.join(" "))
                .list("tags_all", tags)
                .list("kinds", kinds)
                .maybe("limit", limit);
            found(form, &client.json("memory.search", &question.value())?)
        }
        MemoryVerb::List { prefix, tags, kind, part } => {
            let narrowed =
                Input::default().maybe("prefix", prefix).list("tags_all", tags).maybe("kind", kind).part(part);
            let answer = client.json("memory.list", &narrowed.value())?;
            let columns = [
                ("id", "/id"),
                ("key", "/key"),
                ("kind", "/kind"),
                ("access", "/access"),
                ("tags", "/tags"),
                ("updated", "/updated_at"),
            ];
            page(form, &answer, &columns)
        }
        MemoryVerb::Forget { id } => {
            let gone = client.json("memory.delete", &Input::default().with("id", id).value())?;
            one(form, &gone, &format!("forgot {}", cell(&gone, "/id")))
        }
    }
}

fn add(client: &Client, form: Form, added: args::Added) -> Result<()> {
    let value = match &added.value {
        Some(text) => Some(
            serde_json::from_str::<Value>(&given(text)?)
                .map_err(|error| Failure::usage(format!("--value is not JSON: {error}")))?,
        ),
        None => None,
    };
    let content = added.text.as_deref().map(given).transpose()?;
    let input = Input::default()
        .maybe("content", content)
        .maybe("value", value)
        .maybe("key", added.key)
        .maybe("kind", added.kind)
        .list("tags", added.tags)
        .maybe("access", added.access)
        .maybe("project", added.project)
        .maybe("summary", added.summary)
        .maybe("expires_in", added.expires_in);
    let stored = client.json("memory.create", &input.value())?;
    one(form, &stored, &cell(&stored, "/id"))
}

fn get(client: &Client, form: Form, which: &str, owner: Option<String>) -> Result<()> {
    let is_id = which.parse::<MemoryId>().is_ok();
    let input = Input::default().with(if is_id { "id" } else { "key" }, which).maybe("owner", owner);
    let memory = client.json("memory.get", &input.value())?;
    if form == Form::Json {
        return output::json(&memory);
    }
    let shown = [("id", "/id"), ("key", "/key"), ("kind", "/kind"), ("access", "/access"), ("owner", "/owner")];
    let more = [("tags", "/tags"), ("stored", "/created_at"), ("updated", "/updated_at"), ("version", "/version")];
    for (name, pointer) in shown.into_iter().chain(more) {
        output::words(&format!("{name:<8} {}", cell(&memory, pointer)))?;
    }
    match (memory.get("content").and_then(Value::as_str), memory.get("value")) {
        (Some(text), _) => output::document(text),
        (None, Some(value)) => output::pretty(value),
        (None, None) => Ok(()),
    }
}

fn found(form: Form, answer: &Value) -> Result<()> {
    if form == Form::Json {
        return output::json(answer);
    }
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            let score = item.get("score").and_then(Value::as_f64).unwrap_or_default();
            vec![format!("{score:.3}"), cell(item, "/memory/id"), cell(item, "/matched_by"), cell(item, "/excerpt")]
        })
        .collect();
    output::table(&["score", "id", "by", "excerpt"], &rows)
}
