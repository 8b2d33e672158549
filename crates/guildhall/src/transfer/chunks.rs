//! Cuts a file into parts that fit into one call each, without ever holding more than one of them.

use std::io::{self, BufRead};

use serde_json::{Value, json};

/// Lines of one call.
const MOST_LINES: usize = domain::transfer::import::MOST_LINES;
/// Bytes of one call's text as JSON, unless a single line has more: so that one call is one short transaction.
const AIM_BYTES: usize = 128 << 10;
/// Bytes of one line as JSON. The rest of the call, and the text's quotes, fit into a body of 1 MiB beside it.
const LONGEST_LINE: usize = 900 << 10;

/// Lines that go into one call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Chunk {
    /// Number of the first one.
    pub(crate) first_line: u64,
    /// All of them, each with its line end; those that cannot be sent are empty.
    pub(crate) text: String,
    /// Those that cannot be sent, as the call takes them.
    pub(crate) unreadable: Vec<Value>,
    /// How many.
    pub(crate) lines: usize,
}

enum Line {
    Text(String),
    NotUtf8,
    TooLong,
}

/// The chunks of a file, in order.
pub(crate) struct Chunks<R> {
    reader: R,
    next_line: u64,
    waiting: Option<(Line, usize)>,
}

impl<R: BufRead> Chunks<R> {
    /// Of everything there is to read.
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, next_line: 1, waiting: None }
    }

    /// The next chunk, and whether it is the last one. A file without lines has one, which is empty.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<(Chunk, bool)> {
        let mut chunk = Chunk { first_line: self.next_line, ..Chunk::default() };
        let mut size = 0;
        loop {
            let Some((line, line_size)) = self.take()? else { return Ok((chunk, true)) };
            if chunk.lines > 0 && (chunk.lines == MOST_LINES || size + line_size > AIM_BYTES) {
                self.waiting = Some((line, line_size));
                return Ok((chunk, false));
            }
            size += line_size;
            let reason = match line {
                Line::Text(text) => {
                    chunk.text.push_str(&text);
                    None
                }
                Line::NotUtf8 => Some("not_utf8"),
                Line::TooLong => Some("too_long"),
            };
            if let Some(reason) = reason {
                chunk.unreadable.push(json!({"line": self.next_line, "reason": reason}));
            }
            chunk.text.push('\n');
            chunk.lines += 1;
            self.next_line += 1;
        }
    }

    fn take(&mut self) -> io::Result<Option<(Line, usize)>> {
        if let Some(waiting) = self.waiting.take() {
            return Ok(Some(waiting));
        }
        let Some((bytes, is_cut)) = self.bytes()? else { return Ok(None) };
        let line = match String::from_utf8(bytes) {
            _ if is_cut => Line::TooLong,
            Ok(text) => Line::Text(text),
            Err(_) => Line::NotUtf8,
        };
        let size = match &line {
            Line::Text(text) => escaped(text),
            Line::NotUtf8 | Line::TooLong => 2,
        };
        Ok(Some(if size > LONGEST_LINE { (Line::TooLong, 2) } else { (line, size) }))
    }

    /// The next line without its end, and whether it was longer than any line may be; only its beginning is kept then.
    fn bytes(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        let (mut line, mut is_cut, mut has_any) = (Vec::new(), false, false);
        loop {
            let ready = match self.reader.fill_buf() {
                Ok(ready) => ready,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if ready.is_empty() {
                return Ok(has_any.then_some((line, is_cut)));
            }
            has_any = true;
            let end = ready.iter().position(|byte| *byte == b'\n');
            let part = ready.get(..end.unwrap_or(ready.len())).unwrap_or_default();
            if line.len() + part.len() > LONGEST_LINE {
                is_cut = true;
            } else if !is_cut {
                line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some((line, is_cut)));
            }
        }
    }
}

/// Bytes of a text within a JSON string, with its line end.
fn escaped(text: &str) -> usize {
    let size = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(size).sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Chunk> {
        let mut chunks = Chunks::new(io::BufReader::with_capacity(7, bytes));
        let mut found = Vec::new();
        loop {
            let (chunk, is_last) = chunks.next().unwrap();
            found.push(chunk);
            if is_last {
                return found;
            }
        }
    }

    #[test]
    fn every_line_is_sent_once_with_its_number() {
        let text: String = (1..=1_201).map(|n| format!("line {n}\n")).collect();
        let chunks = all(text.as_bytes());
        assert_eq!(
            chunks.iter().map(|one| (one.first_line, one.lines)).collect::<Vec<_>>(),
            [(1, 500), (501, 500), (1_001, 201)]
        );
        assert_eq!(chunks.iter().map(|one| one.text.as_str()).collect::<String>(), text);
        assert_eq!(all(b"a\r\n\nb").first().unwrap().text, "a\r\n\nb\n");
        assert_eq!(all(b"").len(), 1);
    }

    #[test]
    fn what_cannot_be_sent_is_named_by_its_line() {
        let long = vec![b'x'; LONGEST_LINE + 1];
        let quotes = vec![b'"'; LONGEST_LINE / 2];
        let chunks = all(&[b"a\n\xff\n", long.as_slice(), b"\n", quotes.as_slice(), b"\nb\n"].concat());
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].text, "a\n\n\n\nb\n");
        let named = json!([
            {"line": 2, "reason": "not_utf8"}, {"line": 3, "reason": "too_long"}, {"line": 4, "reason": "too_long"},
        ]);
        assert_eq!(json!(chunks[0].unreadable), named);
    }

    #[test]
    fn every_chunk_fits_into_a_body() {
        let line = format!("{}\n", "\"é\\".repeat(20_000));
        for chunk in all(line.repeat(30).as_bytes()) {
            assert!(json!({"text": chunk.text}).to_string().len() < 1 << 20);
        }
    }
}
