//! A running server: its lock, its end, its audit log.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::binary::{Running, command, directory, json_of, run};

#[test]
fn a_second_server_names_the_first() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let second = run(&data, &["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(4), "{second:?}");
    assert!(second.stderr.contains(&format!("process {}", server.pid())), "{second:?}");
    assert_eq!(server.http("GET", "/health", None, &Value::Null).0, 200);
}

#[test]
fn a_taken_port_is_busy() {
    let (_parent, data) = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = run(&data, &["up", "--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(ended.code, Some(4), "{ended:?}");
    // Nothing was made whose key nobody has seen.
    assert!(!data.join("guildhall.db").exists());
    drop(taken);
    let _first_run = Running::start(&data);
}

#[test]
fn signals_end_it_in_order() {
    let (_parent, data) = directory();
    for signal in [Signal::TERM, Signal::INT] {
        let ended = Running::start(&data).end(signal);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!data.join("guildhall.sock").exists());
        assert!(!data.join("guildhall.db-wal").exists(), "the log was not moved into the database");
    }
    let _server = Running::start(&data);
    let rows = json_of(&data, &["audit", "search", "--actor", "system"]);
    let actions: Vec<_> = rows["items"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["server.started", "server.stopped", "server.started", "server.stopped", "server.started"]);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    use std::io::Write as _;
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let listen = server.ready["listen"].as_str().unwrap().to_owned();
    let mut slow = std::net::TcpStream::connect(&listen).unwrap();
    let head = format!(
        "POST /api/v1/memories HTTP/1.1\r\nHost: {listen}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{",
        server.key()
    );
    slow.write_all(head.as_bytes()).unwrap();
    // The server has read the head once it answers a call that came later.
    assert_eq!(server.http("GET", "/health", None, &Value::Null).0, 200);
    server.signal(Signal::TERM);
    let began = std::time::Instant::now();
    while std::net::TcpStream::connect(&listen).is_ok() {
        assert!(began.elapsed().as_secs() < 5, "it goes on accepting");
        std::thread::yield_now();
    }
    let ended = server.end(Signal::INT);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(began.elapsed().as_secs() < 5, "it waited for the call in flight");
    assert_eq!(json_of(&data, &["audit", "verify"])["ok"], true);
}

#[test]
fn auth_cannot_be_switched_off() {
    let (_parent, data) = directory();
    let mut up = command(&data, &["up", "--listen", "127.0.0.1:0", "--json"]);
    for name in ["PYTEST_CURRENT_TEST", "TESTING", "DEBUG", "AUTH_DISABLED", "GUILDHALL_AUTH_ENABLED", "DISABLE_AUTH"] {
        up.env(name, "1");
    }
    let server = Running::of({
        up.env("ENVIRONMENT", "development").env("NODE_ENV", "test");
        up
    });
    for (method, path) in
        [("GET", "/api/v1/memories"), ("GET", "/api/v1/whoami"), ("POST", "/mcp"), ("GET", "/metrics")]
    {
        assert_eq!(server.http(method, path, None, &json!({})).0, 401, "{method} {path}");
        let wrong = Some("ghk_0000000000000000000000000000000000000000000_000000");
        assert_eq!(server.http(method, path, wrong, &json!({})).0, 401, "{method} {path}");
    }
    assert_eq!(server.http("POST", "/call/workspace.list", Some(&server.key()), &json!({})).0, 404);
}

#[test]
fn limiter_ignores_environment() {
    let (_parent, data) = directory();
    let mut up = command(&data, &["up", "--listen", "127.0.0.1:0", "--json"]);
    up.env("GUILDHALL__LIMITS__AGENTS_PER_MINUTE", "5");
    up.env("PYTEST_CURRENT_TEST", "1").env("TESTING", "1").env("ENVIRONMENT", "development");
    let server = Running::of(up);
    let key = server.key();
    // The self-proof made two of the five calls.
    let codes: Vec<u16> = (0..5).map(|_| server.http("GET", "/api/v1/whoami", Some(&key), &Value::Null).0).collect();
    assert_eq!(codes, [200, 200, 200, 429, 429]);
}

#[test]
fn after_sigkill_everything_acknowledged_is_there_and_the_chain_is_whole() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let key = server.key();
    for number in 0..20 {
        let note = json!({ "content": format!("note {number} before the crash") });
        assert_eq!(server.http("POST", "/api/v1/memories", Some(&key), &note).0, 201);
    }
    assert_eq!(server.end(Signal::KILL).code, None);
    let verdict = json_of(&data, &["audit", "verify"]);
    assert_eq!((&verdict["ok"], &verdict["first_bad"]), (&json!(true), &Value::Null));
    assert!(verdict["rows"].as_i64().unwrap() >= 24, "{verdict}");
    let server = Running::start(&data);
    let (_, list) = server.http("GET", "/api/v1/memories?count=true", Some(&key), &Value::Null);
    assert_eq!(list["total"], 21, "{list}");
    assert_eq!(json_of(&data, &["audit", "verify"])["ok"], true);
}

#[test]
fn a_changed_audit_row_is_found_and_refuses_the_start() {
    let (_parent, data) = directory();
    Running::start(&data).end(Signal::TERM);
    let path = data.join("guildhall.db");
    let mut bytes = fs::read(&path).unwrap();
    // The self-proof's row is the fourth; its user agent stands nowhere else with its face.
    let needle = b"mcpmemory.create";
    let place = bytes.windows(needle.len()).position(|found| found == needle).unwrap();
    bytes[place + needle.len() - 1] = b'd';
    fs::write(&path, bytes).unwrap();
    let verdict = run(&data, &["audit", "verify", "--json"]);
    assert_eq!(verdict.code, Some(1), "{verdict:?}");
    assert_eq!((verdict.json()["ok"].clone(), verdict.json()["first_bad"].clone()), (json!(false), json!(4)));
    let up = run(&data, &["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(up.code, Some(8), "{up:?}");
    assert!(up.stderr.contains("broken at row 4"), "{up:?}");
}

#[test]
fn the_socket_is_the_owners() {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let found = fs::symlink_metadata(data.join("guildhall.sock")).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o600);
    assert_eq!(server.end(Signal::KILL).code, None);
    assert!(data.join("guildhall.sock").exists(), "a killed server leaves its socket");
    assert!(Running::start(&data).ready["listen"].is_string(), "the next one replaces it");
}
