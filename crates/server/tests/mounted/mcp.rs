//! The transport's rules: what a message has to look like, and what is answered when it does not.

mod panic;

use serde_json::{Value, json};
use testkit::{Agent, Answer, Mcp, TestApp};

const MODERN: &str = "2026-07-28";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A header set by a case; `None` takes it away.
type Header = (&'static str, Option<&'static str>);

struct Server {
    app: TestApp,
    agent: Agent,
}

impl Server {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let agent = app.agent("ada").await;
        Self { app, agent }
    }

    fn mcp(&self) -> Mcp {
        self.app.mcp(&self.agent.key)
    }

    /// Sends a text with the headers of a modern `tools/call` of `whoami`, changed.
    async fn send(&self, body: String, changes: &[Header]) -> Answer {
        let mut headers: Vec<(&'static str, &str)> = vec![
            ("content-type", "application/json"),
            ("mcp-protocol-version", MODERN),
            ("mcp-method", "tools/call"),
            ("mcp-name", "whoami"),
        ];
        for (name, value) in changes {
            headers.retain(|(known, _)| known != name);
            headers.extend(value.map(|value| (*name, value)));
        }
        let request = self.app.rest("POST", "/mcp").key(&self.agent.key).bytes(body);
        headers.into_iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
    }

    async fn check(&self, body: Value, changes: &[Header], status: u16, code: i64) {
        self.check_text(body.to_string(), changes, status, code).await;
    }

    /// The HTTP status and the JSON-RPC code, 0 for a result.
    async fn check_text(&self, body: String, changes: &[Header], status: u16, code: i64) {
        let case = format!("{changes:?} {body:.300}");
        let answer = self.send(body, changes).await;
        let json = answer.json();
        assert_eq!((answer.status, json["error"]["code"].as_i64().unwrap_or(0)), (status, code), "{case}: {json}");
        if code == 0 {
            assert!(json["result"].is_object(), "{case}: {json}");
        }
    }
}

fn meta() -> Value {
    json!({ VERSION: MODERN, CAPABILITIES: {} })
}

fn message(method: &str, mut params: Value) -> Value {
    params["_meta"] = meta();
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

fn whoami() -> Value {
    message("tools/call", json!({"name": "whoami"}))
}

fn with(mut message: Value, pointer: &str, value: Value) -> Value {
    *message.pointer_mut(pointer).unwrap() = value;
    message
}

#[tokio::test]
async fn what_is_no_json_rpc_message_is_refused() {
    let server = Server::start().await;
    let deep = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        whoami().to_string().replace(r#""name":"#, &format!(r#""arguments":{{"x":{value}}},"name":"#))
    };
    let texts = [
        (String::new(), -32700),
        (r#"{"jsonrpc":"#.to_owned(), -32700),
        (json!([whoami(), whoami()]).to_string(), -32600),
        (r#""text""#.to_owned(), -32600),
        ("{}".to_owned(), -32600),
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}}).to_string(), -32600),
        (json!({"jsonrpc": "2.0", "id": 1, "method": 5}).to_string(), -32600),
        (whoami().to_string().replacen('{', r#"{"method":"tools/list","#, 1), -32600),
        (deep(70), -32600),
    ];
    for (text, code) in texts {
        server.check_text(text, &[], 400, code).await;
    }
    let mut changed = whoami();
    changed["jsonrpc"] = json!("1.0");
    server.check(changed, &[], 400, -32600).await;
    for id in [json!(null), json!(1.5), json!({}), json!([]), json!(true), json!(9_223_372_036_854_775_808_u64)] {
        server.check(with(whoami(), "/id", id), &[], 400, -32600).await;
    }
    for id in [json!("a\"b"), json!(0), json!(-1), json!(i64::MAX)] {
        let answer = server.send(with(whoami(), "/id", id.clone()).to_string(), &[]).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &id));
    }
}

#[tokio::test]
async fn headers_must_say_what_the_body_says() {
    let server = Server::start().await;
    let cases: [(Header, u16, i64); 13] = [
        (("mcp-protocol-version", None), 400, -32020),
        (("mcp-protocol-version", Some("2025-11-25")), 400, -32020),
        (("mcp-protocol-version", Some("1999-01-01")), 400, -32020),
        (("mcp-method", None), 400, -32020),
        (("mcp-method", Some("tools/list")), 400, -32020),
        (("mcp-method", Some("TOOLS/CALL")), 400, -32020),
        (("mcp-name", None), 400, -32020),
        (("mcp-name", Some("get_memory")), 400, -32020),
        (("mcp-name", Some("=?base64?!!!?=")), 400, -32020),
        (("mcp-name", Some("=?base64?d2hvYW1p?=")), 200, 0),
        (("mcp-name", Some(" whoami ")), 200, 0),
        (("mcp-session-id", Some("whatever")), 200, 0),
        (("last-event-id", Some("3")), 200, 0),
    ];
    for (change, status, code) in cases {
        server.check(whoami(), &[change], status, code).await;
    }
    for (name, value) in [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "whoami")] {
        let request = server.mcp().request("tools/call", Some("whoami"), json!({"name": "whoami"}));
        let answer = request.header(name, value).send().await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32020)), "{name} given twice");
    }
}

#[tokio::test]
async fn a_header_for_one_tool_never_runs_another() {
    let server = Server::start().await;
    let call = message("tools/call", json!({"name": "create_memory", "arguments": {"content": "x"}}));
    server.check(call.clone(), &[("mcp-name", Some("get_memory"))], 400, -32020).await;
    let written = async || server.app.audit("default", json!({"action": "memory.create"})).await.len();
    assert_eq!(written().await, 0);
    server.check(call, &[("mcp-name", Some("create_memory"))], 200, 0).await;
    assert_eq!(written().await, 1);
}

#[tokio::test]
async fn the_revision_is_declared_and_known() {
    let server = Server::start().await;
    let meta = |meta: Value| {
        let mut message = whoami();
        message["params"]["_meta"] = meta;
        message
    };
    let cases = [
        (json!({ CAPABILITIES: {} }), -32602),
        (json!({ VERSION: MODERN }), -32602),
        (json!({ VERSION: 5, CAPABILITIES: {} }), -32602),
        (json!({ VERSION: MODERN, CAPABILITIES: [] }), -32602),
        (json!({ VERSION: "v999.0.0", CAPABILITIES: {} }), -32020),
        (json!(5), -32602),
        (json!([MODERN, {}]), -32602),
        (json!({}), -32602),
    ];
    for (declared, code) in cases {
        server.check(meta(declared), &[], 400, code).await;
    }
    server
        .check(meta(json!({ VERSION: MODERN, CAPABILITIES: {}, "io.modelcontextprotocol/clientInfo": 5 })), &[], 200, 0)
        .await;
    for version in ["v999.0.0", "2030-01-01", "1999-01-01"] {
        for message in [meta(json!({ VERSION: version, CAPABILITIES: {} })), meta(json!({}))] {
            let answer = server.send(message.to_string(), &[("mcp-protocol-version", Some(version))]).await;
            let error = &answer.json()["error"];
            assert_eq!((answer.status, &answer.json()["id"]), (400, &json!(7)));
            assert_eq!((&error["code"], &error["data"]["requested"]), (&json!(-32022), &json!(version)));
            assert_eq!(error["data"]["supported"].as_array().unwrap().len(), 5);
        }
    }
}

#[tokio::test]
async fn methods_belong_to_their_era() {
    let server = Server::start().await;
    let initialize =
        json!({"protocolVersion": MODERN, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}});
    let removed = [
        ("initialize", initialize.clone()),
        ("initialize", json!({})),
        ("ping", json!({})),
        ("logging/setLevel", json!({"level": "info"})),
        ("resources/subscribe", json!({"uri": "a:b"})),
        ("resources/unsubscribe", json!({"uri": "a:b"})),
        ("tasks/get", json!({"taskId": "x"})),
        ("unknown/method", json!({})),
    ];
    for (method, params) in removed {
        server.check(message(method, params), &[("mcp-method", Some(method))], 404, -32601).await;
        server.check(message(method, json!({})), &[("mcp-method", None), ("mcp-name", None)], 404, -32601).await;
    }
    let legacy = |method: &str| json!({"jsonrpc": "2.0", "id": 1, "method": method});
    for version in [Some("2025-11-25"), Some("2024-11-05"), None] {
        let headers = [("mcp-protocol-version", version), ("mcp-method", None), ("mcp-name", None)];
        for method in ["server/discover", "subscriptions/listen", "unknown/method"] {
            server.check(legacy(method), &headers, 200, -32601).await;
        }
        for method in ["ping", "tools/list", "prompts/list", "resources/list"] {
            server.check(legacy(method), &headers, 200, 0).await;
        }
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"}});
        let answer = server.send(call.to_string(), &headers).await.json();
        assert_eq!(answer["result"]["isError"], false);
        assert!(answer["result"]["resultType"].is_null() && answer["result"]["_meta"].is_null(), "{answer}");
    }
}

#[tokio::test]
async fn each_legacy_revision_is_answered_with_itself() {
    let server = Server::start().await;
    let cases = [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ];
    for (asked, answered) in cases {
        let params = json!({"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}});
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params});
        let headers = [("mcp-protocol-version", None), ("mcp-method", None), ("mcp-name", None)];
        let answer = server.send(message.to_string(), &headers).await;
        assert_eq!((answer.status, &answer.json()["result"]["protocolVersion"]), (200, &json!(answered)));
    }
}

#[tokio::test]
async fn bad_protocol_parameters_are_errors_of_the_call() {
    let server = Server::start().await;
    let cases = [
        ("tools/call", json!({}), -32602),
        ("tools/call", json!({"name": 5}), -32602),
        ("tools/call", json!({"name": "whoami", "arguments": []}), -32602),
        ("tools/call", json!({"name": "whoami", "arguments": "x"}), -32602),
        ("tools/call", json!({"name": "whoami", "arguments": null}), 0),
        ("tools/call", json!({"name": "no_such_tool"}), -32602),
        ("prompts/get", json!({"name": "no_such_prompt"}), -32602),
        ("prompts/get", json!({}), -32602),
        ("resources/read", json!({"uri": "guildhall://nothing"}), -32602),
        ("resources/read", json!({}), -32602),
        ("completion/complete", json!({"ref": {"type": "ref/x"}, "argument": {}}), -32602),
        ("subscriptions/listen", json!({}), -32602),
        ("tools/list", json!({"cursor": "zzz"}), -32602),
        ("tools/list", json!({"cursor": 5}), -32602),
        ("tools/list", json!({"cursor": null}), 0),
        ("resources/templates/list", json!({"cursor": "zzz"}), -32602),
    ];
    for (method, params, code) in cases {
        let named = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
        let answer = server.mcp().send(method, named.as_deref(), params.clone()).await;
        let found = answer.json()["error"]["code"].as_i64().unwrap_or(0);
        assert_eq!((answer.status, found), (200, code), "{method} {params}: {}", answer.text());
    }
    // Members in order are how arrays would be read as parameters.
    let positional = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [null, "whoami"]});
    let legacy = [("mcp-protocol-version", None), ("mcp-method", None), ("mcp-name", None)];
    server.check(positional, &legacy, 200, -32602).await;
}

#[tokio::test]
async fn notifications_are_taken_and_do_nothing() {
    let server = Server::start().await;
    let call = json!({"name": "create_memory", "arguments": {"content": "x"}, "_meta": meta()});
    for (method, params) in [
        ("notifications/cancelled", json!({"requestId": 1})),
        ("notifications/unknown", json!({})),
        ("tools/call", call),
    ] {
        let name = params["name"].as_str().map(|_| "create_memory");
        let notification = json!({"jsonrpc": "2.0", "method": method, "params": params});
        let answer = server.send(notification.to_string(), &[("mcp-method", Some(method)), ("mcp-name", name)]).await;
        assert_eq!((answer.status, answer.text().as_str()), (202, ""), "{method}");
    }
    assert_eq!(server.app.audit("default", json!({"action": "memory.create"})).await.len(), 0);
}

#[tokio::test]
async fn what_http_asks_for_is_judged_first() {
    let server = Server::start().await;
    let cases: [(Header, u16, &str); 17] = [
        (("host", Some("evil.example.com")), 421, "host_not_allowed"),
        (("host", Some("a b")), 421, "host_not_allowed"),
        (("host", Some("localhost:9999")), 200, ""),
        (("origin", Some("null")), 403, "origin_not_allowed"),
        (("origin", Some("https://evil.example")), 403, "origin_not_allowed"),
        (("origin", Some("http://localhost:3000")), 200, ""),
        (("accept", Some("*/*")), 200, ""),
        (("accept", Some("application/*, text/*;q=0.1")), 200, ""),
        (("accept", None), 200, ""),
        (("accept", Some("application/json")), 406, "not_acceptable"),
        (("accept", Some("application/json, text/event-stream;q=0")), 406, "not_acceptable"),
        (("content-type", Some("text/plain")), 415, "unsupported_media_type"),
        (("content-type", None), 415, "unsupported_media_type"),
        (("content-type", Some("application/json; charset=utf-8")), 200, ""),
        (("content-encoding", Some("gzip")), 415, "unsupported_media_type"),
        (("authorization", Some("Bearer wrong")), 400, "invalid_input"),
        (("x-api-key", Some("wrong")), 400, "invalid_input"),
    ];
    for (change, status, code) in cases {
        let answer = server.send(whoami().to_string(), &[change]).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{change:?}");
    }
    let large = message("tools/call", json!({"name": "whoami", "arguments": {"x": "y".repeat(1 << 20)}}));
    assert_eq!(server.send(large.to_string(), &[]).await.status, 413);
    for (method, path, status) in [
        ("GET", "/mcp", 405),
        ("DELETE", "/mcp", 405),
        ("PUT", "/mcp", 405),
        ("POST", "/mcp/", 404),
        ("GET", "/sse", 404),
    ] {
        let answer = server.app.rest(method, path).key(&server.agent.key).send().await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn every_method_is_authenticated() {
    let server = Server::start().await;
    for method in
        ["initialize", "server/discover", "ping", "tools/list", "tools/call", "subscriptions/listen", "no/such"]
    {
        for key in [None, Some("gh_wrong")] {
            // Not even read: what follows is no JSON.
            let request = server.app.rest("POST", "/mcp").header("mcp-method", method).bytes("{");
            let answer = key.into_iter().fold(request, |request, key| request.key(key)).send().await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{method} {key:?}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer") && !challenge.contains("resource_metadata"), "{challenge}");
        }
    }
}

#[tokio::test]
async fn unknown_toolsets_are_refused() {
    let server = Server::start().await;
    for (toolsets, status) in
        [("core", 200), ("all", 200), ("core,memory", 200), ("nope", 400), ("conformance", 400), ("", 400)]
    {
        let answer = server.mcp().toolsets(toolsets).send("tools/list", None, json!({})).await;
        assert_eq!(answer.status, status, "{toolsets}: {}", answer.text());
    }
}

#[tokio::test]
async fn failures_of_a_tool_are_results() {
    let server = Server::start().await;
    let mcp = server.mcp();
    let cases = [
        ("create_memory", json!({"content": "x", "importance": 7}), "invalid_input"),
        ("create_memory", json!({"content": "x", "no_such_field": 1}), "invalid_input"),
        ("get_memory", json!({"id": "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV"}), "not_found"),
    ];
    for (tool, arguments, code) in cases {
        let result = mcp.call(tool, arguments).await;
        assert_eq!((result.code(), result.content["message"].is_string()), (code, true), "{tool}");
    }
    let reader = server.app.agent_in("default", "rea", "reader").await;
    let refused = server.app.mcp(&reader.key).call("create_memory", json!({"content": "x"})).await;
    assert_eq!((refused.code(), refused.content["required"].is_string()), ("permission_denied", true));
}

#[tokio::test]
async fn limits_are_told_the_way_the_call_can_be_told() {
    let app = TestApp::start_with(domain::Settings { key_per_minute: 3, ..domain::Settings::default() }).await;
    let agent = app.agent("ada").await;
    let mcp = app.mcp(&agent.key);
    // A batch is counted once, whatever is in it.
    let batch = Value::Array(vec![whoami(); 50]);
    let answer = app.rest("POST", "/mcp").key(&agent.key).json(&batch).send().await;
    assert_eq!(answer.status, 400);
    assert_eq!(mcp.send("tools/list", None, json!({})).await.status, 200);
    assert!(!mcp.call("whoami", json!({})).await.is_error);

    let call = mcp.send("tools/call", Some("whoami"), json!({"name": "whoami"})).await;
    assert_eq!((call.status, &call.json()["result"]["isError"]), (200, &json!(true)));
    assert_eq!(call.json()["result"]["structuredContent"]["code"], "rate_limited");
    assert_eq!(call.header("retry-after"), call.json()["result"]["structuredContent"]["retry_after"].to_string());

    let list = mcp.send("tools/list", None, json!({})).await;
    let error = &list.json()["error"];
    assert_eq!((list.status, &error["data"]["code"]), (429, &json!("rate_limited")), "{}", list.text());
    assert!(list.json()["id"].is_null() && !list.header("retry-after").is_empty());
}
