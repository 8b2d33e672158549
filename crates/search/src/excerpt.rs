//! The part of a text that shows why it was found.

use std::collections::HashMap;

use unicode_segmentation::UnicodeSegmentation;

use crate::query::Query;
use crate::tokenise::{stem, tokenise};
use crate::typo::TypoPair;

/// An excerpt is at most this many characters, the ellipses included.
pub const EXCERPT_CHARS: usize = 300;

/// Text past this many characters is not looked at: the index does not hold it either.
const SCANNED_CHARS: usize = 10_000;
const ELLIPSIS: char = '…';
const WINDOW_CHARS: usize = EXCERPT_CHARS - 2;

/// A word of the text that is asked for. Places are in characters.
struct Hit {
    start: usize,
    end: usize,
    /// One bit for each query term it holds.
    terms: u64,
}

/// The window of `content` that holds most of the query's terms, stand-ins for misspelt ones included; the earliest of
/// equals, the beginning when there is none. Cut between words, with `…` where something is left out.
#[must_use]
pub fn excerpt(content: &str, query: &Query, typo_pairs: &[TypoPair]) -> String {
    if content.chars().nth(EXCERPT_CHARS).is_none() {
        return content.to_owned();
    }
    let hits = hits(content, &Wanted::of(query, typo_pairs));
    let (start, end) = richest_window(&hits).unwrap_or((0, 0));
    cut_around(content, start, end)
}

/// Which query term a word is asked for by, as a bit.
struct Wanted<'a> {
    stems: HashMap<&'a str, u64>,
    stand_ins: HashMap<&'a str, u64>,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a Query, typo_pairs: &'a [TypoPair]) -> Self {
        let numbered = || query.terms().iter().zip(0_u32..64);
        Self {
            stems: numbered().map(|(term, number)| (term.stem.as_str(), 1 << number)).collect(),
            stand_ins: typo_pairs
                .iter()
                .filter_map(|pair| {
                    let (_, number) = numbered().find(|(term, _)| term.word == pair.term)?;
                    Some((pair.word.as_str(), 1 << number))
                })
                .collect(),
        }
    }

    fn terms_in(&self, text: &str) -> u64 {
        let mut terms = 0;
        tokenise(text, |word| {
            terms |= self.stems.get(&*stem(word)).unwrap_or(&0);
            terms |= self.stand_ins.get(word).unwrap_or(&0);
        });
        terms
    }
}

fn hits(content: &str, wanted: &Wanted<'_>) -> Vec<Hit> {
    let scanned = content.get(..byte_at(content, SCANNED_CHARS)).unwrap_or(content);
    let mut hits = Vec::new();
    let mut start = 0;
    for word in scanned.split_word_bounds() {
        let chars = word.chars().count();
        let terms = wanted.terms_in(word);
        if terms != 0 {
            hits.push(Hit { start, end: start + chars.min(WINDOW_CHARS), terms });
        }
        start += chars;
    }
    hits
}

fn richest_window(hits: &[Hit]) -> Option<(usize, usize)> {
    let mut window = std::collections::VecDeque::new();
    let mut counts = [0_u32; 64];
    let mut best = (0, None);
    for hit in hits {
        window.push_back(hit);
        each_term(hit, &mut counts, |count| *count += 1);
        while let Some(&first) = window.front()
            && hit.end - first.start > WINDOW_CHARS
        {
            window.pop_front();
            each_term(first, &mut counts, |count| *count -= 1);
        }
        let distinct = counts.iter().filter(|&&count| count > 0).count();
        if distinct > best.0 {
            best = (distinct, window.front().map(|first| (first.start, hit.end)));
        }
    }
    best.1
}

fn each_term(hit: &Hit, counts: &mut [u32; 64], change: impl Fn(&mut u32)) {
    for (bit, count) in counts.iter_mut().enumerate() {
        if hit.terms >> bit & 1 == 1 {
            change(count);
        }
    }
}

/// Widens the span (in characters) to the window, shares what is left on both sides, and cuts at white space if there is
/// some outside the span.
fn cut_around(content: &str, start: usize, end: usize) -> String {
    let total = content.chars().count();
    let slack = WINDOW_CHARS.saturating_sub(end - start);
    let from = start.saturating_sub(slack / 2).min(total.saturating_sub(WINDOW_CHARS));
    let until = (from + WINDOW_CHARS).min(total);
    let part = |from, until| content.get(byte_at(content, from)..byte_at(content, until)).unwrap_or_default();
    let (before, inside, after) = (part(from, start), part(start, end), part(end, until));
    let before = match before.split_once(char::is_whitespace) {
        Some((_, words)) if from > 0 => words,
        _ => before,
    };
    let after = match after.rsplit_once(char::is_whitespace) {
        Some((words, _)) if until < total => words,
        _ => after,
    };
    let mut excerpt = String::with_capacity(4 * EXCERPT_CHARS);
    excerpt.extend((from > 0).then_some(ELLIPSIS));
    excerpt.extend([before, inside, after]);
    excerpt.extend((until < total).then_some(ELLIPSIS));
    excerpt
}

/// The byte at which the character of this number starts.
fn byte_at(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{EXCERPT_CHARS, excerpt};
    use crate::{Query, TypoPair};

    #[test]
    fn a_short_text_is_its_own_excerpt() {
        assert_eq!(excerpt("set DATABASE_URL first", &Query::parse("url"), &[]), "set DATABASE_URL first");
    }

    #[test]
    fn the_excerpt_is_the_window_with_most_terms() {
        let filler = "filler words here ".repeat(40);
        let content = format!("kafka {filler}kafka brokers lag {filler}brokers");
        let shown = excerpt(&content, &Query::parse("kafka broker lagging"), &[]);
        assert!(shown.contains("kafka brokers lag"), "{shown}");
        assert!(shown.starts_with('…') && shown.ends_with('…'));
        assert!(shown.trim_matches('…').split(' ').all(|word| content.contains(word)));
    }

    #[test]
    fn a_misspelt_term_is_shown_by_its_stand_in() {
        let content = format!("{} we chose Kubernetes {}", "x ".repeat(400), "y ".repeat(400));
        let pair = TypoPair { term: "kubernets".to_owned(), word: "kubernetes".to_owned() };
        let shown = excerpt(&content, &Query::parse("kubernets"), &[pair]);
        assert!(shown.contains("chose Kubernetes"), "{shown}");
    }

    #[test]
    fn without_a_hit_the_text_is_shown_from_its_beginning() {
        let shown = excerpt(&"word ".repeat(200), &Query::parse("absent"), &[]);
        assert!(shown.starts_with("word word") && shown.ends_with("word…"), "{shown}");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_never_panics(content in "(\\PC{0,30} ?){0,60}", query in "\\PC{0,30}") {
            prop_assert!(excerpt(&content, &Query::parse(&query), &[]).chars().count() <= EXCERPT_CHARS);
            let word: String = content.chars().filter(|c| !c.is_whitespace()).take(40).collect();
            prop_assert!(excerpt(&content, &Query::parse(&word), &[]).chars().count() <= EXCERPT_CHARS);
        }
    }
}
