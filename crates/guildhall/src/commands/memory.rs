//! `guildhall memory`: memories of the local operator, and those shared with them.

use serde_json::{Value, json};
use types::{Clock as _, MemoryId, SystemClock, Timestamp};

use super::{Context, Input, cell, given, one, page};
use crate::{
    args::{self, MemoryVerb, Part},
    client::Client,
    failure::{Failure, Result, exit},
    output::{self, Form},
    resolve::{self, Names},
};

/// Pages that `list --all` follows: 1,000,000 memories.
const MOST_PAGES: usize = 5_000;
/// Items of a page that `list --all` asks for, unless --limit says otherwise.
const LARGE_PAGE: u32 = 200;

/// Runs the verb.
pub(super) fn run(context: &Context<'_>, memory: args::Memory) -> Result<()> {
    let client = context.client(memory.r#in.workspace.as_deref())?;
    let form = context.form;
    match memory.verb {
        MemoryVerb::Add(added) => add(&client, form, added),
        MemoryVerb::Get { which, owner } => {
            let owner = owner.map(|owner| resolve::principal(&client, &owner)).transpose()?;
            shown(form, &fetched(&client, &which, owner)?)
        }
        MemoryVerb::Search { query, tags, kinds, limit, explain } => {
            let mut question = Input::default()
                .with("query", query.join(" "))
                .list("tags_all", tags)
                .list("kinds", kinds)
                .maybe("limit", limit);
            if explain {
                question = question.with("explain", true);
            }
            found(&client, form, &client.json("memory.search", &question.value())?)
        }
        MemoryVerb::List { prefix, tags, kind, all, part } => {
            let narrowed = || {
                Input::default()
                    .maybe("prefix", prefix.clone())
                    .list("tags_all", tags.clone())
                    .maybe("kind", kind.clone())
            };
            let answer = if all {
                all_pages(&client, narrowed, part)?
            } else {
                client.json("memory.list", &narrowed().part(part).value())?
            };
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
        MemoryVerb::Forget { which } => {
            let id = if is_id(&which) { which } else { cell(&fetched(&client, &which, None)?, "/id") };
            let forgotten = client.json("memory.delete", &Input::default().with("id", id.as_str()).value());
            let gone = forgotten.map_err(|failure| missing(failure, &id))?;
            one(form, &gone, &format!("forgot {}", cell(&gone, "/id")))
        }
    }
}

fn is_id(which: &str) -> bool {
    which.parse::<MemoryId>().is_ok()
}

/// A memory by its id or key. An id says whose it is by itself.
fn fetched(client: &Client, which: &str, owner: Option<String>) -> Result<Value> {
    let name = if is_id(which) { "id" } else { "key" };
    let input = Input::default().with(name, which).maybe("owner", owner);
    client.json("memory.get", &input.value()).map_err(|failure| missing(failure, which))
}

/// Says which memory was not found, and where to look.
fn missing(failure: Failure, which: &str) -> Failure {
    if failure.exit != exit::NOT_FOUND {
        return failure;
    }
    Failure::new(exit::NOT_FOUND, format!("there is no memory `{which}` here for the local operator"))
        .hint("`guildhall memory list` shows them; a key of somebody else is read with `memory get KEY --owner NAME`")
}

/// Every page of a list as one.
fn all_pages(client: &Client, narrowed: impl Fn() -> Input, part: Part) -> Result<Value> {
    let (limit, mut cursor) = (part.limit.unwrap_or(LARGE_PAGE), part.cursor);
    let mut items = Vec::new();
    for _ in 0..MOST_PAGES {
        let input = narrowed().with("limit", limit).maybe("cursor", cursor.take());
        let mut answer = client.json("memory.list", &input.value())?;
        if let Some(Value::Array(more)) = answer.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            return Ok(json!({ "items": items, "next_cursor": null }));
        }
    }
    Err(Failure::new(exit::REFUSED, format!("the list has more than {} memories", items.len()))
        .hint("narrow it with --prefix, --tag or --kind, or follow --cursor page by page"))
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
        .maybe("importance", added.importance)
        .maybe("expires_in", added.expires);
    let stored = client.json("memory.create", &input.value())?;
    one(form, &stored, &cell(&stored, "/id"))
}

fn shown(form: Form, memory: &Value) -> Result<()> {
    if form == Form::Json {
        return output::json(memory);
    }
    let shown = [("id", "/id"), ("key", "/key"), ("kind", "/kind"), ("access", "/access"), ("owner", "/owner")];
    let more = [("tags", "/tags"), ("stored", "/created_at"), ("updated", "/updated_at"), ("version", "/version")];
    for (name, pointer) in shown.into_iter().chain(more) {
        output::words(&format!("{name:<8} {}", cell(memory, pointer)))?;
    }
    match (memory.get("content").and_then(Value::as_str), memory.get("value")) {
        (Some(text), _) => output::document(text),
        (None, Some(value)) => output::pretty(value),
        (None, None) => Ok(()),
    }
}

fn found(client: &Client, form: Form, answer: &Value) -> Result<()> {
    if form == Form::Json {
        return output::json(answer);
    }
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let now = SystemClock.now();
    let mut names = Names::default();
    let mut rows = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let score = item.get("score").and_then(Value::as_f64).unwrap_or_default();
        let key = item.pointer("/memory/key").and_then(Value::as_str);
        let mut row = vec![
            (place + 1).to_string(),
            format!("{score:.3}"),
            key.map_or_else(|| cell(item, "/memory/id"), str::to_owned),
            names.of(client, &cell(item, "/memory/owner"))?,
            age(&cell(item, "/memory/updated_at"), now),
        ];
        row.extend(item.get("explain").map(explained));
        row.push(cell(item, "/excerpt"));
        rows.push(row);
    }
    let explains = items.iter().any(|item| item.get("explain").is_some());
    let heading: &[&str] = if explains {
        &["rank", "score", "memory", "owner", "age", "ranked by", "excerpt"]
    } else {
        &["rank", "score", "memory", "owner", "age", "excerpt"]
    };
    output::table(heading, &rows)
}

/// How an item was ranked, such as `keyword 1, typo 2, relase~release, boost 1.04`.
fn explained(explain: &Value) -> String {
    let list = |name: &str| explain.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ranks = list("ranks").iter().map(|rank| format!("{} {}", cell(rank, "/ranking"), cell(rank, "/rank")));
    let typos = list("typo").iter().map(|typo| format!("{}~{}", cell(typo, "/term"), cell(typo, "/word")));
    let boost = explain.get("boost").and_then(Value::as_f64).unwrap_or(1.0);
    ranks.chain(typos).chain([format!("boost {boost:.2}")]).collect::<Vec<_>>().join(", ")
}

/// How long ago it was, in the largest whole unit; `-` for what is no time.
fn age(at: &str, now: Timestamp) -> String {
    let Ok(at) = at.parse::<Timestamp>() else { return "-".to_owned() };
    match now.secs_since(at) {
        secs if secs < 60 => format!("{secs}s"),
        secs if secs < 3_600 => format!("{}m", secs / 60),
        secs if secs < 86_400 => format!("{}h", secs / 3_600),
        secs => format!("{}d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_its_largest_unit() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        for (secs, text) in
            [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (3_599, "59m"), (7_200, "2h"), (200_000, "2d")]
        {
            assert_eq!(age(&now.plus_secs(-secs).to_string(), now), text);
        }
        assert_eq!(age("-", now), "-");
    }
}
