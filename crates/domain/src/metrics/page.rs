//! The metrics page in the Prometheus text format 0.0.4: every series from the start on, always in the same order.

use std::{
    fmt::{Display, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use store::{Sizes, Statistics};
use types::histogram::Distribution;

use super::{FACES, Metrics};
use crate::{
    App, Code, Result,
    access::limit::{Crowd, Limits},
    catalogue::CATALOGUE,
    machine::Process,
    recall::Extent,
};

/// What stands on the page beside the counters of calls.
pub(crate) struct Sources {
    pub(crate) store: Statistics,
    pub(crate) sizes: Sizes,
    /// Audit rows and outbox rows that were ever written.
    pub(crate) ledger: (i64, i64),
    pub(crate) index: Extent,
    pub(crate) process: Option<Process>,
}

/// A page that is being written.
#[derive(Default)]
struct Page(String);

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Microseconds as seconds, exactly.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Page {
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One series; the values of labels are names of this binary, which need no escaping.
    fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// A family with one series.
    fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.series(name, &[], value);
    }

    /// The series of one distribution; `shown` turns its measure into the unit of the name.
    fn distribution(&mut self, name: &str, labels: &[(&str, &str)], of: &Distribution, shown: fn(u64) -> String) {
        let mut all = 0;
        let bounds = of.bounds.iter().map(|bound| shown(*bound)).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&of.counts) {
            all += count;
            let labels: Vec<(&str, &str)> = labels.iter().copied().chain([("le", bound.as_str())]).collect();
            self.series(&format!("{name}_bucket"), &labels, all);
        }
        self.series(&format!("{name}_sum"), labels, shown(of.sum));
        self.series(&format!("{name}_count"), labels, all);
    }
}

/// The whole page.
pub(crate) fn render(app: &App, sources: &Sources) -> String {
    let mut page = Page::default();
    page.family("guildhall_build_info", Kind::Gauge, "Always 1; the version is a label.");
    page.series("guildhall_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    calls(&mut page, &app.metrics);
    callers(&mut page, app);
    store(&mut page, sources);
    disk(&mut page, app, sources);
    kept(&mut page, sources);
    process(&mut page, app, sources.process.as_ref());
    page.0
}

fn calls(page: &mut Page, metrics: &Metrics) {
    let all = || CATALOGUE.iter().map(|entry| entry.spec.id).zip(&metrics.operations);
    let name = "guildhall_calls_total";
    page.family(name, Kind::Counter, "Finished calls by operation and outcome: ok or an error code.");
    for (id, counters) in all() {
        page.series(name, &[("operation", id), ("code", "ok")], get(&counters.ok));
        for (code, counter) in Code::ALL.iter().zip(&counters.codes) {
            page.series(name, &[("operation", id), ("code", code.as_str())], get(counter));
        }
    }
    let name = "guildhall_calls_by_face_total";
    page.family(name, Kind::Counter, "Finished calls by operation and the face they came through.");
    for (id, counters) in all() {
        for (face, counter) in FACES.iter().zip(&counters.faces) {
            page.series(name, &[("operation", id), ("face", face.as_str())], get(counter));
        }
    }
    let name = "guildhall_call_duration_seconds";
    page.family(name, Kind::Histogram, "How long calls took, refused ones included.");
    for (id, counters) in all() {
        page.distribution(name, &[("operation", id)], &counters.micros.read(), seconds);
    }
}

fn callers(page: &mut Page, app: &App) {
    let metrics = &app.metrics;
    let crowds = [
        ("guildhall_calls_in_flight", "Calls of principals that are under way.", Crowd::Calls),
        ("guildhall_streams_open", "Streams that principals listen to.", Crowd::Streams),
    ];
    for (name, help, crowd) in crowds {
        page.single(name, Kind::Gauge, help, app.limits.present(crowd));
    }
    let name = "guildhall_connections_open";
    page.family(name, Kind::Gauge, "Open connections by listener.");
    page.series(name, &[("listener", "network")], get(&metrics.network_connections));
    page.series(name, &[("listener", "socket")], get(&metrics.socket_connections));
    let name = "guildhall_rate_limited_total";
    page.family(name, Kind::Counter, "Calls, streams and credentials refused by a limit.");
    for (limit, count) in Limits::NAMES.iter().zip(app.limits.refusals()) {
        page.series(name, &[("limit", limit)], count);
    }
    let help = "Credentials that were shown and refused.";
    page.single("guildhall_credentials_refused_total", Kind::Counter, help, get(&metrics.credentials_refused));
    let help = "Database reads made to find out who calls.";
    page.single("guildhall_credential_reads_total", Kind::Counter, help, get(&metrics.credential_reads));
}

fn store(page: &mut Page, sources: &Sources) {
    let store = &sources.store;
    for (name, help, value) in [
        ("guildhall_store_reads_total", "Read transactions.", store.reads),
        ("guildhall_store_writes_total", "Write jobs.", store.writes),
        ("guildhall_store_groups_total", "Commits; each may hold many write jobs.", store.groups),
        ("guildhall_store_reruns_total", "Write jobs run again alone because their commit was lost.", store.reruns),
        ("guildhall_store_refused_total", "Jobs refused because the queue was full for too long.", store.refused),
    ] {
        page.single(name, Kind::Counter, help, value);
    }
    let name = "guildhall_store_queued_jobs";
    page.family(name, Kind::Gauge, "Jobs that wait for a database thread.");
    page.series(name, &[("kind", "read")], store.queued_reads);
    page.series(name, &[("kind", "write")], store.queued_writes);
    page.single("guildhall_store_readers", Kind::Gauge, "Reading threads.", store.readers);
    page.single("guildhall_store_readers_busy", Kind::Gauge, "Reading threads at work.", store.busy_readers);
    let name = "guildhall_store_commit_writes";
    page.family(name, Kind::Histogram, "Write jobs that shared a commit.");
    page.distribution(name, &[], &store.group_sizes, |writes| writes.to_string());
    let name = "guildhall_store_commit_seconds";
    page.family(name, Kind::Histogram, "How long commits took: the sync of the log.");
    page.distribution(name, &[], &store.commit_micros, seconds);
}

fn disk(page: &mut Page, app: &App, sources: &Sources) {
    for (name, help, value) in [
        ("guildhall_store_database_bytes", "Size of the database's file.", sources.sizes.database_bytes),
        ("guildhall_store_log_bytes", "Size of the write-ahead log's file.", sources.sizes.log_bytes),
        ("guildhall_disk_free_bytes", "Free space of the data directory's file system.", app.space.free_bytes()),
        ("guildhall_disk_least_free_bytes", "Below this, calls that add rows are refused.", app.space.least_bytes()),
        ("guildhall_disk_is_low", "Whether calls that add rows are refused now.", app.space.is_low().into()),
    ] {
        page.single(name, Kind::Gauge, help, value);
    }
}

fn kept(page: &mut Page, sources: &Sources) {
    let (audit, outbox) = sources.ledger;
    page.single("guildhall_audit_rows_total", Kind::Counter, "Audit rows of all workspaces.", audit);
    let help = "Outbox rows of all workspaces; the search index follows each within its commit.";
    page.single("guildhall_outbox_rows_total", Kind::Counter, help, outbox);
    let index = &sources.index;
    for (name, help, value) in [
        ("guildhall_search_index_workspaces", "Workspaces whose search index is in memory.", index.workspaces),
        ("guildhall_search_index_rows", "Memories in the search indexes that are in memory.", index.rows),
        ("guildhall_search_index_bytes", "Estimated memory of these indexes.", index.bytes),
    ] {
        page.single(name, Kind::Gauge, help, value);
    }
}

fn process(page: &mut Page, app: &App, process: Option<&Process>) {
    let help = "When the server began, in seconds since the Unix epoch.";
    let micros = u64::try_from(app.started_at.micros()).unwrap_or_default();
    page.single("process_start_time_seconds", Kind::Gauge, help, seconds(micros));
    let Some(process) = process else { return };
    let help = "Processor time of user and kernel.";
    page.single("process_cpu_seconds_total", Kind::Counter, help, process.cpu_seconds);
    for (name, help, value) in [
        ("process_resident_memory_bytes", "Memory in RAM.", process.resident_bytes),
        ("process_open_fds", "Open file descriptors.", process.open_files),
        ("process_max_fds", "File descriptors that may be open.", process.most_files),
    ] {
        page.single(name, Kind::Gauge, help, value);
    }
}

impl Sources {
    /// Asks everybody who has something to say.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn ask(app: &App) -> Result<Self> {
        let ledger = app.store.read(|tx| {
            let reason = crate::access::everything("the metrics page adds the ledgers up");
            Ok::<_, crate::Error>(store::audit::totals(tx, reason)?)
        });
        Ok(Self {
            ledger: ledger.await?,
            store: app.store.statistics(),
            sizes: app.store.sizes()?,
            index: app.recall.extent(),
            process: app.machine.process(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_short() {
        let shown: Vec<String> = [0, 1, 500, 1_000_000, 1_500_000, 10_000_000].into_iter().map(seconds).collect();
        assert_eq!(shown, ["0", "0.000001", "0.0005", "1", "1.5", "10"]);
    }

    #[test]
    fn buckets_add_up() {
        let mut page = Page::default();
        let of = Distribution { bounds: &[1_000, 2_000], counts: vec![1, 2, 3], sum: 9_000 };
        page.distribution("x_seconds", &[("a", "b")], &of, seconds);
        assert_eq!(
            page.0.lines().collect::<Vec<_>>(),
            [
                "x_seconds_bucket{a=\"b\",le=\"0.001\"} 1",
                "x_seconds_bucket{a=\"b\",le=\"0.002\"} 3",
                "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 6",
                "x_seconds_sum{a=\"b\"} 0.009",
                "x_seconds_count{a=\"b\"} 6",
            ]
        );
    }
}
