//! A client at the other end of a shim's pipes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::{Value, json};

use crate::binary::{Ended, command, directory, end_of};

const DEADLINE: Duration = Duration::from_secs(60);

/// A data directory; the server that holds it ends with the test.
pub(crate) struct Place {
    _parent: tempfile::TempDir,
    pub(crate) data: PathBuf,
}

impl Place {
    /// A directory that holds nothing yet.
    pub(crate) fn fresh() -> Self {
        let (parent, data) = directory();
        Self { _parent: parent, data }
    }

    /// A shim over it.
    pub(crate) fn shim(&self, arguments: &[&str]) -> Shim {
        Shim::of(self.command(arguments))
    }

    /// A shim's command, in an environment where a server takes a free port.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut shim = command(&self.data, &[&["mcp"], arguments].concat());
        shim.env("GUILDHALL__SERVER__LISTEN", "127.0.0.1:0");
        shim
    }

    /// The process that the lock file names.
    pub(crate) fn pid(&self) -> Option<u32> {
        let lock = fs::read_to_string(self.data.join("guildhall.lock")).ok()?;
        lock.lines().next()?.parse().ok()
    }

    /// Where its server listens, as the lock file says.
    pub(crate) fn address(&self) -> String {
        fs::read_to_string(self.data.join("guildhall.lock")).unwrap().lines().nth(1).unwrap().to_owned()
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, with: rustix::process::Signal) {
        let pid = i32::try_from(self.pid().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), with).unwrap();
    }

    /// What the server in the background said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.data.join("guildhall.log")).unwrap()
    }
}

/// Ends whatever server of ours holds a directory; another process that got the number since is left alone.
pub(crate) fn end_server(data: &Path) {
    let lock = fs::read_to_string(data.join("guildhall.lock")).unwrap_or_default();
    let Some(pid) = lock.lines().next().and_then(|line| line.parse::<i32>().ok()) else { return };
    let named = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if named.contains(data.to_str().unwrap()) {
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        end_server(&self.data);
    }
}

/// A running shim.
pub(crate) struct Shim {
    child: Option<Child>,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

impl Shim {
    pub(crate) fn of(mut command: Command) -> Self {
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (to, lines) = mpsc::channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { stdin: child.stdin.take(), child: Some(child), lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Value) {
        self.raw(format!("{message}\n").as_bytes());
    }

    /// The next line; each must be a message of JSON-RPC.
    pub(crate) fn next(&self) -> Value {
        let line = self.lines.recv_timeout(DEADLINE).unwrap();
        let message: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert_eq!(message["jsonrpc"], "2.0", "{line}");
        message
    }

    /// A tool's answer.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.send(&call(1, tool, arguments));
        self.next()["result"].clone()
    }

    /// What a tool answered, which must have done it.
    pub(crate) fn done(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{result}");
        result["structuredContent"].clone()
    }

    /// Opens a stream and waits for its first message.
    pub(crate) fn listen(&mut self, id: i64) {
        let params = json!({"notifications": {"toolsListChanged": true}});
        self.send(&modern(id, "subscriptions/listen", params));
        let first = self.next();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    }

    /// Sends the shim a signal.
    pub(crate) fn signal(&self, with: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, with).unwrap();
    }

    /// Waits for the end, with the input still open.
    pub(crate) fn wait(mut self) -> Ended {
        let stdin = self.stdin.take();
        let ended = end_of(self.child.take().unwrap());
        drop(stdin);
        ended
    }

    /// Closes the input and waits for the end; what was still answered, and what it said.
    pub(crate) fn end(mut self) -> (Vec<Value>, Ended) {
        drop(self.stdin.take());
        let ended = end_of(self.child.take().unwrap());
        let rest = self.lines.try_iter().map(|line| serde_json::from_str(&line).unwrap()).collect();
        (rest, ended)
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A request of the modern revision.
pub(crate) fn modern(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "kit", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    json!({"jsonrpc": "2.0", "id": id.into(), "method": method, "params": params})
}

/// A tool call of the modern revision.
pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    modern(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

/// A request of the older revisions.
pub(crate) fn legacy(id: i64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        std::thread::yield_now();
    }
}
