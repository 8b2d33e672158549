//! The only place that prints: data to stdout, words to stderr, nothing that could steer a terminal.

use std::{borrow::Cow, fmt::Write as _, io};

use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, HINT, REASON, Result, exit};

/// How a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines for people.
    Text,
    /// One JSON value.
    Json,
}

impl Form {
    /// JSON when it was asked for.
    pub(crate) const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Characters that move a cursor, change colours or turn text around: never sent to a terminal.
pub(crate) const fn steers(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The text on one line, with every steering character shown as `\uXXXX`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, steers)
}

/// The text with its line ends and tabs, every other steering character shown as `\uXXXX`.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let steers = |character: char| !matches!(character, '\n' | '\t') && steers(character);
    escaped(text, steers)
}

/// JSON with the steering characters that its own rules let through as `\uXXXX`; line ends between its parts stay.
pub(crate) fn json_text(json: &str) -> Cow<'_, str> {
    let steers = |character: char| character != '\n' && steers(character);
    escaped(json, steers)
}

/// As JSON writes them, so that both forms show one character alike; all of them have four digits.
fn escaped(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 16), |mut shown, character| {
        if bad(character) {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
        shown
    }))
}

/// One line of data.
pub(crate) fn data(text: &str) -> Result<()> {
    write(io::stdout().lock(), &format!("{}\n", line(text)))
}

/// A document of several lines.
pub(crate) fn document(text: &str) -> Result<()> {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write(io::stdout().lock(), &format!("{}{end}", lines(text)))
}

/// A file's text as it is. On a terminal its steering characters are shown; a pipe or a file gets them unchanged.
pub(crate) fn file(text: &str) -> Result<()> {
    use io::IsTerminal as _;
    let to = io::stdout().lock();
    if to.is_terminal() { write(to, &lines(text)) } else { write(to, text) }
}

/// How a line looks on a terminal; never the only carrier of what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tint {
    /// As it is.
    Plain,
    /// Somebody may look.
    Yellow,
    /// Somebody must look.
    Red,
}

/// Whether anybody still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The line was taken.
    There,
    /// The pipe is closed at its other end.
    Gone,
}

/// One line of data of a command that goes on until nobody reads it any more.
pub(crate) fn live(text: &str, tint: Tint) -> Result<Reader> {
    use io::IsTerminal as _;
    let to = io::stdout().lock();
    let (before, after) = match tint {
        Tint::Yellow if to.is_terminal() => ("\u{1b}[33m", "\u{1b}[0m"),
        Tint::Red if to.is_terminal() => ("\u{1b}[31m", "\u{1b}[0m"),
        Tint::Plain | Tint::Yellow | Tint::Red => ("", ""),
    };
    put(to, &format!("{before}{}{after}\n", line(text)))
}

/// One JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|error| Failure::internal("cannot write JSON", error))?;
    write(io::stdout().lock(), &format!("{}\n", json_text(&text)))
}

/// One JSON value on several lines.
pub(crate) fn pretty(value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::internal("cannot write JSON", error))?;
    write(io::stdout().lock(), &format!("{}\n", json_text(&text)))
}

/// One message of a protocol that a program reads: its bytes as they are.
///
/// # Errors
/// When nobody reads it.
pub(crate) fn protocol(message: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut to = io::stdout().lock();
    to.write_all(message)?;
    to.flush()
}

/// Rows as aligned columns under a heading; nothing when there are none.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<()> {
    if rows.is_empty() {
        return words("none");
    }
    let heading = heading.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let shown: Vec<Vec<Cow<'_, str>>> =
        std::iter::once(&heading).chain(rows).map(|row| row.iter().map(|cell| line(cell)).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &shown {
        for (place, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(place) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let mut text = String::new();
    for row in &shown {
        let mut printed = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(printed, "{cell:<width$}  ");
        }
        text.push_str(printed.trim_end());
        text.push('\n');
    }
    write(io::stdout().lock(), &text)
}

/// One line of words.
pub(crate) fn words(text: &str) -> Result<()> {
    write(io::stderr().lock(), &format!("{}\n", line(text)))
}

/// Several lines of words.
pub(crate) fn say(text: &str) -> Result<()> {
    write(io::stderr().lock(), &lines(text))
}

/// Why the command failed and what to do.
pub(crate) fn failure(failure: &Failure) {
    let mut text = String::new();
    for reason in &failure.reasons {
        let _ = writeln!(text, "{REASON}{}", line(reason));
    }
    for hint in &failure.hints {
        let _ = writeln!(text, "{HINT}{}", line(hint));
    }
    // With stderr gone there is nobody left to tell; the exit code says it.
    let _ = write(io::stderr().lock(), &text);
}

/// A reader that has seen enough, as `head` does, is no failure.
fn write(to: impl io::Write, text: &str) -> Result<()> {
    put(to, text).map(drop)
}

fn put(mut to: impl io::Write, text: &str) -> Result<Reader> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Failure::new(exit::INTERNAL, format!("cannot print: {error}"))),
    }
}

/// A number with its noun: `1 check`, `2 checks`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(line("a\u{1b}[31mb\r\nc\u{9b}d\u{202e}e"), "a\\u001b[31mb\\u000d\\u000ac\\u009bd\\u202ee");
        assert_eq!(lines("a\n\tb\u{1b}c"), "a\n\tb\\u001bc");
        let json = serde_json::to_string(&Value::from("\u{1b}\u{9b}\u{202e}\n")).unwrap();
        assert_eq!(json_text(&json), r#""\u001b\u009b\u202e\n""#);
        assert_eq!(serde_json::from_str::<String>(&json_text(&json)).unwrap(), "\u{1b}\u{9b}\u{202e}\n");
    }

    #[test]
    fn what_is_plain_stays_as_it_is() {
        assert!(matches!(line("Grüße, 世界 🙂"), Cow::Borrowed(_)));
    }
}
