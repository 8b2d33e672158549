//! Requests that two readers would cut differently: A27.

use std::time::Duration;

use serde_json::json;
use testkit::{Client, TestApp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const BODY: &str = r#"{"content":"smuggled"}"#;

/// A connection of its own.
async fn connect(app: &TestApp) -> TcpStream {
    let Client::Network(address) = app.network() else { panic!("raw bytes go over the network") };
    TcpStream::connect(address).await.unwrap()
}

/// Sends the bytes and reads until the server closes, which it must.
async fn until_closed(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = connect(app).await;
    stream.write_all(bytes).await.unwrap();
    let mut all = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all).into_owned();
    end.unwrap_or_else(|_| panic!("still open: {:?}: {text}", String::from_utf8_lossy(bytes))).unwrap();
    text
}

/// How many memories the agent sees: every one is a call that arrived.
async fn arrived(app: &TestApp, key: &str) -> u64 {
    let page = app.rest("GET", "/api/v1/memories?count=true").key(key).send().await.json();
    page["total"].as_u64().unwrap()
}

/// One whole good request behind the bad one.
fn second(key: &str) -> String {
    format!(
        "POST /api/v1/memories HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
}

/// The statuses of all answers.
fn statuses(answers: &str) -> Vec<&str> {
    let begins = answers.match_indices("HTTP/1.1 ").map(|(at, begin)| &answers[at + begin.len()..]);
    begins.filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit())).map(|rest| &rest[..3]).collect()
}

fn is_one_refusal(answer: &str, status: u16, code: &str) -> bool {
    statuses(answer) == [status.to_string()]
        && answer.contains("application/problem+json")
        && answer.contains(&format!("\"code\":\"{code}\""))
}

#[tokio::test]
async fn attack_a27_a_head_that_can_be_read_two_ways_is_refused_and_nothing_after_it_is_read() {
    let app = TestApp::start().await;
    let key = app.agent("alice").await.key;
    let length = BODY.len();
    // Each is the request's line and its headers from `Host` on; a good body follows, then a good request.
    let heads = [
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n"),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding : chunked\r\n\r\n".to_owned(),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length : {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\ncontent-length: 3\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}, {length}\r\n\r\n"),
        "HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3,3\r\n\r\n".to_owned(),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: +{length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: -{length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0x{length:x}\r\n\r\n"),
        "HTTP/1.1\r\nhost: localhost\r\ncontent-length:\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ncontent-length: 18446744073709551616\r\n\r\n".to_owned(),
        format!("HTTP/1.1\nhost: localhost\ncontent-length: {length}\n\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\nx: a\rcontent-length: 1\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\nx: a\r\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\nx: a\r\n\tb\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\n host: localhost\r\ncontent-length: {length}\r\n\r\n"),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked, identity\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: identity\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: \"chunked\"\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked;q=1\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding:\u{b}chunked\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        "HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        "HTTP/1.0\r\nhost: localhost\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
        format!("HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\nx\0: a\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\nno colon\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1\r\nhost: localhost\r\n: empty\r\ncontent-length: {length}\r\n\r\n"),
        format!(" HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1 \r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.1 x\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/2.0\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/1.2\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
        format!("HTTP/01.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
        format!("http/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n"),
    ];
    for head in heads {
        let (line, headers) = head.split_at(head.find('\n').unwrap() + 1);
        let credentials = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
        let chunked = head.to_ascii_lowercase().contains("chunked");
        let body = if chunked { format!("{length:x}\r\n{BODY}\r\n0\r\n\r\n") } else { BODY.to_owned() };
        for (before, after) in [(credentials.as_str(), ""), ("", credentials.as_str())] {
            // Behind the headers too, so that no line that ends the head early hides what is meant.
            let end = headers.rfind('\n').map_or(0, |end| headers[..end].rfind('\n').unwrap_or(0) + 1);
            let headers = format!("{before}{}{after}{}", &headers[..end], &headers[end..]);
            let bad = format!("POST /api/v1/memories {line}{headers}{body}");
            let answer = until_closed(&app, format!("{bad}{}", second(&key)).as_bytes()).await;
            assert!(is_one_refusal(&answer, 400, "invalid_input"), "{bad:?}: {answer}");
        }
    }
    assert_eq!(arrived(&app, &key).await, 0);
}

#[tokio::test]
async fn attack_a27_what_is_no_request_is_refused_at_once() {
    let app = TestApp::start().await;
    let key = app.agent("alice").await.key;
    let second = second(&key);
    for (bad, status, code) in [
        ("\r\n", 400, "invalid_input"),
        ("\r\n\r\n\r\n", 400, "invalid_input"),
        ("\n", 400, "invalid_input"),
        (" ", 400, "invalid_input"),
        ("\0", 400, "invalid_input"),
        ("GET /health\r\n", 400, "invalid_input"),
        ("GET  /health HTTP/1.1\r\n", 400, "invalid_input"),
        ("GET\t/health HTTP/1.1\r\n", 400, "invalid_input"),
        ("GET /hea lth HTTP/1.1\r\n", 400, "invalid_input"),
        ("GET /health\0 HTTP/1.1\r\n", 400, "invalid_input"),
        ("GET http:// HTTP/1.1\r\n", 400, "invalid_input"),
        ("G(T /health HTTP/1.1\r\n", 400, "invalid_input"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_input"),
        ("\u{16}\u{3}\u{1}", 400, "invalid_input"),
        ("CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n", 405, "method_not_allowed"),
    ] {
        // Alone, too: nothing that is waited for may never come.
        for bytes in [format!("{bad}{second}"), bad.to_owned()] {
            let answer = until_closed(&app, bytes.as_bytes()).await;
            assert!(is_one_refusal(&answer, status, code), "{bad:?}: {answer}");
        }
    }
    let foreign =
        format!("GET http://evil.example/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n{second}");
    let answer = until_closed(&app, foreign.as_bytes()).await;
    assert!(is_one_refusal(&answer, 421, "host_not_allowed"), "{answer}");
    assert_eq!(arrived(&app, &key).await, 0);
}

#[tokio::test]
async fn attack_a27_a_chunk_that_lies_about_its_size_ends_the_connection() {
    let app = TestApp::start().await;
    let key = app.agent("alice").await.key;
    let size = format!("{:x}", BODY.len());
    let long = "x".repeat(100_000);
    let bodies = [
        format!("{size:0>17}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("10000000000000016\r\n{BODY}\r\n0\r\n\r\n"),
        format!("0x{size}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("+{size}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("-1\r\n{BODY}\r\n0\r\n\r\n"),
        format!("\r\n{BODY}\r\n0\r\n\r\n"),
        format!(" {size}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{size} \r\n{BODY}\r\n0\r\n\r\n"),
        format!("{size};a=b\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{size};{long}\r\n{BODY}\r\n0\r\n\r\n"),
        format!("{size}\n{BODY}\r\n0\r\n\r\n"),
        format!("{size}\r\n{BODY}\n0\r\n\r\n"),
        format!("{size}\r\n{BODY}0\r\n\r\n"),
        format!("{size}\r\n{BODY}xx0\r\n\r\n"),
        format!("{size}\r\n{BODY}\r\n0\n\n"),
        format!("{size}\r\n{BODY}\r\n0\r\n\n"),
        format!("{size}\r\n{BODY}\r\n0\r\nhost: evil.example\r\n\r\n"),
        format!("{size}\r\n{BODY}\r\n0\r\ncontent-length: 5\r\n\r\n"),
        format!("{size}\r\n{BODY}\r\n0\r\n{long}"),
    ];
    for body in bodies {
        let head = format!(
            "POST /api/v1/memories HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let answer = until_closed(&app, format!("{head}{body}{}", second(&key)).as_bytes()).await;
        let shown = &body[..body.len().min(60)];
        assert!(is_one_refusal(&answer, 400, "invalid_input"), "{shown:?}: {answer}");
        assert!(answer.contains("the body is broken"), "{shown:?}: {answer}");
    }
    assert_eq!(arrived(&app, &key).await, 0);
}

#[tokio::test]
async fn attack_a27_good_requests_in_one_packet_are_answered_in_turn_up_to_the_bad_one() {
    let app = TestApp::start().await;
    let key = app.agent("alice").await.key;
    let chunked = format!(
        "POST /api/v1/memories HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n",
        BODY.len()
    );
    let good = second(&key);
    let bad = "GET /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n";
    let answer = until_closed(&app, format!("{good}{chunked}{good}{bad}{good}").as_bytes()).await;
    assert_eq!(statuses(&answer), ["201", "201", "201", "400"], "{answer}");
    assert_eq!(answer.matches("\r\nconnection: close\r\n").count(), 1, "{answer}");
    assert_eq!(arrived(&app, &key).await, 3);
    // A refusal in the middle says nothing about who may call afterwards.
    let answer = app.rest("POST", "/api/v1/memories").key(&key).json(&json!({"content": "x"})).send().await;
    assert_eq!(answer.status, 201);
}
