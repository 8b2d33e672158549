//! The whole product under SIGKILL: nothing acknowledged is lost, and the audit chain still verifies.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failing step of a test ends the test")]

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{Client, Request, eventually};

const ROUNDS: usize = 20;
const WRITERS: usize = 32;

fn guildhall(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall"));
    command
        .env("GUILDHALL__LIMITS__AGENTS_PER_MINUTE", "1000000")
        .env("GUILDHALL__LIMITS__KEY_PER_MINUTE", "1000000")
        .env("GUILDHALL_DATA", directory)
        .stderr(Stdio::null());
    command
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

struct Server {
    child: Child,
    client: Client,
}

impl Server {
    async fn start(directory: &Path) -> Self {
        let address = free_port();
        let child =
            guildhall(directory).args(["up", "--listen", &address.to_string()]).stdout(Stdio::null()).spawn().unwrap();
        eventually("the server listens", || async move { tokio::net::TcpStream::connect(address).await.is_ok() }).await;
        Self { child, client: Client::Network(address) }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Writes until the server dies; what it acknowledged goes into `acknowledged`.
async fn write(client: Client, key: String, acknowledged: Arc<Mutex<HashSet<String>>>, count: Arc<AtomicUsize>) {
    loop {
        let body = json!({"content": "written under fire", "access": "public", "tags": ["fire"]});
        let request = Request::new(client.clone(), "POST", "/api/v1/memories").key(&key).json(&body);
        // The request panics when the connection breaks off: then nothing was acknowledged.
        let Ok(answer) = tokio::spawn(request.send()).await else { return };
        let Some(id) = answer.json()["id"].as_str().map(str::to_owned) else { return };
        acknowledged.lock().unwrap().insert(id);
        count.fetch_add(1, Ordering::SeqCst);
    }
}

async fn all_ids(client: &Client, key: &str) -> HashSet<String> {
    let mut ids = HashSet::new();
    let mut cursor = String::new();
    loop {
        let page = Request::new(client.clone(), "GET", format!("/api/v1/memories?limit=200&tags_all=fire{cursor}"));
        let page = page.key(key).send().await.json();
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

fn verified(directory: &Path) -> Value {
    let output = guildhall(directory).args(["audit", "verify", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

// contract: identity §5.37
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_at_twenty_random_moments_loses_nothing_acknowledged() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("hall");
    let made = guildhall(&directory).args(["init", "--json"]).output().unwrap();
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let key = made["agent"]["api_key"].as_str().unwrap().to_owned();
    let acknowledged = Arc::new(Mutex::new(HashSet::new()));
    for round in 0..ROUNDS {
        let server = Server::start(&directory).await;
        let count = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                tokio::spawn(write(server.client.clone(), key.clone(), Arc::clone(&acknowledged), Arc::clone(&count)))
            })
            .collect();
        // Somewhere within the first few hundred acknowledgements, wherever the writer then is.
        let moment = 1 + usize::try_from(RandomState::new().hash_one(round) % 300).unwrap();
        let seen = Arc::clone(&count);
        eventually("writes are acknowledged", move || {
            let seen = Arc::clone(&seen);
            async move { seen.load(Ordering::SeqCst) >= moment }
        })
        .await;
        server.kill();
        for writer in writers {
            tokio::time::timeout(Duration::from_secs(10), writer).await.unwrap().unwrap();
        }
        verified(&directory);
    }
    let server = Server::start(&directory).await;
    let present = all_ids(&server.client, &key).await;
    let acknowledged = acknowledged.lock().unwrap().clone();
    let lost: Vec<_> = acknowledged.difference(&present).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost", lost.len(), acknowledged.len());
    assert!(acknowledged.len() > ROUNDS);
    server.kill();
    let rows = verified(&directory);
    assert_eq!(rows["ok"], true, "{rows}");
}
