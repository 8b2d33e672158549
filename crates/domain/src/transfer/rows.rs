//! From the text of a call to the memories it describes, line by line; a wrong line costs itself only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use types::{
    MemoryId, Timestamp, WorkspaceId,
    memory::{Kind, Memory, Source as Cited},
};

use super::{Arriving, Source, guildhall, mcp_memory};
use crate::{App, Code, Error, Result, memory::imported};

/// Why a row was not brought in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct RowError {
    /// Number of its line in the source, from 1.
    pub line: i64,
    /// What it is called there, as far as that could be read.
    pub source_id: Option<String>,
    /// Which member is wrong, when it is one.
    pub field: Option<String>,
    /// The stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
}

impl RowError {
    pub(super) fn new(line: i64, source_id: Option<String>, error: &Error) -> Self {
        let fault = error.fault();
        let named = fault.fields.first().map(|one| (one.field.clone(), one.message.clone()));
        let (field, message) = named.unwrap_or_else(|| (String::new(), fault.detail.to_string()));
        let field = Some(field).filter(|field| !field.is_empty());
        let field = field.or_else(|| fault.facts.get("field").and_then(|name| name.as_str()).map(str::to_owned));
        Self { line, source_id, field, code: fault.code.as_str().to_owned(), message }
    }
}

/// One thing that a line holds.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: i64,
    pub(super) read: Result<Arriving, RowError>,
}

/// What rows are made with.
pub(super) struct Reading {
    pub(super) source: Source,
    pub(super) blank: Memory,
    pub(super) now: Timestamp,
    pub(super) workspace: WorkspaceId,
    /// Random bits of this call: ids of one call lie side by side, in the order of their rows.
    pub(super) bits: u128,
}

/// The lines of a text with their numbers, without blank ones, line ends and the mark that some editors put in front.
pub(super) fn lines(text: &str, first: i64) -> impl Iterator<Item = (i64, &str)> {
    let numbered = text.split('\n').zip(first..).map(move |(line, number)| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if number == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        (number, line)
    });
    numbered.filter(|(_, line)| !line.trim().is_empty())
}

/// Refuses a text whose first line is none of the source's.
///
/// # Errors
/// `source_unrecognised`.
pub(super) fn recognise(source: Source, text: &str, first: i64) -> Result<()> {
    let (is_of_it, hint): (fn(&str) -> bool, _) = match source {
        Source::McpMemory => {
            (mcp_memory::is_of_it, "the file has one JSON object a line, with `type` `entity` or `relation`")
        }
        Source::Guildhall => (guildhall::is_of_it, "name the directory that `guildhall export` made"),
    };
    match lines(text, first).next() {
        Some((number, line)) if !is_of_it(line) => Err(Error::new(
            Code::SourceUnrecognised,
            format!("line {number} is nothing that `{}` writes", source.as_str()),
        )
        .hint(hint)),
        _ => Ok(()),
    }
}

/// Everything that a text holds, in its order.
pub(super) fn read(app: &App, reading: &Reading, text: &str, first: i64) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, line) in lines(text, first) {
        match reading.source {
            Source::McpMemory => facts(app, reading, (number, line), &mut rows),
            Source::Guildhall => rows.push(memory(app, reading, number, line)),
        }
    }
    rows
}

fn facts(app: &App, reading: &Reading, (number, line): (i64, &str), rows: &mut Vec<Row>) {
    let facts = match mcp_memory::parse(line) {
        Ok(facts) => facts,
        Err(error) => return rows.push(Row { line: number, read: Err(RowError::new(number, None, &error)) }),
    };
    for fact in facts {
        let read = fact.map_err(|error| RowError::new(number, None, &error)).and_then(|fact| {
            let place = u128::try_from(rows.len()).unwrap_or(0);
            let mut memory = Memory {
                id: MemoryId::new(reading.now, reading.bits.wrapping_add(place)),
                kind: Kind::Fact,
                content: Some(fact.content),
                metadata: fact.metadata,
                ..reading.blank.clone()
            };
            memory.provenance.source =
                Some(Cited { kind: reading.source.as_str().to_owned(), reference: fact.source_id.clone() });
            let refused = |error: Error| RowError::new(number, Some(fact.source_id.clone()), &error);
            let terms = imported::check(app, &mut memory).map_err(refused)?;
            let digest = fact.source_id.clone();
            Ok(Arriving { source_id: fact.source_id, digest, memory, granted: Vec::new(), former: None, terms })
        });
        rows.push(Row { line: number, read });
    }
}

fn memory(app: &App, reading: &Reading, number: i64, line: &str) -> Row {
    let refused = |error: Error| RowError::new(number, guildhall::id_of(line), &error);
    let read = guildhall::parse(line, &reading.blank, reading.now).and_then(|mut parsed| {
        let terms = imported::check(app, &mut parsed.memory)?;
        parsed.memory.id = successor(reading.workspace, parsed.id);
        Ok(Arriving {
            source_id: parsed.id.to_string(),
            digest: parsed.digest,
            memory: parsed.memory,
            granted: parsed.granted,
            former: Some(parsed.former),
            terms,
        })
    });
    Row { line: number, read: read.map_err(refused) }
}

/// The id that a memory of another installation gets here: of the same time, and the same whenever it is imported, so that
/// memories which name each other can be brought in one by one.
pub(super) fn successor(workspace: WorkspaceId, old: MemoryId) -> MemoryId {
    let parts: [&[u8]; 2] = [&workspace.value().to_be_bytes(), &old.value().to_be_bytes()];
    let bits =
        security::digest::sha256(&parts).into_iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(byte));
    let (time, random) = (old.value() >> 80 << 80, bits & ((1 << 80) - 1));
    MemoryId::from_value(time | random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers() {
        let found: Vec<_> = lines("\u{feff}a\r\n\n  \nb\n", 1).collect();
        assert_eq!(found, [(1, "a"), (4, "b")]);
        assert_eq!(lines("\u{feff}a", 2).next(), Some((2, "\u{feff}a")));
        assert_eq!(lines("", 1).next(), None);
    }

    #[test]
    fn a_text_of_something_else_is_not_recognised() {
        let entity = "\n{\"type\":\"entity\"}\nrubbish";
        assert!(recognise(Source::McpMemory, entity, 1).is_ok());
        for (source, text) in [(Source::Guildhall, entity), (Source::McpMemory, "id,name"), (Source::McpMemory, "{}")] {
            assert_eq!(recognise(source, text, 1).unwrap_err().code(), Code::SourceUnrecognised);
        }
    }

    #[test]
    fn a_successor_is_of_the_same_time_and_of_its_workspace() {
        let old = MemoryId::new(Timestamp::from_micros(1_700_000_000_000_000), 7);
        let (here, there) = (WorkspaceId::from_value(1), WorkspaceId::from_value(2));
        assert_eq!(successor(here, old), successor(here, old));
        assert_ne!(successor(here, old), successor(there, old));
        assert_eq!(successor(here, old).value() >> 80, old.value() >> 80);
    }
}
