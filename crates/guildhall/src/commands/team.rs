//! `guildhall team`

use serde_json::Value;

use super::{Context, Input, cell, one, page};
use crate::{
    args::{self, TeamVerb},
    client::Client,
    failure::Result,
    output::Form,
    resolve,
};

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, team: args::Team) -> Result<()> {
    let client = context.client(team.r#in.workspace.as_deref())?;
    match team.verb {
        TeamVerb::List(part) => {
            let answer = client.json("team.list", &Input::default().part(part).value())?;
            list(context.form, answer)
        }
        TeamVerb::Add { name } => {
            let made = client.json("team.create", &Input::default().with("name", name).value())?;
            one(context.form, &made, &format!("{}  {}", cell(&made, "/id"), cell(&made, "/name")))
        }
        TeamVerb::Remove { team } => {
            let id = resolve::team(&client, &team)?;
            let removed = client.json("team.delete", &Input::default().with("id", id).value())?;
            one(context.form, &removed, &format!("removed {}", cell(&removed, "/name")))
        }
        TeamVerb::Join { team, principal } => {
            let changed = member(&client, "team.add", &team, &principal)?;
            one(context.form, &changed, &format!("{principal} is in {}", cell(&changed, "/name")))
        }
        TeamVerb::Leave { team, principal } => {
            let changed = member(&client, "team.remove", &team, &principal)?;
            one(context.form, &changed, &format!("{principal} is no longer in {}", cell(&changed, "/name")))
        }
    }
}

/// Changes who belongs to a team; the team as it is then.
fn member(client: &Client, operation: &str, team: &str, principal: &str) -> Result<Value> {
    let input = Input::default()
        .with("id", resolve::team(client, team)?)
        .with("principal", resolve::principal(client, principal)?);
    client.json(operation, &input.value())
}

/// For people, a team of a thousand is a number and not a line of a thousand ids.
fn list(form: Form, mut answer: Value) -> Result<()> {
    if form == Form::Text {
        for team in answer.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(members) = team.get_mut("members") {
                *members = members.as_array().map_or(0, Vec::len).into();
            }
        }
    }
    let columns =
        [("name", "/name"), ("id", "/id"), ("members", "/members"), ("version", "/version"), ("made", "/created_at")];
    page(form, &answer, &columns)
}
