//! OpenAPI 3.1, rendered from the catalogue.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    example::Example,
    tools::{body, whole},
};
use crate::{
    catalogue::CATALOGUE,
    operation::{Access, Effect, Entry, Replay, Route},
};

mod answers;
mod components;

use answers::Refusals;
pub(super) use components::{DESCRIPTION, NOUNS};

/// The whole document, pretty-printed.
#[must_use]
pub fn openapi() -> String {
    let mut rendering = Rendering::new();
    let mut paths: Map<String, Value> = Map::new();
    for entry in CATALOGUE {
        for (place, route) in entry.spec.routes.iter().enumerate() {
            let item = paths.entry(route.path).or_insert_with(|| json!({}));
            if let Value::Object(item) = item {
                item.insert(route.method.to_lowercase(), rendering.operation(entry, route, place));
            }
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Guildhall",
            "version": "1",
            "summary": "What a team of AI agents shares, under its operators' control.",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/", "description": "The server that gave this document." }],
        "security": [{ "bearer": [] }, { "apiKey": [] }],
        "tags": components::tags(),
        "paths": paths,
        "components": rendering.components(),
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// What operations leave behind for the components they refer to.
struct Rendering {
    types: SchemaGenerator,
    inputs: Map<String, Value>,
    refusals: Refusals,
}

/// What one route of an operation takes where.
struct Request {
    parameters: Vec<Value>,
    body: Option<Body>,
}

struct Body {
    schema: Map<String, Value>,
    example: Map<String, Value>,
    is_required: bool,
}

fn path_names(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

/// `memory.create` as `MemoryCreate`.
fn pascal(id: &str) -> String {
    let mut name = String::new();
    for word in id.split(['.', '_']) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

impl Rendering {
    fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12().for_serialize();
        settings.meta_schema = None;
        settings.definitions_path = "/components/schemas".into();
        Self { types: settings.into_generator(), inputs: Map::new(), refusals: Refusals::default() }
    }

    fn components(mut self) -> Value {
        let mut schemas = self.types.take_definitions(true);
        schemas.extend(self.inputs);
        schemas.extend(components::schemas());
        json!({
            "securitySchemes": components::security_schemes(),
            "schemas": schemas,
            "parameters": components::parameters(),
            "headers": components::headers(),
            "responses": self.refusals.responses(),
            "examples": components::problems(),
        })
    }

    fn operation(&mut self, entry: &Entry, route: &Route, place: usize) -> Value {
        let spec = entry.spec;
        let suffix = if place == 0 { String::new() } else { format!(".{}", place + 1) };
        let operation_id = format!("{}{suffix}", spec.id);
        let example = super::example(entry);
        let request = request(entry, route, &example);
        let mut rendered = json!({
            "operationId": operation_id,
            "summary": spec.summary,
            "description": describe(entry),
            "tags": [spec.id.split('.').next().unwrap_or_default()],
            "parameters": request.parameters,
            "responses": self.responses(entry, example),
        });
        let Value::Object(members) = &mut rendered else { return rendered };
        if let Some(Body { schema, example, is_required }) = request.body {
            let name = self.input(spec.id, schema);
            let content = json!({ "schema": { "$ref": format!("#/components/schemas/{name}") }, "example": example });
            members.insert(
                "requestBody".into(),
                json!({ "required": is_required, "content": { "application/json": content } }),
            );
        }
        if spec.access == Access::Open {
            members.insert("security".into(), json!([]));
        }
        if let Access::Permission(permission) | Access::Interactive(permission) = spec.access {
            members.insert("x-permission".into(), json!(permission.as_str()));
        }
        if let Some(tool) = spec.tool {
            members.insert("x-mcp-tool".into(), json!(tool.name));
        }
        rendered
    }

    /// The name of a body's schema. Routes of one operation share it, unless their paths take different inputs.
    fn input(&mut self, id: &str, schema: Map<String, Value>) -> String {
        let schema = Value::Object(schema);
        let name = format!("{}Input", pascal(id));
        let is_other = self.inputs.get(&name).is_some_and(|known| *known != schema);
        let name = if is_other { format!("{name}ByOtherRoute") } else { name };
        self.inputs.insert(name.clone(), schema);
        name
    }

    fn responses(&mut self, entry: &Entry, example: Example) -> Value {
        let schema = (entry.output)(&mut self.types).map(|schema| schema.to_value());
        let mut all = self.refusals.of(entry);
        let (status, done) = answers::done(entry, schema, example.output);
        all.insert(status.into(), done);
        Value::Object(all)
    }
}

/// What a client must know beside the summary.
fn describe(entry: &Entry) -> String {
    let spec = entry.spec;
    let needs = match spec.access {
        Access::Permission(permission) => format!("Needs the permission `{}`.", permission.as_str()),
        Access::Interactive(permission) => {
            format!("Needs the permission `{}`, in person: an API key is refused.", permission.as_str())
        }
        Access::AnyPrincipal => "Any credential will do.".to_owned(),
        Access::LocalOperator => "Needs the local operator: an API key is refused.".to_owned(),
        Access::Open => "Needs no credential.".to_owned(),
    };
    let repeats = match (spec.replay, spec.effect) {
        (Replay::Answer, _) => " A repeat with the same `Idempotency-Key` within 24 hours gets the first answer again.",
        (Replay::IdOnly, _) => {
            " The answer holds a secret, which is not kept: a repeat with the same `Idempotency-Key` is refused with `already_done`."
        }
        (Replay::Never, Effect::Read) => " Changes nothing.",
        (Replay::Never, _) => " A repeat does no more than the first call.",
    };
    let tool = spec.tool.map(|tool| format!(" As an MCP tool: `{}`.", tool.name)).unwrap_or_default();
    format!("{needs}{repeats}{tool}")
}

fn request(entry: &Entry, route: &Route, example: &Example) -> Request {
    let has_body = matches!(route.method, "POST" | "PUT" | "PATCH");
    let mut schema = if has_body { body(entry) } else { whole(entry) };
    let mut values = example.input.clone();
    let in_path = path_names(route.path);
    let required = take_names(&mut schema, &in_path);
    let mut parameters: Vec<Value> = Vec::new();
    let mut properties = match schema.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let in_path_or_query = match whole(entry).remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    for name in &in_path {
        properties.remove(*name);
        let property = in_path_or_query.get(*name).cloned().unwrap_or_else(|| json!({ "type": "string" }));
        parameters.push(parameter((name, "path", true), property, values.remove(*name)));
    }
    // What another route of the operation takes in its path is the other way to name the same thing.
    for name in entry.spec.routes.iter().flat_map(|other| path_names(other.path)) {
        properties.remove(name);
        values.remove(name);
    }
    let takes_version = properties.contains_key("expected_version");
    let body = if has_body {
        schema.insert("properties".into(), Value::Object(properties));
        Some(Body { schema, example: values, is_required: !required.is_empty() })
    } else {
        for (name, property) in properties {
            let is_needed = required.contains(&name);
            let value = values.remove(&name);
            parameters.push(parameter((&name, "query", is_needed), property, value));
        }
        None
    };
    if takes_version {
        parameters.push(json!({ "$ref": "#/components/parameters/IfMatch" }));
    }
    if entry.spec.replay != Replay::Never {
        parameters.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    Request { parameters, body }
}

fn parameter((name, place, required): (&str, &str, bool), mut property: Value, example: Option<Value>) -> Value {
    let description = property.as_object_mut().and_then(|property| property.remove("description"));
    let is_list = property.get("type") == Some(&json!("array"));
    let mut rendered = json!({ "name": name, "in": place, "required": required, "schema": property });
    if let Value::Object(members) = &mut rendered {
        members.insert("description".into(), description.unwrap_or_else(|| json!(format!("The {name}."))));
        if is_list {
            members.insert("style".into(), json!("form"));
            members.insert("explode".into(), json!(false));
        }
        if let Some(example) = example {
            members.insert("example".into(), example);
        }
    }
    rendered
}

/// Takes names out of `required`; what was required besides.
fn take_names(schema: &mut Map<String, Value>, names: &[&str]) -> Vec<String> {
    let Some(Value::Array(required)) = schema.get_mut("required") else { return Vec::new() };
    required.retain(|name| name.as_str().is_none_or(|name| !names.contains(&name)));
    required.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_schema_has_a_name_by_number() {
        let document: Value = serde_json::from_str(&openapi()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let numbered: Vec<_> =
            schemas.keys().filter(|name| name.ends_with(|last: char| last.is_ascii_digit())).collect();
        assert!(numbered.is_empty(), "two types share a name; `#[schemars(rename = …)]` one of each: {numbered:?}");
    }
}
