//! Judges raw JSON as bytes, before any face reads it (RFC 8259, and I-JSON RFC 7493 on duplicates and surrogates).
//!
//! Refused: depth over 64, two members of one name, integers beyond 64 bits, numbers beyond a 64-bit float, lone surrogates, C0 controls in
//! strings, anything after the value. Linear in the input; recursion-free.

use std::{collections::HashSet, fmt};

/// Deepest nesting accepted.
pub const MAX_DEPTH: usize = 64;

/// Why the bytes are refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Byte offset of the trouble.
    pub offset: usize,
    /// What is wrong, in lower case.
    pub what: &'static str,
    /// It is JSON, but of a kind we refuse; otherwise it is not JSON at all.
    pub is_json: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.offset)
    }
}

impl std::error::Error for Fault {}

/// What the outermost value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Top {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// A string, number, boolean or null.
    Scalar,
}

/// Judges one JSON text.
///
/// # Errors
/// The first [`Fault`] met.
pub fn judge(bytes: &[u8]) -> Result<Top, Fault> {
    if let Err(bad) = std::str::from_utf8(bytes) {
        return Err(Fault { offset: bad.valid_up_to(), what: "not UTF-8", is_json: false });
    }
    let mut judge = Judge { bytes, at: 0, open: Vec::new() };
    judge.space();
    let top = match judge.peek() {
        Some(b'{') => Top::Object,
        Some(b'[') => Top::Array,
        _ => Top::Scalar,
    };
    judge.document()?;
    Ok(top)
}

enum Open {
    Array,
    Object(HashSet<String>),
}

struct Judge<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Vec<Open>,
}

impl Judge<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn broken<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { offset: self.at, what, is_json: false })
    }

    fn refused<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { offset: self.at, what, is_json: true })
    }

    fn document(&mut self) -> Result<(), Fault> {
        loop {
            // A value is expected here.
            self.space();
            match self.peek() {
                Some(b'{') => {
                    self.enter(Open::Object(HashSet::new()))?;
                    self.space();
                    if self.peek() != Some(b'}') {
                        self.member()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.enter(Open::Array)?;
                    self.space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            if self.closes()? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here. True at the end of the document, false when another value follows.
    fn closes(&mut self) -> Result<bool, Fault> {
        loop {
            self.space();
            let Some(open) = self.open.last() else {
                return if self.peek().is_none() { Ok(true) } else { self.broken("something follows the value") };
            };
            match (self.peek(), open) {
                (Some(b','), Open::Array) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b','), Open::Object(_)) => {
                    self.at += 1;
                    self.space();
                    self.member()?;
                    return Ok(false);
                }
                (Some(b']'), Open::Array) | (Some(b'}'), Open::Object(_)) => {
                    self.at += 1;
                    self.open.pop();
                }
                (None, _) => return self.broken("unexpected end"),
                _ => return self.broken("expected `,` or the closing bracket"),
            }
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), Fault> {
        if self.open.len() == MAX_DEPTH {
            return self.refused("nested deeper than 64");
        }
        self.at += 1;
        self.open.push(open);
        Ok(())
    }

    fn member(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.broken("expected a member name");
        }
        let name = self.string()?;
        if let Some(Open::Object(names)) = self.open.last_mut()
            && !names.insert(name)
        {
            return Err(Fault { offset: start, what: "two members of one name", is_json: true });
        }
        self.space();
        if self.peek() != Some(b':') {
            return self.broken("expected `:`");
        }
        self.at += 1;
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.broken("expected a value"),
            None => self.broken("unexpected end"),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            Ok(())
        } else {
            self.broken("expected a value")
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.broken("expected a digit");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.bytes.get(start..self.at).and_then(|t| std::str::from_utf8(t).ok());
        // Integers are kept exactly or refused; what has a fraction or an exponent is a 64-bit float.
        let is_integer = text.is_some_and(|t| !t.contains(['.', 'e', 'E']));
        let is_kept = |t: &str| !is_integer || t.parse::<i64>().is_ok() || t.parse::<u64>().is_ok();
        match text.filter(|t| is_kept(t)).and_then(|t| t.parse::<f64>().ok()) {
            Some(number) if number.is_finite() => Ok(()),
            _ => Err(Fault { offset: start, what: "number out of range", is_json: true }),
        }
    }

    fn skip_string(&mut self) -> Result<(), Fault> {
        self.walk_string(|_| {})
    }

    fn string(&mut self) -> Result<String, Fault> {
        let mut name = Vec::new();
        self.walk_string(|piece| name.extend_from_slice(piece))?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// Walks a string, handing on its unescaped pieces.
    fn walk_string(&mut self, mut piece: impl FnMut(&[u8])) -> Result<(), Fault> {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let plain = rest.iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1F)).count();
            piece(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    piece(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(_) => return self.broken("control character in a string"),
                None => return self.broken("unexpected end"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let letter = self.bytes.get(self.at + 1).copied();
        self.at += 2;
        match letter {
            Some(b'n') => Ok('\n'),
            Some(b't') => Ok('\t'),
            Some(b'r') => Ok('\r'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(same @ (b'"' | b'\\' | b'/')) => Ok(char::from(same)),
            Some(b'u') => self.unicode(start),
            _ => self.broken("unknown escape"),
        }
    }

    fn unicode(&mut self, start: usize) -> Result<char, Fault> {
        let lone = Fault { offset: start, what: "lone surrogate", is_json: true };
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Err(lone);
                }
                self.at += 2;
                let second = self.hex()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(lone);
                }
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or(lone)
    }

    fn hex(&mut self) -> Result<u32, Fault> {
        let digits = self.bytes.get(self.at..self.at + 4).and_then(|d| std::str::from_utf8(d).ok());
        match digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).and_then(|d| u32::from_str_radix(d, 16).ok())
        {
            Some(value) => {
                self.at += 4;
                Ok(value)
            }
            None => self.broken("expected four hexadecimal digits"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_json_passes() {
        for text in [
            "{}",
            " [1, 2.5e-3, \"a\\u00e9\\ud83d\\ude80\"] ",
            "null",
            "{\"a\":{\"a\":[{}]}}",
            "-0",
            "18446744073709551615",
        ] {
            assert!(judge(text.as_bytes()).is_ok(), "{text}");
        }
        assert_eq!(judge(b"[]"), Ok(Top::Array));
    }

    #[test]
    fn refusals_name_the_trouble() {
        let deep = "[".repeat(100_000);
        for (text, what, is_json) in [
            ("{\"a\":1,\"a\":2}", "two members of one name", true),
            ("{\"a\":1,\"\\u0061\":2}", "two members of one name", true),
            ("[1e999]", "number out of range", true),
            ("[12345678901234567890123]", "number out of range", true),
            ("[-9223372036854775809]", "number out of range", true),
            ("\"\\ud800\"", "lone surrogate", true),
            (deep.as_str(), "nested deeper than 64", true),
            ("{\"a\":1} x", "something follows the value", false),
            ("{\"a\":01}", "expected `,` or the closing bracket", false),
            ("\"a\u{1}\"", "control character in a string", false),
            ("[1,]", "expected a value", false),
            ("{\"a\"", "expected `:`", false),
            ("", "unexpected end", false),
            ("nul", "expected a value", false),
        ] {
            let fault = judge(text.as_bytes()).unwrap_err();
            assert_eq!((fault.what, fault.is_json), (what, is_json), "{text:.40}");
        }
        assert!(!judge(b"\"\xff\"").unwrap_err().is_json);
    }
}
