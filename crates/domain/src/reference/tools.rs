//! MCP tools' input schemas: small, flat, without references.

use schemars::{Schema, generate::SchemaSettings};
use security::digest;
use serde_json::{Map, Value, json};

use crate::{
    catalogue::{CATALOGUE, TOOLSETS},
    operation::{Effect, Entry},
};

/// Properties a tool lists at most.
const LISTED: usize = 12;

/// Whether a schema says that an optional member may also be `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nulls {
    /// It does: as it is in a body.
    Said,
    /// It does not: a member is left out instead, as in a path or a query.
    Unsaid,
}

/// An operation's input schema, whole.
#[must_use]
pub fn whole(entry: &Entry) -> Map<String, Value> {
    object((entry.input)(), Nulls::Unsaid)
}

/// An operation's input schema as it holds for a body.
#[must_use]
pub(super) fn body(entry: &Entry) -> Map<String, Value> {
    object((entry.input)(), Nulls::Said)
}

fn object(schema: Schema, nulls: Nulls) -> Map<String, Value> {
    let mut schema = schema.to_value();
    slim(&mut schema, nulls);
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The schema of an operation's answer, whole; empty when that is no JSON value.
#[must_use]
pub(super) fn answer(entry: &Entry) -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.inline_subschemas = true;
    (entry.output)(&mut settings.into_generator()).map(|schema| object(schema, Nulls::Unsaid)).unwrap_or_default()
}

/// A tool's input schema: the listed properties, and `idempotency_key` for writes while there is room.
#[must_use]
pub fn input_schema(entry: &Entry) -> Map<String, Value> {
    let mut schema = whole(entry);
    let Some(tool) = entry.spec.tool else { return schema };
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        if !tool.listed.is_empty() {
            properties.retain(|name, _| tool.listed.contains(&name.as_str()));
        }
        if entry.spec.effect != Effect::Read && properties.len() < LISTED {
            let repeat =
                json!({"type": "string", "description": "Repeats with the same key and input do nothing again."});
            properties.insert("idempotency_key".into(), repeat);
        }
    }
    schema
}

/// Drops what tells a reader nothing: titles, formats of integers, `null` in types, descriptions of types.
fn slim(schema: &mut Value, nulls: Nulls) {
    match schema {
        Value::Object(map) => {
            if map.get("title").is_some_and(Value::is_string) {
                map.remove("title");
            }
            if nulls == Nulls::Unsaid && map.contains_key("properties") {
                map.remove("description");
            }
            if map.get("format").and_then(Value::as_str).is_some_and(|f| f != "date-time") {
                map.remove("format");
            }
            if map
                .get("default")
                .is_some_and(|d| d.is_null() || d == &json!([]) || d == &json!({}) || d == &json!(false))
            {
                map.remove("default");
            }
            if nulls == Nulls::Unsaid {
                optional(map);
            }
            map.values_mut().for_each(|value| slim(value, nulls));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| slim(item, nulls)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An optional field's type without `null`: it is left out rather than set to null.
fn optional(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            map.insert("type".into(), one);
        }
    }
    if let Some(Value::Array(words)) = map.get_mut("enum") {
        words.retain(|one| !one.is_null());
    }
    let Some(Value::Array(choices)) = map.get("anyOf") else { return };
    let real: Vec<&Value> = choices.iter().filter(|one| one.get("type") != Some(&json!("null"))).collect();
    if let [Value::Object(one)] = real.as_slice() {
        let one = one.clone();
        map.remove("anyOf");
        for (name, value) in one {
            map.entry(name).or_insert(value);
        }
    }
    words(map);
}

/// A choice of described words as a plain list of words.
fn words(map: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = map.get("oneOf") else { return };
    let mut all = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum")) {
            (Some(word), _) => all.push(word.clone()),
            (None, Some(Value::Array(several))) => all.extend(several.clone()),
            _ => return,
        }
    }
    map.remove("oneOf");
    map.insert("type".into(), json!("string"));
    map.insert("enum".into(), Value::Array(all));
}

/// Every tool's name, toolset, description and digest: `docs/reference/mcp-tools.json`. The digest is the SHA-256 of the
/// members `description`, `inputSchema` and `name` that `tools/list` shows, as compact JSON with sorted members.
#[must_use]
pub fn mcp_tools() -> String {
    let mut tools: Vec<Value> = Vec::new();
    for set in TOOLSETS {
        let mut entries: Vec<&Entry> =
            CATALOGUE.iter().filter(|entry| entry.spec.tool.is_some_and(|tool| tool.set == *set)).collect();
        entries.sort_by_key(|entry| entry.spec.tool.map(|tool| tool.name));
        for entry in entries {
            let name = entry.spec.tool.map(|tool| tool.name);
            let text = json!({ "description": entry.spec.summary, "inputSchema": input_schema(entry), "name": name });
            tools.push(json!({
                "name": name,
                "toolset": set,
                "operation": entry.spec.id,
                "description": entry.spec.summary,
                "sha256": digest::hex(&digest::sha256_of(text.to_string().as_bytes())),
            }));
        }
    }
    serde_json::to_string_pretty(&json!({ "tools": tools })).unwrap_or_default() + "\n"
}
