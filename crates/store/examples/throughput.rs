//! Prints durable inserts per second with 1, 32 and 256 callers, and point reads per second with 32.
//!
//! `cargo run --release -p store --example throughput [directory]`; numbers depend on the disk's sync.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for the hand")]

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use store::{Error, Migration, Options, Store, Verdict, args};
use types::Timestamp;

const TABLE: &[Migration] = &[Migration {
    number: 1,
    name: "items",
    sql: "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, workspace TEXT NOT NULL, body TEXT NOT NULL);
          CREATE INDEX items_by_workspace ON items (workspace, id);",
}];
const ADD: &str = "INSERT INTO items (id, workspace, body) VALUES ($1, $2, $3)";
const GET: &str = "SELECT body FROM items WHERE id = $1";
const SPAN: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let parent = std::env::args().nth(1).unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let private = Permissions::from_mode(0o700);
    let directory = tempfile::Builder::new().permissions(private).tempdir_in(parent).unwrap();
    let store = Store::open(Options::new(directory.path(), Timestamp::from_micros(0)), TABLE).unwrap();
    let bench = Arc::new(Bench { store, next: AtomicI64::new(0), body: "x".repeat(300) });
    for callers in [1, 32, 256] {
        let before = bench.store.statistics();
        let rate = measure(&bench, callers, add).await;
        let after = bench.store.statistics();
        let group = (after.writes - before.writes) / (after.groups - before.groups).max(1);
        println!("{callers:>4} callers: {rate:>8} durable inserts/s, {group} in a group");
    }
    let count = bench.next.load(Ordering::Relaxed);
    let rate = measure(&bench, 32, move |bench| get(bench, count)).await;
    println!("  32 callers: {rate:>8} point reads/s over {count} rows");
    bench.store.clone().close().unwrap();
}

struct Bench {
    store: Store,
    next: AtomicI64,
    body: String,
}

async fn add(bench: Arc<Bench>) {
    let (id, body) = (bench.next.fetch_add(1, Ordering::Relaxed), bench.body.clone());
    let added = bench.store.write(move |tx| {
        tx.change(ADD, args![id, "wsp_1", &body])?;
        Ok::<_, Error>(Verdict::Done(()))
    });
    added.await.unwrap();
}

async fn get(bench: Arc<Bench>, count: i64) {
    let id = bench.next.fetch_add(7919, Ordering::Relaxed) % count;
    let found = bench.store.read(move |tx| tx.row(GET, args![id], |row| row.text(0)));
    assert!(found.await.unwrap().is_some());
}

/// How often per second `callers` together finish `call`.
async fn measure<F: Future<Output = ()> + Send + 'static>(
    bench: &Arc<Bench>,
    callers: usize,
    call: impl Fn(Arc<Bench>) -> F + Copy + Send + 'static,
) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (bench, done) = (Arc::clone(bench), Arc::clone(&done));
            tokio::spawn(async move {
                while begin.elapsed() < SPAN {
                    call(Arc::clone(&bench)).await;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    done.load(Ordering::Relaxed) / SPAN.as_secs()
}
