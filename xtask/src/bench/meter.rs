//! What calls cost while a server is under load, and how much of the machine others took meanwhile.

use std::time::{Duration, Instant};

use super::load::{self, Outcome, Until};
use super::process::{self, Process};
use super::table::Row;
use crate::report::Result;

/// Percent of the machine that others may take before a row says so.
const QUIET: f64 = 10.0;
/// How often a figure that breaks its bound is measured, so that one disturbed moment of a shared machine decides nothing.
pub(super) const TRIES: usize = 3;

/// Figures of a server under load.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) outcome: Outcome,
    /// The server's processor time, in microseconds.
    pub(super) cpu: f64,
    /// Processor time of everything but the server and the load, in percent of the machine.
    others: f64,
}

impl Cost {
    pub(super) fn per_call(&self) -> f64 {
        self.cpu / self.outcome.calls.max(1) as f64
    }

    pub(super) fn row(&self, what: impl Into<String>) -> Row {
        let row = Row::new(what).load(&self.outcome).cpu(self.per_call());
        if self.others < QUIET { row } else { row.figure("others %", self.others) }
    }

    /// Adds the figures of another run; of the machine, those of the worse one.
    pub(super) fn join(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.others = self.others.max(other.others);
        self.outcome.join(other.outcome);
    }
}

/// Measures a server under load that is on already.
pub(super) fn measure(process: &Process, callers: usize, until: Until, next: impl FnMut(&mut Vec<u8>)) -> Result<Cost> {
    let ours = || Ok::<_, String>(process.cpu_micros()? + process::own_cpu_micros()?);
    let (begun, machine, own, server) =
        (Instant::now(), process::machine_cpu_micros()?, ours()?, process.cpu_micros()?);
    let outcome = load::run(process.address, callers, until, next, |_| {})?.sound("the load")?;
    let cpu = process.cpu_micros()? - server;
    let foreign = (process::machine_cpu_micros()? - machine) - (ours()? - own);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let room = begun.elapsed().as_secs_f64() * 1e6 * cores;
    Ok(Cost { outcome, cpu, others: (100.0 * foreign / room.max(1.0)).max(0.0) })
}

/// Warms up for a quarter of the time, then measures.
pub(super) fn under_load(
    process: &Process,
    callers: usize,
    time: Duration,
    mut next: impl FnMut(&mut Vec<u8>),
) -> Result<Cost> {
    load::run(process.address, callers, Until::Passed(time / 4), &mut next, |_| {})?.sound("warming up")?;
    measure(process, callers, Until::Passed(time), next)
}
