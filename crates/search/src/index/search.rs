//! The rankings over the rows a caller admits.

use std::collections::HashMap;

use super::{Index, Recency};
use crate::admitted::Admitted;
use crate::fuse::{RankedList, Ranking};
use crate::keyword::{self, KEYWORD_POOL};
use crate::query::Query;
use crate::top::{Ranked, best};
use crate::typo::{self, TYPO_POOL, TypoPair};

/// Whether misspelt terms are forgiven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Typo {
    /// Terms that no admitted row holds also stand for words like them.
    #[default]
    Forgiven,
    /// Only exact terms count.
    Strict,
}

/// How to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether misspelt terms are forgiven.
    pub typo: Typo,
}

/// The candidates of one search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Rows in either ranking, each once: those of the keyword ranking in its order, then the rest of the other.
    pub candidates: Vec<Candidate>,
    /// Whether some term was a candidate for a misspelling, so that the misspelling ranking counts in fusion.
    pub typo_ran: bool,
}

/// One row found. Its BM25 score stays inside: with it a caller could work out what rows it may not see contain.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The row.
    pub id: u128,
    /// Rank by keyword, from 1.
    pub keyword_rank: Option<u32>,
    /// Rank by misspelling, from 1.
    pub typo_rank: Option<u32>,
    /// Which word stands in for which term, in the order of the query; empty without a `typo_rank`.
    pub typo_pairs: Vec<TypoPair>,
    pub(crate) keyword_score: f64,
    pub(crate) typo_score: f64,
}

impl Found {
    /// The rankings that ran, for [`fuse`](crate::fuse()).
    #[must_use]
    pub fn rankings(&self) -> Vec<RankedList> {
        let list = |ranking, rank_of: fn(&Candidate) -> Option<u32>| {
            let mut ranked: Vec<(u32, u128)> =
                self.candidates.iter().filter_map(|candidate| Some((rank_of(candidate)?, candidate.id))).collect();
            ranked.sort_unstable();
            RankedList { ranking, ids: ranked.into_iter().map(|(_, id)| id).collect() }
        };
        let mut lists = vec![list(Ranking::Keyword, |candidate| candidate.keyword_rank)];
        if self.typo_ran {
            lists.push(list(Ranking::Typo, |candidate| candidate.typo_rank));
        }
        lists
    }
}

impl<R: Recency> Index<R> {
    /// Ranks the rows for which `admit` is true, as if there were no others: ids, order and scores do not depend on rows
    /// that are not admitted, nor on the order in which rows were added.
    ///
    /// `admit` is called once for each row. Takes time linear in the number of rows and in the postings of the query's
    /// terms; a query with a term that no admitted row holds also looks at every distinct word.
    #[must_use]
    pub fn search(&self, admit: impl Fn(&R) -> bool, query: &Query, options: Options) -> Found {
        if query.is_empty() {
            return Found::default();
        }
        let admitted = Admitted::of(&self.records, &self.lengths, &self.live, admit);
        let keyword = keyword::score(&self.vocabulary, &self.lengths, &admitted, query);
        let complete = |score, slot| self.complete(score, slot);
        let rows = best(&keyword.scores, KEYWORD_POOL, complete);
        let mut candidates: Vec<Candidate> = rows.iter().zip(1..).map(by_keyword).collect();
        let typo = match options.typo {
            Typo::Forgiven => typo::score(&self.vocabulary, self.lengths.len(), &admitted, query, &keyword.row_counts),
            Typo::Strict => None,
        };
        if let Some(typo) = &typo {
            let rows = best(&typo.scores, TYPO_POOL, complete);
            let pairs = typo.pairs(&rows, &admitted);
            add_by_typo(&mut candidates, &rows, pairs);
        }
        Found { candidates, typo_ran: typo.is_some() }
    }

    fn complete(&self, score: f64, slot: u32) -> Option<Ranked> {
        Some(Ranked {
            score,
            updated_at_micros: self.records.get(slot as usize)?.updated_at_micros(),
            id: *self.ids.get(slot as usize)?,
            slot,
        })
    }
}

fn by_keyword((row, rank): (&Ranked, u32)) -> Candidate {
    Candidate {
        id: row.id,
        keyword_rank: Some(rank),
        typo_rank: None,
        typo_pairs: Vec::new(),
        keyword_score: row.score,
        typo_score: 0.0,
    }
}

fn add_by_typo(candidates: &mut Vec<Candidate>, rows: &[Ranked], pairs: Vec<Vec<TypoPair>>) {
    let places: HashMap<u128, usize> =
        candidates.iter().enumerate().map(|(place, candidate)| (candidate.id, place)).collect();
    for ((row, typo_pairs), rank) in rows.iter().zip(pairs).zip(1..) {
        let known = places.get(&row.id).and_then(|&place| candidates.get_mut(place));
        match known {
            Some(candidate) => {
                candidate.typo_rank = Some(rank);
                candidate.typo_pairs = typo_pairs;
                candidate.typo_score = row.score;
            }
            None => candidates.push(Candidate {
                id: row.id,
                keyword_rank: None,
                typo_rank: Some(rank),
                typo_pairs,
                keyword_score: 0.0,
                typo_score: row.score,
            }),
        }
    }
}
