//! Where one request ends and the next begins, judged on the raw bytes, more strictly than the parser behind.
//!
//! The parser accepts what RFC 9112 lets servers repair: bare line feeds, a length beside a chunked body, the same length
//! twice, an empty line ahead. A proxy in front may repair it differently, and then one request's body is another's head.
//! Nothing is repaired here: what could be read in two ways is refused, and the connection ends.

use ::http::{HeaderName, HeaderValue, Method, Uri};
use domain::{Code, Error};

/// Largest head of a request in bytes.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
/// Most header lines of a request; the parser behind has the same limit.
const HEADER_LINES: usize = 100;
/// Most hexadecimal digits of a chunk's size.
const SIZE_DIGITS: usize = 16;

/// Why the bytes of a connection are not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// They can be read in more than one way, or in none.
    Malformed(&'static str),
    /// The head is over its limit.
    HeadTooLarge,
    /// They came too slowly.
    TooSlow(&'static str),
    /// They ask for a tunnel.
    Tunnel,
}

impl Refusal {
    /// What is wrong.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Malformed(reason) | Self::TooSlow(reason) => reason,
            Self::HeadTooLarge => "the request's head is over 64 KiB or 100 lines",
            Self::Tunnel => "this method is not served",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let (code, hint) = match refusal {
            Refusal::Malformed(_) => {
                (Code::InvalidInput, "send HTTP/1.1 as RFC 9112 has it, through no rewriting proxy")
            }
            Refusal::HeadTooLarge => (Code::HeadersTooLarge, "send fewer and shorter headers"),
            Refusal::TooSlow(_) => (Code::RequestTimeout, "send the whole request at once"),
            Refusal::Tunnel => (Code::MethodNotAllowed, "call the server itself"),
        };
        Self::new(code, refusal.reason()).hint(hint)
    }
}

/// Follows one connection from head to body to head.
#[derive(Debug, Default)]
pub(crate) struct Framing(Stage);

#[derive(Debug)]
enum Stage {
    Head(Head),
    /// Bytes of the body still to come.
    Sized(u64),
    ChunkSize,
    /// Bytes of the chunk still to come.
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// The line end behind the last chunk.
    End,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Head(Head::default())
    }
}

impl Framing {
    /// Whether a head is awaited or under way, and no body.
    pub(crate) const fn in_head(&self) -> bool {
        matches!(self.0, Stage::Head(_))
    }

    /// How many of the bytes may be passed on: a head only whole, and never anything behind it in the same step.
    ///
    /// The next call begins with the first byte that did not pass; what stands before a fault passes ahead of its refusal.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut passed = 0;
        loop {
            let was_head = self.in_head();
            match self.step(bytes.get(passed..).unwrap_or_default()) {
                Ok(0) => return Ok(passed),
                Ok(more) => passed += more,
                Err(refusal) if passed == 0 => return Err(refusal),
                Err(_) => return Ok(passed),
            }
            if was_head || self.in_head() {
                return Ok(passed);
            }
        }
    }

    /// The length of the next part, or of what is there of a body's; 0 when more must come first. A refusal changes
    /// nothing of a body's stage.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Refusal> {
        let (length, next) = match &mut self.0 {
            Stage::Head(head) => {
                let Some(length) = head.read(rest)? else { return Ok(0) };
                (length, head.body()?)
            }
            Stage::Sized(left) => match take(*left, rest) {
                (length, 0) => (length, Stage::default()),
                (length, left) => (length, Stage::Sized(left)),
            },
            Stage::ChunkSize => match chunk_size(rest)? {
                None => return Ok(0),
                Some((0, length)) => (length, Stage::End),
                Some((size, length)) => (length, Stage::Chunk(size)),
            },
            Stage::Chunk(left) => match take(*left, rest) {
                (length, 0) => (length, Stage::ChunkEnd),
                (length, left) => (length, Stage::Chunk(left)),
            },
            Stage::ChunkEnd => match line_end(rest, "a chunk is not as long as it says")? {
                None => return Ok(0),
                Some(length) => (length, Stage::ChunkSize),
            },
            Stage::End => match line_end(rest, "trailers are not served")? {
                None => return Ok(0),
                Some(length) => (length, Stage::default()),
            },
        };
        self.0 = next;
        Ok(length)
    }
}

/// How many of the bytes that are left are there, and how many are left then.
fn take(left: u64, rest: &[u8]) -> (usize, u64) {
    let there = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
    (there, left - there as u64)
}

/// The line end that must stand first; none when it has not all come.
fn line_end(rest: &[u8], reason: &'static str) -> Result<Option<usize>, Refusal> {
    match rest {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        _ => Err(Refusal::Malformed(reason)),
    }
}

/// A chunk's size and the length of its line; none when the line has not all come.
fn chunk_size(rest: &[u8]) -> Result<Option<(u64, usize)>, Refusal> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits > SIZE_DIGITS {
        return Err(Refusal::Malformed("a chunk's size has more than 16 digits"));
    }
    let (size, after) = rest.split_at_checked(digits).unwrap_or_default();
    if after.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(size).unwrap_or_default();
    let size = u64::from_str_radix(text, 16).map_err(|_| Refusal::Malformed("a chunk has no size"))?;
    let end = line_end(after, "a chunk's size is not followed by the end of its line")?;
    Ok(end.map(|length| (size, digits + length)))
}

/// A head, line by line as it comes.
#[derive(Debug, Default)]
struct Head {
    /// Bytes of the lines that are judged.
    judged: usize,
    /// Bytes that hold no further line end.
    searched: usize,
    lines: usize,
    is_old: bool,
    length: Option<u64>,
    is_chunked: bool,
}

impl Head {
    /// The head's length; none when it has not all come.
    fn read(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        // Another protocol may never send the line end that is waited for below.
        if bytes.first().is_some_and(|byte| !byte.is_ascii_alphabetic()) {
            return Err(Refusal::Malformed("a request does not begin with a method"));
        }
        while let Some(line) = self.next_line(bytes) {
            self.judged += line.len();
            self.searched = self.judged;
            if self.judged > HEAD_BYTES {
                return Err(Refusal::HeadTooLarge);
            }
            let Some(line) = line.strip_suffix(b"\r\n") else {
                return Err(Refusal::Malformed("a line of the head ends without a carriage return"));
            };
            match (self.lines, line) {
                (0, line) => self.request_line(line)?,
                (_, []) => return Ok(Some(self.judged)),
                (before, _) if before > HEADER_LINES => return Err(Refusal::HeadTooLarge),
                (_, line) => self.header(line)?,
            }
            self.lines += 1;
        }
        self.searched = bytes.len();
        if bytes.len() > HEAD_BYTES { Err(Refusal::HeadTooLarge) } else { Ok(None) }
    }

    /// The first line that is not judged, with its end; none when the end has not come.
    fn next_line<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let end = bytes.get(self.searched..)?.iter().position(|byte| *byte == b'\n')?;
        bytes.get(self.judged..=self.searched + end)
    }

    fn request_line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refusal::Malformed("the request line is not a method, a target and a version"));
        };
        self.is_old = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ => return Err(Refusal::Malformed("the version is neither HTTP/1.1 nor HTTP/1.0")),
        };
        match Method::from_bytes(method) {
            Ok(Method::CONNECT) => return Err(Refusal::Tunnel),
            Ok(_) => {}
            Err(_) => return Err(Refusal::Malformed("the method is none")),
        }
        Uri::try_from(target).map_err(|_| Refusal::Malformed("the target is no address")).map(drop)
    }

    fn header(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err(Refusal::Malformed("a header has no colon"));
        };
        // Refuses spaces too, so neither one before the colon nor a folded line passes.
        let name = HeaderName::from_bytes(name).map_err(|_| Refusal::Malformed("a header's name is none"))?;
        let value = trimmed(value);
        HeaderValue::from_bytes(value).map_err(|_| Refusal::Malformed("a header's value holds a control character"))?;
        match name {
            ::http::header::CONTENT_LENGTH => self.content_length(value),
            ::http::header::TRANSFER_ENCODING => self.transfer_encoding(value),
            _ => Ok(()),
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let length = digits.and_then(|text| text.parse().ok());
        let length = length.ok_or(Refusal::Malformed("`Content-Length` is no number"))?;
        match self.length.replace(length) {
            None => Ok(()),
            Some(_) => Err(Refusal::Malformed("`Content-Length` is given twice")),
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if !value.eq_ignore_ascii_case(b"chunked") || self.is_chunked {
            return Err(Refusal::Malformed("`Transfer-Encoding` is not `chunked`, once"));
        }
        self.is_chunked = true;
        Ok(())
    }

    /// What follows the head.
    fn body(&self) -> Result<Stage, Refusal> {
        match (self.is_chunked, self.length, self.is_old) {
            (true, Some(_), _) => {
                Err(Refusal::Malformed("`Content-Length` and `Transfer-Encoding` exclude each other"))
            }
            (true, None, true) => Err(Refusal::Malformed("HTTP/1.0 has no `Transfer-Encoding`")),
            (true, None, false) => Ok(Stage::ChunkSize),
            (false, None | Some(0), _) => Ok(Stage::default()),
            (false, Some(length), _) => Ok(Stage::Sized(length)),
        }
    }
}

/// Without the spaces and tabs around it, and nothing else.
fn trimmed(value: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    match (value.iter().position(is_text), value.iter().rposition(is_text)) {
        (Some(first), Some(last)) => value.get(first..=last).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Follows bytes that come in pieces of these sizes, again and again: how many passed, and the refusal if there is one.
    fn judge(bytes: &[u8], pieces: &[usize]) -> (usize, Option<Refusal>) {
        let mut framing = Framing::default();
        let (mut passed, mut there) = (0, 0);
        let mut pieces = pieces.iter().cycle();
        loop {
            match framing.advance(&bytes[passed..there]) {
                Ok(0) if there == bytes.len() => return (passed, None),
                Ok(0) => there = bytes.len().min(there + pieces.next().unwrap()),
                Ok(more) => passed += more,
                Err(refusal) => return (passed, Some(refusal)),
            }
        }
    }

    fn follow(bytes: &[u8], piece: usize) -> Result<usize, Refusal> {
        let (passed, refusal) = judge(bytes, &[piece]);
        refusal.map_or(Ok(passed), Err)
    }

    #[test]
    fn requests_pass_whole_whatever_the_pieces() {
        let requests = concat!(
            "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET \n",
            "POST /b HTTP/1.1\r\ntransfer-encoding:\t Chunked \r\n\r\n3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n",
            "DELETE /c HTTP/1.0\r\ncontent-length: 0\r\nempty:\r\n\r\n",
        );
        for piece in [1, 2, 3, 7, 64, 4096] {
            assert_eq!(follow(requests.as_bytes(), piece), Ok(requests.len()), "{piece}");
        }
    }

    #[test]
    fn a_head_passes_only_whole_and_alone() {
        let two = b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let mut framing = Framing::default();
        assert_eq!(framing.advance(&two[..17]), Ok(0));
        assert_eq!(framing.advance(two), Ok(18));
        assert!(framing.in_head());
    }

    #[test]
    fn no_byte_of_a_slow_head_is_looked_at_twice() {
        let head = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(HEAD_BYTES - 20));
        let mut framing = Framing::default();
        for there in 1..=head.len() {
            assert_eq!(framing.advance(&head.as_bytes()[..there]), Ok(0));
            assert!(matches!(&framing.0, Stage::Head(head) if head.searched == there));
        }
    }

    #[test]
    fn what_stands_before_a_fault_of_a_body_passes_ahead_of_the_refusal() {
        let bytes = b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nz";
        assert_eq!(judge(bytes, &[4096]), (bytes.len() - 1, Some(Refusal::Malformed("a chunk has no size"))));
    }

    #[test]
    fn limits_of_a_head_are_exact() {
        let line = |length: usize| format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(length - 23));
        assert_eq!(follow(line(HEAD_BYTES).as_bytes(), 1000), Ok(HEAD_BYTES));
        assert_eq!(follow(line(HEAD_BYTES + 1).as_bytes(), 1000), Err(Refusal::HeadTooLarge));
        assert_eq!(follow(&vec![b'G'; HEAD_BYTES + 1], 1000), Err(Refusal::HeadTooLarge));
        let lines = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(count));
        assert!(follow(lines(HEADER_LINES).as_bytes(), 1000).is_ok());
        assert_eq!(follow(lines(HEADER_LINES + 1).as_bytes(), 1000), Err(Refusal::HeadTooLarge));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_alike_in_any_pieces(
            parts in prop::collection::vec(prop::sample::select(vec![
                "GET / HTTP/1.1\r\n", "POST / HTTP/1.0\r\n", "\r\n", "\n", "\r", " ", "x: y\r\n", "Content-Length: 3\r\n",
                "Transfer-Encoding: chunked\r\n", "abc", "3\r\n", "3\r\nabc\r\n", "0\r\n", "\0", ";e=1\r\n", "ffffffffffffffff\r\n",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ]), 0..12),
            pieces in prop::collection::vec(1_usize..20, 1..12),
        ) {
            let bytes = parts.concat();
            prop_assert_eq!(judge(bytes.as_bytes(), &pieces), judge(bytes.as_bytes(), &[4096]));
        }

        #[test]
        fn nothing_that_comes_ends_in_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            pieces in prop::collection::vec(1_usize..20, 1..12),
        ) {
            for before in ["", "GET /", "GET / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"] {
                let bytes = [before.as_bytes(), &bytes].concat();
                prop_assert_eq!(judge(&bytes, &pieces), judge(&bytes, &[4096]));
            }
        }
    }
}
