//! `guildhall key`

use serde_json::{Value, json};

use super::{Context, Input, cell, one, page};
use crate::{
    args::{self, KeyVerb},
    client::Client,
    failure::Result,
    output::{self, Form},
    resolve,
};

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, key: args::Key) -> Result<()> {
    let client = context.client(key.r#in.workspace.as_deref())?;
    match key.verb {
        KeyVerb::List { agent, part } => {
            let principal = agent.map(|agent| resolve::agent(&client, &agent)).transpose()?;
            let answer = client.json("key.list", &Input::default().maybe("principal", principal).part(part).value())?;
            let columns = [
                ("id", "/id"),
                ("begins", "/prefix"),
                ("principal", "/principal"),
                ("status", "/status"),
                ("expires", "/expires_at"),
                ("used", "/usage_count"),
                ("label", "/label"),
            ];
            page(context.form, &answer, &columns)
        }
        KeyVerb::Create { agent, label, permissions, toolsets, expires_in, rate_per_minute, self_rotate } => {
            let mut input = Input::default()
                .with("principal", resolve::agent(&client, &agent)?)
                .with("label", label)
                .list("permissions", permissions)
                .list("toolsets", toolsets)
                .maybe("expires_in", expires_in)
                .maybe("rate_per_minute", rate_per_minute);
            if self_rotate {
                input = input.with("self_rotate", true);
            }
            issued(context.form, &client.json("key.create", &input.value())?)
        }
        KeyVerb::Revoke { id } => {
            let revoked = Input::default().with("id", id.as_str()).value();
            client.json("key.revoke", &revoked)?;
            one(context.form, &revoked, &format!("revoked {id}"))
        }
        KeyVerb::Resume { id: Some(id), .. } => {
            let key = client.json("key.resume", &Input::default().with("id", id.as_str()).value())?;
            one(context.form, &key, &format!("{id} is {}", cell(&key, "/status")))
        }
        KeyVerb::Resume { id: None, .. } => resume_all(context.form, &client),
        KeyVerb::Rotate { id, overlap_seconds } => {
            let input = Input::default().with("id", id).maybe("overlap_seconds", overlap_seconds);
            issued(context.form, &client.json("key.rotate", &input.value())?)
        }
    }
}

/// Every suspended key of the client's workspace; which ones they were.
fn resume_all(form: Form, client: &Client) -> Result<()> {
    let (mut resumed, mut cursor) = (Vec::new(), None);
    loop {
        let input = Input::default().with("limit", 200).maybe("cursor", cursor.take());
        let answer = client.json("key.list", &input.value())?;
        for key in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            if cell(key, "/status") == "suspended" {
                let id = cell(key, "/id");
                client.json("key.resume", &Input::default().with("id", id.as_str()).value())?;
                resumed.push(id);
            }
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let line = format!("{} resumed", resumed.len());
    one(form, &json!({ "resumed": resumed }), &line)
}

/// The secret alone on stdout, so that it can be piped to where it belongs.
fn issued(form: Form, answer: &Value) -> Result<()> {
    if form == Form::Json {
        return output::json(answer);
    }
    output::words(&format!("{} until {}; shown this once:", cell(answer, "/key/id"), cell(answer, "/key/expires_at")))?;
    output::data(&cell(answer, "/api_key"))
}
