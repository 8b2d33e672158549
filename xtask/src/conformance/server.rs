//! The server under test: built with the fixtures, over a directory of its own, killed when dropped.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::key_in;
use crate::repo::Repo;
use crate::report::Result;

/// The suite is faster than an agent; a key keeps the limit it was made with.
const LIMITS: [(&str, &str); 2] =
    [("GUILDHALL__LIMITS__AGENTS_PER_MINUTE", "10000"), ("GUILDHALL__LIMITS__KEY_PER_MINUTE", "10000")];
/// How long it may take to begin to answer.
const START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// A running server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) key: String,
    process: Process,
    _directory: Directory,
}

struct Process(Child);

/// Removed when dropped.
struct Directory(PathBuf);

/// Builds `guildhall` with the fixtures; where the binary is.
pub(super) fn build(repo: &Repo) -> Result<PathBuf> {
    let arguments = [
        "build",
        "--locked",
        "--package",
        "guildhall",
        "--features",
        "conformance-fixtures",
        "--message-format=json-render-diagnostics",
    ];
    let messages = repo.output("cargo", &arguments)?;
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message.pointer("/target/name").and_then(Value::as_str) == Some("guildhall"))
        .find_map(|message| message.get("executable").and_then(Value::as_str).map(PathBuf::from));
    executable.ok_or_else(|| "cargo built no `guildhall`".to_owned())
}

impl Server {
    /// Initialises a directory, starts the server and waits until it answers; what it says goes into a log.
    pub(super) fn start(binary: &Path, log: &Path) -> Result<Self> {
        let directory = Directory::new()?;
        let data = directory.0.join("data");
        let key = init(binary, &data)?;
        let address = free_address()?;
        let log = File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        let same = log.try_clone().map_err(|error| format!("cannot share the log: {error}"))?;
        let child = Command::new(binary)
            .args(["up", "--listen", &address.to_string(), "--data"])
            .arg(&data)
            .envs(LIMITS)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(same)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
        let mut server = Self { address, key, process: Process(child), _directory: directory };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !is_healthy(self.address) {
            let ended = self.process.0.try_wait().map_err(|error| format!("cannot ask for the server: {error}"))?;
            if let Some(status) = ended {
                return Err(format!("the server ended at once: {status}; see its log"));
            }
            if begun.elapsed() > START {
                return Err(format!("the server is not healthy after {} s; see its log", START.as_secs()));
            }
            // Nothing tells another process that a server has begun to answer.
            thread::park_timeout(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Directory {
    /// In the system's place for such things, because a socket's path may not be long.
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("guildhall-conformance-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn init(binary: &Path, data: &Path) -> Result<String> {
    let done = Command::new(binary)
        .args(["init", "--json", "--data"])
        .arg(data)
        .envs(LIMITS)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", binary.display()))?;
    if !done.status.success() {
        return Err(format!("`guildhall init` failed: {}", done.status));
    }
    key_in(&String::from_utf8_lossy(&done.stdout)).ok_or_else(|| "`guildhall init` printed no agent.api_key".to_owned())
}

/// A loopback port that nobody uses now.
fn free_address() -> Result<SocketAddr> {
    let taken = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    taken.and_then(|listener| listener.local_addr()).map_err(|error| format!("no free port: {error}"))
}

fn is_healthy(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START))?;
        write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer.starts_with("HTTP/1.1 200 "))
    };
    ask().unwrap_or(false)
}
