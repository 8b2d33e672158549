//! The reference pages in Markdown.

use std::fmt::Write as _;

use crate::{
    access::{Permission, Role},
    catalogue::CATALOGUE,
    operation::{Access, Effect, Rate, Replay},
};

const HEADER: &str = "<!-- Generated from the catalogue by `cargo xtask gen`; do not edit. -->\n";

pub(super) fn access(access: Access) -> String {
    match access {
        Access::Permission(permission) => format!("`{}`", permission.as_str()),
        Access::Interactive(permission) => format!("`{}`, in person", permission.as_str()),
        Access::AnyPrincipal => "any credential".into(),
        Access::LocalOperator => "local operator".into(),
        Access::Open => "none".into(),
    }
}

pub(super) const fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Create => "create",
        Effect::Upsert => "upsert",
        Effect::Destroy => "destroy",
        Effect::Withdraw => "withdraw",
    }
}

pub(super) const fn replay(replay: Replay) -> &'static str {
    match replay {
        Replay::Answer => "first answer",
        Replay::IdOnly => "`already_done`",
        Replay::Never => "–",
    }
}

/// `docs/reference/operations.md`
#[must_use]
pub fn operations() -> String {
    let mut page = format!(
        "{HEADER}# Operations\n\nThe id is the audit action, the metric label and the name for `guildhall call`.\n\n\
         | id | needs | effect | limit | repeat | MCP tool | REST |\n|---|---|---|---|---|---|---|\n"
    );
    for entry in CATALOGUE {
        let spec = entry.spec;
        let tool = spec.tool.map_or("–".into(), |tool| format!("`{}` ({})", tool.name, tool.set));
        let routes: Vec<String> =
            spec.routes.iter().map(|route| format!("{} `{}`", route.method, route.path)).collect();
        let routes = if routes.is_empty() { "Unix socket".into() } else { routes.join("<br>") };
        let rate = match spec.rate {
            Rate::Default => "calls",
            Rate::Free => "–",
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {rate} | {} | {tool} | {routes} |",
            spec.id,
            access(spec.access),
            effect(spec.effect),
            replay(spec.replay)
        );
    }
    for entry in CATALOGUE {
        let _ = write!(page, "\n## {}\n\n{}\n", entry.spec.id, entry.spec.summary);
        let input = super::example(entry).input;
        if !input.is_empty() {
            let input = serde_json::Value::Object(input).to_string();
            let _ = write!(page, "\n```sh\nguildhall call {} --input '{input}'\n```\n", entry.spec.id);
        }
        let schema = super::tools::whole(entry);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(|list| list.as_array())
            .into_iter()
            .flatten()
            .filter_map(|one| one.as_str())
            .collect();
        let Some(properties) = schema.get("properties").and_then(|map| map.as_object()).filter(|map| !map.is_empty())
        else {
            continue;
        };
        page.push_str("\n| input | type | meaning |\n|---|---|---|\n");
        for (name, property) in properties {
            let kind = kind(property);
            let meaning =
                property.get("description").and_then(|text| text.as_str()).unwrap_or_default().replace('\n', " ");
            let star = if required.contains(&name.as_str()) { " (required)" } else { "" };
            let _ = writeln!(page, "| `{name}`{star} | {kind} | {} |", meaning.replace('|', "\\|"));
        }
    }
    page
}

/// What a member holds, in a few words: its type, or the words it is one of.
pub(super) fn kind(property: &serde_json::Value) -> String {
    let list = |name: &str| property.get(name).and_then(|list| list.as_array());
    let described = list("oneOf").into_iter().flatten().filter_map(|choice| choice.get("const"));
    let words: Vec<String> = list("enum")
        .into_iter()
        .flatten()
        .chain(described)
        .filter_map(|word| word.as_str())
        .map(|word| format!("`{word}`"))
        .collect();
    if !words.is_empty() {
        return words.join(" ");
    }
    match property.get("type").and_then(|kind| kind.as_str()) {
        Some("array") => format!("list of {}", property.get("items").map_or("any".into(), kind)),
        Some(kind) => kind.to_owned(),
        None => "any".into(),
    }
}

/// `docs/reference/permissions.md`
#[must_use]
pub fn permissions() -> String {
    let mut page = format!(
        "{HEADER}# Permissions and roles\n\nDefault deny. Rights = (role ∪ grants) ∩ the credential's permissions, anew on every call.\n\n\
         | permission | reader | agent | operator | admin | operations |\n|---|---|---|---|---|---|\n"
    );
    for permission in Permission::ALL {
        let marks: Vec<&str> =
            Role::ALL.iter().map(|role| if role.permissions().has(*permission) { "✓" } else { "–" }).collect();
        let operations: Vec<String> = CATALOGUE
            .iter()
            .filter(|entry| matches!(entry.spec.access, Access::Permission(one) | Access::Interactive(one) if one == *permission))
            .map(|entry| format!("`{}`", entry.spec.id))
            .collect();
        let _ = writeln!(page, "| `{}` | {} | {} |", permission.as_str(), marks.join(" | "), operations.join(" "));
    }
    page
}
