//! Times an index of 1,000, 10,000 and 100,000 rows of fifty words over a 30,000-word Zipf vocabulary.
//!
//! `cargo run --release -p search --example scan`
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use search::{Index, Options, Query, Recency, Terms};

const WORDS: usize = 30_000;
const WORDS_PER_ROW: usize = 50;

/// Sixty-four bytes, as much as a row's filter columns take.
struct Columns {
    updated_at_micros: i64,
    owner: u64,
    _rest: [u64; 6],
}

impl Recency for Columns {
    fn updated_at_micros(&self) -> i64 {
        self.updated_at_micros
    }
}

/// PCG's multiplier; the same texts at every run.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-uniform ranks follow Zipf's law.
    fn rank(&mut self) -> usize {
        (WORDS as f64).powf(self.uniform()) as usize
    }
}

/// A pronounceable word of its own for each rank.
fn word(rank: usize) -> String {
    let mut rest = rank + 100;
    let mut word = String::new();
    while rest > 0 {
        word.extend("bdfgklmnprstvz".chars().nth(rest % 14));
        rest /= 14;
        word.extend("aeiou".chars().nth(rest % 5));
        rest /= 5;
    }
    word.push('k');
    word
}

fn text(random: &mut Random) -> String {
    (0..WORDS_PER_ROW).map(|_| word(random.rank()) + " ").collect()
}

fn columns(id: usize) -> Columns {
    Columns { updated_at_micros: id as i64, owner: id as u64 % 10, _rest: [0; 6] }
}

/// Runs `run` with numbers from 0 and prints percentiles.
fn measure(name: &str, runs: usize, mut run: impl FnMut(usize)) {
    let mut times: Vec<Duration> = (0..runs)
        .map(|number| {
            let start = Instant::now();
            run(number);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!("  {name:<34} p50 {:>8.3} ms  p99 {:>8.3} ms", at(50), at(99));
}

fn load(blobs: &[Vec<u8>]) -> Index<Columns> {
    let start = Instant::now();
    let mut index = Index::new();
    for (id, blob) in blobs.iter().enumerate() {
        if let Ok(terms) = Terms::from_blob(blob) {
            index.upsert(id as u128, columns(id), &terms);
        }
    }
    let blob_bytes: usize = blobs.iter().map(Vec::len).sum();
    println!(
        "{} rows: loaded in {:.3} s; {} B a row, {} B a blob",
        blobs.len(),
        start.elapsed().as_secs_f64(),
        index.resident_bytes() / index.len(),
        blob_bytes / index.len()
    );
    index
}

fn main() {
    let mut random = Random(1);
    let start = Instant::now();
    let blobs: Vec<Vec<u8>> =
        (0..100_000).map(|_| Terms::builder().text(&text(&mut random)).build().to_blob()).collect();
    println!("tokenised at {:.1} µs a row", start.elapsed().as_secs_f64() * 1e6 / blobs.len() as f64);
    for rows in [1_000, 10_000, 100_000] {
        let mut index = load(blobs.get(..rows).unwrap_or_default());
        let mut query = |name: &str, runs, make: &mut dyn FnMut(&mut Random) -> String| {
            let queries: Vec<Query> = (0..runs).map(|_| Query::parse(&make(&mut random))).collect();
            measure(name, runs, |number| {
                if let Some(query) = queries.get(number) {
                    black_box(index.search(|row| row.owner < 10, query, Options::default()));
                }
            });
        };
        query("three most frequent words", 300, &mut |_| format!("{} {} {}", word(1), word(2), word(3)));
        query("three words as frequent as in text", 300, &mut |random| {
            format!("{} {} {}", word(random.rank()), word(random.rank()), word(random.rank()))
        });
        query("64 most frequent words", 20, &mut |_| (1..65).map(|rank| word(rank) + " ").collect());
        query("misspelt frequent + frequent", 100, &mut |random| format!("{}{} {}", "x", word(random.rank()), word(2)));
        query("misspelt most frequent, alone", 100, &mut |_| format!("{}x", word(1)));
        query("64 misspelt words", 20, &mut |random| (0..64).map(|_| word(random.rank()) + "x ").collect());
        let terms: Vec<Terms> = (0..2_000).map(|_| Terms::builder().text(&text(&mut random)).build()).collect();
        let start = Instant::now();
        let changes = rows / 2;
        let mut slowest = Duration::ZERO;
        for (number, terms) in (0..changes).zip(terms.iter().cycle()) {
            let change = Instant::now();
            index.upsert((number * 7 % rows) as u128, columns(number), terms);
            slowest = slowest.max(change.elapsed());
        }
        let mean = start.elapsed().as_secs_f64() * 1e6 / changes as f64;
        println!("  upsert mean {mean:.1} µs, slowest {:.1} ms (compaction)", slowest.as_secs_f64() * 1e3);
    }
}
