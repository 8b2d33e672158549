//! Path, query and body to one flat input.

use std::collections::HashMap;

use ::http::HeaderMap;
use bytes::Bytes;
use domain::{Error, Result, operation::Entry, reference};
use serde_json::{Map, Number, Value};

/// How a text in a path or query becomes JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    List,
    /// Objects do not fit into a path or query.
    Body,
}

/// The input's members and their types, read off its schema.
#[derive(Debug)]
pub(crate) struct Shape {
    members: HashMap<String, Kind>,
}

impl Shape {
    /// The shape of an entry's input.
    pub(crate) fn of(entry: &Entry) -> Self {
        let schema = reference::whole_schema(entry);
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let members = properties.into_iter().map(|(name, property)| (name, kind(&property))).collect();
        Self { members }
    }

    /// An input that comes in the body alone.
    pub(crate) fn body_only() -> Self {
        Self { members: HashMap::new() }
    }

    /// One flat object; a name in two places is refused.
    pub(crate) fn assemble(
        &self,
        path: Vec<(String, String)>,
        query: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Bytes> {
        let version = self.if_match(headers)?;
        if path.is_empty() && query.is_empty() && version.is_none() {
            return Ok(body);
        }
        let mut input: Map<String, Value> = if body.is_empty() {
            Map::new()
        } else {
            serde_json::from_slice(&body).map_err(|error| Error::invalid("", error.to_string()))?
        };
        let mut add = |name: String, value: Value| match input.insert(name.clone(), value) {
            None => Ok(()),
            Some(_) => Err(Error::invalid(name, "is given twice")),
        };
        for (name, text) in path {
            let value = self.value(&name, text)?;
            add(name, value)?;
        }
        // The parser would put another character in place of what is none.
        if percent_encoding::percent_decode_str(query).decode_utf8().is_err() {
            return Err(Error::invalid("", "the query is not UTF-8"));
        }
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let value = self.value(&name, text.into_owned())?;
            add(name.into_owned(), value)?;
        }
        if let Some(version) = version {
            add("expected_version".into(), version.into())?;
        }
        serde_json::to_vec(&input).map(Bytes::from).map_err(|error| Error::internal().cause(error))
    }

    /// `If-Match: "3"` is `expected_version` 3, where the operation has it.
    fn if_match(&self, headers: &HeaderMap) -> Result<Option<i64>> {
        let mut values = headers.get_all(::http::header::IF_MATCH).iter();
        let Some(value) = values.next().filter(|_| self.members.contains_key("expected_version")) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default().trim();
        let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).parse().ok();
        match (number, values.next()) {
            (Some(number), None) => Ok(Some(number)),
            _ => Err(Error::invalid("If-Match", "must be a version, such as \"3\", once")),
        }
    }

    fn value(&self, name: &str, text: String) -> Result<Value> {
        let wrong = |what: &str| Error::invalid(name, format!("must be {what}"));
        match self.members.get(name).copied().unwrap_or(Kind::Text) {
            Kind::Text => Ok(Value::String(text)),
            Kind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong("an integer")),
            Kind::Number => text
                .parse::<f64>()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number)
                .ok_or_else(|| wrong("a finite number")),
            Kind::Boolean => text.parse::<bool>().map(Value::Bool).map_err(|_| wrong("`true` or `false`")),
            Kind::List => Ok(text.split(',').filter(|item| !item.is_empty()).map(Value::from).collect()),
            Kind::Body => Err(wrong("in the body")),
        }
    }
}

fn kind(property: &Value) -> Kind {
    match property.get("type").and_then(Value::as_str) {
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        Some("array") => Kind::List,
        Some("object") => Kind::Body,
        _ => Kind::Text,
    }
}
