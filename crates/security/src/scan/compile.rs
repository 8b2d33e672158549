//! Patterns become automata once per process.

use regex::{
    Error,
    bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder},
};

/// Room for the states of one automaton, in bytes: the patterns need less, and hostile text must not exhaust it.
const STATES_BYTES: usize = 8 << 20;

/// A set. Its classes are of bytes, which keeps it small: `[^ ]` is any byte but a space.
pub(super) fn set<P: AsRef<str>>(patterns: impl Iterator<Item = P>) -> RegexSet {
    must(RegexSetBuilder::new(patterns).unicode(false).dfa_size_limit(STATES_BYTES).build())
}

/// One pattern, read as in a set.
pub(super) fn pattern(pattern: &str) -> Regex {
    must(RegexBuilder::new(pattern).unicode(false).build())
}

#[expect(clippy::expect_used, reason = "the patterns are constants, and every test of the scan compiles all of them")]
fn must<T>(compiled: Result<T, Error>) -> T {
    compiled.expect("a pattern of the scan is a valid expression")
}
