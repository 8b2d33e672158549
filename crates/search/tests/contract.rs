//! The acceptance examples of the memory contract that this crate proves alone.

use std::time::{Duration, Instant};

use search::{Boost, Found, Index, MAX_QUERY_TERMS, Options, Query, Recency, Standing, Terms, fuse};

struct Row {
    viewer: &'static str,
}

impl Recency for Row {
    fn updated_at_micros(&self) -> i64 {
        0
    }
}

const TEXTS: &[&str] = &[
    "Python programming language is powerful",
    "Database systems are important",
    "Machine learning models require data",
    "Web framework development is complex",
    "Kubernetes",
    "authentication",
    "config",
    "Length",
    "Hello 世界",
    "Café au lait",
    "Emoji mix 🚀",
    "set DATABASE_URL first",
    "run the tests",
];

fn index() -> Index<Row> {
    let mut index = Index::new();
    for (id, text) in (0..).zip(TEXTS) {
        index.upsert(id, Row { viewer: "alice" }, &Terms::builder().text(text).build());
    }
    index
}

fn search(index: &Index<Row>, query: &str) -> Found {
    index.search(|row| row.viewer == "alice", &Query::parse(query), Options::default())
}

fn check_found(query: &str, text: &str) {
    let index = index();
    let found = search(&index, query);
    let standing = |_| Some(Standing { importance: 0.5, updated_at_micros: 0 });
    let fused = fuse(&found.rankings(), standing, Boost::Off);
    let texts: Vec<&str> = fused.iter().filter_map(|row| TEXTS.get(row.id as usize).copied()).collect();
    assert!(texts.contains(&text), "{query} found {texts:?}");
}

// contract: memory §8.18
#[test]
fn every_row_of_the_parity_table_is_found_without_a_model() {
    for (query, text) in [
        ("Pyhton", "Python programming language is powerful"),
        ("databse", "Database systems are important"),
        ("machne learning", "Machine learning models require data"),
        ("web framwork", "Web framework development is complex"),
        ("kubernets", "Kubernetes"),
        ("authentcation", "authentication"),
        ("cofnig", "config"),
        ("lenght", "Length"),
        ("世界", "Hello 世界"),
        ("café", "Café au lait"),
        ("cafe", "Café au lait"),
        ("emoji", "Emoji mix 🚀"),
        ("🚀", "Emoji mix 🚀"),
    ] {
        check_found(query, text);
    }
}

#[test]
fn variation_selectors_and_joined_emoji_find_the_plain_emoji() {
    check_found("🚀\u{FE0F}", "Emoji mix 🚀");
    check_found("👩\u{200D}🚀", "Emoji mix 🚀");
    check_found("CAFE\u{301}", "Café au lait");
}

// contract: memory §8.19
#[test]
fn a_word_that_a_visible_row_holds_is_never_matched_by_typo_only() {
    let found = search(&index(), "data");
    assert!(!found.typo_ran);
    assert!(found.candidates.iter().all(|candidate| candidate.keyword_rank.is_some()));
    assert_eq!(found.candidates.len(), 1);
}

// contract: memory §8.20
#[test]
fn rows_with_equal_text_come_as_different_ids() {
    let mut index = Index::new();
    for id in [3, 1, 2] {
        index.upsert(id, Row { viewer: "alice" }, &Terms::builder().text("equal text").build());
    }
    let ids: Vec<u128> = search(&index, "equal text").candidates.iter().map(|candidate| candidate.id).collect();
    assert_eq!(ids, [1, 2, 3]);
}

// contract: memory §8.24
#[test]
fn private_rows_near_a_query_change_nothing_for_others() {
    let mut index = index();
    let queries = ["databse", "data base systems", "pyhton programing", "🚀 世界", "zzzz"];
    let before: Vec<Found> = queries.iter().map(|query| search(&index, query)).collect();
    for id in 1_000..1_500 {
        let text = "databse data pyhton programing zzzz 🚀 世界 Database systems";
        index.upsert(id, Row { viewer: "bob" }, &Terms::builder().text(text).boosted("zzzz").build());
    }
    let after: Vec<Found> = queries.iter().map(|query| search(&index, query)).collect();
    assert_eq!(before, after);
}

// contract: memory §8.26
#[test]
fn a_query_has_no_operators_and_a_long_one_is_answered() {
    let index = index();
    let queries = [
        "\" OR *".to_owned(),
        "NEAR(".to_owned(),
        "col:".to_owned(),
        "a*".to_owned(),
        "-x".to_owned(),
        "\"".to_owned(),
        "'".to_owned(),
        "ab ".repeat(333),
        (0..1_000).filter_map(char::from_u32).collect(),
        "\u{301}".repeat(1_000),
        "🇯".repeat(1_000),
        "pyhton1 ".repeat(125),
        (0..200).map(|n| format!("t{n} ")).collect(),
    ];
    for query in queries {
        let start = Instant::now();
        assert!(Query::parse(&query).len() <= MAX_QUERY_TERMS);
        let found = search(&index, &query);
        assert!(found.candidates.len() <= TEXTS.len());
        assert!(start.elapsed() < Duration::from_millis(1_000), "{query} was slow");
    }
}

// contract: memory §8.27
#[test]
fn identifiers_are_found_whole_and_in_parts_and_words_by_their_stem() {
    check_found("DATABASE_URL", "set DATABASE_URL first");
    check_found("url", "set DATABASE_URL first");
    check_found("running", "run the tests");
}

proptest::proptest! {
    #[test]
    fn junk_never_panics(query in "\\PC{0,1000}", text in "\\PC{0,300}") {
        let mut index = index();
        index.upsert(500, Row { viewer: "alice" }, &Terms::builder().text(&text).boosted(&query).build());
        let found = search(&index, &query);
        let own = found.candidates.iter().any(|candidate| candidate.id == 500);
        proptest::prop_assert!(own || Query::parse(&query).is_empty());
    }
}
