//! The examples that stand beside operations and on the pages of error codes.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{error::Code, operation::Entry};

/// One call that succeeds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What is sent.
    pub input: Map<String, Value>,
    /// What comes back, when it is a JSON value.
    pub output: Option<Value>,
}

/// An operation's example. A test reads them all, so that none of them is empty by mistake.
#[must_use]
pub fn example(entry: &Entry) -> Example {
    serde_json::from_str(entry.spec.example).unwrap_or_default()
}

/// The body that the page of a code shows.
#[must_use]
pub fn problem(code: Code) -> Value {
    let text = code.page().split_once("```json\n").and_then(|(_, rest)| rest.split_once("```")).map(|(text, _)| text);
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::CATALOGUE;

    #[test]
    fn every_operation_has_an_example_with_an_output_where_it_answers_json() {
        for entry in CATALOGUE {
            let read: Example = serde_json::from_str(entry.spec.example).unwrap();
            let has_schema = (entry.output)(&mut schemars::SchemaGenerator::default()).is_some();
            assert_eq!(read.output.is_some(), has_schema, "{}", entry.spec.id);
        }
    }

    #[test]
    fn the_page_of_every_code_shows_a_body_of_that_code() {
        for code in Code::ALL {
            let shown = problem(*code);
            let name = code.as_str();
            assert_eq!(shown["code"], name);
            assert_eq!(shown["title"], code.title(), "{name}");
            assert_eq!(shown["type"], format!("urn:guildhall:error:{name}"));
            assert_eq!(shown["status"], json!(code.http()), "{name}");
            assert!(shown["detail"].is_string() && shown["request_id"].is_string(), "{name}");
            let page = code.page();
            assert!(page.starts_with(&format!("# {name}\n\nHTTP {} · exit {}\n", code.http(), code.exit())), "{name}");
            let parts = ["## What happened", "## What to do", "## Example"].map(|part| page.find(part));
            assert!(parts.is_sorted() && parts.iter().all(Option::is_some), "{name}: {parts:?}");
        }
    }
}
