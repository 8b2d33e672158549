//! Operating a server: its log, the calls that can be watched, the service manager, signals.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Ended, Running, command, directory, end_of, json_of, run};

/// The lines of a log; each must be one JSON object.
fn lines(ended: &Ended) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not an object: {line:?}"));
    ended.stderr.lines().map(line).collect()
}

fn with_calls(data: &Path) -> Running {
    let mut up = command(data, &["up", "--listen", "127.0.0.1:0", "--json"]);
    up.env("GUILDHALL__LOG__TARGETS", r#"{ calls = "debug" }"#);
    Running::of(up)
}

fn found<'l>(lines: &'l [Value], id: &Value) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["request.id"] == *id && line["target"] == "calls").collect()
}

#[test]
fn every_error_answer_finds_its_line_and_no_line_says_what_was_said() {
    let (_parent, data) = directory();
    let server = with_calls(&data);
    let key = server.key();
    let text = "a text that stays with its owner";
    let (status, made) = server.http("POST", "/api/v1/memories", Some(&key), &json!({ "content": text }));
    assert_eq!(status, 201);
    let question = "/api/v1/memories/search?query=words-that-nobody-else-reads";
    let mut refused = Vec::new();
    for (method, path, key) in [
        ("GET", "/api/v1/memories/mem_01JCA4X4E8000000000000000A", Some(key.as_str())),
        ("GET", "/api/v1/audit", Some(&key)),
        ("GET", "/api/v1/memories", None),
        ("GET", "/api/v1/memories", Some("ghk_canary")),
        ("GET", "/nowhere", None),
        ("GET", "/api/v1/memories?api_key=canary", None),
        ("TRACE", "/api/v1/memories", None),
    ] {
        let (status, answer) = server.http(method, path, key, &Value::Null);
        assert!(status >= 400, "{method} {path}");
        refused.push((status, answer));
    }
    server.http("GET", question, Some(&key), &Value::Null);
    let tools = json_of(&data, &["agent", "list"]);
    let agent = tools["items"][0]["id"].clone();
    let ended = server.end(Signal::TERM);
    let log = lines(&ended);
    for (status, answer) in &refused {
        let [line] = found(&log, &answer["request_id"])[..] else { panic!("{answer}: {log:#?}") };
        assert_eq!((&line["status"], &line["outcome"]), (&json!(status), &answer["code"]), "{line}");
        assert_eq!(line["level"], "INFO");
    }
    let created: Vec<&Value> = log.iter().filter(|line| line["operation"] == "memory.create").collect();
    // The first run's proof stored one through MCP.
    let [_, line] = created[..] else { panic!("{log:#?}") };
    assert_eq!((&line["face"], &line["outcome"], &line["status"]), (&json!("rest"), &json!("ok"), &json!(201)));
    assert_eq!((&line["principal"], &line["level"]), (&agent, &json!("DEBUG")));
    assert!(line["workspace"].as_str().unwrap().starts_with("wsp_") && line["ms"].as_f64().unwrap() > 0.0, "{line}");
    assert_eq!(line["address"], "127.0.0.1");
    assert!(log.iter().any(|line| line["message"] == "listening"));
    for said in [text, "words-that", "canary", &key, made["id"].as_str().unwrap()] {
        assert!(!ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
}

#[test]
fn ordinary_calls_leave_no_line_unless_they_are_asked_for() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(&server.key()), &Value::Null).0, 200);
    assert_eq!(server.http("GET", "/api/v1/whoami", None, &Value::Null).0, 401);
    let log = lines(&server.end(Signal::TERM));
    let calls: Vec<&Value> = log.iter().filter(|line| line["target"] == "calls").collect();
    assert_eq!(calls.len(), 1, "{log:#?}");
    assert_eq!(calls[0]["outcome"], "unauthenticated");
}

#[test]
fn attack_a49_a_user_agent_with_line_ends_and_escapes_is_one_line() {
    let (_parent, data) = directory();
    for format in ["json", "text"] {
        let mut up = command(&data, &["up", "--listen", "127.0.0.1:0", "--json"]);
        up.env("GUILDHALL__LOG__TARGETS", r#"{ calls = "debug" }"#).env("GUILDHALL__LOG__FORMAT", format);
        let server = Running::of(up);
        let listen = server.ready["listen"].as_str().unwrap().to_owned();
        // Bytes that HTTP lets through: a tab, and U+009B and U+202E as UTF-8. CR, LF and ESC end the request.
        for agent in [
            "probe\tx\u{9b}0m\u{202e}{\"level\":\"info\"}".as_bytes(),
            b"probe\x1b]0;x\x07",
            b"probe\r\n{\"level\":\"info\"}",
        ] {
            let mut stream = TcpStream::connect(&listen).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let head =
                [b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: ", agent, b"\r\n\r\n"];
            stream.write_all(&head.concat()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
        }
        let ended = server.end(Signal::TERM);
        let probes = ended.lines("").into_iter().filter(|line| line.contains("probe")).collect::<Vec<_>>();
        assert_eq!(probes.len(), 1, "{}", ended.stderr);
        let shown = if format == "json" { "\\u009b0m\\u202e" } else { "\\u{9b}0m\\u{202e}" };
        assert!(probes[0].contains(shown), "{}", probes[0]);
        let steers = |character: char| character.is_control() || ('\u{202a}'..='\u{202e}').contains(&character);
        assert!(ended.stderr.lines().all(|line| !line.contains(steers)), "{}", ended.stderr);
        if format == "json" {
            let is_probe = |line: &&Value| line["user_agent"].as_str().is_some_and(|agent| agent.starts_with("probe"));
            assert_eq!(lines(&ended).iter().filter(is_probe).count(), 1);
        }
    }
}

struct Watching {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Watching {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut watch = command(data, &[&["watch"], arguments].concat());
        let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// The next line of words.
    fn word(&mut self) -> String {
        let mut line = String::new();
        self.stderr.read_line(&mut line).unwrap();
        line
    }

    /// The next call; the test's own deadline ends a wait that never does.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[test]
fn calls_are_watched_across_a_restart_of_the_server() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let (key, listen) = (server.key(), server.ready["listen"].as_str().unwrap().to_owned());
    let mut watching = Watching::start(&data, &["--json", "--operation", "auth.whoami", "--errors"]);
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(&key), &Value::Null).0, 200);
    assert_eq!(server.http("GET", "/api/v1/whoami", None, &Value::Null).0, 401);
    let seen = watching.next();
    assert_eq!((&seen["operation"], &seen["outcome"]), (&json!("auth.whoami"), &json!("unauthenticated")));
    let began = std::time::Instant::now();
    assert_eq!(server.end(Signal::TERM).code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "whoever waits does not hold the end up");
    assert!(watching.word().contains("the server is gone"));
    let server = Running::of(command(&data, &["up", "--listen", &listen, "--json"]));
    assert_eq!(server.http("GET", "/api/v1/whoami", None, &Value::Null).0, 401);
    let again = watching.next();
    assert_eq!(again["operation"], "auth.whoami");
    assert_ne!(again["request_id"], seen["request_id"]);
    assert!(watching.word().contains("started anew"));
}

#[test]
fn what_was_called_is_printed_once_in_columns() {
    let (_parent, data) = directory();
    let absent = run(&data, &["watch", "--once"]);
    assert_eq!(absent.code, Some(7), "{absent:?}");
    let server = Running::start(&data);
    let key = server.key();
    server.http("GET", "/api/v1/audit", Some(&key), &Value::Null);
    let ended = run(&data, &["watch", "--once"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let line = |operation: &str| ended.stdout.lines().find(|line| line.contains(operation)).unwrap().to_owned();
    let (made, denied) = (line("memory.create"), line("audit.list"));
    assert!(made.contains("  ok  ") && made.contains("  mcp  ") && made.contains("  mem_"), "{made}");
    assert!(denied.contains("permission_denied"), "{denied}");
    assert_eq!(made.find("memory.create"), denied.find("audit.list"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\u{1b}'), "colours are for terminals");
    assert!(!ended.stdout.contains("ops.calls"));
    let one = json_of(&data, &["watch", "--once", "--errors"]);
    assert_eq!(one["operation"], "audit.list");
}

#[test]
fn a_watcher_without_a_reader_ends_quietly() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let mut watch = command(&data, &["watch", "--json"]);
    let mut child = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let began = std::time::Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "it goes on");
        server.http("GET", "/api/v1/whoami", None, &Value::Null);
    }
    let ended = end_of(child);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
}

#[test]
fn the_service_manager_is_told_of_begin_and_end_and_sighup_changes_nothing() {
    let (parent, data) = directory();
    let path = parent.path().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut heard = [0; 256];
        let length = manager.recv(&mut heard).unwrap();
        String::from_utf8(heard[..length].to_vec()).unwrap()
    };
    let mut up = command(&data, &["up", "--listen", "127.0.0.1:0", "--json"]);
    up.env("NOTIFY_SOCKET", &path);
    let server = Running::of(up);
    let listen = server.ready["listen"].as_str().unwrap();
    assert_eq!(heard(), format!("READY=1\nSTATUS=listening on {listen}"));
    server.signal(Signal::HUP);
    assert_eq!(server.http("GET", "/health", None, &Value::Null).0, 200);
    let ended = server.end(Signal::TERM);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(heard().starts_with("STOPPING=1\n"));
    assert!(lines(&ended).iter().any(|line| line["message"].as_str().unwrap().contains("SIGHUP changes nothing")));
}

#[test]
fn a_disk_with_less_than_is_wanted_refuses_growth_and_doctor_says_so() {
    let (_parent, data) = directory();
    let mut up = command(&data, &["up", "--listen", "127.0.0.1:0", "--json"]);
    Running::start(&data).end(Signal::TERM);
    // A tebibyte: more than any machine of these tests has free.
    up.env("GUILDHALL__STORE__MIN_FREE_MEGABYTES", "1048576");
    let server = Running::of(up);
    let refused = run(&data, &["memory", "add", "one more"]);
    assert_eq!(refused.code, Some(6), "{refused:?}");
    assert!(refused.stderr.contains("the disk is nearly full") && refused.stderr.contains("hint: "), "{refused:?}");
    assert_eq!(run(&data, &["memory", "list"]).code, Some(0));
    let mut doctor = command(&data, &["doctor", "--json"]);
    doctor.env("GUILDHALL__STORE__MIN_FREE_MEGABYTES", "1048576").stdout(Stdio::piped()).stderr(Stdio::piped());
    let report = end_of(doctor.spawn().unwrap()).json();
    let disk = report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == "disk").unwrap().clone();
    assert_eq!((&disk["severity"], &disk["status"]), (&json!("error"), &json!("fail")), "{disk}");
    let log = lines(&server.end(Signal::TERM));
    let said = log.iter().filter(|line| line["message"].as_str().unwrap().contains("nearly full")).count();
    assert_eq!(said, 1, "{log:#?}");
    for wrong in ["0", "15", "1048577"] {
        let mut up = command(&data, &["up", "--listen", "127.0.0.1:0"]);
        up.env("GUILDHALL__STORE__MIN_FREE_MEGABYTES", wrong).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = end_of(up.spawn().unwrap());
        assert_eq!(ended.code, Some(8), "{wrong}: {ended:?}");
    }
}
