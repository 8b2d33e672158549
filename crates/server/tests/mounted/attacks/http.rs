//! The HTTP face: rebinding, cross-site calls, leaks: A41, A67.

use domain::{
    catalogue::CATALOGUE,
    operation::{Access, Effect, Entry},
};
use serde_json::{Value, json};

use super::hall::{Hall, Ids, declared, requests, sample, sound};

// contract: mcp §8.6
#[tokio::test]
async fn attack_a41_a_foreign_host_is_refused_on_every_path() {
    let hall = Hall::open().await;
    let paths = ["/", "/health", "/mcp", "/api/v1/whoami", "/nothing", "/metrics"];
    for path in paths {
        for host in [
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "localhost@evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "2130706433",
            "0x7f.1",
            "[::2]",
            "::1",
            "localhost.",
            "localhost,evil.example",
            "",
            " ",
            "0.0.0.0",
            "localhost/evil",
            "local host",
        ] {
            let answer = hall.probe(hall.app.rest("GET", path).key(&hall.alice.key).header("host", host)).await;
            assert_eq!((answer.status, answer.code().as_str()), (421, "host_not_allowed"), "{path} {host}");
        }
        for host in ["localhost", "LOCALHOST:1", "localhost:9999", "127.0.0.1", "127.0.0.1:8640", "[::1]", "[::1]:8640"]
        {
            let answer = hall.probe(hall.app.rest("GET", path).key(&hall.alice.key).header("host", host)).await;
            assert_ne!(answer.status, 421, "{path} {host}");
        }
    }
    let raw =
        async |head: &str| hall.app.network().raw(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await;
    let key = &hall.alice.key;
    for head in [
        "GET /health HTTP/1.0".to_owned(),
        "GET /health HTTP/1.1\r\nx: y".to_owned(),
        "GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.example".to_owned(),
        "GET /health HTTP/1.1\r\nhost: evil.example\r\nhost: localhost".to_owned(),
        format!("GET http://evil.example/api/v1/whoami HTTP/1.1\r\nauthorization: Bearer {key}"),
        format!("GET http://evil.example/api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}"),
        format!("GET http://localhost/api/v1/whoami HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer {key}"),
        "GET http://localhost@evil.example/health HTTP/1.1".to_owned(),
    ] {
        let answer = raw(&head).await;
        assert!(
            answer.starts_with("HTTP/1.1 421 ")
                || answer.starts_with("HTTP/1.0 421 ")
                || answer.starts_with("HTTP/1.1 400 "),
            "{head}: {answer}"
        );
        assert!(!answer.contains("\"status\":\"ok\"") && !answer.contains("agt_"), "{head}: {answer}");
    }
}

#[tokio::test]
async fn attack_a41_a_foreign_origin_is_refused_and_told_nothing() {
    let hall = Hall::open().await;
    let origins = [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "file://",
        "",
        "http://127.0.0.1.evil.example",
        "chrome-extension://abc",
        "http://evil.example:80/localhost",
        "localhost",
        "ftp://localhost",
        "http://[::2]",
        "http://localhost https://evil.example",
        "HTTP://EVIL.EXAMPLE",
    ];
    let before = hall.row().await;
    for origin in origins {
        for (method, path) in [
            ("GET", "/api/v1/whoami"),
            ("POST", "/api/v1/memories"),
            ("POST", "/mcp"),
            ("GET", "/health"),
            ("GET", "/none"),
            ("OPTIONS", "/mcp"),
        ] {
            let request = hall.app.rest(method, path).key(&hall.alice.key).header("origin", origin);
            let request = request.header("access-control-request-method", "POST").json(&json!({"content": "x"}));
            let answer = hall.probe(request).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "origin_not_allowed"),
                "{method} {path} {origin}"
            );
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{origin}");
        }
    }
    let two = hall.app.rest("GET", "/api/v1/whoami").key(&hall.alice.key);
    let two = two.header("origin", "http://localhost").header("origin", "https://evil.example");
    assert_eq!(hall.probe(two).await.status, 403);
    assert_eq!(hall.row().await, before);
    let total = hall.app.rest("GET", "/api/v1/memories?count=true").key(&hall.alice.key).send().await.json();
    assert_eq!(total["total"], 1);
    // Ours may, but never with credentials the browser adds by itself.
    for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8640"] {
        let preflight = hall.probe(hall.app.rest("OPTIONS", "/mcp").header("origin", origin)).await;
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, origin));
        let answer =
            hall.probe(hall.app.rest("GET", "/api/v1/whoami").key(&hall.alice.key).header("origin", origin)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
        for answer in [preflight, answer] {
            assert!(answer.header("access-control-allow-credentials").is_empty());
            assert!(answer.header("vary").contains("Origin"));
        }
    }
}

#[tokio::test]
async fn attack_a41_a_form_or_a_plain_text_post_changes_nothing() {
    let hall = Hall::open().await;
    let media = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "text/plain; application/json",
        "application/jsonx",
        "",
        "text/json",
        "application/xml",
    ];
    for media in media {
        for request in [
            hall.app.rest("POST", "/api/v1/memories").bytes(r#"{"content":"x"}"#),
            hall.app.rest("PUT", "/api/v1/memories/by-key/k").bytes(r#"{"value":1}"#),
            hall.app.rest("POST", "/mcp").bytes(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#),
        ] {
            let answer = hall.probe(request.key(&hall.alice.key).header("content-type", media)).await;
            assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"), "{media}");
        }
    }
    let untyped = hall.app.rest("POST", "/api/v1/memories").key(&hall.alice.key).bytes(r#"{"content":"x"}"#);
    assert_eq!(hall.probe(untyped).await.status, 415);
    // A cookie is no credential anywhere.
    for path in ["/mcp", "/api/v1/memories"] {
        let request = hall.app.rest("POST", path).header("cookie", format!("__Host-guildhall={}", hall.alice.key));
        assert_eq!(hall.probe(request.json(&json!({"content": "x"}))).await.status, 401);
    }
    let total = hall.app.rest("GET", "/api/v1/memories?count=true").key(&hall.alice.key).send().await.json();
    assert_eq!(total["total"], 1);
}

#[tokio::test]
async fn attack_a67_metrics_and_reference_are_closed_and_trace_is_off() {
    let hall = Hall::open().await;
    for path in ["/metrics", "/openapi.json", "/api/v1/openapi.json"] {
        assert_eq!(hall.probe(hall.app.rest("GET", path)).await.status, 401, "{path}");
        assert_eq!(hall.probe(hall.app.rest("GET", path).key("ghk_wrong")).await.status, 401, "{path}");
    }
    for path in ["/metrics", "/admin/logs", "/api/v1/audit"] {
        assert_eq!(hall.probe(hall.app.rest("GET", path).key(&hall.alice.key)).await.status, 403, "{path}");
    }
    for path in
        ["/.git/config", "/.env", "/server-status", "/debug", "/debug/pprof", "/actuator", "/sse", "/.well-known/x"]
    {
        assert_eq!(hall.probe(hall.app.rest("GET", path)).await.status, 404, "{path}");
    }
    for path in ["/", "/health", "/mcp", "/api/v1/memories", "/nothing"] {
        for method in ["TRACE", "TRACK", "CONNECT", "FOO", "PROPFIND"] {
            if method == "CONNECT" {
                continue;
            }
            let request = hall.app.rest(method, path).key(&hall.alice.key).header("x-secret", "TRACECANARY");
            let answer = hall.probe(request).await;
            let wanted: &[u16] = if method == "TRACE" { &[405] } else { &[404, 405] };
            assert!(wanted.contains(&answer.status), "{method} {path}: {}", answer.status);
            assert!(!answer.text().contains("TRACECANARY") && !answer.text().contains(&hall.alice.key));
        }
    }
    let raw =
        hall.app.network().raw(b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(raw.starts_with("HTTP/1.1 405 ") || raw.starts_with("HTTP/1.1 404 "), "{raw}");
    let health = hall.probe(hall.app.rest("GET", "/health")).await;
    assert_eq!(health.json(), json!({"status": "ok"}));
}

#[tokio::test]
async fn attack_a67_a_broken_path_is_a_problem_like_any_other() {
    let hall = Hall::open().await;
    for path in [
        "/api/v1/memories/%ff",
        "/api/v1/memories/%",
        "/api/v1/memories/%zz",
        "/api/v1/memories/%00",
        "/api/v1/memories/by-key/%ff%fe",
        "/api/v1/memories/..%2f..%2fetc%2fpasswd",
        "/api/v1/memories/%2e%2e",
        "/api/v1/memories?prefix=%ff",
        "/api/v1/memories/by-key/%0d%0aset-cookie:x",
        "/mcp?toolsets=%ff",
        "/api/v1/agents/%F0%9F",
    ] {
        for method in ["GET", "PATCH", "DELETE", "POST", "PUT"] {
            let answer = hall.probe(hall.app.rest(method, path).key(&hall.alice.key).json(&json!({}))).await;
            assert!(
                (400..500).contains(&answer.status) || (method == "GET" && answer.json()["items"] == json!([])),
                "{method} {path}: {}",
                answer.text()
            );
            let stranger = hall.probe(hall.app.rest(method, path)).await;
            hall.app.clock.advance(2);
            assert!(
                [401, 404, 405].contains(&stranger.status),
                "{method} {path}: {} {}",
                stranger.status,
                stranger.text()
            );
        }
    }
}

#[tokio::test]
async fn attack_a67_hostile_values_in_every_member_of_every_operation_leak_nothing() {
    let hall = Hall::open().await;
    let long = "x".repeat(70_000);
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e308),
        json!(0.1),
        json!(""),
        json!(" "),
        json!("'"),
        json!("\u{7f}\u{202e}\u{feff}"),
        json!("../../etc/passwd"),
        json!(long),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!({"a": {"b": []}}),
        json!("mem_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
        json!("usr_00000000000000000000000000"),
        json!("2026-01-01T00:00:00Z"),
        json!("-009999-01-01T00:00:00Z"),
        json!("9999-12-30T22:00:00.999999999Z"),
        json!(["\u{0}"]),
        json!("\r\nx: y"),
        json!("{{7*7}}${7*7}"),
        json!("%s%n%x"),
        json!("self"),
    ];
    let mut tried = 0;
    for entry in CATALOGUE.iter().filter(|entry| entry.spec.access != Access::Open) {
        let ids = Ids { memory: &hall.hers, agent: &hall.bob.id, key: &hall.bob.key_id, team: &hall.team };
        let base = sample(entry, &ids);
        for member in declared(entry).keys() {
            for value in &values {
                let mut input = base.clone();
                input.insert(member.clone(), value.clone());
                let said = format!("{} {member}={value}", entry.spec.id).chars().take(200).collect::<String>();
                let local = hall.app.as_operator("w2", entry.spec.id, &input.clone().into()).await;
                sound(&local, &said);
                tried += 1;
                if entry.spec.effect == Effect::Read || tried % 4 == 0 {
                    // Such a path is too long for any client to send.
                    let fits = value != &json!(long) || !in_the_url(entry, member);
                    for request in requests(&hall.app, entry, &input).into_iter().take(usize::from(fits)) {
                        hall.probe(request.key(&hall.otto.key)).await;
                    }
                    if let Some(tool) = entry.spec.tool {
                        let arguments = json!({"name": tool.name, "arguments": Value::Object(input)});
                        let mcp = hall.app.mcp(&hall.otto.key);
                        let answer = hall.probe(mcp.request("tools/call", Some(tool.name), arguments)).await;
                        assert_eq!(answer.status, 200, "{said}: {}", answer.text());
                    }
                }
            }
        }
    }
    assert!(tried > 1_500, "{tried}");
    let whole = hall.app.as_operator("w2", "audit.verify", &json!({})).await.json();
    assert_eq!(whole["ok"], true);
    assert_eq!(hall.probe(hall.app.rest("GET", "/health")).await.status, 200);
}

/// Whether the member stands in the path or the query.
fn in_the_url(entry: &Entry, member: &str) -> bool {
    let in_path = format!("{{{member}}}");
    entry.spec.routes.iter().any(|route| ["GET", "DELETE"].contains(&route.method) || route.path.contains(&in_path))
}

#[tokio::test]
async fn attack_a67_broken_messages_leak_nothing() {
    let hall = Hall::open().await;
    let mcp = hall.app.mcp(&hall.alice.key);
    let modern = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    for message in [
        json!({}),
        json!({"jsonrpc": "1.0", "id": 1, "method": "tools/list"}),
        json!({"jsonrpc": "2.0", "id": null, "method": "x"}),
        json!({"jsonrpc": "2.0", "id": 1.5, "method": "x"}),
        json!({"jsonrpc": "2.0", "id": {}, "method": "x"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": 5}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 5, "_meta": modern}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": [], "_meta": modern}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": "x", "_meta": modern}}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}),
        json!({"jsonrpc": "2.0", "id": "x".repeat(100_000), "method": "tools/list", "params": {"_meta": modern}}),
        json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "whoami", "arguments": {}, "_meta": modern}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "file:///etc/passwd", "_meta": modern}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "../x", "_meta": modern}}),
    ] {
        for modern in [true, false] {
            let method = message["method"].as_str().unwrap_or("x").to_owned();
            let request = if modern {
                mcp.request(&method, message["params"]["name"].as_str(), json!({})).bytes(message.to_string())
            } else {
                hall.app.rest("POST", "/mcp").key(&hall.alice.key).json(&message)
            };
            let answer = hall.probe(request).await;
            assert!(answer.json()["result"].is_null() || method == "tools/list", "{message}: {}", answer.text());
        }
    }
    let shadow =
        mcp.request("tools/call", Some("get_memory"), json!({"name": "create_memory", "arguments": {"content": "x"}}));
    let answer = hall.probe(shadow).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (400, json!(-32_020)), "contract: mcp §8.3");
}
