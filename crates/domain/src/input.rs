//! Inputs: bytes to types with errors that name the field, and the checks every text and every free JSON passes.

use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{Code, Error, Result, error::FieldError};

/// Deepest free JSON.
pub(crate) const FREE_DEPTH: usize = 20;
/// Largest free JSON in bytes.
pub(crate) const FREE_BYTES: usize = 65_536;
const POLLUTING: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Reads an input, already judged as bytes.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T> {
    let json = if json.is_empty() { b"{}" } else { json };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let text = error.inner().to_string();
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        let named = ["unknown field `", "missing field `"]
            .iter()
            .find_map(|start| message.strip_prefix(start).and_then(|rest| rest.split('`').next()).map(str::to_owned));
        let field = match (named, path.as_str()) {
            (Some(name), "." | "") => name,
            (Some(name), path) if path.ends_with(&name) => path.to_owned(),
            (Some(name), path) => format!("{path}.{name}"),
            (None, ".") => String::new(),
            (None, path) => path.to_owned(),
        };
        Error::invalid(field, message)
    })?;
    Ok(parsed)
}

/// For fields whose `null` differs from being absent: `None` is absent, `Some(None)` is `null`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Collects what is wrong with an input, so that one answer names it all.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    faults: Vec<FieldError>,
    too_large: bool,
}

impl Checks {
    /// Something is wrong with a field.
    pub(crate) fn fail(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.faults.push(FieldError { field: field.into(), message: message.into() });
    }

    /// Something is over its size limit.
    pub(crate) fn too_large(&mut self, field: &str, message: String) {
        self.too_large = true;
        self.fail(field, message);
    }

    /// A text of so many characters, without C0 controls but tab, CR and LF.
    pub(crate) fn text(&mut self, field: &str, text: &str, chars: RangeInclusive<usize>) {
        self.controls(field, text);
        // Counting is skipped where the bytes alone decide.
        let count =
            if text.len() <= *chars.end() && *chars.start() <= 1 { text.len().min(1) } else { text.chars().count() };
        if count < *chars.start() || (*chars.start() > 0 && text.trim().is_empty()) {
            self.fail(field, "must not be blank");
        } else if count > *chars.end() {
            self.fail(field, format!("has {count} characters, at most {} are allowed", chars.end()));
        }
    }

    fn controls(&mut self, field: &str, text: &str) {
        let bad = text.bytes().position(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'));
        if let Some(offset) = bad {
            self.fail(field, format!("control character at byte {offset}"));
        }
    }

    /// A name-like text on one line: so many characters, no whitespace at the ends counted, no controls at all.
    pub(crate) fn line(&mut self, field: &str, text: &str, chars: RangeInclusive<usize>) {
        self.text(field, text, chars);
        if text.contains(['\t', '\n', '\r']) {
            self.fail(field, "must be a single line");
        }
    }

    /// A number within bounds.
    pub(crate) fn range<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        field: &str,
        value: T,
        range: RangeInclusive<T>,
    ) {
        if !range.contains(&value) {
            self.fail(field, format!("must be from {} to {}, not {value}", range.start(), range.end()));
        }
    }

    /// Free JSON: at most 64 KiB and 20 levels, no names that pollute prototypes, no controls.
    pub(crate) fn free_json(&mut self, field: &str, value: &Value) {
        let size = serde_json::to_string(value).map_or(usize::MAX, |text| text.len());
        if size > FREE_BYTES {
            self.too_large(field, format!("has {size} bytes, at most {FREE_BYTES} are allowed"));
            return;
        }
        let mut open = vec![(field.to_owned(), value, 1usize)];
        while let Some((path, value, depth)) = open.pop() {
            if depth > FREE_DEPTH && (value.is_array() || value.is_object()) {
                self.fail(path, format!("is nested deeper than {FREE_DEPTH}"));
                return;
            }
            match value {
                Value::String(text) => self.controls(&path, text),
                Value::Array(items) => {
                    open.extend(items.iter().enumerate().map(|(n, item)| (format!("{path}[{n}]"), item, depth + 1)));
                }
                Value::Object(members) => {
                    for (name, member) in members {
                        let path = format!("{path}.{name}");
                        if POLLUTING.contains(&name.as_str()) {
                            self.fail(path.clone(), "this member name is refused at any depth");
                        }
                        self.controls(&path, name);
                        open.push((path, member, depth + 1));
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }

    /// The verdict.
    pub(crate) fn done(self) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        let code = if self.too_large { Code::TooLarge } else { Code::InvalidInput };
        Err(Error::fields(code, self.faults))
    }
}

/// How many items a page may hold.
pub(crate) fn page_limit(checks: &mut Checks, limit: Option<u32>) -> u32 {
    let limit = limit.unwrap_or(50);
    checks.range("limit", limit, 1..=200);
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is looked at")]
    struct Sample {
        count: u32,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is looked at")]
    struct Inner {
        name: String,
    }

    fn fields(json: &str) -> Vec<String> {
        parse::<Sample>(json.as_bytes()).unwrap_err().fault().fields.iter().map(|one| one.field.clone()).collect()
    }

    #[test]
    fn errors_name_the_field() {
        assert_eq!(fields(r#"{"count":1,"owner":"x"}"#), ["owner"]);
        assert_eq!(fields(r#"{}"#), ["count"]);
        assert_eq!(fields(r#"{"count":"x"}"#), ["count"]);
        assert_eq!(fields(r#"{"count":1,"inner":{"nam":1}}"#), ["inner.nam"]);
        assert_eq!(fields(r#"{"count":-1}"#), ["count"]);
    }

    // contract: attacks §6.9
    #[test]
    fn polluting_names_are_refused_with_their_path() {
        let value = serde_json::from_str(r#"{"a":[{"\u005f_proto__":1}]}"#).unwrap();
        let mut checks = Checks::default();
        checks.free_json("metadata", &value);
        assert_eq!(checks.done().unwrap_err().fault().fields[0].field, "metadata.a[0].__proto__");
    }
}
