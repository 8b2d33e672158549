//! Operating a server: what happens while the disk is nearly full, and the newest calls of a workspace.

use domain::{Finish, catalogue::CATALOGUE, operation::Effect};
use serde_json::{Value, json};
use testkit::{Agent, TestApp};

async fn leave_mib(app: &TestApp, free: u64) {
    app.machine.leave_mib(free);
    app.gate.app().sweep(Finish::No).await.unwrap();
}

async fn remember(app: &TestApp, who: &Agent, content: &str) -> (u16, Value) {
    let answer = app.rest("POST", "/api/v1/memories").key(&who.key).json(&json!({"content": content})).send().await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn while_the_disk_is_nearly_full_only_what_adds_rows_is_refused() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let (_, kept) = remember(&app, &alice, "kept").await;
    let id = kept["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/memories/{id}");
    let grants = json!({"id": id, "grants": [{"grantee": bob.id}]});
    let operator = |operation: &'static str, input: Value| {
        let app = &app;
        async move { app.as_operator("default", operation, &input).await }
    };
    assert_eq!(
        app.rest("PUT", format!("{path}/grants"))
            .key(&alice.key)
            .json(&json!({"grants": grants["grants"]}))
            .send()
            .await
            .status,
        200
    );

    leave_mib(&app, 100).await;
    assert_eq!(remember(&app, &alice, "exactly enough").await.0, 201);
    leave_mib(&app, 99).await;
    let (status, refused) = remember(&app, &alice, "one too many").await;
    assert_eq!((status, &refused["code"]), (507, &json!("storage_full")));
    assert!(refused["hint"].as_str().unwrap().contains("guildhall doctor"), "{refused}");
    let tool = app.mcp(&alice.key).call("create_memory", json!({"content": "by tool"})).await;
    assert!(tool.code() == "storage_full", "{tool:?}");
    assert_eq!(operator("agent.create", json!({"name": "carol"})).await.code(), "storage_full");

    // Reads, deletions, withdrawn rights and ended credentials go on, and so does writing refusals down.
    assert_eq!(app.rest("GET", path.clone()).key(&alice.key).send().await.status, 200);
    assert_eq!(app.rest("GET", "/api/v1/audit").key(&alice.key).send().await.status, 403);
    let denied = app.audit("default", json!({"action": "authz.denied"})).await;
    assert_eq!(denied.len(), 1);
    let unshared = app.rest("DELETE", format!("{path}/grants/{}", bob.id)).key(&alice.key).send().await;
    assert!(unshared.status < 300, "{}", unshared.text());
    assert_eq!(operator("key.revoke", json!({"id": bob.key_id})).await.status / 100, 2);
    assert_eq!(operator("agent.disable", json!({"id": bob.id})).await.status / 100, 2);
    let purge = json!({"id": id, "reason": "to make room on the disk"});
    assert_eq!(operator("memory.purge", purge).await.status / 100, 2);

    leave_mib(&app, 100).await;
    assert_eq!(remember(&app, &alice, "there is room again").await.0, 201);
}

#[tokio::test]
async fn a_full_disk_refuses_by_effect_and_the_metrics_say_so() {
    let app = TestApp::start().await;
    assert_eq!(app.metric("guildhall_disk_is_low").await, 0);
    leave_mib(&app, 20).await;
    assert_eq!(app.metric("guildhall_disk_is_low").await, 1);
    assert_eq!(app.metric("guildhall_disk_free_bytes").await, 20 << 20);
    assert_eq!(app.metric("guildhall_disk_least_free_bytes").await, 100 << 20);
    for entry in CATALOGUE {
        // An empty input is refused by most of them, but never before the disk is.
        let answer = app.as_operator("default", entry.spec.id, &json!({})).await;
        let needs_space = matches!(entry.spec.effect, Effect::Create | Effect::Upsert);
        assert_eq!(answer.code() == "storage_full", needs_space, "{}: {}", entry.spec.id, answer.text());
    }
}

async fn calls(app: &TestApp, workspace: &'static str, input: Value) -> Value {
    let answer = app.as_operator(workspace, "ops.calls", &input).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn shown(page: &Value) -> Vec<(String, String)> {
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("-").to_owned();
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| (text(item, "operation"), text(item, "outcome"))).collect()
}

fn pair(operation: &str, outcome: &str) -> (String, String) {
    (operation.to_owned(), outcome.to_owned())
}

#[tokio::test]
async fn the_newest_calls_are_told_without_what_was_said() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let start = calls(&app, "default", json!({})).await["next"].as_u64().unwrap();
    let (_, memory) = remember(&app, &alice, "a text for nobody else").await;
    app.mcp(&alice.key).call("search_memories", json!({"query": "words for nobody else"})).await;
    let denied = app.rest("GET", "/api/v1/audit").key(&alice.key).header("user-agent", "probe").send().await;
    assert_eq!(denied.status, 403);
    let page = calls(&app, "default", json!({"after": start})).await;
    assert_eq!(
        shown(&page),
        [pair("memory.create", "ok"), pair("memory.search", "ok"), pair("audit.list", "permission_denied")]
    );
    assert!(!page.to_string().contains("nobody else"), "{page}");
    let (made, found) = (&page["items"][0], &page["items"][1]);
    assert_eq!((&made["object"], &made["face"]), (&memory["id"], &json!("rest")));
    assert_eq!((&made["principal_id"], &made["principal_name"]), (&json!(alice.id), &json!("alice")));
    assert_eq!((&found["object"], &found["face"]), (&Value::Null, &json!("mcp")));
    assert!(made["took_ms"].as_f64().unwrap() > 0.0);
    let last = &page["items"][2];
    assert_eq!(last["request_id"], denied.json()["request_id"], "it finds the call in the log");
    assert_eq!(page["next"].as_u64().unwrap(), start + 3);
    assert_eq!(page["missed"], 0);
    for (filter, count) in [
        (json!({"operation": "memory.create"}), 1),
        (json!({"principal": "alice"}), 3),
        (json!({"principal": alice.id}), 3),
        (json!({"principal": "nobody"}), 0),
        (json!({"outcome": "error"}), 1),
        (json!({"outcome": "ok"}), 2),
        (json!({"outcome": "not_found"}), 0),
        (json!({"limit": 2}), 2),
    ] {
        let mut input = filter.clone();
        input["after"] = json!(start);
        assert_eq!(shown(&calls(&app, "default", input).await).len(), count, "{filter}");
    }
    let wrong = json!({"operation": "no.such", "outcome": "fine", "wait_seconds": 51, "limit": 0});
    let refused = app.as_operator("default", "ops.calls", &wrong).await;
    assert_eq!((refused.status, refused.json()["errors"].as_array().unwrap().len()), (400, 4), "{}", refused.text());
}

#[tokio::test]
async fn calls_of_another_workspace_are_not_seen_and_need_a_right() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, eve) = (app.agent("alice").await, app.agent_in("other", "eve", "operator").await);
    remember(&app, &alice, "of alice").await;
    let page = app.rest("GET", "/api/v1/admin/calls?limit=200").key(&eve.key).send().await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(!page.text().contains(&alice.id) && !page.text().contains("memory.create"), "{}", page.text());
    assert!(page.text().contains("agent.create"), "the operator's call in that workspace: {}", page.text());
    assert_eq!(app.rest("GET", "/api/v1/admin/calls").key(&alice.key).send().await.code(), "permission_denied");
    assert_eq!(app.rest("GET", "/api/v1/admin/calls").send().await.status, 401);
    // A stranger who was refused belongs to no tenant: the home workspace sees it, as its audit log does.
    let home = calls(&app, "default", json!({"outcome": "unauthenticated"})).await;
    assert_eq!(shown(&home), [pair("ops.calls", "unauthenticated")]);
}

#[tokio::test]
async fn a_reader_who_falls_behind_is_told_how_much_is_gone() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let start = calls(&app, "default", json!({})).await["next"].as_u64().unwrap();
    for _ in 0..1_003 {
        app.call_as(&alice, "auth.whoami", &json!({})).await.unwrap();
    }
    let page = calls(&app, "default", json!({"after": start, "limit": 200})).await;
    assert_eq!(page["missed"], 3);
    assert_eq!(page["items"].as_array().unwrap().len(), 200);
    assert_eq!(page["items"][0]["seq"].as_u64().unwrap(), start + 4);
    assert_eq!(page["next"].as_u64().unwrap(), start + 203);
    // A number that this server has not reached is another server's.
    let page = calls(&app, "default", json!({"after": start + 5_000, "limit": 1})).await;
    assert_eq!(page["items"][0]["seq"].as_u64().unwrap(), start + 4);
}

#[tokio::test]
async fn who_waits_gets_the_next_call_that_fits_and_a_stop_ends_the_wait() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let start = calls(&app, "default", json!({})).await["next"].as_u64().unwrap();
    let wanted = json!({"after": start, "wait_seconds": 50, "operation": "memory.create"});
    let work = async {
        testkit::eventually("the wait has begun", async || app.metric("guildhall_calls_in_flight").await == 2).await;
        remember(&app, &alice, "at last").await
    };
    let (page, made) = tokio::join!(calls(&app, "default", wanted), work);
    assert_eq!(page["items"][0]["object"], made.1["id"]);
    let wanted = json!({"after": page["next"], "wait_seconds": 50, "operation": "memory.purge"});
    let stop = async {
        testkit::eventually("the wait has begun", async || app.metric("guildhall_calls_in_flight").await == 2).await;
        app.gate.app().end_waits();
    };
    let (page, ()) = tokio::join!(calls(&app, "default", wanted), stop);
    assert_eq!(shown(&page), []);
}

#[tokio::test]
async fn a_revoked_key_ends_a_wait_for_calls_that_never_come() {
    let app = TestApp::start().await;
    let olga = app.agent_in("default", "olga", "operator").await;
    let start = calls(&app, "default", json!({})).await["next"].as_u64().unwrap();
    let path = format!("/api/v1/admin/calls?after={start}&wait_seconds=50&operation=memory.purge");
    let revoke = async {
        testkit::eventually("the wait has begun", async || app.metric("guildhall_calls_in_flight").await == 2).await;
        // The call that revokes wakes the wait, which finds that it does not fit.
        let revoked = app.as_operator("default", "key.revoke", &json!({"id": olga.key_id})).await;
        assert_eq!(revoked.status, 204);
    };
    let waited = app.timed(async { tokio::join!(app.rest("GET", path).key(&olga.key).send(), revoke) });
    let ((answer, ()), micros) = waited.await;
    assert_eq!(answer.json()["items"], json!([]));
    assert!(micros < 30_000_000, "{micros} µs");
}
