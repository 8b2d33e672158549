//! The stdio shim: its first answer, what it adds to a call, and the memory of many.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use super::Bench;
use super::hall::Hall;
use super::table::{Bound, Row, Table};
use crate::report::Result;

/// Shims started on a server that runs.
const WARM: usize = 100;
/// Shims that have to start the server.
const COLD: usize = 20;
/// Calls through one shim.
const CALLS: usize = 3_000;
/// Shims whose memory is added up.
const MANY: usize = 32;
const WHOAMI: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}"#;

/// A shim with its pipes; killed when dropped.
struct Shim {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Shim {
    fn start(binary: &Path, data: &Path) -> Result<Self> {
        let mut child = Command::new(binary)
            .args(["mcp", "--data"])
            .arg(data)
            .envs(super::process::LIMITS)
            .env("GUILDHALL__SERVER__LISTEN", "127.0.0.1:0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start a shim: {error}"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (stdin, stdout) = pipes.ok_or("a shim without pipes")?;
        Ok(Self { child, stdin, stdout: BufReader::new(stdout) })
    }

    fn ask(&mut self) -> Result<()> {
        let mut line = String::new();
        self.stdin
            .write_all(format!("{WHOAMI}\n").as_bytes())
            .and_then(|()| self.stdout.read_line(&mut line))
            .map_err(|error| format!("a shim broke off: {error}"))?;
        if line.contains("\"isError\":false") { Ok(()) } else { Err(format!("a shim answered {line}")) }
    }

    /// Its share of the memory, in bytes.
    fn share(&self) -> Result<f64> {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().map_err(|_| "Pss is no number")?;
        Ok(kib * 1024.0)
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sorted milliseconds.
struct Times(Vec<f64>);

impl Times {
    fn of(count: usize, mut work: impl FnMut() -> Result<f64>) -> Result<Self> {
        let mut times = (0..count).map(|_| work()).collect::<Result<Vec<f64>>>()?;
        times.sort_by(f64::total_cmp);
        Ok(Self(times))
    }

    fn quantile(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(place.saturating_sub(1)).copied().unwrap_or_default()
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// From its start to its first answer.
fn first(binary: &Path, data: &Path) -> Result<f64> {
    let begun = Instant::now();
    let mut shim = Shim::start(binary, data)?;
    shim.ask()?;
    Ok(millis(begun))
}

fn stop(binary: &Path, data: &Path) -> Result<()> {
    let ended = Command::new(binary).args(["stop", "--data"]).arg(data).output();
    let ended = ended.map_err(|error| format!("cannot run `guildhall stop`: {error}"))?;
    if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).into_owned()) }
}

/// The same call over the socket, on a connection that stays open.
fn direct(stream: &mut UnixStream, answer: &mut [u8]) -> Result<()> {
    let broken = |error: std::io::Error| format!("the socket broke off: {error}");
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Guildhall-Agent: agent\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{WHOAMI}",
        WHOAMI.len()
    );
    stream.write_all(request.as_bytes()).map_err(broken)?;
    let count = stream.read(answer).map_err(broken)?;
    if answer.starts_with(b"HTTP/1.1 200") && count > 0 { Ok(()) } else { Err("the socket refused a call".to_owned()) }
}

/// Measures all of it.
pub(super) fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    super::progress("the stdio shim");
    let (binary, data) = (&bench.guildhall, bench.path("shim"));
    let hall = Hall::open(binary, &data)?;
    let warm = Times::of(WARM, || first(binary, &data))?;
    let row = Row::new(format!("shim, first answer of a running server ({WARM})")).figure("p50 ms", warm.quantile(0.5));
    table.push(row.gate("p99 ms", warm.quantile(0.99), Bound::AtMost(50.0)));

    let mut shim = Shim::start(binary, &data)?;
    shim.ask()?;
    let mut stream = UnixStream::connect(data.join("guildhall.sock")).map_err(|error| format!("no socket: {error}"))?;
    let mut answer = vec![0; 64 * 1024];
    // In turns, so that whatever else the machine does meets both alike.
    let mut bare = Vec::with_capacity(CALLS);
    let through = Times::of(CALLS, || {
        let begun = Instant::now();
        direct(&mut stream, &mut answer)?;
        bare.push(millis(begun));
        let begun = Instant::now();
        shim.ask()?;
        Ok(millis(begun))
    })?;
    bare.sort_by(f64::total_cmp);
    let bare = Times(bare);
    let added = through.quantile(0.5) - bare.quantile(0.5);
    let row = Row::new(format!("shim, added to a call over the socket ({CALLS})"))
        .figure("p50 ms", through.quantile(0.5))
        .figure("p99 ms", through.quantile(0.99))
        .figure("without it p99 ms", bare.quantile(0.99));
    table.push(row.gate("added p50 ms", added, Bound::AtMost(0.5)));
    drop(shim);

    let mut many = (0..MANY).map(|_| Shim::start(binary, &data)).collect::<Result<Vec<Shim>>>()?;
    many.iter_mut().try_for_each(Shim::ask)?;
    let shares = many.iter().map(Shim::share).collect::<Result<Vec<f64>>>()?;
    let each = shares.iter().sum::<f64>() / MANY as f64 / (1024.0 * 1024.0);
    let row = Row::new(format!("shim, memory of each of {MANY} (proportional share)"));
    table.push(row.gate("MiB", each, Bound::AtMost(4.0)));
    drop(many);
    hall.process.stop()?;

    let cold = Times::of(COLD, || {
        let took = first(binary, &data);
        stop(binary, &data).and(took)
    })?;
    let row = Row::new(format!("shim, first answer when it has to start the server ({COLD})"));
    let row = row.figure("p50 ms", cold.quantile(0.5));
    table.push(row.gate("p90 ms", cold.quantile(0.9), Bound::AtMost(300.0)));
    let fresh = bench.path("shim-fresh");
    let took = first(binary, &fresh);
    stop(binary, &fresh)?;
    table.push(Row::new("shim, first answer on a directory that it initialises").figure("ms", took?));
    Ok(())
}
