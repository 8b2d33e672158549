//! Every way REST can refuse: each answers the one kind of body.

use domain::Code;
use serde_json::{Value, json};
use testkit::{Answer, Request, TestApp};

/// Checks what holds of every refusal, and that the code's page shows a body with the same members.
fn is_problem(answer: &Answer, code: Code, said: &str) {
    let body = answer.json();
    let text = answer.text();
    assert_eq!((answer.status, answer.code().as_str()), (code.http(), code.as_str()), "{said}: {text}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{said}");
    assert_eq!(body["type"], format!("urn:guildhall:error:{}", code.as_str()), "{said}");
    assert_eq!((&body["title"], &body["status"]), (&json!(code.title()), &json!(code.http())), "{said}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{said}: {text}");
    assert_eq!(body["request_id"], answer.header("x-request-id"), "{said}");
    for fault in body["errors"].as_array().into_iter().flatten() {
        assert!(fault["field"].is_string() && fault["message"].is_string(), "{said}: {text}");
    }
    let shown = domain::reference::problem(code);
    for member in body.as_object().unwrap().keys() {
        assert!(shown.get(member).is_some() || ["errors", "hint"].contains(&member.as_str()), "{said}: {member}");
    }
}

#[tokio::test]
async fn every_refusal_of_rest_is_a_problem() {
    let app = TestApp::start().await;
    let agent = app.agent("alice").await;
    let key = agent.key.as_str();
    let rest = |method: &str, path: &str| app.rest(method, path).key(key);
    let post =
        |body: &str| rest("POST", "/api/v1/memories").header("content-type", "application/json").bytes(body.to_owned());
    let delete = || rest("DELETE", "/api/v1/memories/mem_01JCA4X4E80000000000000001");
    let deep = format!("{{\"value\":{}1{}}}", "[".repeat(65), "]".repeat(65));
    let cases: Vec<(Request, Code)> = vec![
        (rest("GET", "/nothing"), Code::NotFound),
        (rest("GET", "/api/v1/x/"), Code::NotFound),
        (rest("GET", "/api/v1/memories/"), Code::NotFound),
        (rest("GET", "//api/v1/whoami"), Code::NotFound),
        (rest("PUT", "/api/v1/memories"), Code::MethodNotAllowed),
        (rest("OPTIONS", "/api/v1/memories"), Code::MethodNotAllowed),
        (rest("TRACE", "/api/v1/memories"), Code::MethodNotAllowed),
        (rest("PURGE", "/health"), Code::MethodNotAllowed),
        (app.rest("GET", "/api/v1/whoami"), Code::Unauthenticated),
        (app.rest("GET", "/api/v1/whoami").key("ghk_wrong"), Code::Unauthenticated),
        (rest("GET", "/api/v1/audit"), Code::PermissionDenied),
        (rest("GET", "/api/v1/whoami").header("host", "evil.example"), Code::HostNotAllowed),
        (rest("GET", "/api/v1/whoami").header("origin", "https://evil.example"), Code::OriginNotAllowed),
        (rest("GET", "/api/v1/whoami?api_key=x"), Code::CredentialInUrl),
        (rest("GET", "/api/v1/whoami").header("x-long", "x".repeat(66_000)), Code::HeadersTooLarge),
        (rest("GET", "/api/v1/whoami").header("accept", "text/html"), Code::NotAcceptable),
        (rest("GET", "/api/v1/whoami").header("accept", "application/json;q=0"), Code::NotAcceptable),
        (rest("GET", "/api/v1/memories/%ff"), Code::InvalidInput),
        (rest("GET", "/api/v1/memories/%zz"), Code::InvalidInput),
        (rest("GET", "/api/v1/memories?limit=many"), Code::InvalidInput),
        (rest("GET", "/api/v1/memories?limit=0"), Code::InvalidInput),
        (rest("GET", "/api/v1/memories?limit=1&limit=2"), Code::InvalidInput),
        (rest("GET", "/api/v1/memories?unknown=1"), Code::InvalidInput),
        (rest("GET", "/api/v1/memories?cursor=x"), Code::InvalidCursor),
        (rest("GET", "/api/v1/memories/mem_01JCA4X4E80000000000000001"), Code::NotFound),
        (post(""), Code::InvalidInput),
        (post("{"), Code::InvalidInput),
        (post("[]"), Code::InvalidInput),
        (post("\"x\""), Code::InvalidInput),
        (post("{\"content\":\"x\",\"content\":\"y\"}"), Code::InvalidInput),
        (post("{\"content\":\"x\",\"unknown\":1}"), Code::InvalidInput),
        (post("{\"content\":5}"), Code::InvalidInput),
        (post("{\"content\":\"\\ud800\"}"), Code::InvalidInput),
        (post(&deep), Code::InvalidInput),
        (post(&format!("{{\"content\":\"{}\"}}", "x".repeat(100_001))), Code::TooLarge),
        (post(&format!("{{\"content\":\"{}\"}}", "x".repeat(1 << 20))), Code::TooLarge),
        (rest("POST", "/api/v1/memories").bytes("{}"), Code::UnsupportedMediaType),
        (post("{\"content\":\"x\"}").header("content-encoding", "gzip"), Code::UnsupportedMediaType),
        (post("{\"content\":\"x\"}").header("idempotency-key", "a b"), Code::InvalidInput),
        (delete().header("if-match", "x"), Code::InvalidInput),
        (delete().header("if-match", "\"1\"").header("if-match", "\"2\""), Code::InvalidInput),
        (rest("GET", "/api/v1/memories?project=%ff"), Code::InvalidInput),
        (rest("GET", "/api/v1/whoami").header("accept", "text/html").header("accept", "*/*;q=0"), Code::NotAcceptable),
        (rest("GET", "/api/v1/whoami").header("x-api-key", "ghk_other"), Code::InvalidInput),
    ];
    for (request, code) in cases {
        let said = format!("{request:?}").chars().take(300).collect::<String>();
        let answer = request.send().await;
        is_problem(&answer, code, &said);
        assert_eq!(answer.headers.contains_key("allow"), code == Code::MethodNotAllowed, "{said}");
        let names_fields = answer.json()["errors"].is_array();
        assert!(names_fields || code != Code::InvalidInput, "{said}: {}", answer.text());
        if code == Code::Unauthenticated {
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guildhall\"", "{said}");
        }
    }
}

#[tokio::test]
async fn a_refused_method_is_told_which_there_are() {
    let app = TestApp::start().await;
    let agent = app.agent("alice").await;
    for (path, allowed) in
        [("/api/v1/memories", ["GET", "HEAD", "POST"].as_slice()), ("/health", &["GET", "HEAD"]), ("/mcp", &["POST"])]
    {
        for method in ["TRACE", "OPTIONS", "PUT", "LINK"] {
            let answer = app.rest(method, path).key(&agent.key).send().await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let named: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
            for wanted in allowed {
                assert!(named.contains(wanted), "{method} {path}: {named:?}");
            }
            assert!(!named.contains(&method), "{method} {path}: {named:?}");
        }
    }
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let app = TestApp::start().await;
    let agent = app.agent("alice").await;
    for (path, key, status) in [
        ("/api/v1/whoami", Some(agent.key.as_str()), 200),
        ("/api/v1/whoami", None, 401),
        ("/api/v1/audit", Some(&agent.key), 403),
        ("/nothing", None, 404),
    ] {
        let plain = app.rest("HEAD", path);
        let request = match key {
            Some(key) => plain.key(key),
            None => plain,
        };
        let answer = request.send().await;
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{path}");
        assert!(!answer.header("content-type").is_empty(), "{path}");
    }
}

/// Whatever a member is called, a problem that names fields names the one that is wrong.
#[tokio::test]
async fn a_refused_input_names_its_fields() {
    let app = TestApp::start().await;
    let agent = app.agent("alice").await;
    let send = async |body: Value| app.rest("POST", "/api/v1/memories").key(&agent.key).json(&body).send().await.json();
    for (body, field) in [
        (json!({"content": "x", "importance": 2}), "importance"),
        (json!({"content": "x", "tags": ["a", 5]}), "tags[1]"),
        (json!({"content": "x", "provenance": {"source": {"kind": "file"}}}), "provenance.source.ref"),
        (json!({"content": "x", "owner": agent.id}), "owner"),
        (json!({}), "content"),
    ] {
        let problem = send(body).await;
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}
