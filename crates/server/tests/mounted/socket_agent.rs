//! An agent on the data directory's socket: the owner calls MCP as one of his agents, without a key.

use domain::{
    Meta,
    access::{Caller, Origin, Permissions, Via, role::NEVER_IN_A_KEY},
    catalogue::CATALOGUE,
    gate::Presented,
    operation::Access,
};
use serde_json::{Value, json};
use testkit::{Answer, Client, Request, TestApp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A call of a tool on the socket (or wherever `client` leads) under these names.
fn ask(client: Client, names: &[(&'static str, &str)], tool: &str, arguments: Value) -> Request {
    let mut request = Request::new(client, "POST", "/mcp").json(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments},
    }));
    for (header, name) in names {
        request = request.header(header, name);
    }
    request
}

async fn whoami(app: &TestApp, names: &[(&'static str, &str)]) -> Answer {
    ask(app.socket(), names, "whoami", json!({})).send().await
}

fn me(answer: &Answer) -> Value {
    answer.json()["result"]["structuredContent"].clone()
}

const AGENT: &str = "x-guildhall-agent";
const WORKSPACE: &str = "x-guildhall-workspace";

#[tokio::test]
async fn the_owner_of_the_socket_calls_as_any_agent_of_his_hall() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, rita) = (app.agent("alice").await, app.agent_in("other", "rita", "reader").await);
    let answer = whoami(&app, &[(AGENT, "ALICE")]).await;
    let mine = me(&answer);
    assert_eq!(
        (&mine["principal"], &mine["role"], &mine["via"]),
        (&json!(alice.id), &json!("agent"), &json!("socket"))
    );
    assert!(mine["credential_id"].as_str().unwrap().starts_with("uid:"), "{mine}");
    assert_eq!(answer.header("x-guildhall-version"), env!("CARGO_PKG_VERSION"));
    let hers = me(&whoami(&app, &[(AGENT, "rita"), (WORKSPACE, "other")]).await);
    assert_eq!((&hers["principal"], &hers["role"]), (&json!(rita.id), &json!("reader")));
    let stored = ask(app.socket(), &[(AGENT, "alice")], "create_memory", json!({"content": "by socket"})).send().await;
    let memory = me(&stored);
    assert_eq!((&memory["owner"], &memory["provenance"]["principal"]), (&json!(alice.id), &json!(alice.id)));
    assert_eq!(memory["provenance"]["via"], "socket");
    let rows = app.audit("default", json!({"action": "memory.create"})).await;
    assert_eq!((&rows[0]["actor"], &rows[0]["via"]), (&json!(alice.id), &json!("socket")));
    // With a key it is the key that counts.
    let keyed = ask(app.socket(), &[(AGENT, "rita")], "whoami", json!({})).key(&alice.key).send().await;
    assert_eq!((&me(&keyed)["principal"], &me(&keyed)["credential_id"]), (&json!(alice.id), &json!(alice.key_id)));
}

// attack A38
#[tokio::test]
async fn whoever_is_no_active_agent_there_is_nobody() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, _) = (app.agent("alice").await, app.agent_in("other", "rita", "agent").await);
    assert_eq!(whoami(&app, &[(AGENT, "alice")]).await.status, 200);
    app.as_operator("default", "agent.disable", &json!({"id": alice.id})).await;
    let mut bodies = std::collections::BTreeSet::new();
    for names in [
        &[][..],
        &[(WORKSPACE, "default")],
        &[(AGENT, "alice")],
        &[(AGENT, "nobody")],
        &[(AGENT, "")],
        &[(AGENT, "local")],
        &[(AGENT, "usr_00000000000000000000000000")],
        &[(AGENT, "rita")],
        &[(AGENT, "alice"), (WORKSPACE, "other")],
        &[(AGENT, "rita"), (WORKSPACE, "nowhere")],
    ] {
        let answer = whoami(&app, names).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{names:?}");
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("request_id");
        bodies.insert(body.to_string());
        // On the network the names mean nothing.
        let foreign = ask(app.network(), names, "whoami", json!({})).send().await;
        assert_eq!(foreign.status, 401, "{names:?}");
        assert_eq!(foreign.header("x-guildhall-version"), "");
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    let rows = app.audit("default", json!({"action": "auth.token_rejected"})).await;
    assert!(rows.iter().any(|row| row["via"] == "socket" && row["actor"] == "anonymous"), "{rows:?}");
}

async fn identify(app: &TestApp, name: &str) -> Caller {
    let origin = Origin { via: Via::Socket, address: None, user_agent: None, request_id: "req_test".into() };
    let shown = Presented::SocketAgent { uid: 0, workspace: None, name };
    app.gate.identify(shown, origin).await.unwrap()
}

// attack A38
#[tokio::test]
async fn an_agent_on_the_socket_is_never_the_local_operator() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let every: Vec<&str> = domain::access::Permission::ALL.iter().map(|one| one.as_str()).collect();
    for grant in every {
        // What cannot be granted is refused here, and what can be is there from then on.
        let input = json!({"id": otto.id, "grants": [grant]});
        let granted = app.as_operator("default", "agent.update", &input).await.status;
        let caller = identify(&app, "otto").await;
        let identity = caller.identity().unwrap();
        assert_eq!(identity.permissions.and(Permissions::of(NEVER_IN_A_KEY)).bits(), 0, "{grant}");
        let names = identity.permissions.names();
        assert!(granted != 200 || names.contains(&grant) || NEVER_IN_A_KEY.iter().any(|one| one.as_str() == grant));
    }
    let mut refused = 0;
    for entry in CATALOGUE {
        if !matches!(entry.spec.access, Access::LocalOperator | Access::Interactive(_)) {
            continue;
        }
        let caller = identify(&app, "otto").await;
        assert!(!caller.may(entry.spec), "{}", entry.spec.id);
        let input = std::future::ready(Ok("{}".into()));
        let error = app.gate.run(&caller, entry, Meta::default(), input).await.unwrap_err();
        assert_eq!(error.code().as_str(), "permission_denied", "{}", entry.spec.id);
        refused += 1;
    }
    assert!(refused >= 4, "{refused}");
}

#[tokio::test]
async fn a_known_agent_costs_no_database_read_and_changes_are_seen_at_once() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    whoami(&app, &[(AGENT, "alice")]).await;
    let before = app.metric("guildhall_credential_reads_total").await;
    for _ in 0..20 {
        assert_eq!(whoami(&app, &[(AGENT, "alice")]).await.status, 200);
    }
    assert_eq!(app.metric("guildhall_credential_reads_total").await, before);
    app.as_operator("default", "agent.update", &json!({"id": alice.id, "role": "reader"})).await;
    assert_eq!(me(&whoami(&app, &[(AGENT, "alice")]).await)["role"], "reader");
    app.clock.advance(60);
    whoami(&app, &[(AGENT, "alice")]).await;
    app.gate.app().sweep(domain::Finish::No).await.unwrap();
    let seen = app.as_operator("default", "agent.get", &json!({"id": alice.id})).await.json();
    assert!(seen["last_seen_at"].as_str() > seen["created_at"].as_str(), "{seen}");
}

#[tokio::test]
async fn it_has_an_agents_rate() {
    let app = TestApp::start_with(domain::Settings { agents_per_minute: 3, ..domain::Settings::default() }).await;
    app.agent("alice").await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(me(&whoami(&app, &[(AGENT, "alice")]).await)["code"].clone());
    }
    assert_eq!(codes, [Value::Null, Value::Null, Value::Null, json!("rate_limited")]);
}

#[tokio::test]
async fn its_streams_end_when_it_is_disabled() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let Client::Socket(path) = app.socket() else { panic!("a socket is a path") };
    let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "notifications": {"toolsListChanged": true},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }})
    .to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-Guildhall-Agent: alice\r\nContent-Type: application/json\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("acknowledged") {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "{}", String::from_utf8_lossy(&seen));
    }
    app.as_operator("default", "agent.update", &json!({"id": alice.id, "display_name": "Alice"})).await;
    app.as_operator("default", "agent.disable", &json!({"id": alice.id})).await;
    let end = tokio::time::timeout(std::time::Duration::from_secs(5), stream.read_to_end(&mut seen));
    end.await.expect("the stream ends").unwrap();
}
