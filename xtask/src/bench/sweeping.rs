//! What writers feel while rows that have expired are removed.

use std::time::{Duration, Instant};

use super::Bench;
use super::corpus::Dice;
use super::cost;
use super::hall::{Hall, Rows};
use super::load::Until;
use super::meter::{self, Cost};
use super::table::{Bound, Table};
use crate::report::Result;

/// Rows that expire.
const ROWS: usize = 10_000;
/// Seconds they live: longer than filling and the undisturbed measurement take.
const LIFE_SECS: u32 = 20;
/// Rows the sweeper removes in one write job.
const BATCH: u64 = 200;
const CALLERS: usize = 64;
/// How finely writes are told apart from those beside the sweeper.
const SLICE: Duration = Duration::from_millis(250);
/// Slices after the start: the sweeper comes every five seconds.
const SLICES: u32 = 64;
const JOBS: &str = "guildhall_store_writes_total";

pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    super::progress(&format!("sweeper: {ROWS} expiring memories"));
    let mut hall = Hall::open(&bench.guildhall, &bench.path("sweeper"))?;
    let agents = hall.agents("caller", 8)?;
    let ending = hall.agent("ending")?;
    let rows = Rows { expires_in: LIFE_SECS, ..Rows::private(&bench.corpus, ROWS, 61) };
    hall.fill(&ending, &rows)?;
    let filled = Instant::now();
    let mut dice = Dice::new(62);
    let texts: Vec<String> = (0..1_000).map(|_| bench.corpus.document(&mut dice)).collect();
    let mut next = cost::in_turn(cost::creates(&agents, &texts));
    let calm = meter::under_load(&hall.process, CALLERS, bench.time, &mut next)?;
    // They expire while the server is down, so that all of them wait for the sweeper when it starts.
    hall = hall.restart_at(filled + Duration::from_secs(LIFE_SECS.into()))?;
    let (mut swept, mut jobs, mut slices) = (Cost::default(), 0, 0);
    for _ in 0..SLICES {
        let before = hall.metric(JOBS)?;
        let slice = meter::measure(&hall.process, CALLERS, Until::Passed(SLICE), &mut next)?;
        let others = (hall.metric(JOBS)? - before).saturating_sub(slice.outcome.calls as u64);
        // Counters that are written now and then are one job; a sweep is several.
        if others > 2 {
            jobs += others;
            slices += 1;
            swept.join(slice);
        }
    }
    let least = ROWS as u64 / BATCH;
    if jobs < least {
        return Err(format!("the sweeper ran {jobs} jobs, {least} were to be seen"));
    }
    table.push(calm.row("create_memory over MCP, 64 callers, nothing to sweep"));
    let row = swept.row(format!("create_memory over MCP, 64 callers, beside the sweeper: {ROWS} expired"));
    let ratio = swept.outcome.quantile(0.99) / calm.outcome.quantile(0.99).max(1e-9);
    let took = f64::from(slices) * SLICE.as_secs_f64();
    table.push(row.gate("p99 : undisturbed", ratio, Bound::AtMost(2.0)).figure("seconds", took));
    hall.process.stop()
}
