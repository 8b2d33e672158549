use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::{Candidate, Found, Index, Options, Recency, Typo};
use crate::terms::Entry;
use crate::{KEYWORD_POOL, Query, TYPO_POOL, Terms, TypoPair, stem};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    owner: u8,
    updated_at_micros: i64,
}

impl Recency for Row {
    fn updated_at_micros(&self) -> i64 {
        self.updated_at_micros
    }
}

type Rows = BTreeMap<u128, (Row, String)>;

fn terms(text: &str) -> Terms {
    Terms::builder().text(text).build()
}

fn index_of<'a>(rows: impl IntoIterator<Item = (&'a u128, &'a (Row, String))>) -> Index<Row> {
    let mut index = Index::new();
    for (&id, (row, text)) in rows {
        index.upsert(id, *row, &terms(text));
    }
    index
}

/// The contract's formulas over the admitted rows, without an index. Scores are compared bit for bit.
fn brute_force(rows: &Rows, owner: u8, query: &Query) -> Found {
    let seen: Vec<(u128, Row, Terms)> = rows
        .iter()
        .filter(|(_, (row, _))| row.owner == owner)
        .map(|(&id, (row, text))| (id, *row, terms(text)))
        .collect();
    let keyword = brute_force_keyword(&seen, query);
    let typo = brute_force_typo(&seen, query);
    let mut candidates: Vec<Candidate> = Vec::new();
    for (rank, &(id, score)) in (1..).zip(&keyword) {
        candidates.push(Candidate {
            id,
            keyword_rank: Some(rank),
            typo_rank: None,
            typo_pairs: Vec::new(),
            keyword_score: score,
            typo_score: 0.0,
        });
    }
    for (rank, (id, score, typo_pairs)) in (1..).zip(typo.clone().unwrap_or_default()) {
        let place = candidates.iter().position(|c| c.id == id).unwrap_or_else(|| {
            candidates.push(Candidate {
                id,
                keyword_rank: None,
                typo_rank: None,
                typo_pairs: Vec::new(),
                keyword_score: 0.0,
                typo_score: 0.0,
            });
            candidates.len() - 1
        });
        let candidate = &mut candidates[place];
        (candidate.typo_rank, candidate.typo_score, candidate.typo_pairs) = (Some(rank), score, typo_pairs);
    }
    Found { candidates, typo_ran: typo.is_some() }
}

fn count_of(terms: &Terms, term: &str) -> u32 {
    terms.words().filter(|(word, _)| stem(word) == term).map(|(_, count)| count).sum()
}

fn brute_force_keyword(seen: &[(u128, Row, Terms)], query: &Query) -> Vec<(u128, f64)> {
    let n = seen.len() as f64;
    let avg = seen.iter().map(|(_, _, terms)| u64::from(terms.length())).sum::<u64>() as f64 / n;
    let mut scored: Vec<(u128, i64, f64)> = Vec::new();
    for (id, row, terms) in seen {
        let mut score = 0.0;
        for term in query.terms() {
            let f = f64::from(count_of(terms, &term.stem));
            if f > 0.0 {
                let n_t = seen.iter().filter(|(_, _, other)| count_of(other, &term.stem) > 0).count() as f64;
                let idf = (1.0 + (n - n_t + 0.5) / (n_t + 0.5)).ln();
                let norm = 1.2 * (1.0 - 0.75 + 0.75 * (f64::from(terms.length()) / avg));
                score += idf * (f * (1.2 + 1.0) / (f + norm));
            }
        }
        if score > 0.0 {
            scored.push((*id, row.updated_at_micros, score));
        }
    }
    scored.sort_by(|a, b| b.2.total_cmp(&a.2).then(b.1.cmp(&a.1)).then(a.0.cmp(&b.0)));
    scored.truncate(KEYWORD_POOL);
    scored.into_iter().map(|(id, _, score)| (id, score)).collect()
}

type TypoRow = (u128, f64, Vec<TypoPair>);

fn brute_force_typo(seen: &[(u128, Row, Terms)], query: &Query) -> Option<Vec<TypoRow>> {
    let is_held = |term: &str| seen.iter().any(|(_, _, terms)| count_of(terms, term) > 0);
    let is_misspelt = |index: usize| {
        let term = &query.terms()[index];
        term.word.chars().count() >= 4 && !is_held(&term.stem)
    };
    if !(0..query.len()).any(is_misspelt) {
        return None;
    }
    let mut scored: Vec<(i64, TypoRow)> = Vec::new();
    for (id, row, terms) in seen {
        let (mut sum, mut pairs) = (0.0, Vec::new());
        for (index, term) in query.terms().iter().enumerate() {
            if is_misspelt(index) {
                let mut best: Option<(f64, &str)> = None;
                for (word, _) in terms.words() {
                    let similarity = similarity(&term.word, word);
                    if similarity >= 0.6 && best.is_none_or(|(known, _)| similarity > known) {
                        best = Some((similarity, word));
                    }
                }
                if let Some((similarity, word)) = best {
                    sum += similarity;
                    pairs.push(TypoPair { term: term.word.clone(), word: word.to_owned() });
                }
            } else if count_of(terms, &term.stem) > 0 {
                sum += 1.0;
            }
        }
        if !pairs.is_empty() {
            scored.push((row.updated_at_micros, (*id, sum / query.len() as f64, pairs)));
        }
    }
    scored.sort_by(|(a_at, a), (b_at, b)| b.1.total_cmp(&a.1).then(b_at.cmp(a_at)).then(a.0.cmp(&b.0)));
    scored.truncate(TYPO_POOL);
    Some(scored.into_iter().map(|(_, row)| row).collect())
}

fn similarity(term: &str, word: &str) -> f64 {
    let (t, w): (Vec<char>, Vec<char>) = (term.chars().collect(), word.chars().collect());
    let mut cells: HashMap<(usize, usize), usize> = HashMap::new();
    for i in 0..=t.len() {
        for j in 0..=w.len() {
            let mut best = if i == 0 || j == 0 { i + j } else { usize::MAX };
            if i > 0 && j > 0 {
                best = (cells[&(i - 1, j - 1)] + usize::from(t[i - 1] != w[j - 1]))
                    .min(cells[&(i - 1, j)] + 1)
                    .min(cells[&(i, j - 1)] + 1);
                if i > 1 && j > 1 && t[i - 1] == w[j - 2] && t[i - 2] == w[j - 1] {
                    best = best.min(cells[&(i - 2, j - 2)] + 1);
                }
            }
            cells.insert((i, j), best);
        }
    }
    let edits = cells[&(t.len(), w.len())];
    let by_edits = if edits <= (if t.len() <= 7 { 1 } else { 2 }) {
        1.0 - edits as f64 / t.len().max(w.len()) as f64
    } else {
        0.0
    };
    let by_prefix = if word.starts_with(term) { t.len() as f64 / w.len() as f64 } else { 0.0 };
    by_edits.max(by_prefix)
}

/// Words that share stems, stand in for each other and begin with each other.
const WORDS: &[&str] = &[
    "run",
    "running",
    "runs",
    "runner",
    "database",
    "databse",
    "databases",
    "data",
    "python",
    "pyhton",
    "pythonic",
    "config",
    "cofnig",
    "configuration",
    "kafka",
    "kafak",
    "DATABASE_URL",
    "世界",
    "🚀",
    "café",
    "the",
    "getUserName",
    "length",
    "lenght",
    "machine",
    "machne",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 0..8).prop_map(|words| words.join(" "))
}

#[derive(Clone, Debug)]
enum Change {
    Upsert(u128, Row, String),
    UpdateRecord(u128, Row),
    Remove(u128),
}

fn row() -> impl Strategy<Value = Row> {
    (0..3_u8, 0..3_i64).prop_map(|(owner, updated_at_micros)| Row { owner, updated_at_micros })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0..40_u128, row(), text()).prop_map(|(id, row, text)| Change::Upsert(id, row, text)),
        1 => (0..40_u128, row()).prop_map(|(id, row)| Change::UpdateRecord(id, row)),
        2 => (0..40_u128).prop_map(Change::Remove),
    ]
}

fn apply(index: &mut Index<Row>, rows: &mut Rows, change: Change) {
    match change {
        Change::Upsert(id, row, text) => {
            index.upsert(id, row, &terms(&text));
            rows.insert(id, (row, text));
        }
        Change::UpdateRecord(id, row) => {
            let known = rows.get_mut(&id).map(|known| known.0 = row);
            assert_eq!(index.update_record(id, row), known.is_some());
        }
        Change::Remove(id) => assert_eq!(index.remove(id), rows.remove(&id).is_some()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // contract: memory §8.25
    #[test]
    fn a_search_equals_brute_force_over_the_admitted_rows_bit_for_bit(
        changes in prop::collection::vec(change(), 0..300), queries in prop::collection::vec(text(), 1..6),
    ) {
        let (mut index, mut rows) = (Index::new(), Rows::new());
        for change in changes {
            apply(&mut index, &mut rows, change);
        }
        prop_assert_eq!(index.len(), rows.len());
        for (id, (row, _)) in &rows {
            prop_assert_eq!(index.get(*id), Some(row));
        }
        for query in queries {
            let query = Query::parse(&query);
            let found = index.search(|row| row.owner == 1, &query, Options::default());
            prop_assert_eq!(&found, &brute_force(&rows, 1, &query));
            for pair in found.candidates.iter().flat_map(|candidate| &candidate.typo_pairs) {
                prop_assert!(query.words().any(|word| word == pair.term));
            }
        }
    }

    // contract: memory §8.23
    #[test]
    fn foreign_rows_and_the_order_of_insertion_change_no_bit(
        own in prop::collection::btree_map(0..1_000_u128, (row(), text()), 0..40),
        foreign in prop::collection::btree_map(1_000..2_000_u128, (row(), text()), 0..80),
        query in text(),
    ) {
        let query = Query::parse(&query);
        let is_own = |rows: Rows, owner| -> Rows {
            rows.into_iter().map(|(id, (row, text))| (id, (Row { owner, ..row }, text))).collect()
        };
        let (own, foreign) = (is_own(own, 1), is_own(foreign, 2));
        let search = |index: &Index<Row>| index.search(|row| row.owner == 1, &query, Options::default());
        let alone = search(&index_of(&own));
        let mut mixed = index_of(foreign.iter().chain(own.iter().rev()));
        prop_assert_eq!(&search(&mixed), &alone);
        for &id in foreign.keys() {
            mixed.remove(id);
        }
        prop_assert_eq!(&search(&mixed), &alone);
    }
}

fn find(texts: &[&str], query: &str) -> Found {
    let rows: Rows =
        (1..).zip(texts).map(|(id, text)| (id, (Row { owner: 1, updated_at_micros: 0 }, (*text).to_owned()))).collect();
    index_of(&rows).search(|_| true, &Query::parse(query), Options::default())
}

#[test]
fn a_query_without_words_finds_nothing() {
    assert_eq!(find(&["word"], "( \" *"), Found::default());
}

#[test]
fn compaction_forgets_dead_rows_and_their_words() {
    let mut index = Index::new();
    let row = Row { owner: 1, updated_at_micros: 0 };
    index.upsert(1, row, &terms("constant"));
    for round in 0..10_000 {
        index.upsert(2, row, &terms(&format!("fleeting{round}")));
    }
    assert_eq!(index.len(), 2);
    assert!(index.ids.len() <= 2 + super::MIN_DEAD_SLOTS);
    assert!(index.resident_bytes() < 40_000, "{} bytes", index.resident_bytes());
    let found = |text| index.search(|_| true, &Query::parse(text), Options::default()).candidates.len();
    assert_eq!((found("constant"), found("fleeting9999"), found("7777fleeting")), (1, 1, 0));
}

#[test]
fn a_correctly_spelt_query_does_not_look_for_misspellings() {
    let found = find(&["python data", "pyhton date"], "python data");
    assert!(!found.typo_ran);
    assert_eq!(found.candidates.len(), 1);
}

#[test]
fn a_strict_search_does_not_forgive() {
    let mut index = Index::new();
    index.upsert(1, Row { owner: 1, updated_at_micros: 0 }, &terms("python"));
    let found = index.search(|_| true, &Query::parse("pyhton"), Options { typo: Typo::Strict });
    assert_eq!(found, Found::default());
}

#[test]
fn each_ranking_keeps_its_best_and_breaks_ties_by_time_then_id() {
    let mut index = Index::new();
    for id in 0..1_000_u128 {
        let row = Row { owner: 1, updated_at_micros: (id % 2) as i64 };
        index.upsert(id, row, &terms("python"));
    }
    let found = index.search(|_| true, &Query::parse("python"), Options::default());
    let ids: Vec<u128> = found.candidates.iter().map(|candidate| candidate.id).collect();
    assert_eq!(ids, (0..1_000).filter(|id| id % 2 == 1).take(KEYWORD_POOL).collect::<Vec<_>>());
    let found = index.search(|_| true, &Query::parse("pyhton"), Options::default());
    assert_eq!(found.candidates.len(), TYPO_POOL);
}

/// The word of the first text that stands in for the query, and its similarity.
fn check_stand_in(query: &str, texts: &[&str], want: Option<(&str, f64)>) {
    let found = find(texts, query);
    let first = found.candidates.iter().find(|candidate| candidate.id == 1);
    let got = first.and_then(|row| Some((row.typo_pairs.first()?.word.as_str(), row.typo_score)));
    assert_eq!(got, want, "{query}");
}

#[test]
fn stand_ins_are_within_the_edits_of_the_contract_or_begin_with_the_term() {
    check_stand_in("abcd", &["abce"], Some(("abce", 0.75)));
    check_stand_in("abc", &["abd"], None);
    check_stand_in("abcdefg", &["abcdexy"], None);
    check_stand_in("abcdefgh", &["abcdefxy"], Some(("abcdefxy", 0.75)));
    check_stand_in("abcdefgh", &["abcdexyz"], None);
    check_stand_in("kube", &["kubern"], Some(("kubern", 4.0 / 6.0)));
    check_stand_in("abcdef", &["abcdefwxyz"], Some(("abcdefwxyz", 0.6)));
    check_stand_in("kube", &["kuberne"], None);
    check_stand_in("kubern", &["kube"], None);
}

#[test]
fn of_equally_like_words_the_first_in_the_alphabet_stands_in() {
    check_stand_in("kafkx", &["kafka kafky", "kafky"], Some(("kafka", 0.8)));
    let mut index = Index::new();
    let row = Row { owner: 1, updated_at_micros: 0 };
    index.upsert(2, row, &terms("kafky"));
    index.upsert(1, row, &terms("kafka kafky"));
    let found = index.search(|_| true, &Query::parse("kafkx"), Options::default());
    let words: Vec<_> = found.candidates.iter().map(|row| row.typo_pairs[0].word.as_str()).collect();
    assert_eq!(words, ["kafka", "kafky"]);
}

#[test]
fn a_compaction_keeps_every_live_row() {
    for rows in [255, 256, 257] {
        let mut index = Index::new();
        for id in 0..2 * rows {
            index.upsert(id, Row { owner: 1, updated_at_micros: 0 }, &terms(&format!("common own{id}")));
        }
        (0..rows).for_each(|id| assert!(index.remove(id)));
        assert!(index.ids.len() < 2 * rows as usize, "not compacted");
        let find = |text: String| index.search(|_| true, &Query::parse(&text), Options::default()).candidates;
        assert_eq!(find("common".to_owned()).len(), rows as usize);
        for id in rows..2 * rows {
            let ids: Vec<u128> = find(format!("own{id}")).iter().map(|candidate| candidate.id).collect();
            assert_eq!(ids, [id]);
        }
    }
}

/// Words with Zipf's law: word `n` has the weight `1/n`.
fn zipf_terms(words: usize, length: usize, state: &mut u64) -> Terms {
    let mut counts = BTreeMap::new();
    for _ in 0..length {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (*state >> 11) as f64 / (1_u64 << 53) as f64;
        *counts.entry(name((words as f64).powf(uniform) as usize)).or_insert(0) += 1;
    }
    let mut terms = Terms { length: length as u32, ..Terms::default() };
    for (word, count) in counts {
        terms.text.push_str(&word);
        terms.entries.push(Entry { end: terms.text.len() as u32, count });
    }
    terms
}

fn name(rank: usize) -> String {
    let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
    let mixed = rank.wrapping_mul(7_919);
    [letter(mixed), letter(mixed / 26), letter(rank), letter(rank / 26), letter(rank / 676), letter(rank / 17_576), 'o']
        .iter()
        .collect()
}

struct Columns {
    updated_at_micros: i64,
    _rest: [u64; 7],
}

impl Recency for Columns {
    fn updated_at_micros(&self) -> i64 {
        self.updated_at_micros
    }
}

#[test]
fn a_row_of_fifty_words_takes_less_than_five_hundred_bytes() {
    let (mut index, mut state) = (Index::new(), 1);
    let rows = 40_000;
    let mut words = BTreeSet::new();
    for id in 0..rows {
        let terms = zipf_terms(30_000, 50, &mut state);
        words.extend(terms.words().map(|(word, _)| word.to_owned()));
        let record = Columns { updated_at_micros: id, _rest: [0; 7] };
        index.upsert(id as u128, record, &terms);
    }
    let per_row = index.resident_bytes() / rows as usize;
    assert!(words.len() > 25_000, "{} words", words.len());
    assert!(per_row <= 500, "{per_row} bytes a row");
}
