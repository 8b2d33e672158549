//! What one document contributes to an index.

use crate::tokenise::tokenise;

const PLAIN_WEIGHT: u32 = 1;
const BOOSTED_WEIGHT: u32 = 2;

/// The unstemmed words of one document with their counts, and the document's length.
///
/// The term a word counts for is its [`stem`](crate::stem()), a function of the word, so it is not stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// All words, concatenated in ascending order.
    pub(crate) text: String,
    pub(crate) entries: Vec<Entry>,
    pub(crate) length: u32,
}

/// One word of a document: where it ends in [`Terms::text`] (it starts where the one before ends) and how often it occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) end: u32,
    pub(crate) count: u32,
}

impl Terms {
    /// Starts with no words.
    #[must_use]
    pub fn builder() -> TermsBuilder {
        TermsBuilder::default()
    }

    /// Number of tokens, the boosted ones counted twice: `len_d` of BM25.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Each distinct unstemmed word with its count (at least 1), in ascending order of the word.
    pub fn words(&self) -> impl Iterator<Item = (&str, u32)> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let end = entry.end as usize;
            let word = self.text.get(start..end).unwrap_or_default();
            start = end;
            (word, entry.count)
        })
    }
}

/// Collects the texts of one document.
#[derive(Clone, Debug, Default)]
pub struct TermsBuilder {
    buffer: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    start: usize,
    end: usize,
    weight: u32,
}

impl TermsBuilder {
    /// Adds text whose words count once: content, value leaves, summary.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.add(text, PLAIN_WEIGHT)
    }

    /// Adds text whose words count twice: key and tags.
    #[must_use]
    pub fn boosted(self, text: &str) -> Self {
        self.add(text, BOOSTED_WEIGHT)
    }

    /// Sorts and counts the words.
    #[must_use]
    pub fn build(self) -> Terms {
        let mut words: Vec<(&str, u32)> = self
            .tokens
            .iter()
            .filter_map(|token| Some((self.buffer.get(token.start..token.end)?, token.weight)))
            .collect();
        words.sort_unstable();
        let mut terms = Terms::default();
        for group in words.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(word, _)) = group.first() else {
                continue;
            };
            let count = group.iter().fold(0, |sum: u32, token| sum.saturating_add(token.1));
            terms.text.push_str(word);
            terms.length = terms.length.saturating_add(count);
            terms.entries.push(Entry { end: terms.text.len() as u32, count });
        }
        terms
    }

    fn add(mut self, text: &str, weight: u32) -> Self {
        tokenise(text, |token| {
            let start = self.buffer.len();
            self.buffer.push_str(token);
            self.tokens.push(Token { start, end: self.buffer.len(), weight });
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Terms;

    #[test]
    fn words_are_counted_once_in_text_and_twice_when_boosted() {
        let terms = Terms::builder().text("run, Running run").boosted("run").build();
        assert_eq!(terms.words().collect::<Vec<_>>(), [("run", 4), ("running", 1)]);
        assert_eq!(terms.length(), 5);
    }

    #[test]
    fn an_empty_document_has_no_words() {
        let terms = Terms::builder().text(" … ").build();
        assert_eq!(terms.words().count(), 0);
        assert_eq!(terms, Terms::default());
    }
}
