//! Keys, replaced values and versions (contract memory §3).

use serde_json::{Value, json};
use testkit::{Agent, TestApp};

use super::kit::{
    call, counters_hold, delete, done, fetch, found, history, id_of, is_refused, listed, note, put, review, rows,
    share, stored, update,
};

async fn two() -> (TestApp, Agent, Agent) {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    (app, alice, bob)
}

/// The numbers of the versions that are kept, newest first.
async fn kept(app: &TestApp, who: &Agent, id: &str) -> Vec<i64> {
    let answer = history(app, who, id).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().iter().map(|version| version["version"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn set_replaces_as_a_whole_and_keeps_who_it_is() {
    let (app, alice, _) = two().await;
    let whole =
        json!({"value": {"a": "quokka"}, "tags": ["t"], "metadata": {"m": 1}, "access": "public", "expires_in": 100});
    let first = put(&app, &alice, "k", whole).await.json();
    assert_eq!((&first["created"], &first["kind"], &first["version"]), (&json!(true), &json!("value"), &json!(1)));
    let id = id_of(&first);
    update(&app, &alice, &id, json!({"summary": "a numbat", "importance": 0.9})).await;
    app.clock.advance(50);
    let second = put(&app, &alice, "k", json!({"content": "plain"})).await.json();
    for same in ["id", "created_at", "owner", "key"] {
        assert_eq!(second[same], first[same], "{same}");
    }
    assert_eq!(
        (&second["created"], &second["version"], &second["content"]),
        (&json!(false), &json!(3), &json!("plain"))
    );
    assert!(second["value"].is_null() && second["expires_at"].is_null() && second["layer"].is_null(), "{second}");
    assert_eq!((&second["tags"], &second["metadata"], &second["access"]), (&json!([]), &json!({}), &json!("private")));
    assert_eq!(kept(&app, &alice, &id).await, [3, 2, 1]);
    let oldest = history(&app, &alice, &id).await.json()["items"][2].clone();
    assert_eq!(
        (&oldest["value"], &oldest["by"], &oldest["change"]),
        (&json!({"a": "quokka"}), &json!(alice.id), &json!("created"))
    );
    assert_eq!((&oldest["tags"], &oldest["at"]), (&json!(["t"]), &first["updated_at"]));
    app.clock.advance(60);
    assert_eq!(fetch(&app, &alice, &id).await.status, 200, "the expiry was cleared");
    assert!(found(&app, &alice, "quokka").await.is_empty() && found(&app, &alice, "numbat").await.is_empty());
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_key_is_free_after_expiry_and_after_delete() {
    let (app, alice, _) = two().await;
    let anew = json!({"value": 2, "overwrite": false});
    let first = id_of(&put(&app, &alice, "k", json!({"value": 1, "expires_in": 1})).await.json());
    is_refused(&put(&app, &alice, "k", anew.clone()).await, 409, "key_exists");
    is_refused(&call(&app, &alice, "POST", "", json!({"value": 1, "key": "k"})).await, 409, "key_exists");
    app.clock.advance(1);
    let second = put(&app, &alice, "k", anew.clone()).await.json();
    assert!(second["created"] == true && second["version"] == 1 && id_of(&second) != first);
    delete(&app, &alice, &id_of(&second)).await;
    let third = put(&app, &alice, "k", anew).await.json();
    assert!(third["created"] == true && id_of(&third) != id_of(&second));
    put(&app, &alice, "l", json!({"value": 1, "expires_in": 1})).await;
    app.clock.advance(1);
    assert_eq!(update(&app, &alice, &id_of(&third), json!({"key": "l"})).await.json()["key"], "l");
    put(&app, &alice, "m", json!({"value": 1})).await;
    is_refused(&update(&app, &alice, &id_of(&third), json!({"key": "m"})).await, 409, "key_exists");
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_foreign_value_is_replaced_under_a_grant_and_never_made() {
    let (app, alice, bob) = two().await;
    let hers = format!("k?owner={}", alice.id);
    let body = json!({"value": "his"});
    is_refused(&put(&app, &bob, &hers, body.clone()).await, 404, "not_found");
    let id = id_of(&put(&app, &alice, "k", json!({"value": "hers", "access": "public"})).await.json());
    is_refused(&put(&app, &bob, &hers, body.clone()).await, 403, "permission_denied");
    share(&app, &alice, &id, &bob.id, "write").await;
    let set = put(&app, &bob, &hers, body.clone()).await.json();
    assert_eq!((&set["created"], &set["owner"], &set["access"]), (&json!(false), &json!(alice.id), &json!("public")));
    assert_eq!(set["provenance"]["principal"], json!(bob.id), "who wrote the text answers for it");
    for audience in ["private", "public"] {
        let answer = put(&app, &bob, &hers, json!({"value": 1, "access": audience})).await;
        is_refused(&answer, 403, "permission_denied");
    }
    for change in [json!({"access": "private"}), json!({"key": "mine"})] {
        is_refused(&update(&app, &bob, &id, change).await, 403, "permission_denied");
    }
    is_refused(&put(&app, &bob, &hers, json!({"value": 1, "overwrite": false})).await, 409, "key_exists");
    is_refused(&put(&app, &bob, &hers, json!({"value": 1, "expected_version": 9})).await, 409, "version_conflict");
    delete(&app, &alice, &id).await;
    is_refused(&put(&app, &bob, &hers, body).await, 404, "not_found");
    assert_eq!(listed(&app, &bob, "").await["total"], 0);
    counters_hold(&app).await;
}

#[tokio::test]
async fn one_owners_key_never_answers_for_another() {
    let (app, alice, bob) = two().await;
    put(&app, &bob, "config", json!({"value": "planted", "access": "public"})).await;
    is_refused(&call(&app, &alice, "GET", "/by-key/config", Value::Null).await, 404, "not_found");
    let by_tool = app.mcp(&alice.key).call("get_memory", json!({"key": "config"})).await;
    assert_eq!(by_tool.code(), "not_found");
    let named = call(&app, &alice, "GET", &format!("/by-key/config?owner={}", bob.id), Value::Null).await;
    assert_eq!(named.json()["value"], "planted");
}

#[tokio::test]
async fn fifty_versions_are_kept_and_twenty_of_values() {
    let (app, alice, _) = two().await;
    let text = note(&app, &alice, "text 1").await;
    let value = id_of(&put(&app, &alice, "k", json!({"value": 1})).await.json());
    for n in 2..=53 {
        assert_eq!(update(&app, &alice, &text, json!({"content": format!("text {n}")})).await.json()["version"], n);
        assert_eq!(put(&app, &alice, "k", json!({"value": n})).await.json()["version"], n);
    }
    assert_eq!(kept(&app, &alice, &text).await, (4..=53).rev().collect::<Vec<_>>());
    assert_eq!(kept(&app, &alice, &value).await, (34..=53).rev().collect::<Vec<_>>());
    let revert = async |id: &str, version: i64| {
        call(&app, &alice, "POST", &format!("/{id}/revert"), json!({ "version": version })).await
    };
    for (id, version) in [(&text, 3), (&text, 0), (&text, 99), (&value, 33)] {
        is_refused(&revert(id, version).await, 404, "not_found");
    }
    assert_eq!(revert(&text, 4).await.json()["content"], "text 4");
    assert_eq!(kept(&app, &alice, &text).await, (5..=54).rev().collect::<Vec<_>>());
    let stored = rows(&app, "UPDATE memory_versions SET at = at").await;
    assert_eq!(stored, 49 + 19, "no more are stored than are shown");
    counters_hold(&app).await;
}

#[tokio::test]
async fn history_has_pages_and_is_for_who_may_write() {
    let (app, alice, bob) = two().await;
    let id = stored(&app, &alice, json!({"content": "the old text", "access": "public"})).await;
    for n in 2..=5 {
        update(&app, &alice, &id, json!({"content": format!("text {n}")})).await;
    }
    is_refused(&history(&app, &bob, &id).await, 403, "permission_denied");
    share(&app, &alice, &id, &bob.id, "read").await;
    is_refused(&history(&app, &bob, &id).await, 403, "permission_denied");
    share(&app, &alice, &id, &bob.id, "write").await;
    assert_eq!(history(&app, &bob, &id).await.json()["items"][4]["content"], "the old text");
    let first = call(&app, &alice, "GET", &format!("/{id}/versions?limit=3"), Value::Null).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let path = format!("/{id}/versions?limit=3&cursor={cursor}");
    let second = call(&app, &alice, "GET", &path, Value::Null).await.json();
    let numbers = |page: &Value| -> Vec<i64> {
        page["items"].as_array().unwrap().iter().map(|version| version["version"].as_i64().unwrap()).collect()
    };
    assert_eq!((numbers(&first), numbers(&second), &second["next_cursor"]), (vec![5, 4, 3], vec![2, 1], &Value::Null));
    let other = note(&app, &alice, "x").await;
    let elsewhere = call(&app, &alice, "GET", &format!("/{other}/versions?limit=3&cursor={cursor}"), Value::Null).await;
    is_refused(&elsewhere, 400, "invalid_cursor");
    delete(&app, &alice, &id).await;
    is_refused(&history(&app, &alice, &id).await, 404, "not_found");
}

#[tokio::test]
async fn revert_takes_the_text_and_labels_up_again_as_a_new_version() {
    let (app, alice, bob) = two().await;
    let whole = json!({"content": "an axolotl", "tags": ["old"], "importance": 0.9, "summary": "old", "key": "k"});
    let id = stored(&app, &alice, whole).await;
    let new =
        json!({"value": {"a": 1}, "tags": ["new"], "importance": 0.1, "summary": null, "key": "l", "access": "public"});
    update(&app, &alice, &id, new).await;
    let path = format!("/{id}/revert");
    let stale = call(&app, &alice, "POST", &path, json!({"version": 1, "expected_version": 1})).await;
    is_refused(&stale, 409, "version_conflict");
    is_refused(&call(&app, &bob, "POST", &path, json!({"version": 1})).await, 403, "permission_denied");
    let reverted = done(&app, &alice, "POST", &path, json!({"version": 1, "expected_version": 2})).await;
    assert_eq!(
        (&reverted["version"], &reverted["content"], &reverted["value"]),
        (&json!(3), &json!("an axolotl"), &Value::Null)
    );
    assert_eq!(
        (&reverted["tags"], &reverted["importance"], &reverted["summary"]),
        (&json!(["old"]), &json!(0.9), &json!("old"))
    );
    assert_eq!((&reverted["access"], &reverted["key"]), (&json!("public"), &json!("l")), "who may read it stays");
    assert_eq!(found(&app, &bob, "axolotl").await, std::slice::from_ref(&id));
    assert_eq!(kept(&app, &alice, &id).await, [3, 2, 1]);
    assert_eq!(history(&app, &alice, &id).await.json()["items"][0]["change"], "reverted");
    counters_hold(&app).await;
}

#[tokio::test]
async fn counters_of_reading_make_no_version_and_every_other_change_one() {
    let (app, alice, bob) = two().await;
    let id = note(&app, &alice, "one").await;
    fetch(&app, &alice, &id).await;
    super::kit::sweep(&app).await;
    assert_eq!(fetch(&app, &alice, &id).await.json()["version"], 1);
    share(&app, &alice, &id, &bob.id, "read").await;
    review(&app, &id, "trust").await;
    delete(&app, &alice, &id).await;
    let restored = done(&app, &alice, "POST", &format!("/{id}/restore"), json!({})).await;
    assert_eq!(restored["version"], 5);
    let changes = history(&app, &alice, &id).await.json();
    let changes: Vec<_> = changes["items"].as_array().unwrap().iter().map(|one| one["change"].clone()).collect();
    assert_eq!(changes, ["restored", "deleted", "reviewed", "shared", "created"]);
}
