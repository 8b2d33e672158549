//! `guildhall audit`

use std::path::Path;

use domain::audit::verify::verify_all;
use serde_json::{Value, json};

use super::{Context, Input, cell, page};
use crate::{
    args::{self, AuditVerb},
    client::Client,
    compose,
    config::{self, Flags},
    directory,
    failure::{Failure, Result, exit},
    output::{self, Form},
    posture,
};

const COLUMNS: [(&str, &str); 8] = [
    ("seq", "/seq"),
    ("time", "/ts"),
    ("actor", "/actor"),
    ("via", "/via"),
    ("action", "/action"),
    ("outcome", "/outcome"),
    ("code", "/code"),
    ("object", "/object"),
];

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, audit: args::Audit) -> Result<()> {
    let workspace = audit.r#in.workspace;
    match audit.verb {
        AuditVerb::Verify => verify(context, workspace.as_deref()),
        AuditVerb::Tail { lines } => {
            let client = context.client(workspace.as_deref())?;
            let mut answer = client.json("audit.list", &Input::default().with("limit", lines).value())?;
            if let Some(members) = answer.as_object_mut() {
                members.remove("next_cursor");
                if let Some(Value::Array(items)) = members.get_mut("items") {
                    items.reverse();
                }
            }
            page(context.form, &answer, &COLUMNS)
        }
        AuditVerb::Search { actor, action, outcome, severity, object, from, to, part } => {
            let client = context.client(workspace.as_deref())?;
            let input = Input::default()
                .maybe("actor", actor)
                .maybe("action", action)
                .maybe("outcome", outcome)
                .maybe("severity", severity)
                .maybe("object", object)
                .maybe("from", from)
                .maybe("to", to)
                .part(part);
            page(context.form, &client.json("audit.list", &input.value())?, &COLUMNS)
        }
    }
}

/// What one workspace's chain is like.
struct Chain {
    workspace: String,
    is_whole: bool,
    first_bad: Option<i64>,
    rows: i64,
}

/// Checks the chains: through the server when one runs, otherwise in the database, holding the lock.
fn verify(context: &Context<'_>, workspace: Option<&str>) -> Result<()> {
    let directory = context.directory()?;
    let client = Client::new(&directory, None)?;
    let chains = if client.is_reachable() {
        online(&client, &directory, workspace)?
    } else {
        offline(context, &directory, workspace)?
    };
    let bad = chains.iter().find(|chain| !chain.is_whole);
    match context.form {
        Form::Json => output::json(&json!({
            "ok": bad.is_none(),
            "first_bad": bad.and_then(|chain| chain.first_bad),
            "rows": chains.iter().map(|chain| chain.rows).sum::<i64>(),
            "workspaces": chains.iter().map(|chain| json!({
                "workspace": chain.workspace, "ok": chain.is_whole, "first_bad": chain.first_bad, "rows": chain.rows,
            })).collect::<Vec<_>>(),
        }))?,
        Form::Text => {
            for chain in &chains {
                let name = &chain.workspace;
                output::data(&match chain.first_bad {
                    Some(row) => format!("{name}: first_bad: {row}"),
                    None => format!("{name}: {} rows, whole", chain.rows),
                })?;
            }
        }
    }
    match bad {
        None => Ok(()),
        Some(chain) => Err(Failure::new(
            exit::FINDING,
            format!(
                "the audit log of workspace `{}` was changed: first_bad: {}",
                chain.workspace,
                chain.first_bad.unwrap_or_default()
            ),
        )
        .hint("rows before it are as they were written; compare with a backup")),
    }
}

fn online(client: &Client, directory: &Path, workspace: Option<&str>) -> Result<Vec<Chain>> {
    let names = match workspace {
        Some(name) => vec![name.to_owned()],
        None => {
            let answer = client.json("workspace.list", &json!({}))?;
            let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            items.iter().map(|item| cell(item, "/slug")).collect()
        }
    };
    names
        .into_iter()
        .map(|workspace| {
            let verdict = Client::new(directory, Some(&workspace))?.json("audit.verify", &json!({}))?;
            Ok(Chain {
                workspace,
                is_whole: verdict.get("ok").and_then(Value::as_bool).unwrap_or(false),
                first_bad: verdict.get("first_bad").and_then(Value::as_i64),
                rows: verdict.get("rows").and_then(Value::as_i64).unwrap_or_default(),
            })
        })
        .collect()
}

fn offline(context: &Context<'_>, directory: &Path, workspace: Option<&str>) -> Result<Vec<Chain>> {
    if !directory::has_database(directory) {
        return Err(Failure::new(exit::NOT_FOUND, format!("{} holds no installation", directory.display()))
            .hint("name its directory with --data"));
    }
    let (config, findings) = config::load(directory, context.environment, &Flags::default());
    posture::refuse(findings)?;
    let hall = compose::open(directory, &config, posture::secrets(directory)?)?;
    let verdicts = compose::small_runtime()?.block_on(verify_all(&hall.app));
    hall.close()?;
    let chains: Vec<Chain> = verdicts?
        .into_iter()
        .filter(|(slug, _)| workspace.is_none_or(|wanted| wanted == slug))
        .map(|(workspace, verdict)| Chain {
            workspace,
            is_whole: verdict.ok,
            first_bad: verdict.first_bad,
            rows: verdict.rows,
        })
        .collect();
    match workspace {
        Some(wanted) if chains.is_empty() => {
            Err(Failure::new(exit::NOT_FOUND, format!("there is no workspace `{wanted}`")))
        }
        _ => Ok(chains),
    }
}
