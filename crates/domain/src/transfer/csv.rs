//! Memories as rows of a table (RFC 4180), safe to open in a spreadsheet.

use types::memory::Memory;

/// The first row.
pub(super) const HEADING: &str =
    "id,owner,key,kind,content,value,summary,tags,importance,access,trust,project,expires_at,created_at,updated_at";

/// A memory as a row, without its line end.
pub(super) fn row(memory: &Memory) -> String {
    let moment = |time: Option<types::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let cells = [
        memory.id.to_string(),
        memory.owner.to_string(),
        memory.key.clone().unwrap_or_default(),
        memory.kind.as_str().to_owned(),
        memory.content.clone().unwrap_or_default(),
        memory.value.as_ref().map(ToString::to_string).unwrap_or_default(),
        memory.summary.clone().unwrap_or_default(),
        memory.tags.join(";"),
        memory.importance.to_string(),
        memory.access.as_str().to_owned(),
        memory.trust.as_str().to_owned(),
        memory.project.clone().unwrap_or_default(),
        moment(memory.expires_at),
        memory.created_at.to_string(),
        memory.updated_at.to_string(),
    ];
    cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",")
}

/// A cell: what a spreadsheet would take for a formula gets an apostrophe in front, and what holds separators is quoted.
fn cell(text: &str) -> String {
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    let text = format!("{mark}{text}");
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_export_neutralises_formulas() {
        for (text, shown) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a=1", "a=1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), shown);
        }
    }
}
