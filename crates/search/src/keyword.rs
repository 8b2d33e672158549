//! The keyword ranking: exact BM25 over the admitted rows.
//!
//! Robertson, Walker: Okapi at TREC-3 (1994), with the idf of Lucene, which is never negative:
//! `Σ_t ln(1 + (N − n_t + 0.5)/(n_t + 0.5)) · f(k1 + 1)/(f + k1(1 − b + b·len/avg))`.

use crate::admitted::Admitted;
use crate::postings::Posting;
use crate::query::Query;
use crate::vocabulary::Vocabulary;

/// At most this many rows enter fusion from the keyword ranking.
pub const KEYWORD_POOL: usize = 400;

const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Lengths below this have their normalisation computed once per search.
const TABLED_LENGTHS: u32 = 4_096;

/// What the keyword ranking computes over the admitted rows.
pub(crate) struct KeywordScores {
    /// By slot; 0 where the row holds no term. The sum is taken in the order of the query's terms.
    pub(crate) scores: Vec<f64>,
    /// By term of the query, the number of admitted rows that hold it: `n_t`.
    pub(crate) row_counts: Vec<usize>,
}

/// Scores every admitted row that holds a term of `query`. `lengths` is by slot.
pub(crate) fn score(vocabulary: &Vocabulary, lengths: &[u32], admitted: &Admitted, query: &Query) -> KeywordScores {
    let norm = LengthNorm::new(admitted.average_length());
    let mut gathered = Gathered::default();
    let mut scores = vec![0.0; lengths.len()];
    let mut row_counts = Vec::with_capacity(query.len());
    for term in query.terms() {
        let hits = gathered.gather(vocabulary, &term.stem, admitted, lengths.len());
        row_counts.push(hits.len());
        let idf = inverse_document_frequency(admitted.rows, hits.len());
        for hit in hits {
            let slot = hit.slot as usize;
            if let (Some(score), Some(&length)) = (scores.get_mut(slot), lengths.get(slot)) {
                let count = f64::from(hit.count);
                *score += idf * (count * (K1 + 1.0) / (count + norm.of(length)));
            }
        }
    }
    KeywordScores { scores, row_counts }
}

fn inverse_document_frequency(rows: u32, rows_with_term: usize) -> f64 {
    let (rows, with_term) = (f64::from(rows), rows_with_term as f64);
    (1.0 + (rows - with_term + 0.5) / (with_term + 0.5)).ln()
}

/// `k1(1 − b + b·len/avg)`.
struct LengthNorm {
    average: f64,
    table: Vec<f64>,
}

impl LengthNorm {
    fn new(average: f64) -> Self {
        Self { average, table: (0..TABLED_LENGTHS).map(|length| Self::compute(length, average)).collect() }
    }

    #[inline]
    fn of(&self, length: u32) -> f64 {
        match self.table.get(length as usize) {
            Some(&norm) => norm,
            None => Self::compute(length, self.average),
        }
    }

    fn compute(length: u32, average: f64) -> f64 {
        K1 * (1.0 - B + B * (f64::from(length) / average))
    }
}

/// The admitted rows that hold a term, with buffers kept from term to term.
#[derive(Default)]
pub(crate) struct Gathered {
    hits: Vec<Posting>,
    /// By slot: where the slot is in `hits`, plus one. All zero between terms.
    places: Vec<u32>,
}

impl Gathered {
    /// The rows holding any word with this stem and the sum of the counts of those words. Each row comes once.
    pub(crate) fn gather(
        &mut self,
        vocabulary: &Vocabulary,
        stem: &str,
        admitted: &Admitted,
        slots: usize,
    ) -> &[Posting] {
        self.hits.clear();
        let mut words = vocabulary.words_of(stem);
        let first = words.next();
        let second = words.next();
        let seen = |posting: &Posting| admitted.contains(posting.slot);
        if second.is_none() {
            self.hits.extend(first.into_iter().flat_map(|word| word.postings.iter().filter(seen)));
            return &self.hits;
        }
        self.places.resize(slots, 0);
        for word in first.into_iter().chain(second).chain(words) {
            for posting in word.postings.iter().filter(seen) {
                self.add(posting);
            }
        }
        for hit in &self.hits {
            if let Some(place) = self.places.get_mut(hit.slot as usize) {
                *place = 0;
            }
        }
        &self.hits
    }

    fn add(&mut self, posting: Posting) {
        let Some(place) = self.places.get_mut(posting.slot as usize) else {
            return;
        };
        match self.hits.get_mut((*place as usize).wrapping_sub(1)) {
            Some(hit) => hit.count = hit.count.saturating_add(posting.count),
            None => {
                self.hits.push(posting);
                *place = self.hits.len() as u32;
            }
        }
    }
}
