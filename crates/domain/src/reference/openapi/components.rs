//! The parts of the document that do not follow from the catalogue.

use serde_json::{Map, Value, json};

use crate::error::Code;

/// What holds of every call.
pub(in crate::reference) const DESCRIPTION: &str = "\
Send an API key as `Authorization: Bearer …` or as `X-API-Key`; `guildhall key create` makes one.

Bodies are JSON in UTF-8, at most 1 MiB and 64 levels deep, never compressed; unknown members are refused. Times are \
RFC 3339 in UTC, ids are opaque. A list answers `items` and, unless it is the last page, a `next_cursor` to give back as \
`cursor`.

A refusal is `application/problem+json` (RFC 9457); `code` is stable, and `guildhall explain CODE` says what to do about \
it. Calls are limited per principal and per key: 429 says in `Retry-After` when to go on.";

/// What each noun stands for.
pub(in crate::reference) const NOUNS: &[(&str, &str)] = &[
    ("agent", "Machines that act for people."),
    ("audit", "Who did what, as a chain that shows every change to it."),
    ("auth", "Who the caller is."),
    ("export", "Memories, to take along."),
    ("health", "Whether the server answers."),
    ("import", "Memories from other systems."),
    ("key", "API keys, the credentials of agents."),
    ("memory", "What agents know and share: notes, facts, decisions and named values."),
    ("ops", "What operators and tools ask of the server itself."),
    ("team", "Principals that share."),
];

pub(super) fn tags() -> Vec<Value> {
    NOUNS.iter().map(|(name, description)| json!({ "name": name, "description": description })).collect()
}

pub(super) fn security_schemes() -> Value {
    json!({
        "bearer": { "type": "http", "scheme": "bearer", "description": "An API key: `ghk_` and 50 characters." },
        "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key." },
    })
}

pub(super) fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Any text of the caller's. A repeat with the same key and input within 24 hours does nothing again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" },
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false,
            "description": "A version in quotes: the same as `expected_version`. Give one of the two.",
            "schema": { "type": "string", "pattern": "^\"[0-9]{1,18}\"$" },
        },
    })
}

pub(super) fn headers() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "x-request-id": {
            "description": "Finds the request in the server's log.", "required": true,
            "schema": { "type": "string", "pattern": "^req_[0-9a-f]{16}$" },
        },
        "www-authenticate": { "description": "How to send a credential.", "required": true, "schema": text },
        "retry-after": {
            "description": "Seconds until it makes sense to try again.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "ratelimit": { "description": "The limit that was met, what is left of it, and the seconds until more is.", "schema": text },
        "ratelimit-policy": { "description": "The limit that was met: calls (`q`) per window of seconds (`w`).", "schema": text },
    })
}

pub(super) fn schemas() -> Map<String, Value> {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let text = |description: &str| json!({ "type": "string", "description": description });
    let problem = json!({
        "type": "object",
        "description": "Why a call was refused (RFC 9457). Some codes carry further members, such as `current_version`.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "`urn:guildhall:error:` and the code." },
            "title": text("What the code means, in a few words."),
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": text("What failed for what, here."),
            "code": { "type": "string", "enum": codes, "description": "Stable: what clients match on." },
            "hint": text("What to do about it."),
            "retry_after": { "type": "integer", "minimum": 0, "description": "Seconds, as in `Retry-After`." },
            "request_id": text("Finds the request in the server's log."),
            "errors": {
                "type": "array",
                "description": "The fields that are wrong.",
                "items": { "$ref": "#/components/schemas/FieldError" },
            },
        },
    });
    let field = json!({
        "type": "object",
        "description": "One field that is wrong.",
        "required": ["field", "message"],
        "properties": {
            "field": text("Its path in the input, such as `metadata.a[0]`; empty for the whole."),
            "message": text("What is wrong with it."),
        },
    });
    [("Problem".to_owned(), problem), ("FieldError".to_owned(), field)].into_iter().collect()
}

/// One body of each code, as its page shows it.
pub(super) fn problems() -> Map<String, Value> {
    let example = |code: &Code| {
        let shown = json!({ "summary": code.title(), "value": super::super::problem(*code) });
        (code.as_str().to_owned(), shown)
    };
    Code::ALL.iter().map(example).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CATALOGUE;

    #[test]
    fn every_noun_with_a_route_is_described_once() {
        let mut nouns: Vec<&str> = CATALOGUE
            .iter()
            .filter(|entry| !entry.spec.routes.is_empty())
            .filter_map(|entry| entry.spec.id.split('.').next())
            .collect();
        nouns.dedup();
        assert_eq!(NOUNS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), nouns);
    }
}
