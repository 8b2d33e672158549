//! Runs the binary, every wait with a deadline.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);

/// What a finished run left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Its one JSON value.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Lines of stderr that begin so.
    pub(crate) fn lines(&self, start: &str) -> Vec<&str> {
        self.stderr.lines().filter(|line| line.starts_with(start)).collect()
    }
}

/// A command on a data directory, in an environment of its own.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall"));
    command.env_clear().args(arguments).arg("--data").arg(data).stdin(Stdio::null());
    #[expect(clippy::disallowed_methods, reason = "an instrumented binary is told where to say what it ran")]
    if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
        command.env("LLVM_PROFILE_FILE", profile);
    }
    command
}

/// Runs a command to its end.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Ended {
    end_of(command(data, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Runs a command that must succeed; its JSON.
pub(crate) fn json_of(data: &Path, arguments: &[&str]) -> Value {
    let ended = run(data, &[arguments, &["--json"]].concat());
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended.json()
}

/// Waits for a process to end by itself.
pub(crate) fn end_of(child: Child) -> Ended {
    let pid = child.id();
    let output = within(pid, move || child.wait_with_output().unwrap());
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs `wait` on a thread; a process that is not done in time is killed and the test fails.
fn within<T: Send + 'static>(pid: u32, wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, waiting) = mpsc::channel();
    let thread = std::thread::spawn(move || done.send(wait()));
    match waiting.recv_timeout(DEADLINE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            signal(pid, rustix::process::Signal::KILL);
            panic!("process {pid} was not done after {DEADLINE:?}");
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

/// A data directory that goes away with the test.
pub(crate) fn directory() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    (parent, data)
}

/// A running server.
pub(crate) struct Running {
    child: Option<Child>,
    _stdout: BufReader<ChildStdout>,
    /// What it printed when it was ready.
    pub(crate) ready: Value,
}

impl Running {
    /// Starts one on a free port and waits until it is ready.
    pub(crate) fn start(data: &Path) -> Self {
        Self::of(command(data, &["up", "--listen", "127.0.0.1:0", "--json"]))
    }

    /// Starts one with this command.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (line, stdout) = within(child.id(), move || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            (line, stdout)
        });
        let Ok(ready) = serde_json::from_str(&line) else { panic!("not ready: {line:?} {:?}", end_of(child)) };
        Self { child: Some(child), _stdout: stdout, ready }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn key(&self) -> String {
        self.ready["agent"]["api_key"].as_str().unwrap().to_owned()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, with: rustix::process::Signal) {
        signal(self.pid(), with);
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(mut self, with: rustix::process::Signal) -> Ended {
        let child = self.child.take().unwrap();
        signal(child.id(), with);
        end_of(child)
    }

    /// One HTTP request over the network; its status and JSON.
    pub(crate) fn http(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let listen = self.ready["listen"].as_str().unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let authorization = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let mut stream = TcpStream::connect(listen).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Accept: application/json\r\n{authorization}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Excerpts that a search finds.
    pub(crate) fn search(&self, key: &str, query: &str) -> Vec<String> {
        let (status, found) = self.http("POST", "/api/v1/memories/search", Some(key), &json!({ "query": query }));
        assert_eq!(status, 200, "{found}");
        let items = found["items"].as_array().unwrap();
        items.iter().map(|item| item["memory"]["content"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a server until it has printed a line that begins so, then ends it with SIGTERM; all it printed.
pub(crate) fn first_words(mut command: Command, last: &'static str) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let text = within(child.id(), move || {
        let mut text = String::new();
        let mut line = String::new();
        while stdout.read_line(&mut line).unwrap() > 0 {
            text.push_str(&line);
            if line.starts_with(last) {
                break;
            }
            line.clear();
        }
        text
    });
    signal(child.id(), rustix::process::Signal::TERM);
    Ended { stdout: text, ..end_of(child) }
}
