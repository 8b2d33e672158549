//! Orders to a model, sought on folded text.

mod english;
mod languages;
mod markers;

use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexSet};

use super::{
    Report, compile,
    fold::{self, Invisible},
};

/// A name for reviewers, and a pattern in the notation of [`expand`].
type Pattern = (&'static str, &'static str);

/// What several patterns share, written `<NAME>` in them; folded text has no capitals.
const PARTS: &[(&str, &str)] = &[
    (
        "ANY",
        "(?:(?:all|any|every|each|everything|of|the|these|those|this|that|my|our|its|other|and|or|both|please|completely|entirely|absolutely|just|simply|now|totally|fully|whatever) )*",
    ),
    (
        "PRIOR",
        "(?:previous|previously given|previously provided|prior|earlier|preceding|above|foregoing|past|former|original|initial|old|existing)",
    ),
    (
        "ORDERS",
        "(?:instructions?|prompts?|directions|directives?|commands?|orders|rules|guidelines|guidance|constraints|restrictions|programming|training|guardrails|safeguards|context|conversation)",
    ),
    ("PERSON", "(?:users?|human|humans|operator|owner|developer|reviewer|administrator|admin|anyone|anybody|people)"),
    ("SAFETY", "(?:ethical|moral|safety|content|legal|openai|anthropic|ethics)"),
    (
        "CREDENTIALS",
        "(?:api keys?|secrets?|passwords?|credentials?|private keys?|access keys?|ssh keys?|access tokens?|tokens?|environment variables|env vars|seed phrase)",
    ),
    ("BEGIN", "(?:^|[.!?:;\\]\\[|] ?)"),
    ("W", "\\b"),
];

/// Words right before an order that turn it into its opposite.
const NEGATIONS: &[&str] = &["not", "never", "dont", "cannot", "cant", "wont", "doesnt", "didnt", "shouldnt", "mustnt"];

struct Patterns {
    set: RegexSet,
    /// Each alone, made when the set first names it.
    each: Vec<(Pattern, OnceLock<Regex>)>,
}

impl Patterns {
    fn of(tables: &[&[Pattern]]) -> Self {
        let all = || tables.iter().copied().flatten();
        Self {
            set: compile::set(all().map(|(_, pattern)| expand(pattern))),
            each: all().map(|pattern| (*pattern, OnceLock::new())).collect(),
        }
    }

    fn search(&self, text: &str, report: &mut Report) {
        for index in self.set.matches(text.as_bytes()) {
            let Some(((name, source), compiled)) = self.each.get(index) else { continue };
            let pattern = compiled.get_or_init(|| compile::pattern(&expand(source)));
            if pattern.find_iter(text.as_bytes()).any(|found| !is_negated(text, found.start())) {
                report.instruction(name);
            }
        }
    }
}

/// Sought on folded text with its punctuation.
static MARKERS: LazyLock<Patterns> = LazyLock::new(|| Patterns::of(&[markers::PATTERNS]));
/// Sought on rows of words.
static ORDERS: LazyLock<Patterns> = LazyLock::new(|| Patterns::of(&[english::PATTERNS, languages::PATTERNS]));

pub(super) fn search(text: &str, report: &mut Report) {
    let folded = fold::fold(text, Invisible::Nothing);
    MARKERS.search(&folded, report);
    ORDERS.search(&fold::words(&folded), report);
    if fold::has_invisible(text) {
        ORDERS.search(&fold::words(&fold::fold(text, Invisible::Space)), report);
    }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    [markers::PATTERNS, english::PATTERNS, languages::PATTERNS].into_iter().flatten().map(|(name, _)| *name)
}

/// Puts the parts in the places of their names.
fn expand(pattern: &str) -> String {
    PARTS.iter().fold(pattern.to_owned(), |pattern, (name, part)| pattern.replace(&format!("<{name}>"), part))
}

/// Whether the word right before a match is a negation: `never ignore previous instructions` is a guard, not an attack.
fn is_negated(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default().trim_end_matches(' ');
    NEGATIONS.iter().any(|word| before.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with(' ')))
}
