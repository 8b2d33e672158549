//! The answers of an operation: the one it is called for, and a response for every status it can be refused with.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    error::Code,
    operation::{Effect, Entry},
};

/// Responses that operations share, one for each set of codes with one status.
#[derive(Default)]
pub(super) struct Refusals {
    sets: BTreeMap<String, Vec<Code>>,
}

impl Refusals {
    /// A reference for every status an operation can be refused with.
    pub(super) fn of(&mut self, entry: &Entry) -> Map<String, Value> {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in super::super::refusals(entry) {
            by_status.entry(code.http()).or_default().push(code);
        }
        let refer = |(status, codes): (u16, Vec<Code>)| {
            let names: Vec<String> = codes.iter().map(|code| super::pascal(code.as_str())).collect();
            let name = names.join("Or");
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            self.sets.insert(name, codes);
            (status.to_string(), reference)
        };
        by_status.into_iter().map(refer).collect()
    }

    /// What was referred to.
    pub(super) fn responses(self) -> Map<String, Value> {
        self.sets.into_iter().map(|(name, codes)| (name, response(&codes))).collect()
    }
}

fn response(codes: &[Code]) -> Value {
    let lines: Vec<String> = codes.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.title())).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let examples: Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/examples/{name}") })))
        .collect();
    let mut headers = headers(&["x-request-id"]);
    for code in codes {
        headers.extend(self::headers(match code {
            Code::Unauthenticated => &["www-authenticate"],
            Code::RateLimited => &["retry-after", "ratelimit", "ratelimit-policy"],
            Code::Overloaded | Code::Unavailable => &["retry-after"],
            _ => &[],
        }));
    }
    json!({
        "description": lines.join("\n"),
        "headers": headers,
        "content": { "application/problem+json": {
            "schema": {
                "allOf": [{ "$ref": "#/components/schemas/Problem" }],
                "properties": { "code": { "enum": names } },
            },
            "examples": examples,
        } },
    })
}

fn headers(names: &[&str]) -> Map<String, Value> {
    let refer = |name: &&str| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }));
    names.iter().map(refer).collect()
}

/// The answer to a call that succeeds, with its status.
pub(super) fn done(entry: &Entry, schema: Option<Value>, example: Option<Value>) -> (&'static str, Value) {
    let (status, description) = match (entry.media, entry.spec.effect) {
        (None, _) => ("204", "Done; there is nothing to say."),
        (Some(_), Effect::Create) => ("201", "It was made."),
        (Some(_), Effect::Read) => ("200", "What was asked for."),
        (Some(_), Effect::Upsert | Effect::Destroy | Effect::Withdraw) => ("200", "Done."),
    };
    let mut content = Map::new();
    if let Some(media) = entry.media {
        let is_text = media.starts_with("text/");
        let schema = schema.unwrap_or_else(|| if is_text { json!({ "type": "string" }) } else { json!({}) });
        let mut body = json!({ "schema": schema });
        if let (Some(example), Value::Object(body)) = (example, &mut body) {
            body.insert("example".into(), example);
        }
        content.insert(media.split(';').next().unwrap_or(media).to_owned(), body);
    }
    let mut answer = json!({ "description": description, "headers": headers(&["x-request-id"]) });
    if let (false, Value::Object(answer)) = (content.is_empty(), &mut answer) {
        answer.insert("content".into(), Value::Object(content));
    }
    (status, answer)
}
