//! Editing a client's TOML in its text: a table at its end, and its removal.

use serde::Serialize;
use serde_json::Value;
use toml::Table;

use super::edit::{Broken, Inserted};

/// The table of servers, and the name of ours in it.
const SERVERS: &str = "mcp_servers";
const NAME: &str = "guildhall";

const BY_HAND: &str = "`mcp_servers.guildhall` is not a table of its own";

/// Our entry as a value.
///
/// # Errors
/// When the text is no TOML.
pub(crate) fn entry(text: &str) -> Result<Option<Value>, Broken> {
    let found = parse(text)?.get(SERVERS).and_then(|servers| servers.get(NAME)).cloned();
    Ok(found.map(|entry| serde_json::to_value(entry).unwrap_or_default()))
}

/// Appends our table.
///
/// # Errors
/// When the text is no TOML, or its `mcp_servers` cannot be added to.
pub(crate) fn insert(text: &str, entry: &impl Serialize) -> Result<Inserted, Broken> {
    let before = parse(text)?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lead = match text.trim_start_matches('\u{feff}') {
        "" => String::new(),
        text if text.ends_with('\n') => newline.to_owned(),
        _ => newline.repeat(2),
    };
    let table = toml::to_string(entry).map_err(|error| Broken::new(error.to_string()))?;
    let table = format!("{lead}[{SERVERS}.{NAME}]\n{table}").replace("\r\n", "\n").replace('\n', newline);
    let made = !before.contains_key(SERVERS);
    let inserted = Inserted::new(text, text.len(), table, made);
    let kept = parse(&inserted.text).is_ok_and(|after| without(after, made) == before);
    if kept {
        Ok(inserted)
    } else {
        Err(Broken::new("`mcp_servers` is an inline table; write it as [mcp_servers.NAME]"))
    }
}

/// Removes our table with its sub-tables; comments and blank lines before the next table stay with that one.
///
/// # Errors
/// When the text is no TOML, or our entry stands there in another form.
pub(crate) fn remove(text: &str) -> Result<String, Broken> {
    let before = parse(text)?;
    let mut kept: Vec<&str> = Vec::new();
    let mut held: Vec<&str> = Vec::new();
    let mut is_ours = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            if is_ours {
                kept.append(&mut held);
            }
            is_ours = is_our_header(trimmed);
        }
        if !is_ours {
            kept.push(line);
        } else if trimmed.is_empty() || trimmed.starts_with('#') {
            held.push(line);
        } else {
            held.clear();
        }
    }
    let rest = kept.concat();
    let is_right =
        parse(&rest).is_ok_and(|after| after == without(before.clone(), false) || after == without(before, true));
    if is_right { Ok(rest) } else { Err(Broken::new(BY_HAND)) }
}

fn is_our_header(line: &str) -> bool {
    let path = line.trim_start_matches('[').split(']').next().unwrap_or_default();
    let mut names = path.split('.').map(|name| name.trim().trim_matches(['"', '\'']));
    names.next() == Some(SERVERS) && names.next() == Some(NAME)
}

/// Whether two texts hold the same beside our entry.
pub(crate) fn is_same_beside(one: &str, other: &str) -> bool {
    match (parse(one), parse(other)) {
        (Ok(one), Ok(other)) => without(one, true) == without(other, true),
        _ => false,
    }
}

/// The document without our entry, and without its table of servers when that is empty then and `made` for it.
fn without(mut document: Table, made: bool) -> Table {
    if let Some(servers) = document.get_mut(SERVERS).and_then(toml::Value::as_table_mut) {
        servers.remove(NAME);
        if made && servers.is_empty() {
            document.remove(SERVERS);
        }
    }
    document
}

fn parse(text: &str) -> Result<Table, Broken> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    body.parse::<Table>().map_err(|error| match error.span() {
        None => Broken::new(error.message()),
        Some(span) => {
            let before = body.get(..span.start).unwrap_or_default();
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
            Broken::at(error.message(), before.matches('\n').count() + 1, column + 1)
        }
    })
}
