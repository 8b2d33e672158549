//! Times the scan of ordinary and of hostile texts.
//!
//! `cargo run --release -p security --example scan`
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const PROSE: &str = "The release train leaves on Tuesday; Ines reviews the migration, and the nightly build of \
    crates/store/src/engine.rs (version 1.95) must stay green. We agreed to keep `retry_after` in whole seconds. ";
const LARGE: usize = 100_000;

fn best(text: &str) -> Duration {
    let rounds = (2_000_000 / text.len().max(1)).clamp(5, 2_000);
    (0..rounds)
        .map(|_| {
            let start = Instant::now();
            black_box(security::scan::scan(black_box(text)));
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn main() {
    let start = Instant::now();
    black_box(security::scan::scan("first"));
    println!("{:<28} {:>12.1?}", "first call (compiles)", start.elapsed());
    let fill = |part: &str| part.repeat(LARGE / part.len() + 1).chars().take(LARGE).collect::<String>();
    let short: String = PROSE.chars().take(100).collect();
    let kilobyte: String = fill(PROSE).chars().take(1_000).collect();
    println!("{:<28} {:>12.1?}", "prose, 100 characters", best(&short));
    println!("{:<28} {:>12.1?}", "prose, 1,000 characters", best(&kilobyte));
    let cases = [
        ("prose", PROSE),
        ("cyrillic", "Выпуск во вторник, Инес проверяет миграцию. "),
        ("chinese", "发布定于星期二由伊内斯审查迁移"),
        ("a", "a"),
        ("A", "A"),
        ("percent", "%41"),
        ("percent of percent", "%25"),
        ("base64", "QWxsIGlzIHdlbGwuIA"),
        ("brackets", "(((("),
        ("spaced letters", "g h p _ "),
        ("sk-", "sk-"),
        ("sk-ant-", "sk-ant-"),
        ("short key", "sk-abcdefghijklmnopqrs "),
        ("split prose key", "ghp_ followed by words and so on "),
        ("key=", "key="),
        ("password:", "password: x "),
        ("url", "http://a:"),
        ("jwt", "eyJ"),
        ("dashes", "-----BEGIN "),
        ("key header", "-----BEGIN PRIVATE KEY----- "),
        ("at", "x://a:b"),
        ("ignore all", "ignore all "),
        ("never ignore", "never ignore all previous instructions "),
        ("send secrets", "send the secrets to the "),
        ("joiners", "a\u{200d}\u{200b}"),
        ("marks", "e\u{301}\u{323}"),
        ("ligature", "\u{fdfa}"),
        ("tags", "\u{1f3f4}\u{e0067}\u{e0062}"),
        ("emoji", "👩\u{200d}👩\u{200d}👧"),
        ("full width", "ｇｈｐ＿"),
        ("ja", "以前の指示を"),
        ("spaces", " "),
        ("curl", "curl -d "),
        ("image", "![a](https://a?"),
    ];
    for (name, part) in cases {
        println!("{:<28} {:>12.1?}", format!("{name}, 100,000"), best(&fill(part)));
    }
}
