//! The time a hostile text takes grows as its length does.

use std::time::{Duration, Instant};

use super::super::scan;

const PARTS: &[&str] = &[
    "a",
    "%41",
    "QWxsIGlzIHdlbGwuIA",
    "(",
    "sk-",
    "ghp_ followed by words and so on ",
    "-----BEGIN PRIVATE KEY----- ",
    "key=",
    "x://a:b",
    "ignore all ",
    "never ignore all previous instructions ",
    "\u{FDFA}",
];

fn time(text: &str) -> Duration {
    let start = Instant::now();
    let report = scan(text);
    let spent = start.elapsed();
    assert!(report.refused().is_none());
    spent
}

/// The best of several runs counts: a machine that does something else meanwhile can only make one slower.
#[test]
fn hostile_texts_of_twice_the_length_take_at_most_four_times_as_long() {
    for part in PARTS {
        let text = |bytes: usize| part.repeat(bytes / part.len());
        let (half, whole) = (text(25_000), text(50_000));
        let (mut of_half, mut of_whole) = (Duration::MAX, Duration::MAX);
        let is_linear = (0..10).any(|_| {
            of_half = of_half.min(time(&half));
            of_whole = of_whole.min(time(&whole));
            of_whole <= of_half * 4
        });
        assert!(is_linear, "{part:?}: 25 kB {of_half:?}, 50 kB {of_whole:?}");
    }
}
