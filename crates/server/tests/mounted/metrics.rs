//! `GET /metrics`: the text format read strictly, every operation from the start on, and the numbers of known calls.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Code, catalogue::CATALOGUE};
use serde_json::json;
use testkit::TestApp;

type Labels = BTreeMap<String, String>;

/// A page of the Prometheus text format 0.0.4.
#[derive(Debug, Default)]
struct Page {
    /// The type of each family, in their order.
    families: Vec<(String, String)>,
    series: Vec<(String, Labels, f64)>,
}

fn is_name(text: &str) -> bool {
    let good = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.chars().all(good) && text.starts_with(|first: char| !first.is_ascii_digit()) && !text.is_empty()
}

impl Page {
    /// Reads a page, and refuses whatever the format does not allow.
    fn read(text: &str) -> Self {
        assert!(text.ends_with('\n') && !text.contains('\r'));
        let mut page = Self::default();
        let mut helped: Option<&str> = None;
        let mut seen = BTreeSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').unwrap();
                assert!(is_name(name) && !words.trim().is_empty(), "{line}");
                helped = Some(name);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(helped, Some(name), "HELP comes right before TYPE");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(page.families.iter().all(|(other, _)| other != name), "{name} stands there twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
                page.families.push((name.to_owned(), kind.to_owned()));
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(seen.insert(series), "{series} stands there twice");
                let (name, labels) = match series.strip_suffix('}') {
                    Some(open) => open.split_once('{').map(|(name, labels)| (name, Self::labels(labels))).unwrap(),
                    None => (series, Labels::new()),
                };
                let (family, kind) = page.families.last().unwrap();
                let parts = [format!("{family}_bucket"), format!("{family}_sum"), format!("{family}_count")];
                let belongs = if kind == "histogram" { parts.iter().any(|part| part == name) } else { family == name };
                assert!(belongs && is_name(name), "{line} stands under {family}");
                page.series.push((name.to_owned(), labels, value.parse().unwrap()));
            }
        }
        page.check_histograms();
        page
    }

    fn labels(text: &str) -> Labels {
        let read = text.split(',').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
            assert!(is_name(name) && !value.contains(['"', '\\']), "{pair}");
            (name.to_owned(), value.to_owned())
        });
        read.collect()
    }

    fn check_histograms(&self) {
        for (family, _) in self.families.iter().filter(|(_, kind)| kind == "histogram") {
            let (count, bucket) = (format!("{family}_count"), format!("{family}_bucket"));
            let counts: Vec<_> = self.of(&count).collect();
            assert!(!counts.is_empty(), "{family}");
            for (labels, count) in counts {
                let buckets: Vec<(f64, f64)> = self
                    .of(&bucket)
                    .filter(|(found, _)| labels.iter().all(|(name, value)| found.get(name) == Some(value)))
                    .map(|(found, value)| (found["le"].replace("+Inf", "inf").parse().unwrap(), value))
                    .collect();
                assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{family}");
                assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)), "{family} {labels:?}");
            }
        }
    }

    fn of<'p>(&'p self, name: &'p str) -> impl Iterator<Item = (&'p Labels, f64)> {
        self.series.iter().filter(move |(found, ..)| found == name).map(|(_, labels, value)| (labels, *value))
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let found = self.of(name).find(|(labels, _)| **labels == wanted);
        found.unwrap_or_else(|| panic!("no {name} {labels:?}")).1
    }

    fn names(&self) -> Vec<(String, Labels)> {
        self.series.iter().map(|(name, labels, _)| (name.clone(), labels.clone())).collect()
    }
}

async fn page(app: &TestApp) -> Page {
    let answer = app.as_operator("default", "ops.metrics", &json!({})).await;
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    Page::read(&answer.text())
}

#[tokio::test]
async fn every_series_is_there_from_the_start_in_one_order_whatever_is_called() {
    let app = TestApp::start().await;
    let first = page(&app).await;
    for entry in CATALOGUE {
        let operation = ("operation", entry.spec.id);
        for code in Code::ALL.iter().map(|code| code.as_str()).chain(["ok"]) {
            assert_eq!(first.value("guildhall_calls_total", &[operation, ("code", code)]), 0.0);
        }
        for face in ["rest", "mcp", "socket"] {
            first.value("guildhall_calls_by_face_total", &[operation, ("face", face)]);
        }
        first.value("guildhall_call_duration_seconds_sum", &[operation]);
    }
    // Nothing that a tenant does adds a series.
    for name in ["w1", "w2"] {
        app.workspace(name).await;
    }
    let alice = app.agent("alice").await;
    for path in ["/api/v1/memories", "/api/v1/nothing", "/api/v1/admin/calls"] {
        app.rest("GET", path).key(&alice.key).send().await;
    }
    let then = page(&app).await;
    assert_eq!(then.names(), first.names());
    assert_eq!(then.families, first.families);
    assert!(first.series.len() < 64 * CATALOGUE.len() + 100, "{} series", first.series.len());
}

#[tokio::test]
async fn known_calls_are_counted_by_code_face_and_length() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let created = app.mcp(&alice.key).call("create_memory", json!({"content": "counted"})).await;
    assert!(!created.is_error);
    assert_eq!(
        app.rest("GET", "/api/v1/memories/mem_01JCA4X4E8000000000000000A").key(&alice.key).send().await.status,
        404
    );
    assert_eq!(app.rest("GET", "/metrics").key(&alice.key).send().await.status, 403);
    assert_eq!(app.rest("GET", "/metrics").key("ghk_wrong").send().await.status, 401);
    assert_eq!(app.rest("GET", "/metrics").send().await.status, 401);
    let page = page(&app).await;
    let create = ("operation", "memory.create");
    assert_eq!(page.value("guildhall_calls_total", &[create, ("code", "ok")]), 1.0);
    assert_eq!(page.value("guildhall_calls_by_face_total", &[create, ("face", "mcp")]), 1.0);
    assert_eq!(page.value("guildhall_calls_by_face_total", &[create, ("face", "rest")]), 0.0);
    assert_eq!(page.value("guildhall_call_duration_seconds_count", &[create]), 1.0);
    assert!(page.value("guildhall_call_duration_seconds_sum", &[create]) > 0.0);
    let get = [("operation", "memory.get"), ("code", "not_found")];
    assert_eq!(page.value("guildhall_calls_total", &get), 1.0);
    let metrics = |code| [("operation", "ops.metrics"), ("code", code)];
    assert_eq!(page.value("guildhall_calls_total", &metrics("permission_denied")), 1.0);
    assert_eq!(page.value("guildhall_calls_total", &metrics("unauthenticated")), 1.0);
    assert_eq!(page.value("guildhall_credentials_refused_total", &[]), 1.0);
    assert_eq!(page.value("guildhall_calls_in_flight", &[]), 1.0, "this one");
    assert_eq!(page.value("guildhall_connections_open", &[("listener", "socket")]), 1.0);
    assert_eq!(page.value("guildhall_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
}

#[tokio::test]
async fn the_store_the_ledgers_and_the_machine_say_what_is_so() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    app.mcp(&alice.key).call("create_memory", json!({"content": "indexed words"})).await;
    app.mcp(&alice.key).call("search_memories", json!({"query": "indexed"})).await;
    let rows = app.audit("default", json!({})).await.len();
    let page = page(&app).await;
    assert_eq!(page.value("guildhall_audit_rows_total", &[]), rows as f64);
    assert!(page.value("guildhall_outbox_rows_total", &[]) >= 1.0);
    assert_eq!(page.value("guildhall_search_index_rows", &[]), 1.0);
    assert_eq!(page.value("guildhall_search_index_workspaces", &[]), 1.0);
    assert!(page.value("guildhall_search_index_bytes", &[]) > 0.0);
    assert_eq!(page.value("guildhall_store_readers", &[]), 2.0);
    assert!(page.value("guildhall_store_database_bytes", &[]) > 0.0);
    let writes = page.value("guildhall_store_commit_writes_sum", &[]);
    assert_eq!(writes, page.value("guildhall_store_writes_total", &[]));
    let groups = page.value("guildhall_store_groups_total", &[]);
    assert_eq!(groups, page.value("guildhall_store_commit_seconds_count", &[]));
    // What the kit's machine says.
    assert_eq!(page.value("process_resident_memory_bytes", &[]), 1_048_576.0);
    assert_eq!(page.value("process_cpu_seconds_total", &[]), 0.25);
    assert_eq!(page.value("process_start_time_seconds", &[]), 1_767_225_600.0);
    assert_eq!(page.value("guildhall_disk_free_bytes", &[]), (1u64 << 40) as f64);
}

#[tokio::test]
async fn a_limit_that_refuses_is_counted_under_its_name() {
    let app = TestApp::start_with(domain::Settings { agents_per_minute: 2, ..domain::Settings::default() }).await;
    // Made by the operator, who has the same limit and is past it then.
    let made = app.as_operator("default", "agent.create", &json!({"name": "alice"})).await.json();
    let (key, _) = app.key_in("default", json!({"label": "test", "principal": made["id"]})).await;
    let statuses = [
        app.rest("GET", "/api/v1/whoami").key(&key).send().await.status,
        app.rest("GET", "/api/v1/whoami").key(&key).send().await.status,
        app.rest("GET", "/api/v1/whoami").key(&key).send().await.status,
    ];
    assert_eq!(statuses, [200, 200, 429]);
    app.clock.advance(60);
    let page = page(&app).await;
    assert_eq!(page.value("guildhall_rate_limited_total", &[("limit", "calls")]), 1.0);
    assert_eq!(page.value("guildhall_rate_limited_total", &[("limit", "key-hour")]), 0.0);
}
