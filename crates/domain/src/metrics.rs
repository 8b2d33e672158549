//! Counters for the metrics page, rendered in the Prometheus text format 0.0.4. Labels are operation ids and codes only.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use store::Statistics;

use crate::{Code, catalogue::CATALOGUE, operation::Spec};

/// What is counted of one operation.
#[derive(Debug)]
struct Counters {
    ok: AtomicU64,
    micros: AtomicU64,
    codes: Vec<AtomicU64>,
}

/// All counters of a server.
#[derive(Debug)]
pub struct Metrics {
    operations: Vec<Counters>,
    /// Database reads made to find out who calls.
    pub credential_reads: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let counters = || Counters {
            ok: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            codes: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        };
        Self { operations: CATALOGUE.iter().map(|_| counters()).collect(), credential_reads: AtomicU64::new(0) }
    }
}

impl Metrics {
    /// Counts a finished call.
    pub(crate) fn called(&self, spec: &Spec, outcome: Result<(), Code>, took: Duration) {
        let place = CATALOGUE.binary_search_by(|entry| entry.spec.id.cmp(spec.id)).ok();
        let Some(counters) = place.and_then(|place| self.operations.get(place)) else { return };
        match outcome {
            Ok(()) => counters.ok.fetch_add(1, Ordering::Relaxed),
            Err(code) => match counters.codes.get(code as usize) {
                Some(counter) => counter.fetch_add(1, Ordering::Relaxed),
                None => 0,
            },
        };
        counters.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The page.
    #[must_use]
    pub fn render(&self, store: &Statistics) -> String {
        let mut page = String::new();
        page.push_str(
            "# HELP guildhall_calls_total Calls by operation and outcome.\n# TYPE guildhall_calls_total counter\n",
        );
        for (entry, counters) in CATALOGUE.iter().zip(&self.operations) {
            let id = entry.spec.id;
            line(
                &mut page,
                "guildhall_calls_total",
                &[("operation", id), ("code", "ok")],
                counters.ok.load(Ordering::Relaxed),
            );
            for (code, counter) in Code::ALL.iter().zip(&counters.codes) {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    line(&mut page, "guildhall_calls_total", &[("operation", id), ("code", code.as_str())], count);
                }
            }
        }
        page.push_str(
            "# HELP guildhall_call_microseconds_total Time spent in calls.\n# TYPE guildhall_call_microseconds_total counter\n",
        );
        for (entry, counters) in CATALOGUE.iter().zip(&self.operations) {
            let micros = counters.micros.load(Ordering::Relaxed);
            line(&mut page, "guildhall_call_microseconds_total", &[("operation", entry.spec.id)], micros);
        }
        for (name, help, value) in [
            (
                "guildhall_credential_reads_total",
                "Database reads made to find out who calls.",
                self.credential_reads.load(Ordering::Relaxed),
            ),
            ("guildhall_store_reads_total", "Read transactions.", store.reads),
            ("guildhall_store_writes_total", "Write jobs.", store.writes),
            ("guildhall_store_groups_total", "Commits; each may hold many write jobs.", store.groups),
        ] {
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        }
        page
    }
}

fn line(page: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let labels: Vec<String> = labels.iter().map(|(key, text)| format!("{key}=\"{text}\"")).collect();
    let _ = writeln!(page, "{name}{{{}}} {value}", labels.join(","));
}
