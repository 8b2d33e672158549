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

fn fastest(text: &str) -> Duration {
    (0..2)
        .map(|_| {
            let start = Instant::now();
            let report = scan(text);
            let spent = start.elapsed();
            assert!(report.refused().is_none());
            spent
        })
        .min()
        .unwrap()
}

#[test]
fn hostile_texts_of_twice_the_length_take_at_most_four_times_as_long() {
    for part in PARTS {
        let text = |bytes: usize| part.repeat(bytes / part.len());
        let (half, whole) = (fastest(&text(50_000)), fastest(&text(100_000)));
        assert!(whole <= half * 4, "{part:?}: 50 kB {half:?}, 100 kB {whole:?}");
    }
}
