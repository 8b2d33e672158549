//! A mounted server.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, mpsc},
    time::Instant,
};

use domain::{App, Gate, Secrets, Settings};
use security::{SystemRandom, chain::AuditKey, random, tag::TagKey};
use serde_json::{Value, json};
use store::{Options, Store, Verdict};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use types::{Clock as _, WorkspaceId};

use crate::{Answer, Client, ManualClock, ManualMachine, Mcp, Request};

/// An agent with a key.
#[derive(Debug, Clone)]
pub struct Agent {
    /// `agt_…`
    pub id: String,
    /// Its API key.
    pub key: String,
    /// The key's id.
    pub key_id: String,
}

/// Reading threads that are kept busy while it lives.
#[derive(Debug)]
pub struct HeldReads(
    #[expect(dead_code, reason = "dropping the senders is what ends the reads")] Vec<mpsc::Sender<()>>,
);

/// A server on a free port and a Unix socket, over a directory of its own.
pub struct TestApp {
    /// Moved by hand.
    pub clock: Arc<ManualClock>,
    /// Its free space is set by hand; the server looks at each sweep.
    pub machine: Arc<ManualMachine>,
    /// The gate behind the faces.
    pub gate: Gate,
    network: Client,
    socket: Client,
    store: Store,
    directory: TempDir,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

async fn home(store: &Store, clock: &ManualClock) -> WorkspaceId {
    let now = clock.now();
    let id = WorkspaceId::new(now, random::bits(&SystemRandom::new()).unwrap());
    store
        .write(move |tx| {
            #[expect(clippy::disallowed_methods, reason = "the kit sets up what `init` does")]
            let everything = store::Everything::because("the kit makes a workspace");
            domain::workspaces::found(tx, everything, id, ("default", "Default"), now)?;
            Ok::<_, domain::Error>(Verdict::Done(()))
        })
        .await
        .unwrap();
    id
}

impl TestApp {
    /// Starts a server over an empty directory, with generous limits.
    pub async fn start() -> Self {
        Self::start_within(server::Limits::default()).await
    }

    /// As [`start`](Self::start), with these limits of its connections.
    pub async fn start_within(limits: server::Limits) -> Self {
        let settings = Settings {
            agents_per_minute: 1_000_000,
            users_per_minute: 1_000_000,
            key_per_minute: 1_000_000,
            ..Settings::default()
        };
        Self::build(settings, limits).await
    }

    /// Starts a server over an empty directory.
    pub async fn start_with(settings: Settings) -> Self {
        Self::build(settings, server::Limits::default()).await
    }

    async fn build(settings: Settings, limits: server::Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let clock = Arc::new(ManualClock::new());
        let store = Store::open(Options::new(directory.path(), clock.now()), store::MIGRATIONS).unwrap();
        let home = home(&store, &clock).await;
        let secrets = Secrets { audit: AuditKey::new(&[1; 32]), cursor: TagKey::derive(&[2; 32], "cursor").unwrap() };
        let machine = Arc::new(ManualMachine::new());
        let sources = domain::Sources {
            clock: Arc::<ManualClock>::clone(&clock),
            random: Arc::new(SystemRandom::new()),
            machine: Arc::<ManualMachine>::clone(&machine),
        };
        let app = App::new(store.clone(), sources, secrets, settings, home).unwrap();
        let gate = Gate::new(app);
        let loopback = server::Settings { loopback: true, limits, ..server::Settings::default() };
        let faces = server::Faces::new(gate.clone(), loopback);
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let path = directory.path().join("guildhall.sock");
        let unix = UnixListener::bind(&path).unwrap();
        let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(directory.path()).unwrap());
        let stop = CancellationToken::new();
        let servers = vec![
            tokio::spawn({
                let (faces, stop) = (Arc::clone(&faces), stop.clone());
                async move { server::serve_tcp(tcp, faces, stop).await }
            }),
            tokio::spawn({
                let stop = stop.clone();
                async move { server::serve_socket(unix, faces, uid, stop).await }
            }),
        ];
        Self {
            store,
            clock,
            machine,
            gate,
            network: Client::Network(address),
            socket: Client::Socket(path),
            directory,
            stop,
            servers,
        }
    }

    /// Tells the server to stop.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The network face.
    #[must_use]
    pub fn network(&self) -> Client {
        self.network.clone()
    }

    /// The socket face.
    #[must_use]
    pub fn socket(&self) -> Client {
        self.socket.clone()
    }

    /// A request to the network face.
    #[must_use]
    pub fn rest(&self, method: &str, path: impl Into<String>) -> Request {
        Request::new(self.network.clone(), method, path)
    }

    /// An MCP client with a key.
    #[must_use]
    pub fn mcp(&self, key: &str) -> Mcp {
        Mcp::new(self.network.clone(), key)
    }

    /// Calls an operation as the local operator, in a workspace.
    pub async fn as_operator(&self, workspace: &'static str, operation: &str, input: &Value) -> Answer {
        Request::new(self.socket.clone(), "POST", format!("/call/{operation}"))
            .header("x-guildhall-workspace", workspace)
            .json(input)
            .send()
            .await
    }

    /// Makes a second workspace.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn workspace(&self, slug: &str) {
        let made = self.as_operator("default", "workspace.create", &json!({ "slug": slug })).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }

    /// Makes an agent of role `agent` in the default workspace.
    pub async fn agent(&self, name: &str) -> Agent {
        self.agent_in("default", name, "agent").await
    }

    /// Makes an agent with a key.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn agent_in(&self, workspace: &'static str, name: &str, role: &str) -> Agent {
        let agent = self.as_operator(workspace, "agent.create", &json!({"name": name, "role": role})).await;
        assert_eq!(agent.status, 201, "{}", agent.text());
        let id = agent.json()["id"].as_str().unwrap().to_owned();
        let (key, key_id) = self.key_in(workspace, json!({"label": "test", "principal": id})).await;
        Agent { id, key, key_id }
    }

    /// Issues a key; the secret and the id.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn key_in(&self, workspace: &'static str, input: Value) -> (String, String) {
        let issued = self.as_operator(workspace, "key.create", &input).await;
        assert_eq!(issued.status, 201, "{}", issued.text());
        let issued = issued.json();
        (issued["api_key"].as_str().unwrap().to_owned(), issued["key"]["id"].as_str().unwrap().to_owned())
    }

    /// The audit rows that pass a filter, newest first.
    ///
    /// # Panics
    /// When they cannot be listed.
    pub async fn audit(&self, workspace: &'static str, filter: Value) -> Vec<Value> {
        let mut input = filter;
        input["limit"] = json!(200);
        let answer = self.as_operator(workspace, "audit.list", &input).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"].as_array().unwrap().clone()
    }

    /// A counter of the metrics page.
    ///
    /// # Panics
    /// When there is none of this name.
    pub async fn metric(&self, name: &str) -> u64 {
        let page = self.as_operator("default", "ops.metrics", &json!({})).await.text();
        let line = page.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Whether a text stands anywhere in the data directory's files.
    ///
    /// # Panics
    /// When they cannot be read.
    #[must_use]
    pub fn on_disk(&self, needle: &str) -> bool {
        let mut folders = vec![self.directory.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file()
                    && std::fs::read(entry.path()).unwrap().windows(needle.len()).any(|part| part == needle.as_bytes())
                {
                    return true;
                }
            }
        }
        false
    }

    /// Keeps every thread that reads the database busy, until what this gives is dropped.
    ///
    /// # Panics
    /// When a thread has ended.
    pub async fn hold_reads(&self) -> HeldReads {
        let mut held = Vec::new();
        for _ in 0..Options::new("", self.clock.now()).readers {
            let (release, released) = mpsc::channel::<()>();
            let (begin, begun) = oneshot::channel();
            let store = self.store.clone();
            tokio::spawn(async move {
                let read = store.read(move |_| {
                    begin.send(()).unwrap();
                    // Its error is that the sender is gone, which is what it waits for.
                    Ok::<_, store::Error>(released.recv().unwrap_err())
                });
                read.await.unwrap();
            });
            begun.await.unwrap();
            held.push(release);
        }
        HeldReads(held)
    }

    /// How many reads wait for a thread.
    #[must_use]
    pub fn queued_reads(&self) -> u64 {
        self.store.statistics().queued_reads
    }

    /// Changes the database behind the server's back; how many rows.
    ///
    /// # Panics
    /// When the statement fails.
    pub async fn tamper(&self, sql: &'static str) -> u64 {
        let changed = self.store.write(move |tx| Ok::<_, store::Error>(Verdict::Done(tx.change(sql, &[])?)));
        changed.await.unwrap()
    }

    /// How long something takes, in microseconds.
    pub async fn timed<T>(&self, work: impl Future<Output = T>) -> (T, u128) {
        let start = Instant::now();
        let result = work.await;
        (result, start.elapsed().as_micros())
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        for server in &self.servers {
            server.abort();
        }
    }
}
