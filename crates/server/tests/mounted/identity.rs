use std::{net::IpAddr, task::Poll};

use domain::{
    Settings,
    access::{Origin, Permission, Via},
    gate::Presented,
};
use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

use crate::attacks::hall::{body, remember, sound};

async fn whoami(app: &TestApp, key: &str) -> Answer {
    app.rest("GET", "/api/v1/whoami").key(key).send().await
}

async fn note(app: &TestApp, key: &str) -> Answer {
    app.rest("POST", "/api/v1/memories").key(key).json(&json!({"content": "x"})).send().await
}

async fn operator(app: &TestApp, operation: &str, input: Value) -> Answer {
    app.as_operator("default", operation, &input).await
}

/// A further key of an agent.
async fn key(app: &TestApp, agent: &Agent, extra: Value) -> (String, String) {
    let mut input = json!({"label": "further", "principal": agent.id});
    input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    app.key_in("default", input).await
}

async fn reads(app: &TestApp) -> u64 {
    app.metric("guildhall_credential_reads_total").await
}

async fn sweep(app: &TestApp) {
    app.gate.app().sweep(domain::Finish::No).await.unwrap();
}

fn is_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{}", answer.text());
}

fn is_denied(answer: &Answer, required: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (403, "permission_denied"), "{}", answer.text());
    assert_eq!(answer.json()["required"], required);
}

/// A wrong key: no text that is no key costs a read.
const WRONG: &str = "ghk_0000000000000000000000000000000000000000000_000000";

// contract: identity §5.21
#[tokio::test]
async fn read_permission_is_enforced() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (narrow, narrow_id) = key(&app, &alice, json!({"permissions": ["memory:read"]})).await;
    let denied = app.mcp(&narrow).call("create_memory", json!({"content": "x"})).await;
    assert_eq!((denied.code(), &denied.content["required"]), ("permission_denied", &json!("memory:write")));
    is_denied(&note(&app, &narrow).await, "memory:write");
    assert_eq!(app.rest("GET", "/api/v1/memories").key(&narrow).send().await.status, 200);
    let rows = app.audit("default", json!({"action": "authz.denied", "actor": alice.id})).await;
    assert_eq!(rows[0]["credential_id"], json!(narrow_id));
    assert_eq!(
        (&rows[0]["via"], &rows[0]["outcome"], &rows[0]["code"]),
        (&json!("mcp"), &json!("denied"), &json!("permission_denied"))
    );
    assert_eq!(rows[0]["details"]["operation"], "memory.create");
    let (write_only, _) = key(&app, &alice, json!({"permissions": ["memory:write"]})).await;
    is_denied(&app.rest("GET", "/api/v1/memories").key(&write_only).send().await, "memory:read");
    let search = app.rest("POST", "/api/v1/memories/search").key(&write_only).json(&json!({"query": "x"}));
    is_denied(&search.send().await, "memory:read");
    let (nothing, _) = key(&app, &alice, json!({"permissions": []})).await;
    assert_eq!(whoami(&app, &nothing).await.json()["permissions"], json!([]));
    is_denied(&note(&app, &nothing).await, "memory:write");
}

// contract: identity §5.22
#[tokio::test]
async fn a_demotion_takes_effect_on_the_next_call_of_an_unchanged_key() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    assert_eq!(note(&app, &alice.key).await.status, 201);
    let known = reads(&app).await;
    assert_eq!(note(&app, &alice.key).await.status, 201);
    assert_eq!(reads(&app).await, known, "the identity is kept");
    let demoted = operator(&app, "agent.update", json!({"id": alice.id, "role": "reader"})).await;
    assert_eq!((demoted.status, demoted.json()["version"].clone()), (200, json!(2)));
    is_denied(&note(&app, &alice.key).await, "memory:write");
    assert_eq!(app.mcp(&alice.key).call("create_memory", json!({"content": "x"})).await.code(), "permission_denied");
    let listed = app.mcp(&alice.key).tools().await;
    assert!(listed.iter().all(|tool| tool["name"] != "create_memory"));
    operator(&app, "agent.update", json!({"id": alice.id, "grants": ["memory:write"]})).await;
    assert_eq!(note(&app, &alice.key).await.status, 201);
}

// contract: identity §5.23
#[tokio::test]
async fn a_key_makes_no_keys() {
    let app = TestApp::start().await;
    for role in ["reader", "agent", "operator"] {
        let agent = app.agent_in("default", role.trim_end_matches("er"), role).await;
        let input = json!({"label": "more", "principal": agent.id});
        let made = app.rest("POST", "/api/v1/keys").key(&agent.key).json(&input).send().await;
        assert_eq!((made.status, made.code().as_str()), (403, "permission_denied"));
        let listed = app.rest("GET", "/api/v1/keys?count=true").key(&agent.key).send().await.json();
        assert_eq!((&listed["total"], &listed["items"][0]["id"]), (&json!(1), &json!(agent.key_id)));
    }
    let alice = app.agent("alice").await;
    let (other, other_id) = key(&app, &alice, json!({})).await;
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/rotate")] {
        let request = app.rest(method, format!("/api/v1/keys/{other_id}{path}")).key(&alice.key);
        assert_eq!(request.json(&json!({})).send().await.status, 404, "{method}");
    }
    assert_eq!(whoami(&app, &other).await.status, 200);
}

// contract: identity §5.24
#[tokio::test]
async fn retry_after_is_true() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let (slow, _) = key(&app, &alice, json!({"rate_per_minute": 100})).await;
    for n in 0..100 {
        assert_eq!(whoami(&app, &slow).await.status, 200, "call {n}");
    }
    for _ in 0..3 {
        let limited = whoami(&app, &slow).await;
        sound(&limited, "the 101st call");
        assert_eq!((limited.status, limited.code().as_str()), (429, "rate_limited"));
        let wait: i64 = limited.header("retry-after").parse().unwrap();
        assert_eq!(limited.json()["retry_after"], json!(wait));
        assert_eq!(limited.header("ratelimit"), format!("\"key-minute\";r=0;t={wait}"));
        assert_eq!(limited.header("ratelimit-policy"), "\"key-minute\";q=100;w=60");
        let by_tool =
            app.mcp(&slow).send("tools/call", Some("whoami"), json!({"name": "whoami", "arguments": {}})).await;
        assert_eq!((by_tool.status, by_tool.header("retry-after")), (200, limited.header("retry-after")));
        let content = &by_tool.json()["result"]["structuredContent"];
        assert_eq!((&content["code"], &content["retry_after"]), (&json!("rate_limited"), &json!(wait)));
        assert_eq!(whoami(&app, &bob.key).await.status, 200);
        app.clock.advance(wait);
        assert_eq!(whoami(&app, &slow).await.status, 200, "after waiting as told");
        while whoami(&app, &slow).await.status == 200 {}
    }
    let rows = app.audit("default", json!({"action": "rate_limit.exceeded", "actor": alice.id})).await;
    assert!(!rows.is_empty() && rows[0]["code"] == "rate_limited" && rows[0]["outcome"] == "denied", "{rows:?}");
}

#[tokio::test]
async fn limiter_window_resets() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (slow, _) = key(&app, &alice, json!({"rate_per_minute": 3})).await;
    let (hourly, _) = key(&app, &alice, json!({"rate_per_hour": 2})).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        for _ in 0..4 {
            answers.push(whoami(&app, &slow).await.status);
        }
        app.clock.advance(60);
    }
    assert_eq!(answers, [200, 200, 200, 429].repeat(3));
    for expected in [200, 200, 429] {
        assert_eq!(whoami(&app, &hourly).await.status, expected);
    }
    app.clock.advance(60);
    let limited = whoami(&app, &hourly).await;
    assert_eq!((limited.status, limited.header("ratelimit-policy")), (429, "\"key-hour\";q=2;w=3600"));
    app.clock.advance(3_600);
    assert_eq!(whoami(&app, &hourly).await.status, 200);
}

#[tokio::test]
async fn limiter_counts_window_not_lifetime() {
    let app = TestApp::start_with(Settings { agents_per_minute: 60, ..Settings::default() }).await;
    let alice = app.agent("alice").await;
    app.clock.advance(60);
    for n in 0..200 {
        assert_eq!(whoami(&app, &alice.key).await.status, 200, "call {n}");
        app.clock.advance(1);
    }
}

// contract: identity §5.28
#[tokio::test]
async fn ids_of_another_workspace_are_not_found() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, eve) = (app.agent("alice").await, app.agent_in("other", "alice", "operator").await);
    let hers = remember(&app, &alice, json!({"content": "x", "access": "public"})).await;
    for path in [format!("memories/{hers}"), format!("agents/{}", alice.id), format!("keys/{}", alice.key_id)] {
        let answer = app.rest("GET", format!("/api/v1/{path}")).key(&eve.key).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    assert_eq!(app.mcp(&eve.key).call("get_memory", json!({"id": hers})).await.code(), "not_found");
    let agents = app.rest("GET", "/api/v1/agents?count=true").key(&eve.key).send().await.json();
    assert_eq!((&agents["total"], &agents["items"][0]["id"]), (&json!(1), &json!(eve.id)));
    let rows = app.rest("GET", "/api/v1/audit?limit=200").key(&eve.key).send().await.json();
    assert!(!rows.to_string().contains(&alice.id) && !rows["items"].as_array().unwrap().is_empty());
    let key = app.as_operator("other", "key.create", &json!({"label": "x", "principal": alice.id})).await;
    assert_eq!(key.status, 404);
    assert_eq!(app.as_operator("nowhere", "agent.list", &json!({})).await.status, 404);
}

// contract: identity §5.36
#[tokio::test]
async fn one_changed_byte_in_the_audit_log_is_found_at_its_row() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for _ in 0..10 {
        assert_eq!(note(&app, &alice.key).await.status, 201);
    }
    let verify = async || operator(&app, "audit.verify", json!({})).await.json();
    let whole = verify().await;
    assert_eq!((&whole["ok"], &whole["first_bad"]), (&json!(true), &Value::Null));
    let rows = whole["rows"].as_i64().unwrap();
    assert!(rows >= 12, "{whole}");
    // Each change is taken back by the statement after it.
    for (change, back, place) in [
        (
            "UPDATE audit SET actor = 'b' || substr(actor, 2) WHERE seq = 7",
            "UPDATE audit SET actor = 'a' || substr(actor, 2) WHERE seq = 7",
            7,
        ),
        ("UPDATE audit SET ts = ts + 1 WHERE seq = 5", "UPDATE audit SET ts = ts - 1 WHERE seq = 5", 5),
        ("UPDATE audit SET outcome = 'oK' WHERE seq = 1", "UPDATE audit SET outcome = 'ok' WHERE seq = 1", 1),
        ("UPDATE audit SET details = '{\"a\":1}' WHERE seq = 9", "UPDATE audit SET details = '{}' WHERE seq = 9", 9),
        ("UPDATE audit SET ip = '192.0.2.1' WHERE seq = 8", "UPDATE audit SET ip = '127.0.0.1' WHERE seq = 8", 8),
        ("UPDATE audit SET seq = seq + 1000 WHERE seq = 6", "UPDATE audit SET seq = seq - 1000 WHERE seq = 1006", 6),
        ("UPDATE audit SET code = '' WHERE seq = 4", "UPDATE audit SET code = NULL WHERE seq = 4", 4),
    ] {
        assert_eq!(app.tamper(change).await, 1, "{change}");
        let broken = verify().await;
        assert_eq!((&broken["ok"], &broken["first_bad"]), (&json!(false), &json!(place)), "{change}");
        assert_eq!(app.tamper(back).await, 1, "{back}");
        assert_eq!(verify().await["ok"], true, "{back}");
    }
    assert_eq!(app.tamper("DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)").await, 1);
    assert_eq!(verify().await["first_bad"], json!(rows));
    assert_eq!(app.tamper("DELETE FROM audit").await, u64::try_from(rows - 1).unwrap());
    assert_eq!(verify().await["first_bad"], json!(1));
}

#[tokio::test]
async fn a_key_ends_when_it_said_it_would() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (short, id) = key(&app, &alice, json!({"expires_in": 60})).await;
    assert_eq!(whoami(&app, &short).await.json()["credential_expires_at"], "2026-01-01T00:01:00.000000Z");
    app.clock.advance_micros(59_999_999);
    assert_eq!(whoami(&app, &short).await.status, 200);
    app.clock.advance_micros(1);
    is_refused(&whoami(&app, &short).await);
    is_refused(&app.mcp(&short).send("tools/list", None, json!({})).await);
    assert_eq!(operator(&app, "key.get", json!({"id": id})).await.json()["status"], "expired");
    assert_eq!(whoami(&app, &alice.key).await.status, 200);
    app.clock.advance(90 * 86_400);
    is_refused(&whoami(&app, &alice.key).await);
    for wrong in [0, -1, 31_536_001] {
        let input = json!({"label": "x", "principal": alice.id, "expires_in": wrong});
        assert_eq!(operator(&app, "key.create", input).await.status, 400);
    }
}

#[tokio::test]
async fn rotation_changes_key() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    is_denied(
        &app.rest("POST", "/api/v1/keys/self/rotate").key(&alice.key).json(&json!({})).send().await,
        "self_rotate",
    );
    let own = json!({"self_rotate": true, "permissions": ["memory:read", "key:own"], "rate_per_minute": 77, "expires_in": 86_400});
    let (old, old_id) = key(&app, &alice, own).await;
    let rotate = |key: &str, overlap: i64| {
        app.rest("POST", "/api/v1/keys/self/rotate").key(key).json(&json!({"overlap_seconds": overlap})).send()
    };
    assert_eq!(rotate(&old, 604_801).await.status, 400);
    let answer = rotate(&old, 100).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.text());
    let new = answer.json()["api_key"].as_str().unwrap().to_owned();
    let kept = &answer.json()["key"];
    assert_ne!(new, old);
    assert_eq!((&kept["permissions"], &kept["rate_per_minute"]), (&json!(["memory:read", "key:own"]), &json!(77)));
    assert_eq!(kept["expires_at"], "2026-01-02T00:00:00.000000Z");
    is_denied(&note(&app, &new).await, "memory:write");
    // Both work for the overlap; then only the new one.
    assert_eq!((whoami(&app, &old).await.status, whoami(&app, &new).await.status), (200, 200));
    assert_eq!(rotate(&old, 0).await.code(), "already_done", "a line does not branch");
    assert_eq!(operator(&app, "key.get", json!({"id": old_id})).await.json()["status"], "rotating");
    app.clock.advance(99);
    assert_eq!(whoami(&app, &old).await.status, 200);
    app.clock.advance(1);
    is_refused(&whoami(&app, &old).await);
    assert_eq!(whoami(&app, &new).await.status, 200);
    let at_once = rotate(&new, 0).await.json()["api_key"].as_str().unwrap().to_owned();
    is_refused(&whoami(&app, &new).await);
    assert_eq!(whoami(&app, &at_once).await.status, 200);
}

#[tokio::test]
async fn a_line_of_rotated_keys_ends_a_year_after_its_first() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (mut key, _) = key(&app, &alice, json!({"self_rotate": true, "expires_in": 31_536_000})).await;
    for days in [100, 100, 100] {
        app.clock.advance(days * 86_400);
        let answer = app.rest("POST", "/api/v1/keys/self/rotate").key(&key).json(&json!({})).send().await.json();
        assert_eq!(answer["key"]["expires_at"], "2027-01-01T00:00:00.000000Z");
        key = answer["api_key"].as_str().unwrap().to_owned();
    }
    app.clock.advance(65 * 86_400);
    is_refused(&whoami(&app, &key).await);
}

#[tokio::test]
async fn a_revoked_key_is_refused_on_the_next_call() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (other, other_id) = key(&app, &alice, json!({})).await;
    for _ in 0..3 {
        assert_eq!(whoami(&app, &alice.key).await.status, 200);
    }
    assert_eq!(operator(&app, "key.revoke", json!({"id": alice.key_id})).await.status, 204);
    is_refused(&whoami(&app, &alice.key).await);
    is_refused(&note(&app, &alice.key).await);
    is_refused(&app.mcp(&alice.key).send("tools/list", None, json!({})).await);
    assert_eq!(whoami(&app, &other).await.status, 200);
    // A key may end itself, and ending it again changes nothing.
    let itself = app.rest("DELETE", format!("/api/v1/keys/{other_id}")).key(&other).send().await;
    assert_eq!(itself.status, 204);
    is_refused(&whoami(&app, &other).await);
    let first = operator(&app, "key.get", json!({"id": other_id})).await.json();
    app.clock.advance(5);
    assert_eq!(operator(&app, "key.revoke", json!({"id": other_id})).await.status, 204);
    assert_eq!(operator(&app, "key.get", json!({"id": other_id})).await.json(), first);
    assert_eq!(first["status"], "revoked");
}

#[tokio::test]
async fn a_disabled_agent_is_refused_on_the_next_call() {
    let app = TestApp::start().await;
    let (alice, otto) = (app.agent("alice").await, app.agent_in("default", "otto", "operator").await);
    let (other, _) = key(&app, &alice, json!({})).await;
    assert_eq!((whoami(&app, &alice.key).await.status, whoami(&app, &other).await.status), (200, 200));
    let disabled = app.rest("POST", format!("/api/v1/agents/{}/disable", alice.id)).key(&otto.key).send().await;
    assert_eq!((disabled.status, disabled.json()["status"].clone()), (200, json!("disabled")), "{}", disabled.text());
    for key in [&alice.key, &other] {
        is_refused(&whoami(&app, key).await);
        is_refused(&app.mcp(key).send("tools/list", None, json!({})).await);
    }
    let enable = json!({"status": "active"});
    let enabled = app.rest("PATCH", format!("/api/v1/agents/{}", alice.id)).key(&otto.key).json(&enable).send().await;
    assert_eq!(enabled.status, 200);
    assert_eq!(whoami(&app, &alice.key).await.status, 200);
}

#[tokio::test]
async fn every_refused_credential_gets_the_same_answer() {
    let app = TestApp::start().await;
    let (a, b, c) = (app.agent("a").await, app.agent("b").await, app.agent("c").await);
    let (expired, _) = key(&app, &c, json!({"expires_in": 1})).await;
    operator(&app, "key.revoke", json!({"id": a.key_id})).await;
    operator(&app, "agent.disable", json!({"id": b.id})).await;
    app.clock.advance(1);
    let mut bodies = std::collections::BTreeSet::new();
    for key in [&a.key, &b.key, &expired, WRONG, "", "x"] {
        let answer = whoami(&app, key).await;
        is_refused(&answer);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guildhall\"");
        bodies.insert(body(&answer).to_string());
    }
    let nothing = app.rest("GET", "/api/v1/whoami").send().await;
    bodies.insert(body(&nothing).to_string());
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn every_key_is_checked_not_just_present() {
    let app = TestApp::start().await;
    app.agent("alice").await;
    for key in
        ["x", "null", "undefined", "true", "admin", "Bearer", WRONG, "ghk_", "dev-secret-key-do-not-use-in-production"]
    {
        is_refused(&whoami(&app, key).await);
        is_refused(&app.rest("GET", "/api/v1/memories").header("x-api-key", key).send().await);
        is_refused(&app.mcp(key).send("server/discover", None, json!({})).await);
        app.clock.advance(10);
    }
}

#[tokio::test]
async fn a_keys_rights_lie_within_its_agents() {
    let app = TestApp::start().await;
    let rita = app.agent_in("default", "rita", "reader").await;
    let (wide, _) =
        key(&app, &rita, json!({"permissions": ["memory:read", "memory:write", "agent:manage", "audit:read"]})).await;
    assert_eq!(whoami(&app, &wide).await.json()["permissions"], json!(["memory:read"]));
    is_denied(&note(&app, &wide).await, "memory:write");
    is_denied(&app.rest("GET", "/api/v1/audit").key(&wide).send().await, "audit:read");
    // What the agent is given later reaches only the keys that carry it.
    operator(&app, "agent.update", json!({"id": rita.id, "grants": ["memory:write", "task:claim"]})).await;
    let (narrow, _) = key(&app, &rita, json!({"permissions": ["memory:read"]})).await;
    assert_eq!(note(&app, &wide).await.status, 201);
    is_denied(&note(&app, &narrow).await, "memory:write");
}

#[tokio::test]
async fn unknown_permission_is_refused() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for wrong in ["*", "memory:*", "admin", "memory:Read", " memory:read", "memory", "", "user:manage ", "superuser"] {
        let input = json!({"label": "x", "principal": alice.id, "permissions": ["memory:read", wrong]});
        let made = operator(&app, "key.create", input).await;
        assert_eq!((made.status, made.json()["errors"][0]["field"].clone()), (400, json!("permissions")), "{wrong}");
        for (operation, input) in [
            ("agent.create", json!({"name": "new", "grants": [wrong]})),
            ("agent.update", json!({"id": alice.id, "grants": [wrong]})),
        ] {
            let answer = operator(&app, operation, input).await;
            assert_eq!((answer.status, answer.json()["errors"][0]["field"].clone()), (400, json!("grants")), "{wrong}");
        }
    }
    for never in ["user:manage", "key:manage", "settings:manage"] {
        let input = json!({"label": "x", "principal": alice.id, "permissions": [never]});
        assert_eq!(operator(&app, "key.create", input).await.status, 400, "{never}");
    }
}

#[tokio::test]
async fn no_key_carries_what_needs_a_person() {
    let app = TestApp::start().await;
    let all: Vec<&str> =
        Permission::ALL.iter().map(|one| one.as_str()).filter(|name| *name != "terminal:run").collect();
    let made = operator(&app, "agent.create", json!({"name": "mighty", "role": "operator", "grants": all})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let (key, key_id) = app.key_in("default", json!({"label": "x", "principal": id})).await;
    let mine = whoami(&app, &key).await.json()["permissions"].to_string();
    for never in ["user:manage", "key:manage", "settings:manage"] {
        assert!(!mine.contains(never), "{mine}");
    }
    assert!(mine.contains("guard:manage"));
    let seen = app.rest("GET", "/api/v1/keys?count=true").key(&key).send().await.json();
    assert_eq!((&seen["total"], &seen["items"][0]["id"]), (&json!(1), &json!(key_id)));
    let terminal = operator(&app, "agent.create", json!({"name": "t", "grants": ["terminal:run"]})).await;
    assert_eq!(terminal.code(), "permission_denied", "nobody gives what they do not have");
}

#[tokio::test]
async fn nobody_gives_or_touches_rights_beyond_their_own() {
    let app = TestApp::start().await;
    let (otto, alice) = (app.agent_in("default", "otto", "operator").await, app.agent("alice").await);
    let (manager, _) = key(&app, &otto, json!({"permissions": ["agent:manage", "agent:read", "memory:read"]})).await;
    let create = |key: &str, body: Value| app.rest("POST", "/api/v1/agents").key(key).json(&body).send();
    let update = |key: &str, id: &str, body: Value| {
        app.rest("PATCH", format!("/api/v1/agents/{id}")).key(key).json(&body).send()
    };
    for body in [json!({"name": "n"}), json!({"name": "n", "role": "operator"}), json!({"name": "n", "role": "reader"})]
    {
        assert_eq!(create(&manager, body).await.code(), "permission_denied");
    }
    for (id, body) in [
        (&alice.id, json!({"role": "operator"})),
        (&alice.id, json!({"grants": ["audit:read"]})),
        (&alice.id, json!({"display_name": "x"})),
        (&otto.id, json!({"status": "disabled"})),
    ] {
        assert_eq!(update(&manager, id, body.clone()).await.code(), "permission_denied", "{body}");
    }
    assert_eq!(app.rest("POST", format!("/api/v1/agents/{}/disable", otto.id)).key(&manager).send().await.status, 403);
    for grants in [json!(["memory:manage"]), json!(["key:manage"]), json!(["settings:manage"]), json!(["terminal:run"])]
    {
        assert_eq!(
            update(&otto.key, &otto.id, json!({"grants": grants})).await.code(),
            "permission_denied",
            "{grants}"
        );
        assert_eq!(
            update(&otto.key, &alice.id, json!({"grants": grants})).await.code(),
            "permission_denied",
            "{grants}"
        );
    }
    is_denied(&update(&alice.key, &alice.id, json!({"role": "operator"})).await, "agent:manage");
    assert_eq!(whoami(&app, &otto.key).await.status, 200);
}

#[tokio::test]
async fn an_agent_is_never_an_admin() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for role in ["admin", "Admin", "ADMIN", "root", "owner", "", "operator "] {
        for (operation, input) in [
            ("agent.create", json!({"name": "x", "role": role})),
            ("agent.update", json!({"id": alice.id, "role": role})),
        ] {
            let answer = operator(&app, operation, input).await;
            assert_eq!((answer.status, answer.json()["errors"][0]["field"].clone()), (400, json!("role")), "{role}");
        }
    }
}

#[tokio::test]
async fn reserved_and_look_alike_names_are_refused() {
    let app = TestApp::start().await;
    app.agent("alice").await;
    for name in ["system", "guildhall", "anonymous", "local", "admin", "root", "Admin", "ROOT", "SyStEm"] {
        let answer = operator(&app, "agent.create", json!({"name": name})).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "name_not_allowed"), "{name}");
    }
    for name in [
        "аdmin",
        "аlice",
        "alice\u{200b}",
        "\u{202e}ecila",
        "ａｌｉｃｅ",
        "ali ce",
        " alice",
        "alice ",
        "",
        "-alice",
        ".alice",
        "_alice",
        "alice/../bob",
        "alice\n",
        "a\u{300}lice",
        "İ",
        "alice@x",
        &"a".repeat(65),
    ] {
        let answer = operator(&app, "agent.create", json!({"name": name})).await;
        assert_eq!((answer.status, answer.json()["errors"][0]["field"].clone()), (400, json!("name")), "{name:?}");
    }
    for name in ["Alice", "ALICE"] {
        assert_eq!(operator(&app, "agent.create", json!({"name": name})).await.code(), "already_exists");
    }
    for name in ["a", "7", "a.b:c-d_e", &"b".repeat(64)] {
        assert_eq!(operator(&app, "agent.create", json!({"name": name})).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn name_or_prefix_grants_nothing() {
    let app = TestApp::start().await;
    let plain = app.agent("alice").await;
    let mine = whoami(&app, &plain.key).await.json()["permissions"].clone();
    for name in [
        "system-1",
        "system_agent",
        "guildhall.core",
        "admin-bot",
        "local:root",
        "internal",
        "usr_00000000000000000000000000",
    ] {
        let agent = app.agent(name).await;
        assert_eq!(whoami(&app, &agent.key).await.json()["permissions"], mine, "{name}");
        is_denied(&app.rest("GET", "/api/v1/audit").key(&agent.key).send().await, "audit:read");
    }
    let by_id = [&plain.key_id, &plain.id, "alice", &plain.key[..12]];
    for text in by_id {
        is_refused(&whoami(&app, text).await);
    }
}

#[tokio::test]
async fn agent_type_is_not_self_asserted() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let memory = app
        .rest("POST", "/api/v1/memories")
        .key(&alice.key)
        .header("x-agent-type", "system")
        .header("user-agent", "admin/1");
    let memory = memory.json(&json!({"content": "x"})).send().await.json();
    assert_eq!(memory["provenance"]["agent_type"], "agent");
    let claimed = json!({"content": "x", "agent_type": "system"});
    assert_eq!(app.rest("POST", "/api/v1/memories").key(&alice.key).json(&claimed).send().await.status, 400);
    let claimed = json!({"content": "x", "provenance": {"agent_type": "system"}});
    assert_eq!(app.rest("POST", "/api/v1/memories").key(&alice.key).json(&claimed).send().await.status, 400);
}

#[tokio::test]
async fn no_agent_switching_or_execute_as() {
    let app = TestApp::start().await;
    let (alice, otto) = (app.agent("alice").await, app.agent_in("default", "otto", "operator").await);
    for name in ["execute_as", "switch_agent", "impersonate", "act_as", "set_agent", "authenticate"] {
        let arguments = json!({"name": name, "arguments": {"agent_id": alice.id}});
        let answer = app.mcp(&otto.key).send("tools/call", Some(name), arguments).await;
        assert_eq!(answer.json()["error"]["code"], -32_602, "{}", answer.text());
    }
    let request = app.rest("GET", "/api/v1/whoami").key(&otto.key).header("x-agent-id", &alice.id);
    assert_eq!(request.send().await.json()["principal"], json!(otto.id));
}

#[tokio::test]
async fn every_write_leaves_exactly_one_whole_audit_row() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let made = app
        .rest("POST", "/api/v1/memories")
        .key(&alice.key)
        .header("user-agent", "kit/7")
        .json(&json!({"content": "x"}));
    let made = made.send().await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/memories/{id}");
    let patched = app.rest("PATCH", path.clone()).key(&alice.key).json(&json!({"summary": "s"})).send().await;
    let by_tool = app.mcp(&alice.key).call("set_memory", json!({"key": "k", "value": 1})).await;
    let deleted = app.rest("DELETE", path).key(&alice.key).send().await;
    let revoked = app.rest("DELETE", format!("/api/v1/keys/{}", alice.key_id)).key(&alice.key).send().await;
    for (action, answer, via, object) in [
        ("memory.create", Some(&made), "rest", json!(id)),
        ("memory.update", Some(&patched), "rest", json!(id)),
        ("memory.set", None, "mcp", by_tool.content["id"].clone()),
        ("memory.delete", Some(&deleted), "rest", json!(id)),
        ("key.revoke", Some(&revoked), "rest", json!(alice.key_id)),
    ] {
        let rows = app.audit("default", json!({"action": action})).await;
        assert_eq!(rows.len(), 1, "{action}");
        let row = &rows[0];
        let expected = json!([alice.id, alice.key_id, via, "127.0.0.1", "ok", "info", object]);
        let shown = json!([
            row["actor"],
            row["credential_id"],
            row["via"],
            row["ip"],
            row["outcome"],
            row["severity"],
            row["object"]
        ]);
        assert_eq!(shown, expected, "{action}");
        if let Some(answer) = answer {
            assert!((200..300).contains(&answer.status), "{action}: {}", answer.text());
            assert_eq!(row["request_id"], answer.header("x-request-id"), "{action}");
        }
    }
    assert_eq!(app.audit("default", json!({"action": "memory.create"})).await[0]["user_agent"], "kit/7");
    let keys = app.audit("default", json!({"action": "key.create"})).await;
    assert_eq!((keys.len(), &keys[0]["via"], &keys[0]["object"]), (1, &json!("socket"), &json!(alice.key_id)));
    assert!(keys[0]["credential_id"].as_str().unwrap().starts_with("uid:"));
    // Reads, repeats and what an idempotency key answers leave none.
    let before = app.audit("default", json!({})).await.len();
    let bob = app.agent("bob").await;
    for _ in 0..3 {
        whoami(&app, &bob.key).await;
        app.rest("GET", "/api/v1/memories").key(&bob.key).send().await;
        let once = app
            .rest("POST", "/api/v1/memories")
            .key(&bob.key)
            .header("idempotency-key", "one")
            .json(&json!({"content": "x"}));
        assert_eq!(once.send().await.status, 201);
    }
    assert_eq!(app.audit("default", json!({})).await.len(), before + 3, "agent, key, memory");
}

#[tokio::test]
async fn audit_never_overwrites() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for _ in 0..5 {
        is_refused(&whoami(&app, WRONG).await);
    }
    let rejected = async || app.audit("default", json!({"action": "auth.token_rejected"})).await;
    let rows = rejected().await;
    assert_eq!((rows.len(), &rows[0]["details"]["repeat"]), (1, &Value::Null), "the first one is written at once");
    assert_eq!(
        (&rows[0]["actor"], &rows[0]["ip"], &rows[0]["outcome"]),
        (&json!("anonymous"), &json!("127.0.0.1"), &json!("denied"))
    );
    let first = rows[0].clone();
    sweep(&app).await;
    assert_eq!(rejected().await.len(), 1, "the window is open");
    app.clock.advance(60);
    sweep(&app).await;
    let rows = rejected().await;
    assert_eq!((rows.len(), &rows[0]["details"]["repeat"]), (2, &json!(4)));
    assert_eq!(rows[1], first, "nothing is overwritten");
    sweep(&app).await;
    assert_eq!(rejected().await.len(), 2);
    // Other principals, operations and codes have rows of their own.
    let rita = app.agent_in("default", "rita", "reader").await;
    for _ in 0..3 {
        is_denied(&note(&app, &rita.key).await, "memory:write");
        is_denied(&app.rest("GET", "/api/v1/audit").key(&rita.key).send().await, "audit:read");
        is_denied(&app.rest("GET", "/api/v1/audit").key(&alice.key).send().await, "audit:read");
    }
    assert_eq!(app.audit("default", json!({"action": "authz.denied"})).await.len(), 3);
    // A repeat after the window closes the old one first, with the time at which it was closed.
    app.clock.advance(61);
    is_denied(&note(&app, &rita.key).await, "memory:write");
    let rows = app.audit("default", json!({"action": "authz.denied", "actor": rita.id})).await;
    assert_eq!(rows.len(), 4);
    assert_eq!((&rows[1]["details"]["repeat"], &rows[1]["ts"]), (&json!(2), &rows[0]["ts"]));
    let (mut last, all) = (String::new(), app.audit("default", json!({})).await);
    for row in all.iter().rev() {
        assert!(row["ts"].as_str().unwrap() >= last.as_str(), "{row}");
        row["ts"].as_str().unwrap().clone_into(&mut last);
    }
    assert_eq!(operator(&app, "audit.verify", json!({})).await.json()["ok"], true);
}

#[tokio::test]
async fn refusals_of_an_ipv6_network_are_one_row() {
    let app = TestApp::start().await;
    for n in 0..100u16 {
        let address: IpAddr = format!("2001:db8::{n:x}").parse().unwrap();
        let origin = Origin { via: Via::Rest, address: Some(address), user_agent: None, request_id: "req_x".into() };
        assert!(app.gate.identify(Presented::Bearer(WRONG), origin).await.is_err());
    }
    let rows = app.audit("default", json!({"outcome": "denied"})).await;
    let codes: Vec<_> = rows.iter().map(|row| row["code"].clone()).collect();
    assert_eq!(codes, ["rate_limited", "unauthenticated"], "{rows:?}");
}

#[tokio::test]
async fn use_of_a_revoked_key_is_written_down_in_its_own_workspace() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, eve) = (app.agent("alice").await, app.agent_in("other", "eve", "agent").await);
    for (workspace, agent) in [("default", &alice), ("other", &eve)] {
        let revoked = app.as_operator(workspace, "key.revoke", &json!({"id": agent.key_id})).await;
        assert_eq!(revoked.status, 204);
        for _ in 0..3 {
            is_refused(&whoami(&app, &agent.key).await);
        }
    }
    for workspace in ["default", "other"] {
        let rows = app.audit(workspace, json!({"action": "key.used_after_revoke"})).await;
        assert_eq!((rows.len(), &rows[0]["outcome"]), (1, &json!("denied")), "{workspace}: {rows:?}");
    }
}

#[tokio::test]
async fn audit_has_no_bodies() {
    let app = TestApp::start().await;
    let (alice, canary) = (app.agent("alice").await, "bodycanary77");
    let id = remember(
        &app,
        &alice,
        json!({"content": canary, "summary": canary, "tags": [canary], "key": canary, "project": canary}),
    )
    .await;
    for body in [
        json!({"content": canary, "bogus": canary}),
        json!({"content": canary, "kind": canary}),
        json!({"content": canary, "key": canary}),
    ] {
        assert!(app.rest("POST", "/api/v1/memories").key(&alice.key).json(&body).send().await.status >= 400);
        app.mcp(&alice.key).call("create_memory", body).await;
    }
    let path = format!("/api/v1/memories/{id}");
    app.rest("PATCH", path.clone())
        .key(&alice.key)
        .json(&json!({"content": canary, "expected_version": 9}))
        .send()
        .await;
    app.rest("PATCH", path).key(&alice.key).json(&json!({"metadata": {canary: canary}})).send().await;
    app.rest("POST", "/api/v1/memories/search").key(&alice.key).json(&json!({"query": canary})).send().await;
    app.rest("GET", format!("/api/v1/{canary}?q={canary}")).send().await;
    app.gate.app().sweep(domain::Finish::Yes).await.unwrap();
    let rows = Value::from(app.audit("default", json!({})).await).to_string();
    assert!(rows.contains("memory.create") && rows.contains("failed") && !rows.contains(canary), "{rows}");
    let metrics = operator(&app, "ops.metrics", json!({})).await.text();
    assert!(metrics.contains("memory.create") && !metrics.contains(canary));
}

#[tokio::test]
async fn the_61st_refused_credential_of_an_address_costs_no_read_and_the_count_decays() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    assert_eq!(whoami(&app, &alice.key).await.status, 200);
    // A key of the right shape that nobody has: alice's, after it was revoked.
    let (gone, gone_id) = key(&app, &alice, json!({})).await;
    operator(&app, "key.revoke", json!({"id": gone_id})).await;
    assert_eq!(whoami(&app, &alice.key).await.status, 200);
    let start = reads(&app).await;
    for n in 0..60 {
        let answer = match n % 3 {
            0 => whoami(&app, &gone).await,
            1 => whoami(&app, WRONG).await,
            _ => app.rest("GET", "/api/v1/whoami").send().await,
        };
        is_refused(&answer);
    }
    let known = reads(&app).await;
    assert_eq!(known, start + 20);
    for key in [gone.as_str(), WRONG, &bob.key] {
        let answer = whoami(&app, key).await;
        sound(&answer, key);
        assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"));
        assert_eq!(answer.header("ratelimit-policy"), "\"refused-credentials\";q=60;w=60");
        let by_mcp = app.mcp(key).send("tools/list", None, json!({})).await;
        assert_eq!(by_mcp.status, 429);
    }
    let anonymous = app.rest("GET", "/api/v1/whoami").send().await;
    assert_eq!((anonymous.status, anonymous.header("retry-after")), (429, "1"));
    assert_eq!(reads(&app).await, known, "no read once the address is limited");
    assert_eq!(whoami(&app, &alice.key).await.status, 200, "a credential seen before is not slowed");
    let rows = app.audit("default", json!({"action": "rate_limit.exceeded", "actor": "anonymous"})).await;
    let operations: Vec<_> = rows.iter().map(|row| row["details"]["operation"].clone()).collect();
    assert_eq!(operations, ["auth.whoami", "auth.token_rejected"], "{rows:?}");
    app.clock.advance(1);
    is_refused(&whoami(&app, WRONG).await);
    assert_eq!(whoami(&app, WRONG).await.status, 429);
    app.clock.advance(60);
    for _ in 0..60 {
        is_refused(&whoami(&app, WRONG).await);
    }
    assert_eq!(whoami(&app, WRONG).await.status, 429);
}

#[tokio::test]
async fn xff_from_stranger_ignored() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for (header, value) in [
        ("x-forwarded-for", "192.0.2.1"),
        ("forwarded", "for=192.0.2.1;proto=https"),
        ("x-real-ip", "192.0.2.1"),
        ("true-client-ip", "192.0.2.1"),
        ("cf-connecting-ip", "192.0.2.1"),
    ] {
        let me = app.rest("GET", "/api/v1/whoami").key(&alice.key).header(header, value).send().await.json();
        assert_eq!(me["client_address"], "127.0.0.1", "{header}");
    }
    let mut answers = Vec::new();
    for n in 0..62 {
        let request = app.rest("GET", "/api/v1/whoami").key(WRONG).header("x-forwarded-for", format!("192.0.2.{n}"));
        answers.push(request.header("forwarded", format!("for=192.0.2.{n}")).send().await.status);
    }
    assert_eq!(answers[..60], [401; 60]);
    assert_eq!(answers[60..], [429, 429]);
    let rows = app.audit("default", json!({"outcome": "denied"})).await;
    assert!(rows.iter().all(|row| row["ip"] == "127.0.0.1"));
}

#[tokio::test]
async fn two_different_credentials_are_refused_and_two_equal_ones_are_one() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    for (one, other) in [(&alice.key, &bob.key), (&alice.key, &WRONG.to_owned())] {
        for path in ["/api/v1/whoami", "/mcp", "/health"] {
            let method = if path == "/mcp" { "POST" } else { "GET" };
            let answer = app.rest(method, path).key(one).header("x-api-key", other).send().await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_input"), "{path}");
        }
    }
    let same = app.rest("GET", "/api/v1/whoami").key(&alice.key).header("x-api-key", &alice.key).send().await;
    assert_eq!(same.json()["principal"], json!(alice.id));
}

#[tokio::test]
async fn uses_of_a_key_are_written_in_batches() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let writes = app.metric("guildhall_store_writes_total").await;
    for _ in 0..7 {
        whoami(&app, &alice.key).await;
    }
    assert_eq!(app.metric("guildhall_store_writes_total").await, writes, "a read writes nothing");
    let row = async || operator(&app, "key.get", json!({"id": alice.key_id})).await.json();
    assert_eq!((row().await["usage_count"].clone(), row().await["last_used_at"].clone()), (json!(0), Value::Null));
    sweep(&app).await;
    assert_eq!(
        (&row().await["usage_count"], &row().await["last_used_at"]),
        (&json!(7), &json!("2026-01-01T00:00:00.000000Z"))
    );
    let agent = operator(&app, "agent.get", json!({"id": alice.id})).await.json();
    assert_eq!((&agent["last_seen_at"], &agent["version"]), (&json!("2026-01-01T00:00:00.000000Z"), &json!(1)));
    is_refused(&whoami(&app, WRONG).await);
    sweep(&app).await;
    assert_eq!(row().await["usage_count"], 7);
    // Being written down does not make the identity be read anew.
    let known = reads(&app).await;
    whoami(&app, &alice.key).await;
    assert_eq!(reads(&app).await, known);
}

#[tokio::test]
async fn error_never_echoes_credential() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let secret = &alice.key;
    operator(&app, "key.revoke", json!({"id": alice.key_id})).await;
    let bob = app.agent("bob").await;
    for request in [
        app.rest("GET", "/api/v1/whoami").key(secret),
        app.rest("GET", "/api/v1/whoami").header("x-api-key", secret),
        app.rest("GET", "/api/v1/whoami").header("authorization", format!("Basic {secret}")),
        app.rest("GET", "/api/v1/whoami").key(&bob.key).header("x-api-key", secret),
        app.rest("GET", format!("/api/v1/whoami?token={secret}")).key(&bob.key),
        app.rest("GET", format!("/api/v1/memories/{secret}")).key(&bob.key),
        app.rest("GET", format!("/nowhere/{secret}")),
        app.rest("POST", "/api/v1/memories")
            .key(&bob.key)
            .header("idempotency-key", format!("{secret} {secret}"))
            .json(&json!({})),
        app.rest("POST", "/api/v1/memories").key(&bob.key).json(&json!({"content": "x", "api_key": secret})),
        app.mcp(secret).request("tools/list", None, json!({})),
    ] {
        let answer = request.send().await;
        sound(&answer, "a credential in the wrong place");
        assert!(answer.status >= 400 && !answer.text().contains(&secret[4..40]), "{}", answer.text());
    }
}

#[tokio::test]
async fn limiter_fails_closed() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    // What the database holds of rights is not understood: nobody gets in, and nobody is told why.
    assert_eq!(app.tamper("UPDATE agents SET role = 'superuser'").await, 1);
    let answer = whoami(&app, &alice.key).await;
    assert!(answer.status >= 400 && !answer.text().contains("superuser"), "{}", answer.text());
    assert_eq!(app.tamper("UPDATE agents SET role = 'agent'").await, 1);
    assert_eq!(app.tamper("UPDATE workspaces SET status = 'suspended'").await, 1);
    is_refused(&whoami(&app, &alice.key).await);
}

#[tokio::test]
async fn no_token_in_tool_arguments() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let tools = app.mcp(&otto.key).toolsets("all").tools().await;
    let words = ["token", "secret", "password", "api_key", "credential", "bearer", "agent_id", "sender"];
    for tool in &tools {
        for name in tool["inputSchema"]["properties"].as_object().into_iter().flat_map(|map| map.keys()) {
            let is_count = name == "max_tokens";
            assert!(is_count || !words.iter().any(|word| name.contains(word)), "{} takes {name}", tool["name"]);
        }
        assert!(
            !["key", "rotate", "login"].iter().any(|word| tool["name"].as_str().unwrap().ends_with(word)),
            "{}",
            tool["name"]
        );
    }
    for member in ["token", "api_key", "access_token", "password"] {
        let result = app.mcp(&otto.key).call("create_memory", json!({"content": "x", member: otto.key})).await;
        assert_eq!((result.code(), &result.content["errors"][0]["field"]), ("invalid_input", &json!(member)));
    }
    let as_argument = app.rest("POST", "/mcp").json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "whoami", "arguments": {"token": otto.key}}}));
    is_refused(&as_argument.send().await);
}

#[tokio::test]
async fn business_failure_sets_is_error() {
    let app = TestApp::start().await;
    let rita = app.agent_in("default", "rita", "reader").await;
    let alice = app.agent("alice").await;
    let nobody = json!({"id": "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    for (key, tool, arguments, code) in [
        (&alice.key, "get_memory", nobody.clone(), "not_found"),
        (&alice.key, "get_memory", json!({}), "invalid_input"),
        (&alice.key, "create_memory", json!({"content": "x", "importance": 7}), "invalid_input"),
        (&alice.key, "delete_memory", nobody, "not_found"),
        (&alice.key, "search_memories", json!({"query": "x", "mode": "semantic"}), "semantic_unavailable"),
        (&alice.key, "list_audit", json!({}), "permission_denied"),
        (&rita.key, "create_memory", json!({"content": "x"}), "permission_denied"),
    ] {
        let answer = app.mcp(key).send("tools/call", Some(tool), json!({"name": tool, "arguments": arguments})).await;
        let result = &answer.json()["result"];
        assert_eq!(
            (answer.status, &result["isError"], &result["structuredContent"]["code"]),
            (200, &json!(true), &json!(code)),
            "{tool}"
        );
        assert!(result["structuredContent"]["message"].is_string());
    }
    let fine = app.mcp(&alice.key).send("tools/call", Some("whoami"), json!({"name": "whoami", "arguments": {}})).await;
    assert_eq!(fine.json()["result"]["isError"], false);
}

#[tokio::test]
async fn mcp_and_rest_share_one_gate() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (slow, _) = key(&app, &alice, json!({"rate_per_minute": 4})).await;
    let mcp = app.mcp(&slow);
    assert_eq!(whoami(&app, &slow).await.status, 200);
    assert!(!mcp.call("whoami", json!({})).await.is_error);
    assert_eq!(mcp.send("tools/list", None, json!({})).await.status, 200);
    assert_eq!(whoami(&app, &slow).await.status, 200);
    assert_eq!(mcp.call("whoami", json!({})).await.code(), "rate_limited");
    assert_eq!(whoami(&app, &slow).await.status, 429);
    let listing = mcp.send("tools/list", None, json!({})).await;
    assert_eq!(listing.status, 429, "{}", listing.text());
    let rows = app.audit("default", json!({"action": "rate_limit.exceeded", "actor": alice.id})).await;
    assert_eq!(rows.iter().filter(|row| row["details"]["operation"] == "http").count(), 1, "{rows:?}");
    let (by_rest, by_tool) =
        (whoami(&app, &alice.key).await.json(), app.mcp(&alice.key).call("whoami", json!({})).await.content);
    assert_eq!((&by_rest["via"], &by_tool["via"]), (&json!("rest"), &json!("mcp")));
    assert_eq!((&by_rest["permissions"], &by_rest["principal"]), (&by_tool["permissions"], &by_tool["principal"]));
}

// contract: mcp §8.8
#[tokio::test]
async fn tool_list_fits_budget() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let core = app.mcp(&otto.key).tools().await;
    assert!((1..=12).contains(&core.len()), "{}", core.len());
    assert!(Value::from(core.clone()).to_string().len() <= 14_000);
    for tool in &core {
        assert!(tool["description"].as_str().unwrap().chars().count() <= 240, "{}", tool["name"]);
        assert!(tool["inputSchema"]["properties"].as_object().is_none_or(|map| map.len() <= 12), "{}", tool["name"]);
        let text = tool.to_string();
        assert!(
            !text.contains("$ref") && !text.contains("$defs") && tool.get("outputSchema").is_none(),
            "{}",
            tool["name"]
        );
    }
    let named = app.mcp(&otto.key).toolsets("core").tools().await;
    assert_eq!(named, core);
}

// contract: mcp §8.1
#[tokio::test]
async fn static_bearer_works_without_oauth_metadata() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/oauth/authorize",
        "/oauth/register",
    ] {
        assert_eq!(app.rest("GET", path).send().await.status, 404, "{path}");
    }
    let refused =
        app.rest("POST", "/mcp").json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).send().await;
    is_refused(&refused);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"guildhall\"");
    assert!(!app.mcp(&alice.key).tools().await.is_empty());
}

#[tokio::test]
async fn unknown_filter_is_refused() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    for path in [
        "/api/v1/memories",
        "/api/v1/agents",
        "/api/v1/teams",
        "/api/v1/keys",
        "/api/v1/audit",
        "/api/v1/whoami",
        "/health",
    ] {
        for filter in ["bogus", "Limit", "workspace_id", "offset", "limit[]"] {
            let answer = app.rest("GET", format!("{path}?{filter}=1")).key(&otto.key).send().await;
            assert_eq!((answer.status, answer.json()["errors"][0]["field"].clone()), (400, json!(filter)), "{path}");
        }
        let twice = app.rest("GET", format!("{path}?limit=1&limit=2")).key(&otto.key).send().await;
        assert_eq!(twice.status, 400, "{path}");
    }
    for tool in ["search_memories", "get_memory", "list_agents", "list_teams", "list_audit", "whoami"] {
        let result = app.mcp(&otto.key).call(tool, json!({"query": "x", "bogus": 1})).await;
        assert_eq!(result.code(), "invalid_input", "{tool}");
    }
    for query in ["?toolsets=nope", "?bogus=1", "?toolsets=core&toolsets=all"] {
        let request = app.rest("POST", format!("/mcp{query}")).key(&otto.key);
        let answer = request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).send().await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn every_method_is_authenticated() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    operator(&app, "key.revoke", json!({"id": alice.key_id})).await;
    for method in [
        "initialize",
        "server/discover",
        "ping",
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "subscriptions/listen",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
        "no/such",
    ] {
        app.clock.advance(10);
        let modern = app.mcp(&alice.key).request(method, Some("whoami"), json!({"name": "whoami"}));
        let legacy = app.rest("POST", "/mcp").json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}));
        let notification = app.rest("POST", "/mcp").json(&json!({"jsonrpc": "2.0", "method": method}));
        for request in [modern, legacy, notification] {
            is_refused(&request.send().await);
        }
    }
    // Not even what is no message is read for a stranger.
    for bytes in [b"[".to_vec(), b"[]".to_vec(), vec![b' '; 2 * 1024 * 1024]] {
        is_refused(&app.rest("POST", "/mcp").bytes(bytes).send().await);
    }
}

#[tokio::test]
async fn reads_need_a_credential() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let id = remember(&app, &alice, json!({"content": "x", "key": "k", "access": "public"})).await;
    for path in [
        "memories".to_owned(),
        format!("memories/{id}"),
        format!("memories/by-key/k?owner={}", alice.id),
        "agents".into(),
    ] {
        is_refused(&app.rest("GET", format!("/api/v1/{path}")).send().await);
        let head = app.rest("HEAD", format!("/api/v1/{path}")).send().await;
        assert_eq!((head.status, head.body.len()), (401, 0), "{path}");
    }
}

#[tokio::test]
async fn origin_list_is_on() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for (origin, allowed) in [("https://evil.example", false), ("null", false), ("http://localhost:5173", true)] {
        let by_mcp = app.mcp(&alice.key).request("tools/list", None, json!({})).header("origin", origin).send().await;
        let by_rest = app.rest("GET", "/api/v1/whoami").key(&alice.key).header("origin", origin).send().await;
        for answer in [by_mcp, by_rest] {
            assert_eq!(
                (answer.status == 200, answer.status == 403),
                (allowed, !allowed),
                "{origin}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn a_workspace_is_not_known_to_another_ones_operators() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    app.workspace("secret-tenant").await;
    let log = app.rest("GET", "/admin/logs?limit=200").key(&otto.key).send().await.text();
    assert!(!log.contains("workspace.create") && !log.contains("wsp_"), "{log}");
    assert_eq!(app.audit("secret-tenant", json!({"action": "workspace.create"})).await.len(), 1);
}

#[tokio::test]
async fn a_display_name_turns_and_hides_no_text() {
    let app = TestApp::start().await;
    for name in ["ab\u{202E}cd", "a\u{200B}b", "a\u{E0041}b", "a\u{AD}b"] {
        let answer = app.as_operator("default", "agent.create", &json!({"name": "x", "display_name": name})).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_input"), "{name:?}");
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_take_the_row_of_its_refusal_along() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let origin = domain::access::Origin {
        via: domain::access::Via::Rest,
        address: None,
        user_agent: None,
        request_id: "hang-up".into(),
    };
    let caller = app.gate.identify(domain::gate::Presented::Bearer(&alice.key), origin).await.unwrap();
    let entry = domain::catalogue::by_id("ops.metrics").unwrap();
    let input = std::future::ready(Ok(Default::default()));
    // Polled once and dropped, as when the connection goes away while the row is on its way.
    let mut call = Box::pin(app.gate.run(&caller, entry, domain::Meta::default(), input));
    let is_answered = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
    assert!(!is_answered, "an answer waits for the row's commit");
    drop(call);
    testkit::eventually("the refusal is written down", || async {
        app.audit("default", json!({"actor": alice.id, "action": "authz.denied"})).await.len() == 1
    })
    .await;
}
