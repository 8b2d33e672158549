//! OpenAPI 3.1, rendered from the catalogue.

use serde_json::{Map, Value, json};

use super::tools::whole;
use crate::{
    catalogue::CATALOGUE,
    error::Code,
    operation::{Access, Effect, Entry, Replay, Route},
};

/// The whole document, pretty-printed.
#[must_use]
pub fn openapi() -> String {
    let mut paths: Map<String, Value> = Map::new();
    for entry in CATALOGUE {
        for (place, route) in entry.spec.routes.iter().enumerate() {
            let item = paths.entry(route.path).or_insert_with(|| json!({}));
            if let Value::Object(item) = item {
                item.insert(route.method.to_lowercase(), operation(entry, route, place));
            }
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Guildhall",
            "version": "1",
            "description": "What a team of AI agents shares, under its operators' control.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "apiKey": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            },
            "schemas": { "Problem": problem() },
            "responses": { "Problem": {
                "description": "The call was refused or failed.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
        },
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "code": { "type": "string", "enum": Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>() },
            "hint": { "type": "string" },
            "request_id": { "type": "string" },
            "errors": { "type": "array", "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": { "field": { "type": "string" }, "message": { "type": "string" } },
            } },
        },
    })
}

fn path_names(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

fn operation(entry: &Entry, route: &Route, place: usize) -> Value {
    let spec = entry.spec;
    let mut schema = whole(entry);
    let in_path = path_names(route.path);
    let mut parameters: Vec<Value> = Vec::new();
    let required = take_names(&mut schema, &in_path);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for name in &in_path {
            let property = properties.remove(*name).unwrap_or_else(|| json!({ "type": "string" }));
            parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": property }));
        }
    }
    let has_body = matches!(route.method, "POST" | "PUT" | "PATCH");
    if !has_body {
        let rest = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, property) in rest {
            let is_list = property.get("type") == Some(&json!("array"));
            let mut parameter =
                json!({ "name": name, "in": "query", "required": required.contains(&name), "schema": property });
            if let (true, Value::Object(parameter)) = (is_list, &mut parameter) {
                parameter.insert("style".into(), json!("form"));
                parameter.insert("explode".into(), json!(false));
            }
            parameters.push(parameter);
        }
    }
    if spec.replay != Replay::Never {
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" } }));
    }
    let suffix = if place == 0 { String::new() } else { format!(".{}", place + 1) };
    let mut rendered = json!({
        "operationId": format!("{}{suffix}", spec.id),
        "summary": spec.summary,
        "tags": [spec.id.split('.').next().unwrap_or_default()],
        "parameters": parameters,
        "responses": responses(entry),
    });
    if let Value::Object(rendered) = &mut rendered {
        if has_body {
            let needed = schema.get("required").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
            rendered.insert(
                "requestBody".into(),
                json!({ "required": needed, "content": { "application/json": { "schema": schema } } }),
            );
        }
        if spec.access == Access::Open {
            rendered.insert("security".into(), json!([]));
        }
        if let Access::Permission(permission) | Access::Interactive(permission) = spec.access {
            rendered.insert("x-permission".into(), json!(permission.as_str()));
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

fn responses(entry: &Entry) -> Value {
    let status = match (entry.spec.effect, (entry.output)()) {
        (Effect::Create, Some(_)) => "201",
        (_, Some(_)) => "200",
        (Effect::Read, None) => "200",
        (_, None) => "204",
    };
    let mut done = json!({ "description": "Done." });
    if let (Some(schema), Value::Object(done)) = ((entry.output)(), &mut done) {
        done.insert("content".into(), json!({ "application/json": { "schema": schema.to_value() } }));
    } else if let ("200", Value::Object(done)) = (status, &mut done) {
        let media = if entry.spec.id == "ops.openapi" { "application/json" } else { "text/plain" };
        done.insert("content".into(), json!({ media: { "schema": {} } }));
    }
    json!({ status: done, "default": { "$ref": "#/components/responses/Problem" } })
}
