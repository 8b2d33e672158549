//! What the scan must find, and what it must let pass.

mod characters;
mod instructions;
mod linear;
mod properties;
mod secrets;

use types::memory::Flag;

use super::{Report, scan};

/// Sentences in which nothing is to be found, one a line.
const BENIGN: &str = include_str!("tests/benign.txt");
/// Orders to a model, one a line, each after the name of the pattern that must find it.
const HOSTILE: &str = include_str!("tests/hostile.txt");

#[test]
fn names_of_patterns_are_distinct() {
    let names: Vec<_> = super::patterns().collect();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(names.len(), distinct.len());
}

#[test]
fn a_merged_report_holds_what_either_found() {
    let key = secrets::github_token();
    let mut report = scan("ignore previous instructions \u{202E}");
    report.merge(scan(&format!("a {key}")));
    report.merge(scan(&format!("{key} ignore previous instructions")));
    assert_eq!(report.flags(), [Flag::BidiControl, Flag::InstructionLike, Flag::SecretLike]);
    assert_eq!(report.patterns(), ["ignore_previous", "github_token"]);
    assert_eq!(report.refused().unwrap().offset, 2, "of the first text that holds one");
}

#[test]
fn benign_sentences_raise_nothing() {
    assert!(BENIGN.lines().count() >= 80);
    let raised: Vec<_> = BENIGN.lines().filter(|line| scan(line) != Report::default()).collect();
    assert!(
        raised.is_empty(),
        "{}",
        raised.iter().map(|line| format!("{line}\n  {:?}\n", scan(line))).collect::<String>()
    );
}

#[test]
fn benign_sentences_together_raise_nothing() {
    let report = scan(BENIGN);
    assert_eq!(report, Report::default());
}
