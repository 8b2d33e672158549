//! What a directory costs at rest: how long a start takes, and how much memory rows take.

use serde_json::json;

use super::Bench;
use super::hall::Hall;
use super::table::{Bound, Row, Table};
use crate::report::Result;

const STARTS: usize = 5;
/// Rows from which on their memory is bounded.
const WEIGHED: usize = 100_000;
const MIB: f64 = 1024.0 * 1024.0;

/// Measures a directory of this size; its server is started anew and has its search index loaded then.
pub(super) fn measure(bench: &Bench, mut hall: Hall, size: usize, table: &mut Table) -> Result<Hall> {
    super::progress(&format!("at rest: {size} memories"));
    let mut ready = Vec::new();
    for _ in 0..STARTS {
        hall = hall.restart()?;
        ready.push(hall.process.ready.as_secs_f64() * 1_000.0);
    }
    ready.sort_by(f64::total_cmp);
    let median = ready.get(STARTS / 2).copied().unwrap_or_default();
    let row = Row::new(format!("start to first healthy answer, median of {STARTS}: {size}"));
    table.push(row.gate("ms", median, Bound::AtMost(100.0)));

    let reader = hall.agent("reader")?;
    let mut dice = super::corpus::Dice::new(41);
    let before = hall.process.resident()?;
    let row = Row::new(format!("resident before the search index is loaded: {size}"));
    table.push(row.gate("MiB", before / MIB, Bound::AtMost(60.0)));

    let begun = std::time::Instant::now();
    hall.ask(&reader, "search_memories", &json!({ "query": bench.corpus.frequent_query(&mut dice) }))?;
    let loaded = begun.elapsed().as_secs_f64() * 1_000.0;
    let after = hall.process.resident()?;
    let row = Row::new(format!("resident once it is loaded: {size}"))
        .figure("MiB", after / MIB)
        .figure("first search ms", loaded);
    let each = (after - before) / size as f64;
    // What the first search takes once for all weighs too much on few rows.
    table.push(if size < WEIGHED {
        row.figure("bytes/row", each)
    } else {
        row.gate("bytes/row", each, Bound::AtMost(600.0))
    });
    Ok(hall)
}
