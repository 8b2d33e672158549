//! The binary form of [`Terms`], kept in the database beside the row.
//!
//! Layout: format version (one byte), number of words, per word its byte length and its count, then all words in
//! ascending order without separators. Numbers are LEB128. About 8 bytes a word.

use std::fmt;

use crate::terms::{Entry, Terms};
use crate::tokenise::MAX_TOKEN_CHARS;
use crate::varint;

/// Bump when the layout changes or when the tokeniser gives other words for the same text.
const FORMAT_VERSION: u8 = 1;

/// Why bytes are not the binary form of [`Terms`]; the row has to be tokenised again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobError {
    /// Written by another version of the tokeniser.
    UnknownVersion,
    /// Truncated or garbled.
    Malformed,
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownVersion => "terms have an unknown format version",
            Self::Malformed => "terms are truncated or garbled",
        })
    }
}

impl std::error::Error for BlobError {}

impl Terms {
    /// The compact binary form, equal for equal terms.
    #[must_use]
    pub fn to_blob(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + 2 * self.entries.len() + 8);
        bytes.push(FORMAT_VERSION);
        varint::write(&mut bytes, self.entries.len() as u64);
        for (word, count) in self.words() {
            varint::write(&mut bytes, word.len() as u64);
            varint::write(&mut bytes, u64::from(count));
        }
        bytes.extend_from_slice(self.text.as_bytes());
        bytes
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`BlobError`] unless the bytes are exactly what [`Terms::to_blob`] writes for some terms.
    pub fn from_blob(blob: &[u8]) -> Result<Self, BlobError> {
        let mut bytes = blob.iter();
        match bytes.next() {
            Some(&FORMAT_VERSION) => {}
            Some(_) => return Err(BlobError::UnknownVersion),
            None => return Err(BlobError::Malformed),
        }
        let terms = parse(&mut bytes).ok_or(BlobError::Malformed)?;
        if is_canonical(&terms) { Ok(terms) } else { Err(BlobError::Malformed) }
    }
}

fn parse(bytes: &mut std::slice::Iter<'_, u8>) -> Option<Terms> {
    let words = usize::try_from(varint::read(bytes)?).ok()?;
    // Each word takes at least three bytes: a garbled number must not reserve memory.
    if words > bytes.len() / 3 {
        return None;
    }
    let mut entries = Vec::with_capacity(words);
    let (mut end, mut length) = (0_u32, 0_u32);
    for _ in 0..words {
        end = end.checked_add(u32::try_from(varint::read(bytes)?).ok()?)?;
        let count = u32::try_from(varint::read(bytes)?).ok()?;
        length = length.checked_add(count)?;
        entries.push(Entry { end, count });
    }
    let text = std::str::from_utf8(bytes.as_slice()).ok()?.to_owned();
    (text.len() == end as usize).then_some(Terms { text, entries, length })
}

fn is_canonical(terms: &Terms) -> bool {
    let mut start = 0;
    let mut previous = "";
    terms.entries.iter().all(|entry| {
        let end = entry.end as usize;
        let Some(word) = terms.text.get(start..end) else {
            return false;
        };
        let is_short = word.len() <= MAX_TOKEN_CHARS || word.chars().count() <= MAX_TOKEN_CHARS;
        let is_ascending = word > previous;
        (start, previous) = (end, word);
        is_short && is_ascending && entry.count > 0
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BlobError, FORMAT_VERSION, Terms};

    proptest! {
        #[test]
        fn terms_survive_the_round_trip(text in "\\PC{0,300}", key in "[a-zA-Z_.]{0,20}") {
            let terms = Terms::builder().text(&text).boosted(&key).build();
            prop_assert_eq!(Terms::from_blob(&terms.to_blob()), Ok(terms));
        }

        #[test]
        fn every_truncation_is_refused(text in "[a-z 世🚀]{1,60}") {
            let blob = Terms::builder().text(&text).build().to_blob();
            for end in 0..blob.len() {
                prop_assert!(Terms::from_blob(blob.get(..end).unwrap_or_default()).is_err());
            }
        }

        #[test]
        fn garbled_bytes_are_refused_or_read_as_what_they_would_be_written_as(
            text in "[a-z 世🚀]{1,60}", at: prop::sample::Index, byte: u8,
        ) {
            let mut blob = Terms::builder().text(&text).build().to_blob();
            let at = at.index(blob.len());
            blob.get_mut(at).into_iter().for_each(|b| *b = byte);
            check_any(&blob);
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
            check_any(&bytes);
            bytes.insert(0, FORMAT_VERSION);
            check_any(&bytes);
        }
    }

    fn check_any(bytes: &[u8]) {
        if let Ok(terms) = Terms::from_blob(bytes) {
            assert_eq!(Terms::from_blob(&terms.to_blob()), Ok(terms));
        }
    }

    #[test]
    fn a_blob_of_another_version_says_so() {
        let mut blob = Terms::builder().text("word").build().to_blob();
        blob.first_mut().into_iter().for_each(|version| *version += 1);
        assert_eq!(Terms::from_blob(&blob), Err(BlobError::UnknownVersion));
    }
}
