//! The file of the reference MCP memory server: `{"type":"entity","name","entityType","observations":[…]}` or
//! `{"type":"relation","from","to","relationType"}`, one object a line.

use serde_json::{Map, Value, json};
use types::memory::Memory;

use super::digest;
use crate::{Code, Error, Result, error::FieldError};

/// Observations of one line. Each becomes a memory, and all of one line are stored in one transaction.
const MOST_OBSERVATIONS: usize = 10_000;
/// Bytes up to which an observation also stands in the metadata; beyond, the content alone holds it.
const MOST_IN_METADATA: usize = 16_384;

/// What one observation, one entity without any, or one relation becomes.
#[derive(Debug, PartialEq)]
pub(super) struct Fact {
    /// The SHA-256 of the canonical part of the line.
    pub(super) source_id: String,
    pub(super) content: String,
    pub(super) metadata: Map<String, Value>,
}

/// Whether a line is one of such a file.
pub(super) fn is_of_it(line: &str) -> bool {
    let members = super::object(line).unwrap_or_default();
    matches!(members.get("type").and_then(Value::as_str), Some("entity" | "relation"))
}

/// The facts of one line.
///
/// # Errors
/// `invalid_input` and `too_large` for the line as a whole; in the list, for one observation.
pub(super) fn parse(line: &str) -> Result<Vec<Result<Fact>>> {
    let mut members = super::object(line)?;
    match members.remove("type").as_ref().and_then(Value::as_str) {
        Some("entity") => entity(members),
        Some("relation") => relation(members).map(|fact| vec![Ok(fact)]),
        _ => Err(Error::invalid("type", "must be `entity` or `relation`")),
    }
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Error::invalid(name, "must be a text")),
        None => Err(Error::invalid(name, "is missing")),
    }
}

fn named(members: &mut Map<String, Value>, name: &str) -> Result<String> {
    let text = text(members, name)?;
    if text.trim().is_empty() { Err(Error::invalid(name, "must not be blank")) } else { Ok(text) }
}

fn entity(mut other: Map<String, Value>) -> Result<Vec<Result<Fact>>> {
    let (name, entity_type) = (named(&mut other, "name")?, text(&mut other, "entityType")?);
    let observations = match other.remove("observations") {
        Some(Value::Array(observations)) => observations,
        Some(_) => return Err(Error::invalid("observations", "must be a list")),
        None => return Err(Error::invalid("observations", "is missing")),
    };
    if observations.len() > MOST_OBSERVATIONS {
        let message = format!("has {} items, at most {MOST_OBSERVATIONS} are read", observations.len());
        return Err(Error::fields(Code::TooLarge, vec![FieldError { field: "observations".into(), message }]));
    }
    let fact = |observation: Option<&str>| {
        let mut part = members([("entity", &name), ("entityType", &entity_type)]);
        let mut mcp = members([("entity", &name), ("entity_type", &entity_type)]);
        let mut content = format!("{name} ({entity_type})");
        if let Some(observation) = observation {
            content = format!("{content}: {observation}");
            part.insert("observation".to_owned(), observation.into());
            if observation.len() <= MOST_IN_METADATA {
                mcp.insert("observation".to_owned(), observation.into());
            }
        }
        Fact { source_id: digest(&Value::Object(part)), content, metadata: metadata(mcp, &other) }
    };
    if observations.is_empty() {
        return Ok(vec![Ok(fact(None))]);
    }
    let facts = observations.iter().enumerate().map(|(n, observation)| match observation {
        Value::String(observation) => Ok(fact(Some(observation))),
        _ => Err(Error::invalid(format!("observations[{n}]"), "must be a text")),
    });
    Ok(facts.collect())
}

fn relation(mut other: Map<String, Value>) -> Result<Fact> {
    let (from, to) = (named(&mut other, "from")?, named(&mut other, "to")?);
    let relation_type = text(&mut other, "relationType")?;
    let part = members([("from", &from), ("relationType", &relation_type), ("to", &to)]);
    let parts = members([("from", &from), ("relation_type", &relation_type), ("to", &to)]);
    let mcp = Map::from_iter([("relation".to_owned(), Value::Object(parts))]);
    Ok(Fact {
        source_id: digest(&Value::Object(part)),
        content: format!("{from} {relation_type} {to}"),
        metadata: metadata(mcp, &other),
    })
}

fn members<const N: usize>(named: [(&str, &String); N]) -> Map<String, Value> {
    named.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text.as_str()))).collect()
}

/// What variants of the server write beside the known members is kept under `other`.
fn metadata(mut mcp: Map<String, Value>, other: &Map<String, Value>) -> Map<String, Value> {
    if !other.is_empty() {
        mcp.insert("other".to_owned(), Value::Object(other.clone()));
    }
    Map::from_iter([("mcp".to_owned(), Value::Object(mcp))])
}

/// A memory as a line of such a file: as the entity or relation it came from, as long as its text still says so, and
/// otherwise as an entity named by its key or id with the text as its observation.
pub(super) fn line(memory: &Memory) -> String {
    let content = super::markdown::text(memory);
    let part = memory.metadata.get("mcp").and_then(|mcp| original(mcp, &content));
    let part = part.unwrap_or_else(|| {
        let name = memory.key.clone().unwrap_or_else(|| memory.id.to_string());
        entity_line(&name, memory.kind.as_str(), &[&content])
    });
    part.to_string()
}

fn entity_line(name: &str, entity_type: &str, observations: &[&str]) -> Value {
    json!({"type": "entity", "name": name, "entityType": entity_type, "observations": observations})
}

fn original(mcp: &Value, content: &str) -> Option<Value> {
    let part = |pointer: &str| mcp.pointer(pointer).and_then(Value::as_str);
    if let (Some(name), Some(entity_type)) = (part("/entity"), part("/entity_type")) {
        let entity = format!("{name} ({entity_type})");
        return match content.strip_prefix(&entity) {
            Some("") => Some(entity_line(name, entity_type, &[])),
            Some(rest) => Some(entity_line(name, entity_type, &[rest.strip_prefix(": ").unwrap_or(content)])),
            None => Some(entity_line(name, entity_type, &[content])),
        };
    }
    let (from, to) = (part("/relation/from")?, part("/relation/to")?);
    let relation_type = part("/relation/relation_type")?;
    let is_it = content == format!("{from} {relation_type} {to}");
    is_it.then(|| json!({"type": "relation", "from": from, "to": to, "relationType": relation_type}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(line: &str) -> Vec<Fact> {
        parse(line).unwrap().into_iter().map(Result::unwrap).collect()
    }

    #[test]
    fn each_observation_and_each_relation_is_a_fact() {
        let found =
            facts(r#"{"type":"entity","name":"Ada","entityType":"person","observations":["likes tea","is: in"]}"#);
        assert_eq!(found[1].content, "Ada (person): is: in");
        assert_eq!(
            Value::Object(found[0].metadata.clone()),
            json!({"mcp": {"entity": "Ada", "entity_type": "person", "observation": "likes tea"}})
        );
        assert_eq!(found[0].source_id.len(), 64);
        assert_ne!(found[0].source_id, found[1].source_id);
        let bare = facts(r#"{"type":"entity","name":"Ada","entityType":"person","observations":[],"v":1}"#);
        assert_eq!((bare.len(), bare[0].content.as_str()), (1, "Ada (person)"));
        assert_eq!(bare[0].metadata["mcp"]["other"], json!({"v": 1}));
        let related = facts(r#"{"type":"relation","from":"Ada","to":"Bob","relationType":"knows"}"#);
        assert_eq!(related[0].content, "Ada knows Bob");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, field) in [
            (r#"{"type":"entity","name":" ","entityType":"t","observations":[]}"#, "name"),
            (r#"{"type":"entity","name":"a","observations":[]}"#, "entityType"),
            (r#"{"type":"entity","name":"a","entityType":"t"}"#, "observations"),
            (r#"{"type":"relation","from":"a","to":5,"relationType":"r"}"#, "to"),
            (r#"{"type":"thing"}"#, "type"),
            ("[]", ""),
            (r#"{"type":"entity","type":"entity"}"#, ""),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!((error.code(), error.fault().fields[0].field.as_str()), (Code::InvalidInput, field), "{line}");
        }
        let mixed = parse(r#"{"type":"entity","name":"a","entityType":"t","observations":["x",5]}"#).unwrap();
        assert!(mixed[0].is_ok());
        assert_eq!(mixed[1].as_ref().unwrap_err().fault().fields[0].field, "observations[1]");
    }

    #[test]
    fn a_long_observation_stands_in_the_content_alone() {
        let long = "x".repeat(MOST_IN_METADATA + 1);
        let line = json!({"type": "entity", "name": "a", "entityType": "t", "observations": [long]}).to_string();
        let found = facts(&line);
        assert!(found[0].content.ends_with(&long) && found[0].metadata["mcp"].get("observation").is_none());
    }

    #[test]
    fn a_changed_text_is_exported_as_it_is_now() {
        let mcp = json!({"entity": "Ada", "entity_type": "person", "observation": "old"});
        assert_eq!(original(&mcp, "Ada (person): new").unwrap()["observations"], json!(["new"]));
        assert_eq!(original(&mcp, "something else").unwrap()["observations"], json!(["something else"]));
        assert_eq!(original(&mcp, "Ada (person)").unwrap()["observations"], json!([]));
        let mcp = json!({"relation": {"from": "a", "relation_type": "r", "to": "b"}});
        assert_eq!(original(&mcp, "a r b").unwrap()["type"], "relation");
        assert_eq!(original(&mcp, "a r c"), None);
    }
}
