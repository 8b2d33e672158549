//! Bad input (contract memory §7), the same through both faces.

use serde_json::{Value, json};
use testkit::{Agent, TestApp};

use super::kit::{call, delete, done, id_of, is_refused, listed, note, put, share, stats, stored, update};

async fn one() -> (TestApp, Agent) {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    (app, alice)
}

/// JSON nested so many levels deep.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({ "n": inner }))
}

#[tokio::test]
async fn bad_fields_are_named_and_nothing_is_stored() {
    let (app, alice) = one().await;
    for (body, status, field) in [
        (json!({"content": "x", "colour": "red"}), 400, "colour"),
        (json!({"content": "x", "owner": alice.id}), 400, "owner"),
        (json!({"content": "x", "trust": "trusted"}), 400, "trust"),
        (json!({"content": "x", "flags": []}), 400, "flags"),
        (json!({"content": "x", "version": 3}), 400, "version"),
        (json!({"content": "x", "id": "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV"}), 400, "id"),
        (json!({"content": "x", "created_at": "2020-01-01T00:00:00Z"}), 400, "created_at"),
        (json!({"content": "x", "superseded_by": null}), 400, "superseded_by"),
        (json!({"content": "x", "value": 1}), 400, "content"),
        (json!({}), 400, "content"),
        (json!({"value": null}), 400, "value"),
        (json!({"content": " \n\t\u{3000}"}), 400, "content"),
        (json!({"content": "x", "expires_in": -1}), 400, "expires_in"),
        (json!({"content": "x", "expires_in": 31_536_001}), 400, "expires_in"),
        (json!({"content": "x", "expires_in": 1.5}), 400, "expires_in"),
        (json!({"content": "x", "expires_in": 5, "layer": "short"}), 400, "expires_in"),
        (json!({"content": "x", "layer": "forever"}), 400, "layer"),
        (json!({"content": "x", "importance": 1.01}), 400, "importance"),
        (json!({"content": "x", "importance": -0.1}), 400, "importance"),
        (json!({"content": "x", "kind": "rumour"}), 400, "kind"),
        (json!({"content": "x", "access": "team"}), 400, "team_id"),
        (json!({"content": "x", "access": "public", "team_id": "tem_01ARZ3NDEKTSV4RRFFQ69G5FAV"}), 400, "team_id"),
        (json!({"content": "x", "access": "team", "team_id": "tem_01ARZ3NDEKTSV4RRFFQ69G5FAV"}), 400, "team_id"),
        (json!({"content": "x", "provenance": {"agent_type": "x"}}), 400, "provenance.agent_type"),
        (json!({"content": "x", "provenance": {"via": "x"}}), 400, "provenance.via"),
        (json!({"content": "x", "provenance": {"at": "2020-01-01T00:00:00Z"}}), 400, "provenance.at"),
        (json!({"content": "x".repeat(100_001)}), 413, "content"),
        (json!({"value": "x".repeat(65_535)}), 413, "value"),
        (json!({"content": "x", "metadata": {"a": "x".repeat(65_536)}}), 413, "metadata"),
        (json!({"content": "x", "metadata": nested(21)}), 400, "metadata.n.n.n.n.n.n.n.n.n.n.n.n.n.n.n.n.n.n.n.n"),
        (json!({"content": "x", "tags": [" "]}), 400, "tags[0]"),
        (json!({"content": "x", "tags": ["a\nb"]}), 400, "tags[0]"),
    ] {
        let code = if status == 413 { "too_large" } else { "invalid_input" };
        let answer = call(&app, &alice, "POST", "", body.clone()).await;
        is_refused(&answer, status, code);
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text());
        assert!(answer.header("retry-after").is_empty());
        let by_tool = app.mcp(&alice.key).call("create_memory", body).await;
        assert_eq!((by_tool.code(), &by_tool.content["errors"][0]["field"]), (code, &json!(field)));
    }
    for body in [
        "{\"content\":\"x\",\"importance\":NaN}",
        "{\"content\":\"x\",\"importance\":1e400}",
        "{\"content\":\"x\",\"content\":\"y\"}",
    ] {
        let request = app.rest("POST", "/api/v1/memories").key(&alice.key).header("content-type", "application/json");
        is_refused(&request.bytes(body).send().await, 400, "invalid_input");
    }
    assert_eq!(listed(&app, &alice, "").await["total"], 0);
    assert_eq!(stats(&app, &alice, "own").await["bytes"], 0);
}

#[tokio::test]
async fn control_characters_are_refused_with_their_place() {
    let (app, alice) = one().await;
    for (body, field, offset) in [
        (json!({"content": "abc\u{0}d"}), "content", 3),
        (json!({"content": "é\u{1b}[31m"}), "content", 2),
        (json!({"content": "x", "summary": "\u{7}"}), "summary", 0),
        (json!({"content": "x", "tags": ["ok", "a\u{1}"]}), "tags[1]", 1),
        (json!({"content": "x", "metadata": {"a": {"b": "xy\u{8}"}}}), "metadata.a.b", 2),
        (json!({"value": ["ok", "\u{1f}"]}), "value[1]", 0),
        (json!({"content": "x", "project": "a\u{2}"}), "project", 1),
        (json!({"content": "x", "provenance": {"source": {"kind": "k", "ref": "a\u{2}"}}}), "provenance.source.ref", 1),
    ] {
        let answer = call(&app, &alice, "POST", "", body).await;
        is_refused(&answer, 400, "invalid_input");
        let error = &answer.json()["errors"][0];
        assert_eq!(
            (&error["field"], &error["message"]),
            (&json!(field), &json!(format!("control character at byte {offset}")))
        );
    }
    let text = "tab\tline\r\nnext\u{85}\u{200B}";
    let id = stored(&app, &alice, json!({"content": text, "summary": text, "metadata": {"m": text}})).await;
    let kept = super::kit::fetch(&app, &alice, &id).await.json();
    assert_eq!(
        (&kept["content"], &kept["summary"], &kept["metadata"]["m"]),
        (&json!(text), &json!(text), &json!(text))
    );
    is_refused(&call(&app, &alice, "POST", "/search", json!({"query": "a\u{1}b"})).await, 400, "invalid_input");
    is_refused(&update(&app, &alice, &id, json!({"content": "a\u{1}b"})).await, 400, "invalid_input");
    is_refused(&put(&app, &alice, "k", json!({"value": "a\u{1}b"})).await, 400, "invalid_input");
}

#[tokio::test]
async fn twenty_levels_are_the_deepest() {
    let (app, alice) = one().await;
    for levels in [20, 21] {
        let created = call(&app, &alice, "POST", "", json!({"content": "x", "metadata": nested(levels)})).await;
        let set = put(&app, &alice, &format!("k{levels}"), json!({"value": nested(levels)})).await;
        assert_eq!((created.status < 300, set.status < 300), (levels == 20, levels == 20), "{levels}");
    }
}

/// Every tool of the toolset answers as REST does: the same JSON, the same codes.
#[tokio::test]
async fn the_tools_of_memory_do_what_rest_does() {
    let (app, alice) = one().await;
    let bob = app.agent("bob").await;
    let tools = app.mcp(&alice.key).toolsets("core,memory");
    let id = stored(&app, &alice, json!({"content": "a coati", "key": "k", "access": "public"})).await;
    update(&app, &alice, &id, json!({"tags": ["t"]})).await;
    for (tool, input, method, path, body) in [
        ("get_memory_history", json!({"id": id}), "GET", format!("/{id}/versions"), Value::Null),
        ("list_memory", json!({"prefix": "k", "count": true}), "GET", "?prefix=k&count=true".into(), Value::Null),
        ("get_memory_stats", json!({"of": "visible"}), "GET", "/stats?of=visible".into(), Value::Null),
        ("get_memory", json!({"key": "k"}), "GET", "/by-key/k".into(), Value::Null),
        ("search_memories", json!({"query": "coati"}), "POST", "/search".into(), json!({"query": "coati"})),
        ("cleanup_memories", json!({}), "POST", "/cleanup".into(), json!({})),
    ] {
        let by_tool = tools.call(tool, input).await;
        assert!(!by_tool.is_error, "{tool}: {}", by_tool.content);
        assert_eq!(by_tool.content, done(&app, &alice, method, &path, body).await, "{tool}");
    }
    for (tool, input, code) in [
        ("update_memory", json!({"id": id, "content": "his"}), "permission_denied"),
        ("delete_memory", json!({"id": id}), "permission_denied"),
        ("revert_memory", json!({"id": id, "version": 1}), "permission_denied"),
        ("restore_memory", json!({"id": id}), "not_found"),
        ("share_memory", json!({"id": id, "grants": [{"grantee": bob.id}]}), "permission_denied"),
        ("unshare_memory", json!({"id": id, "grantee": bob.id}), "permission_denied"),
        ("consolidate_memories", json!({"ids": [id, super::kit::NOBODY], "mode": "merge"}), "permission_denied"),
        ("create_memories", json!({"items": [{"content": ""}]}), "invalid_input"),
        ("recall_memory", json!({"query": "x", "mode": "semantic"}), "semantic_unavailable"),
        ("get_memory_stats", json!({"of": "workspace"}), "permission_denied"),
        ("review_memory", json!({"id": id, "decision": "trust", "reason": "no right to it"}), "permission_denied"),
    ] {
        let answer = app.mcp(&bob.key).toolsets("core,memory,admin").call(tool, input).await;
        assert_eq!(answer.code(), code, "{tool}: {}", answer.content);
    }
    let reverted = tools.call("revert_memory", json!({"id": id, "version": 1})).await;
    assert_eq!((&reverted.content["tags"], &reverted.content["version"]), (&json!([]), &json!(3)));
    let deleted = tools.call("delete_memory", json!({"id": id, "expected_version": 3})).await;
    assert_eq!(deleted.content["id"], json!(id));
    assert_eq!(tools.call("restore_memory", json!({"id": id})).await.content["version"], 5);
}

#[tokio::test]
async fn no_memory_text_enters_a_tools_description() {
    let (app, alice) = one().await;
    let before = app.mcp(&alice.key).toolsets("core,memory,admin").tools().await;
    for (n, word) in ["axiomatic", "brontosaur"].iter().enumerate() {
        let body =
            json!({"content": word, "summary": word, "tags": [word], "key": format!("{word}{n}"), "access": "public"});
        let id = stored(&app, &alice, body).await;
        share(&app, &alice, &id, &app.agent(word).await.id, "write").await;
    }
    let after = app.mcp(&alice.key).toolsets("core,memory,admin").tools().await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn versions_expected_are_checked_wherever_they_are_taken() {
    let (app, alice) = one().await;
    let id = note(&app, &alice, "one").await;
    update(&app, &alice, &id, json!({"content": "two"})).await;
    for (method, path, body) in [
        ("PATCH", format!("/{id}"), json!({"content": "x", "expected_version": 1})),
        ("DELETE", format!("/{id}?expected_version=1"), Value::Null),
        ("POST", format!("/{id}/revert"), json!({"version": 1, "expected_version": 1})),
    ] {
        let answer = call(&app, &alice, method, &path, body).await;
        is_refused(&answer, 409, "version_conflict");
        assert_eq!(answer.json()["current_version"], 2);
    }
    let kept = id_of(&put(&app, &alice, "k", json!({"value": 1})).await.json());
    is_refused(&put(&app, &alice, "k", json!({"value": 2, "expected_version": 2})).await, 409, "version_conflict");
    assert_eq!(put(&app, &alice, "k", json!({"value": 2, "expected_version": 1})).await.json()["version"], 2);
    delete(&app, &alice, &kept).await;
    is_refused(&put(&app, &alice, "k", json!({"value": 3, "expected_version": 2})).await, 404, "not_found");
}
