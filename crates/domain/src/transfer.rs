//! The way in and out: memories are read from what other systems and other installations wrote, and written for them
//! (contract places.md §5 and §7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use types::{PrincipalId, memory::Grant, memory::Memory};

pub mod cancel;
mod csv;
pub mod export;
pub mod get;
pub mod guildhall;
pub mod import;
mod job;
mod land;
mod markdown;
mod mcp_memory;
mod rows;

/// What origins call an installation of Guildhall.
pub(crate) const GUILDHALL: &str = "guildhall";

/// What an import reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Source {
    /// The file of the reference MCP memory server: one entity or relation a line.
    McpMemory,
    /// The memories of an export of Guildhall: one memory a line.
    Guildhall,
}

impl Source {
    /// The word in jobs and origins.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::McpMemory => "mcp-memory",
            Self::Guildhall => GUILDHALL,
        }
    }
}

/// Whose a memory was where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Former {
    id: PrincipalId,
    name: String,
}

/// A memory on its way in: read, checked and judged, not yet anybody's.
#[derive(Debug)]
struct Arriving {
    /// What it is called where it comes from.
    source_id: String,
    /// The digest of what it says there.
    digest: String,
    memory: Memory,
    granted: Vec<Grant>,
    former: Option<Former>,
    terms: Vec<u8>,
}

/// JSON with its members in the order of their names and without spaces: equal values have equal texts.
fn canonical(value: &Value) -> String {
    fn write(value: &Value, text: &mut String) {
        match value {
            Value::Array(items) => {
                text.push('[');
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        text.push(',');
                    }
                    write(item, text);
                }
                text.push(']');
            }
            Value::Object(members) => {
                let mut names: Vec<&String> = members.keys().collect();
                names.sort_unstable();
                text.push('{');
                for (n, name) in names.into_iter().enumerate() {
                    if n > 0 {
                        text.push(',');
                    }
                    text.push_str(&Value::from(name.as_str()).to_string());
                    text.push(':');
                    write(members.get(name).unwrap_or(&Value::Null), text);
                }
                text.push('}');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => text.push_str(&value.to_string()),
        }
    }
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The SHA-256 of a value's canonical text, in hexadecimal.
fn digest(value: &Value) -> String {
    security::digest::hex(&security::digest::sha256_of(canonical(value).as_bytes()))
}

/// One JSON object out of one line, judged as strictly as a request's body.
fn object(line: &str) -> crate::Result<Map<String, Value>> {
    let wrong = |what: String| crate::Error::invalid("", what);
    types::json::judge(line.as_bytes()).map_err(|fault| wrong(format!("is no JSON we read: {fault}")))?;
    match serde_json::from_str(line) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(wrong("is no JSON object".to_owned())),
        Err(_) => Err(wrong("is no JSON we read".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    proptest::proptest! {
        #[test]
        fn no_line_makes_a_reader_panic(line in any_line()) {
            let _ = (mcp_memory::is_of_it(&line), mcp_memory::parse(&line).is_ok());
            let _ = (guildhall::is_of_it(&line), guildhall::id_of(&line), guildhall::content_digest(&line));
            for first in [1, 1_000_000_000_000] {
                let _ = rows::lines(&line, first).count();
                let _ = rows::recognise(Source::McpMemory, &line, first).is_ok();
                let _ = rows::recognise(Source::Guildhall, &line, first).is_ok();
            }
        }
    }

    /// Any text, and good lines of both sources with something in them replaced.
    fn any_line() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::{Strategy as _, any, prop_oneof};
        const GOOD: [&str; 3] = [
            r#"{"type":"entity","name":"a","entityType":"t","observations":["x","\ud83d\ude80"]}"#,
            r#"{"type":"relation","from":"a","to":"b","relationType":"r"}"#,
            r#"{"type":"memory","id":"mem_01JCA4X4E8000000000000000A","owner":"usr_00000000000000000000000000","tags":[]}"#,
        ];
        let changed = (0..GOOD.len(), any::<usize>(), any::<char>()).prop_map(|(which, place, letter)| {
            let mut letters: Vec<char> = GOOD[which].chars().collect();
            let place = place % letters.len();
            letters[place] = letter;
            letters.into_iter().collect()
        });
        let any_bytes =
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into());
        prop_oneof![any::<String>(), any_bytes, changed]
    }

    #[test]
    fn equal_values_have_equal_digests_whatever_their_order() {
        let left: Value = serde_json::from_str(r#"{"b": [1, {"y": null, "x": "\u00e9"}], "a": 0.5}"#).unwrap();
        let right: Value = serde_json::from_str(r#"{"a":0.5,"b":[1,{"x":"é","y":null}]}"#).unwrap();
        assert_eq!(canonical(&left), r#"{"a":0.5,"b":[1,{"x":"é","y":null}]}"#);
        assert_eq!(digest(&left), digest(&right));
        assert_ne!(digest(&json!(["ab", "c"])), digest(&json!(["a", "bc"])));
    }
}
