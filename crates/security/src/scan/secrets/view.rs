//! Decoded forms of a text, each of which knows where its bytes come from.

use std::borrow::Cow;

use super::super::characters::is_invisible;

/// Shorter runs are words.
const SHORTEST_BASE64: usize = 16;

/// A form of a text. Positions in it lead back to the text as given.
pub(super) struct View<'a> {
    /// The form itself.
    pub(super) bytes: Cow<'a, [u8]>,
    /// Whether what stood between its pieces was taken out, so that pieces meet that were apart.
    pub(super) is_compact: bool,
    pieces: Vec<Piece>,
    parent: Option<&'a View<'a>>,
}

/// A stretch of a view that comes from one place.
#[derive(Clone, Copy)]
struct Piece {
    /// Where it begins in the view.
    start: usize,
    /// Where it comes from in the parent.
    source: usize,
    relation: Relation,
}

/// How the bytes of a piece lie in the parent, from its source on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// One by one.
    Copy,
    /// All of it stands at the source.
    Point,
    /// Each three bytes are four digits.
    Groups,
}

impl<'a> View<'a> {
    /// The text as given.
    pub(super) const fn of(text: &'a str) -> Self {
        Self { bytes: Cow::Borrowed(text.as_bytes()), is_compact: false, pieces: Vec::new(), parent: None }
    }

    /// With `%41` as `A`; none when nothing is encoded so.
    pub(super) fn percent_decoded(parent: &'a Self) -> Option<Self> {
        let mut decoded = parent.child();
        let mut rest = parent.bytes.as_ref();
        while let Some(place) = rest.iter().position(|byte| *byte == b'%') {
            let Some((before, encoded)) = rest.split_at_checked(place) else { break };
            let at = parent.bytes.len() - encoded.len();
            decoded.copy(before, at - before.len());
            match encoded {
                [_, high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    decoded.pieces.push(Piece { start: decoded.bytes.len(), source: at, relation: Relation::Point });
                    decoded.bytes.to_mut().push(nibble(*high) << 4 | nibble(*low));
                    rest = after;
                }
                [percent, after @ ..] => {
                    decoded.copy(&[*percent], at);
                    rest = after;
                }
                [] => break,
            }
        }
        let at = parent.bytes.len() - rest.len();
        decoded.copy(rest, at);
        (decoded.bytes.len() < parent.bytes.len()).then_some(decoded)
    }

    /// What runs of base64 digits hold, in either alphabet and at each of the four alignments; none when there is no run.
    pub(super) fn base64_decoded(parent: &'a Self) -> Option<Self> {
        let mut decoded = parent.child();
        let mut start = 0;
        for run in parent.bytes.split(|byte| sextet(*byte).is_none()) {
            if run.len() >= SHORTEST_BASE64 {
                for alignment in 0..4 {
                    // Without its spaces a run may have prose before the encoded part, so the place is told exactly.
                    let (source, relation) = if parent.is_compact {
                        (start + alignment, Relation::Groups)
                    } else {
                        (start, Relation::Point)
                    };
                    decoded.pieces.push(Piece { start: decoded.bytes.len(), source, relation });
                    decode(run.get(alignment..).unwrap_or_default(), decoded.bytes.to_mut());
                    // A space, so that nothing runs into the next one.
                    decoded.bytes.to_mut().push(b' ');
                }
            }
            start += run.len() + 1;
        }
        (!decoded.pieces.is_empty()).then_some(decoded)
    }

    /// Without whitespace and invisible characters, full-width letters as ASCII; none when that changes nothing.
    pub(super) fn compact(parent: &'a Self) -> Option<Self> {
        let mut compact = parent.child();
        compact.is_compact = true;
        let mut at = 0;
        for chunk in parent.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                compact.put(c, at);
                at += c.len_utf8();
            }
            compact.copy(chunk.invalid(), at);
            at += chunk.invalid().len();
        }
        (compact.bytes.len() < parent.bytes.len()).then_some(compact)
    }

    /// The place in the text as given that a byte comes from.
    pub(super) fn origin(&self, at: usize) -> usize {
        let source = match self.piece(at) {
            Some(piece) => match piece.relation {
                Relation::Copy => piece.source + (at - piece.start),
                Relation::Point => piece.source,
                Relation::Groups => piece.source + (at - piece.start) / 3 * 4,
            },
            None => at,
        };
        self.parent.map_or(source, |parent| parent.origin(source))
    }

    /// Where pieces begin within a range, its own beginning left out.
    pub(super) fn seams(&self, start: usize, end: usize) -> impl Iterator<Item = usize> {
        let first = self.pieces.partition_point(|piece| piece.start <= start);
        self.pieces.iter().skip(first).map(|piece| piece.start).take_while(move |seam| *seam < end)
    }

    /// Whether a piece begins there.
    pub(super) fn is_seam(&self, at: usize) -> bool {
        self.piece(at).is_some_and(|piece| piece.start == at)
    }

    fn child(&'a self) -> Self {
        let bytes = Vec::with_capacity(self.bytes.len());
        Self { bytes: Cow::Owned(bytes), is_compact: false, pieces: Vec::new(), parent: Some(self) }
    }

    fn piece(&self, at: usize) -> Option<Piece> {
        let after = self.pieces.partition_point(|piece| piece.start <= at);
        self.pieces.get(after.checked_sub(1)?).copied()
    }

    fn copy(&mut self, bytes: &[u8], source: usize) {
        if !bytes.is_empty() {
            self.begin(source);
            self.bytes.to_mut().extend_from_slice(bytes);
        }
    }

    /// Begins a piece, unless the last one leads there anyway.
    fn begin(&mut self, source: usize) {
        let start = self.bytes.len();
        let continues = self
            .pieces
            .last()
            .is_some_and(|piece| piece.relation == Relation::Copy && piece.source + (start - piece.start) == source);
        if !continues {
            self.pieces.push(Piece { start, source, relation: Relation::Copy });
        }
    }

    fn put(&mut self, c: char, source: usize) {
        if c.is_whitespace() || is_invisible(c) {
            return;
        }
        let c = match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFF01 + 0x21).unwrap_or(c),
            other => other,
        };
        self.begin(source);
        self.bytes.to_mut().extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// The value of a base64 digit of either alphabet (RFC 4648, sections 4 and 5).
pub(super) const fn sextet(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Appends what base64 digits stand for; bits that fill no byte are dropped.
pub(super) fn decode(digits: &[u8], into: &mut Vec<u8>) {
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for place in 0..4 {
            bits = bits << 6 | u32::from(group.get(place).and_then(|digit| sextet(*digit)).unwrap_or(0));
        }
        let [_, bytes @ ..] = bits.to_be_bytes();
        into.extend(bytes.iter().take(group.len() * 6 / 8));
    }
}
