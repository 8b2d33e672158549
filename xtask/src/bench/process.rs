//! The servers under measurement: built for release, started, asked by the kernel what they cost, and ended.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::repo::Repo;
use crate::report::Result;

/// Nothing of what is measured should be a limit.
pub(super) const LIMITS: [(&str, &str); 5] = [
    ("GUILDHALL__MEMORY__MAX_ROWS", "100000000"),
    ("GUILDHALL__MEMORY__MAX_MEGABYTES", "1048576"),
    ("GUILDHALL__LIMITS__AGENTS_PER_MINUTE", "1000000"),
    ("GUILDHALL__LIMITS__USERS_PER_MINUTE", "1000000"),
    ("GUILDHALL__LIMITS__KEY_PER_MINUTE", "1000000"),
];
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a server that is starting is asked.
const PAUSE: Duration = Duration::from_millis(1);

/// Builds a binary or an example for release; where it is.
pub(super) fn build(repo: &Repo, package: &str, target: &[&str]) -> Result<PathBuf> {
    let arguments = [&["build", "--release", "--package", package, "--message-format=json-render-diagnostics"], target];
    let messages = repo.output("cargo", &arguments.concat())?;
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message.get("executable").and_then(Value::as_str).map(PathBuf::from))
        .next_back();
    executable.ok_or_else(|| format!("cargo built no program of {package}"))
}

/// A running server; killed when dropped.
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
    /// From its start to its first healthy answer.
    pub(super) ready: Duration,
}

/// Starts `guildhall up` over a directory.
pub(super) fn guildhall(binary: &Path, data: &Path) -> Result<Process> {
    let address = free_address()?;
    let log = File::create(data.with_extension("log")).map_err(|error| format!("cannot write the log: {error}"))?;
    let mut command = Command::new(binary);
    command.args(["up", "--listen", &address.to_string(), "--data"]).arg(data).envs(LIMITS).stderr(log);
    start(command, address, "/health")
}

/// Starts the bare server that answers what a file holds.
pub(super) fn bare(binary: &Path, payload: &Path) -> Result<Process> {
    let address = free_address()?;
    let mut command = Command::new(binary);
    command.arg(address.to_string()).arg(payload);
    start(command, address, "/")
}

/// Initialises a directory.
pub(super) fn init(binary: &Path, data: &Path) -> Result<()> {
    let done = Command::new(binary)
        .args(["init", "--json", "--data"])
        .arg(data)
        .envs(LIMITS)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", binary.display()))?;
    if !done.status.success() {
        return Err(format!("`guildhall init` failed: {}", String::from_utf8_lossy(&done.stderr)));
    }
    Ok(())
}

/// Processor time of this process so far, in microseconds.
pub(super) fn own_cpu_micros() -> Result<f64> {
    cpu_micros("self")
}

/// Processor time that all processes have used since the machine started, in microseconds.
pub(super) fn machine_cpu_micros() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").map_err(|error| format!("cannot read /proc/stat: {error}"))?;
    let fields = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).ok_or("/proc/stat has no sum")?;
    // user nice system idle iowait irq softirq steal; waiting is no use of the processor.
    let is_busy = |place: &usize| !matches!(place, 3 | 4);
    let ticks = (0..).zip(fields.split_whitespace().take(8)).filter(|(place, _)| is_busy(place));
    Ok(micros(ticks.filter_map(|(_, field)| field.parse::<f64>().ok()).sum()))
}

fn cpu_micros(process: &str) -> Result<f64> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    // The name, in parentheses, may hold anything; the numbers begin behind it with field 3.
    let (_, fields) = stat.rsplit_once(')').ok_or("a process without a name")?;
    Ok(micros(fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()))
}

fn micros(ticks: f64) -> f64 {
    ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64
}

fn free_address() -> Result<SocketAddr> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let free = TcpListener::bind(any).and_then(|listener| listener.local_addr());
    free.map_err(|error| format!("no free port: {error}"))
}

fn start(mut command: Command, address: SocketAddr, path: &str) -> Result<Process> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    let mut process = Process { child, address, ready: Duration::ZERO };
    while !answers(address, path) {
        let ended = process.child.try_wait().map_err(|error| format!("cannot ask for the server: {error}"))?;
        if let Some(status) = ended {
            return Err(format!("{command:?} ended at once: {status}"));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{command:?} does not answer"));
        }
        // Nothing tells another process that a server has begun to answer.
        thread::park_timeout(PAUSE);
    }
    process.ready = begun.elapsed();
    Ok(process)
}

fn answers(address: SocketAddr, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_end(&mut answer).is_ok()
        && answer.starts_with(b"HTTP/1.1 ")
        && (path == "/" || answer.starts_with(b"HTTP/1.1 200"))
}

impl Process {
    /// Processor time used so far, in microseconds.
    pub(super) fn cpu_micros(&self) -> Result<f64> {
        cpu_micros(&self.child.id().to_string())
    }

    /// Resident memory now, in bytes.
    pub(super) fn resident(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().map_err(|_| "VmRSS is no number")?;
        Ok(kib * 1024.0)
    }

    /// Asks it to stop and waits until it has.
    pub(super) fn stop(mut self) -> Result<()> {
        if let Some(pid) = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0)) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .map_err(|error| format!("cannot stop the server: {error}"))?;
        }
        let status = self.child.wait().map_err(|error| format!("cannot wait for the server: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}")) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
