//! Going around the limits: A25.

use serde_json::{Value, json};
use testkit::{Agent, Request, TestApp};

use super::hall::sound;

/// An agent whose key may call so often a minute.
async fn limited(app: &TestApp, name: &str, per_minute: u32) -> Agent {
    let agent = app.agent(name).await;
    let input = json!({"label": "slow", "principal": agent.id, "rate_per_minute": per_minute});
    let (key, key_id) = app.key_in("default", input).await;
    Agent { key, key_id, ..agent }
}

fn calls(app: &TestApp, key: &str) -> Vec<(&'static str, Request)> {
    let tool = |name: &str, arguments: Value| {
        app.mcp(key).request("tools/call", Some(name), json!({"name": name, "arguments": arguments}))
    };
    let get = |path: &str| app.rest("GET", path).key(key);
    vec![
        ("plain", get("/api/v1/whoami")),
        ("alias", get("/api/v1/me")),
        ("trailing slash", get("/api/v1/whoami/")),
        ("double slash", get("//api/v1/whoami")),
        ("inner double slash", get("/api//v1/whoami")),
        ("dot segment", get("/api/v1/./whoami")),
        ("dot dot segment", get("/api/v1/x/../whoami")),
        ("percent", get("/api/v1/%77hoami")),
        ("double percent", get("/api/v1/%2577hoami")),
        ("case", get("/API/v1/WhoAmI")),
        ("matrix parameter", get("/api/v1/whoami;x=1")),
        ("empty query", get("/api/v1/whoami?")),
        ("head", app.rest("HEAD", "/api/v1/whoami").key(key)),
        ("other method", app.rest("POST", "/api/v1/whoami").key(key).json(&json!({}))),
        ("override", get("/api/v1/whoami").header("x-http-method-override", "DELETE")),
        ("other header", app.rest("GET", "/api/v1/whoami").header("x-api-key", key)),
        ("scheme's case", app.rest("GET", "/api/v1/whoami").header("authorization", format!("bEARER  {key}"))),
        (
            "forwarded",
            get("/api/v1/whoami").header("x-forwarded-for", "192.0.2.7").header("forwarded", "for=192.0.2.8"),
        ),
        ("tool", tool("whoami", json!({}))),
        ("another tool", tool("list_agents", json!({}))),
        ("unknown tool", tool("no_such_tool", json!({}))),
        ("tool that fails", tool("get_memory", json!({}))),
        ("list of tools", app.mcp(key).request("tools/list", None, json!({}))),
        ("discovery", app.mcp(key).request("server/discover", None, json!({}))),
        ("unknown method", app.mcp(key).request("no/such", None, json!({}))),
        ("wrong media type", app.mcp(key).request("tools/list", None, json!({})).header("content-encoding", "gzip")),
        ("unknown toolset", app.mcp(key).toolsets("nope").request("tools/list", None, json!({}))),
        ("body over the cap", app.mcp(key).request("tools/list", None, json!({})).bytes(vec![b' '; 1024 * 1024 + 1])),
        ("mcp batch", app.mcp(key).request("tools/list", None, json!({})).bytes("[{},{},{}]")),
        ("wrong json", app.rest("POST", "/api/v1/memories").key(key).json(&json!({})).bytes("{")),
        (
            "too large",
            app.rest("POST", "/api/v1/memories").key(key).json(&json!({})).bytes(vec![b' '; 1024 * 1024 + 1]),
        ),
    ]
}

fn is_limited(answer: &testkit::Answer) -> bool {
    answer.status == 429 || answer.json()["result"]["structuredContent"]["code"] == "rate_limited"
}

#[tokio::test]
async fn attack_a25_every_way_to_call_shares_one_bucket() {
    let app = TestApp::start().await;
    let count = calls(&app, "").len();
    for n in 0..count {
        let agent = limited(&app, &format!("agent-{n}"), 1).await;
        let (name, first) = calls(&app, &agent.key).swap_remove(n);
        let answer = first.send().await;
        sound(&answer, name);
        assert!(!is_limited(&answer), "{name}: {}", answer.text());
        let is_served = ![404, 405].contains(&answer.status) || name == "unknown method";
        // What was served, or cost us the reading of a body, is counted: the next call is one too many.
        let next = app.rest("GET", "/api/v1/whoami").key(&agent.key).send().await;
        assert_eq!(next.status, if is_served { 429 } else { 200 }, "{name} answered {}", answer.status);
        // And the other way round: no way to call is open when the bucket is empty.
        let (_, again) = calls(&app, &agent.key).swap_remove(n);
        let again = again.send().await;
        sound(&again, name);
        assert!(is_limited(&again) || [404, 405].contains(&again.status), "{name}: {} {}", again.status, again.text());
    }
}

// contract: mcp §8.7
#[tokio::test]
async fn attack_a25_a_batch_is_refused_and_charged_once() {
    let app = TestApp::start().await;
    let agent = limited(&app, "alice", 3).await;
    let call = |n: u32| json!({"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}});
    let batch: Vec<Value> = (0..50).map(call).collect();
    let request =
        app.mcp(&agent.key).request("tools/call", Some("whoami"), json!({})).bytes(Value::from(batch).to_string());
    let answer = request.send().await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (400, json!(-32_600)), "{}", answer.text());
    assert!(answer.json()["result"].is_null());
    for expected in [200, 200, 429] {
        assert_eq!(app.rest("GET", "/api/v1/whoami").key(&agent.key).send().await.status, expected);
    }
}

#[tokio::test]
async fn attack_a25_several_keys_do_not_multiply_an_agents_calls() {
    let app = TestApp::start_with(domain::Settings { agents_per_minute: 4, ..domain::Settings::default() }).await;
    let agent = app.agent("alice").await;
    let mut keys = vec![agent.key.clone()];
    for _ in 0..3 {
        keys.push(app.key_in("default", json!({"label": "more", "principal": agent.id})).await.0);
    }
    app.clock.advance(60);
    let mut answers = Vec::new();
    for key in keys.iter().cycle().take(8) {
        answers.push(app.rest("GET", "/api/v1/whoami").key(key).send().await.status);
    }
    assert_eq!(answers, [200, 200, 200, 200, 429, 429, 429, 429]);
    app.clock.advance(60);
    let other = app.agent("bob").await;
    assert_eq!(app.rest("GET", "/api/v1/whoami").key(&other.key).send().await.status, 200);
}

#[tokio::test]
async fn attack_a25_a_key_past_its_own_limit_takes_nothing_from_its_agents_other_keys() {
    let app = TestApp::start_with(domain::Settings { agents_per_minute: 10, ..domain::Settings::default() }).await;
    let agent = app.agent("alice").await;
    let (slow, _) = app.key_in("default", json!({"label": "slow", "principal": agent.id, "rate_per_minute": 1})).await;
    for expected in std::iter::once(200).chain([429; 20]) {
        assert_eq!(app.rest("GET", "/api/v1/whoami").key(&slow).send().await.status, expected);
    }
    for _ in 0..9 {
        assert_eq!(app.rest("GET", "/api/v1/whoami").key(&agent.key).send().await.status, 200);
    }
    assert_eq!(app.rest("GET", "/api/v1/whoami").key(&agent.key).send().await.status, 429);
}
