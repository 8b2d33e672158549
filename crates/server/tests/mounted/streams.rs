//! Streams that stay open: they end with their credential and with the server.

use std::time::Duration;

use serde_json::json;
use testkit::{Client, TestApp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An open `subscriptions/listen`, acknowledged.
async fn listening(app: &TestApp, key: &str) -> TcpStream {
    let Client::Network(address) = app.network() else { panic!("a listener needs the network") };
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "notifications": {"toolsListChanged": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "streams", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }})
    .to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: subscriptions/listen\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("subscriptions/acknowledged") {
        let mut buffer = [0; 4096];
        let count = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(count > 0, "ended before it was acknowledged: {seen}");
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    stream
}

/// Reads until the answer ends; fails when it does not within five seconds.
async fn ends(mut stream: TcpStream) {
    let mut tail = String::new();
    let end = async {
        let mut buffer = [0; 4096];
        while !tail.ends_with("0\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(count @ 1..) => tail.push_str(&String::from_utf8_lossy(&buffer[..count])),
                Ok(0) | Err(_) => return,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), end).await.expect("the stream ends");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let (hers, his) = (listening(&app, &alice.key).await, listening(&app, &bob.key).await);
    app.as_operator("default", "key.revoke", &json!({"id": alice.key_id})).await;
    ends(hers).await;
    app.as_operator("default", "agent.disable", &json!({"id": bob.id})).await;
    ends(his).await;
}

#[tokio::test]
async fn a_stream_does_not_hold_up_a_stopping_server() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let stream = listening(&app, &alice.key).await;
    app.stop();
    ends(stream).await;
}

#[tokio::test]
async fn a_principal_has_at_most_32_streams() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(listening(&app, &alice.key).await);
    }
    let more = app.mcp(&alice.key).send("subscriptions/listen", None, json!({"notifications": {}})).await;
    assert_eq!(more.status, 429, "{}", more.text());
    open.pop();
    let mcp = app.mcp(&alice.key);
    testkit::eventually("a place is freed", || async {
        // An accepted stream does not end: only a refusal is an answer.
        let answer = mcp.send("subscriptions/listen", None, json!({"notifications": {}}));
        tokio::time::timeout(Duration::from_millis(300), answer).await.map_or(true, |answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn a_head_of_64_kib_is_too_large() {
    let app = TestApp::start().await;
    let long = app.rest("GET", "/health").header("x-padding", "x".repeat(66_000)).send().await;
    assert_eq!((long.status, long.code().as_str()), (431, "headers_too_large"));
    assert_eq!(app.rest("GET", "/health").header("x-padding", "x".repeat(60_000)).send().await.status, 200);
}
