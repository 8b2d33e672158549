//! The words a caller asks for.

use std::collections::HashSet;

use crate::tokenise::{stem, tokenise};

/// Terms of a query past this number are not used.
pub const MAX_QUERY_TERMS: usize = 64;

/// English words that say nothing about what a row is about; sorted.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been",
    "before", "being", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "during", "each",
    "few", "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how",
    "i", "if", "in", "into", "is", "it", "its", "itself", "just", "me", "more", "most", "my", "no", "nor", "not", "of",
    "off", "on", "once", "only", "or", "other", "our", "ours", "out", "over", "own", "same", "she", "should", "so",
    "some", "such", "than", "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this",
    "those", "through", "to", "too", "under", "until", "up", "very", "was", "we", "were", "what", "when", "where",
    "which", "while", "who", "whom", "why", "will", "with", "would", "you", "your", "yours",
];

/// A query: distinct terms in order of appearance, at most [`MAX_QUERY_TERMS`]. There are no operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<QueryTerm>,
}

/// One term of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueryTerm {
    /// What rows are looked up by.
    pub(crate) stem: String,
    /// The unstemmed form, compared with the words of rows when no row holds the term.
    pub(crate) word: String,
}

impl Query {
    /// Tokenises as for text; drops repeated terms, and English stop words unless nothing else is left.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut seen = HashSet::new();
        let mut terms = Vec::new();
        let mut stop_terms = Vec::new();
        tokenise(text, |word| {
            let stem = stem(word).into_owned();
            let is_stop_word = STOP_WORDS.binary_search(&word).is_ok();
            let kept = if is_stop_word { &mut stop_terms } else { &mut terms };
            if kept.len() < MAX_QUERY_TERMS && seen.insert((is_stop_word, stem.clone())) {
                kept.push(QueryTerm { stem, word: word.to_owned() });
            }
        });
        Self { terms: if terms.is_empty() { stop_terms } else { terms } }
    }

    /// The unstemmed form of each term.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.word.as_str())
    }

    /// Number of terms.
    #[must_use]
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether the text held no word and no symbol: such a query finds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(crate) fn terms(&self) -> &[QueryTerm] {
        &self.terms
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_QUERY_TERMS, Query, STOP_WORDS};

    fn check(text: &str, want: &[&str]) {
        assert_eq!(Query::parse(text).words().collect::<Vec<_>>(), want, "{text}");
    }

    #[test]
    fn repeated_and_stop_words_are_dropped_unless_nothing_is_left() {
        check("run Running RUN", &["run"]);
        check("what is the data of Bob's", &["data", "bob"]);
        check("to be or not to be", &["to", "be", "or", "not"]);
        check("DATABASE_URL", &["database_url", "database", "url"]);
        check("\" ( * : -", &[]);
    }

    #[test]
    fn a_stop_word_does_not_hide_a_term_with_its_stem() {
        check("doing doings", &["doings"]);
    }

    #[test]
    fn only_the_first_terms_are_used() {
        let text: String = (0..200).map(|n| format!("w{n} ")).collect();
        let query = Query::parse(&text);
        assert_eq!(query.len(), MAX_QUERY_TERMS);
        assert_eq!(query.words().last(), Some("w63"));
    }

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }
}
