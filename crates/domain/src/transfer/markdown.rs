//! Memories as one readable document. Whatever was written by callers stands in fenced blocks that it cannot close.

use std::fmt::Write as _;

use types::memory::Memory;

/// The first line.
pub(super) const HEADING: &str = "# Memories\n";

/// The text of a memory: its content, or its value as JSON.
pub(super) fn text(memory: &Memory) -> String {
    memory.content.clone().or_else(|| memory.value.as_ref().map(ToString::to_string)).unwrap_or_default()
}

/// A memory as a section, with an empty line at its end.
pub(super) fn section(memory: &Memory) -> String {
    let mut section = format!(
        "## {}\n\n{} · {} · {} · owner {} · stored {} · changed {}\n\n",
        memory.id,
        memory.kind.as_str(),
        memory.access.as_str(),
        memory.trust.as_str(),
        memory.owner,
        memory.created_at,
        memory.updated_at,
    );
    let labels = labels(memory);
    if !labels.is_empty() {
        block(&mut section, "text", &labels);
    }
    block(&mut section, if memory.content.is_some() { "text" } else { "json" }, &text(memory));
    section
}

fn labels(memory: &Memory) -> String {
    let mut labels = String::new();
    let tags = Some(memory.tags.join(", ")).filter(|tags| !tags.is_empty());
    for (name, text) in
        [("key", &memory.key), ("project", &memory.project), ("tags", &tags), ("summary", &memory.summary)]
    {
        if let Some(text) = text {
            let _ = writeln!(labels, "{name}: {text}");
        }
    }
    labels
}

/// A fenced block, whose fence is longer than any run of backticks in the text.
fn block(document: &mut String, language: &str, text: &str) {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(document, "{fence}{language}\n{text}{end}{fence}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_closes_its_block() {
        let mut document = String::new();
        block(&mut document, "text", "a\n````\n# heading");
        assert_eq!(document, "`````text\na\n````\n# heading\n`````\n\n");
        document.clear();
        block(&mut document, "json", "1");
        assert_eq!(document, "```json\n1\n```\n\n");
    }
}
