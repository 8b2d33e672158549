//! The misspelling ranking: words of admitted rows that stand in for query terms no admitted row holds.

use std::collections::HashMap;

use crate::admitted::Admitted;
use crate::distance::{Shape, osa_within};
use crate::keyword::Gathered;
use crate::query::{Query, QueryTerm};
use crate::top::Ranked;
use crate::vocabulary::{Vocabulary, Word};

/// At most this many rows enter fusion from the misspelling ranking.
pub const TYPO_POOL: usize = 100;

/// Shorter terms have no stand-ins.
const MIN_TERM_CHARS: usize = 4;
/// From this length on, two edits are forgiven instead of one.
const TWO_EDITS_CHARS: usize = 8;
const MIN_SIMILARITY: f64 = 0.6;

/// A misspelt query term and the word of the row that stands in for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypoPair {
    /// The term as asked for, folded but unstemmed.
    pub term: String,
    /// The word in the row, folded but unstemmed.
    pub word: String,
}

/// One query term that no admitted row holds, with the words like it; most similar first, then by text.
struct Misspelt<'a> {
    term: &'a QueryTerm,
    stand_ins: Vec<StandIn<'a>>,
}

struct StandIn<'a> {
    similarity: f64,
    word: &'a Word,
}

/// The misspelling ranking of one search.
pub(crate) struct TypoScores<'a> {
    /// By slot: `(1/T)·Σ_t best sim of t`, or 0 where the row holds no stand-in.
    pub(crate) scores: Vec<f64>,
    misspelt: Vec<Misspelt<'a>>,
}

/// Whether the term may be misspelt: long enough, and in no admitted row.
fn is_misspelt(term: &QueryTerm, rows_with_term: usize) -> bool {
    rows_with_term == 0 && term.word.chars().count() >= MIN_TERM_CHARS
}

/// Ranks the rows, or none when no term of the query may be misspelt. `row_counts` is `n_t` by term of the query.
pub(crate) fn score<'a>(
    vocabulary: &'a Vocabulary,
    slots: usize,
    admitted: &Admitted,
    query: &'a Query,
    row_counts: &[usize],
) -> Option<TypoScores<'a>> {
    let terms = || query.terms().iter().zip(row_counts);
    if !terms().any(|(term, &rows)| is_misspelt(term, rows)) {
        return None;
    }
    let mut scores = vec![0.0; slots];
    let mut has_stand_in = vec![false; slots];
    // By slot: one more than the number of the last term for which a stand-in was counted.
    let mut counted = vec![0_u32; slots];
    let mut gathered = Gathered::default();
    let mut misspelt = Vec::new();
    for ((term, &rows), number) in terms().zip(1..) {
        if rows > 0 {
            for hit in gathered.gather(vocabulary, &term.stem, admitted, slots) {
                if let Some(score) = scores.get_mut(hit.slot as usize) {
                    *score += 1.0;
                }
            }
        } else if is_misspelt(term, rows) {
            let stand_ins = stand_ins(vocabulary, &term.word);
            for stand_in in &stand_ins {
                for slot in stand_in.admitted_slots(admitted) {
                    if let (Some(score), Some(flag), Some(last)) =
                        (scores.get_mut(slot), has_stand_in.get_mut(slot), counted.get_mut(slot))
                        && *last != number
                    {
                        *score += stand_in.similarity;
                        *flag = true;
                        *last = number;
                    }
                }
            }
            misspelt.push(Misspelt { term, stand_ins });
        }
    }
    for (score, &flag) in scores.iter_mut().zip(&has_stand_in) {
        *score = if flag { *score / query.len() as f64 } else { 0.0 };
    }
    Some(TypoScores { scores, misspelt })
}

impl TypoScores<'_> {
    /// For each of `rows`, in their order, the best stand-in of each misspelt term (ties: the word first in the alphabet).
    pub(crate) fn pairs(&self, rows: &[Ranked], admitted: &Admitted) -> Vec<Vec<TypoPair>> {
        let places: HashMap<usize, usize> =
            rows.iter().enumerate().map(|(place, row)| (row.slot as usize, place)).collect();
        let mut pairs: Vec<Vec<TypoPair>> = rows.iter().map(|_| Vec::new()).collect();
        for misspelt in &self.misspelt {
            for stand_in in &misspelt.stand_ins {
                for slot in stand_in.admitted_slots(admitted) {
                    let row = places.get(&slot).and_then(|&place| pairs.get_mut(place));
                    if let Some(row) = row
                        && row.last().is_none_or(|pair| pair.term != misspelt.term.word)
                    {
                        row.push(TypoPair { term: misspelt.term.word.clone(), word: stand_in.word.text.to_string() });
                    }
                }
            }
        }
        pairs
    }
}

impl StandIn<'_> {
    fn admitted_slots(&self, admitted: &Admitted) -> impl Iterator<Item = usize> {
        self.word.postings.iter().filter(|posting| admitted.contains(posting.slot)).map(|posting| posting.slot as usize)
    }
}

fn stand_ins<'a>(vocabulary: &'a Vocabulary, term: &str) -> Vec<StandIn<'a>> {
    let chars: Vec<char> = term.chars().collect();
    let max_edits = if chars.len() < TWO_EDITS_CHARS { 1 } else { 2 };
    let term_shape = Shape::of(term);
    let mut found: Vec<StandIn<'_>> = vocabulary
        .shaped_words()
        .filter_map(|(shape, word)| {
            let length = shape.chars();
            let mut similarity = 0.0_f64;
            if term_shape.may_be_within(shape, max_edits)
                && let Some(edits) = osa_within(&chars, &word.text, max_edits)
            {
                similarity = 1.0 - edits as f64 / chars.len().max(length) as f64;
            }
            if term_shape.may_begin(shape) && word.text.starts_with(term) {
                similarity = similarity.max(chars.len() as f64 / length as f64);
            }
            (similarity >= MIN_SIMILARITY).then_some(StandIn { similarity, word })
        })
        .collect();
    found.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.word.text.cmp(&b.word.text)));
    found
}
