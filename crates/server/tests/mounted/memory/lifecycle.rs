//! How memories come, end and come back: batches, quotas, deletion, purge, the sweeper, clean-ups.

use serde_json::{Value, json};
use testkit::{Agent, TestApp, eventually};

use super::kit::{
    REASON, admin, call, counters_hold, delete, done, fetch, found, history, id_of, ids_of, is_refused, listed,
    manager, note, put, rows, share, stats, stored, sweep, update,
};

const DAY: i64 = 86_400;

async fn two() -> (TestApp, Agent, Agent) {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    (app, alice, bob)
}

/// The same agent with a new key: those of tests end after 90 days.
async fn renewed(app: &TestApp, agent: &Agent) -> Agent {
    let (key, key_id) = app.key_in("default", json!({"label": "new", "principal": agent.id})).await;
    Agent { id: agent.id.clone(), key, key_id }
}

async fn restore(app: &TestApp, who: &Agent, id: &str) -> testkit::Answer {
    call(app, who, "POST", &format!("/{id}/restore"), json!({})).await
}

// contract: memory §8.17
#[tokio::test]
async fn a_deleted_row_can_be_restored_for_thirty_days() {
    let (app, alice, bob) = two().await;
    let id = stored(&app, &alice, json!({"content": "the okapi", "key": "k"})).await;
    update(&app, &alice, &id, json!({"content": "an okapi"})).await;
    share(&app, &alice, &id, &bob.id, "delete").await;
    let deleted = delete(&app, &bob, &id).await.json();
    assert_eq!(deleted["deleted_at"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(deleted["restore_until"], "2026-01-31T00:00:00.000000Z");
    for who in [&alice, &bob] {
        is_refused(&fetch(&app, who, &id).await, 404, "not_found");
        is_refused(&delete(&app, who, &id).await, 404, "not_found");
        assert!(found(&app, who, "okapi").await.is_empty());
        assert_eq!(listed(&app, who, "").await["total"], 0);
    }
    is_refused(&restore(&app, &bob, &id).await, 404, "not_found");
    app.clock.advance(30 * DAY - 1);
    sweep(&app).await;
    let back = restore(&app, &alice, &id).await.json();
    assert_eq!((&back["content"], &back["deleted_at"]), (&json!("an okapi"), &Value::Null));
    assert_eq!(history(&app, &alice, &id).await.json()["items"].as_array().unwrap().len(), 5);
    assert_eq!(found(&app, &bob, "okapi").await, std::slice::from_ref(&id), "its grants are back too");
    is_refused(&restore(&app, &alice, &id).await, 404, "not_found");

    delete(&app, &alice, &id).await;
    let taker = id_of(&put(&app, &alice, "k", json!({"value": 1, "overwrite": false})).await.json());
    is_refused(&restore(&app, &alice, &id).await, 409, "key_exists");
    delete(&app, &alice, &taker).await;
    assert_eq!(restore(&app, &alice, &id).await.status, 200);
    delete(&app, &alice, &id).await;
    app.clock.advance(30 * DAY);
    is_refused(&restore(&app, &alice, &id).await, 410, "restore_expired");
    sweep(&app).await;
    is_refused(&restore(&app, &alice, &id).await, 410, "restore_expired");
    is_refused(&restore(&app, &bob, &id).await, 404, "not_found");
    let by_admin = admin(&app, "memory.restore", json!({"id": id})).await;
    is_refused(&by_admin, 410, "restore_expired");
    counters_hold(&app).await;
}

#[tokio::test]
async fn what_its_own_time_ended_is_not_restored_swept_or_not() {
    let (app, alice, _) = two().await;
    let id = stored(&app, &alice, json!({"content": "x", "expires_in": 60})).await;
    delete(&app, &alice, &id).await;
    app.clock.advance(60);
    is_refused(&restore(&app, &alice, &id).await, 410, "restore_expired");
    sweep(&app).await;
    is_refused(&restore(&app, &alice, &id).await, 410, "restore_expired");
}

#[tokio::test]
async fn the_sweeper_frees_everything_of_what_has_ended() {
    let (app, alice, bob) = two().await;
    let make = async |content: &str, expires_in: i64| {
        let id = stored(&app, &alice, json!({"content": content, "expires_in": expires_in, "layer": null})).await;
        update(&app, &alice, &id, json!({"tags": ["changed"]})).await;
        share(&app, &alice, &id, &bob.id, "read").await;
        id
    };
    let (short, gone, kept) = (make("short okapi", 60).await, make("gone okapi", 0).await, make("kept okapi", 0).await);
    delete(&app, &alice, &gone).await;
    app.clock.advance(61);
    assert_eq!(found(&app, &bob, "okapi").await, std::slice::from_ref(&kept), "nothing waits for the sweeper");
    assert_eq!(stats(&app, &alice, "own").await["total"], 1);
    assert_eq!(stats(&app, &bob, "visible").await["total"], 1);
    is_refused(&fetch(&app, &alice, &short).await, 404, "not_found");
    counters_hold(&app).await;
    sweep(&app).await;
    app.clock.advance(30 * DAY);
    sweep(&app).await;
    for table in [
        "UPDATE memories SET version = version",
        "UPDATE memory_terms SET terms = terms",
        "UPDATE memory_grants SET granted_at = granted_at",
    ] {
        assert_eq!(rows(&app, table).await, 1, "{table}");
    }
    assert_eq!(rows(&app, "UPDATE memory_versions SET at = at").await, 2);
    assert_eq!(found(&app, &alice, "okapi").await, [kept]);
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_purge_leaves_nothing_behind() {
    let (app, alice, bob) = two().await;
    let once = json!({"content": "zanzibar1 vault", "key": "zanzibarkey", "tags": ["zanzibartag"]});
    let request = app.rest("POST", "/api/v1/memories").key(&alice.key).header("idempotency-key", "once").json(&once);
    let id = id_of(&request.clone().send().await.json());
    let change = app.mcp(&alice.key);
    let input = json!({"id": id, "content": "zanzibar2 vault", "idempotency_key": "twice"});
    assert!(!change.call("update_memory", input).await.is_error);
    share(&app, &alice, &id, &bob.id, "read").await;
    assert_eq!(found(&app, &bob, "zanzibar2").await.len(), 1);
    let gone = note(&app, &alice, "zanzibar3").await;
    delete(&app, &alice, &gone).await;
    for reason in [json!({"id": id}), json!({"id": id, "reason": "short"})] {
        is_refused(&admin(&app, "memory.purge", reason).await, 400, "invalid_input");
    }
    for purged in [&id, &gone] {
        let answer = admin(&app, "memory.purge", json!({"id": purged, "reason": REASON})).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"id": purged})));
        is_refused(&fetch(&app, &alice, purged).await, 404, "not_found");
        is_refused(&restore(&app, &alice, purged).await, 404, "not_found");
    }
    assert!(found(&app, &bob, "zanzibar2").await.is_empty());
    for text in ["zanzibar1", "zanzibar2", "zanzibar3", "zanzibarkey", "zanzibartag"] {
        assert!(!app.on_disk(text), "{text} is still on disk");
    }
    let repeat = request.send().await;
    is_refused(&repeat, 409, "already_done");
    assert_eq!(repeat.json()["object"], json!(id), "{}", repeat.text());
    let audit = app.audit("default", json!({"action": "memory.purge", "object": id})).await;
    assert_eq!((audit.len(), &audit[0]["details"]["reason"]), (1, &json!(REASON)));
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_batch_is_stored_whole_or_not_at_all() {
    let (app, alice, _) = two().await;
    let batch = async |items: Vec<Value>| call(&app, &alice, "POST", "/batch", json!({ "items": items })).await;
    let made =
        batch((0..100).map(|n| json!({"content": format!("okapi {n}"), "key": format!("k{n}")})).collect()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let keys: Vec<_> = made.json()["items"].as_array().unwrap().iter().map(|item| item["key"].clone()).collect();
    assert_eq!(keys, (0..100).map(|n| json!(format!("k{n}"))).collect::<Vec<_>>());
    for (items, status, code, index) in [
        (vec![json!({"content": "a"}), json!({"content": " "})], 400, "invalid_input", 1),
        (
            vec![json!({"content": "a"}), json!({"content": "b"}), json!({"value": 1, "key": "k7"})],
            409,
            "key_exists",
            2,
        ),
        (vec![json!({"value": 1, "key": "n"}), json!({"value": 2, "key": "n"})], 409, "key_exists", 1),
        (vec![json!({"content": "x".repeat(100_001)})], 413, "too_large", 0),
        (vec![json!({"content": "a"}), json!({"content": "b", "access": "system"})], 403, "permission_denied", 1),
    ] {
        let answer = batch(items).await;
        is_refused(&answer, status, code);
        assert_eq!(answer.json()["index"], index, "{}", answer.text());
    }
    for items in [vec![], vec![json!({"content": "a"}); 101]] {
        is_refused(&batch(items).await, 400, "invalid_input");
    }
    assert_eq!(listed(&app, &alice, "").await["total"], 100);
    let answer = app.mcp(&alice.key).call("create_memories", json!({"items": [{"content": "one more"}]})).await;
    assert_eq!(answer.content["items"][0]["content"], "one more");
    counters_hold(&app).await;
}

#[tokio::test]
async fn quotas_hold_for_every_way_of_storing() {
    let settings = domain::Settings {
        memory: domain::MemorySettings { max_rows: 4, max_bytes: 100, ..domain::MemorySettings::default() },
        agents_per_minute: 100_000,
        key_per_minute: 100_000,
        ..domain::Settings::default()
    };
    let app = TestApp::start_with(settings).await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let full = |answer: &testkit::Answer, quota: &str| {
        is_refused(answer, 409, "quota_exceeded");
        assert_eq!(answer.json()["quota"], quota, "{}", answer.text());
    };
    let (rows_of, bytes_of) = ("memories_of_a_principal", "bytes_of_a_principal");
    let ids = [note(&app, &alice, "a").await, note(&app, &alice, "b").await, note(&app, &alice, "c").await];
    let two = json!({"items": [{"content": "d"}, {"content": "e"}]});
    let answer = call(&app, &alice, "POST", "/batch", two).await;
    full(&answer, rows_of);
    assert_eq!(answer.json()["index"], 1);
    put(&app, &alice, "k", json!({"value": 1, "expires_in": 60})).await;
    full(&call(&app, &alice, "POST", "", json!({"content": "d"})).await, rows_of);
    full(&put(&app, &alice, "l", json!({"value": 1})).await, rows_of);
    let summary = json!({"ids": [ids[0], ids[1]], "mode": "merge"});
    full(&call(&app, &alice, "POST", "/consolidate", summary).await, rows_of);
    assert_eq!(note(&app, &bob, "his own quota").await.len(), 30);
    delete(&app, &alice, &ids[2]).await;
    let last = note(&app, &alice, "d").await;
    full(&restore(&app, &alice, &ids[2]).await, rows_of);
    delete(&app, &alice, &last).await;
    full(&update(&app, &alice, &ids[0], json!({"content": "x".repeat(99)})).await, bytes_of);
    assert_eq!(update(&app, &alice, &ids[0], json!({"content": "x".repeat(98)})).await.status, 200);
    full(&put(&app, &alice, "k", json!({"value": "four"})).await, bytes_of);
    share(&app, &alice, &ids[1], &bob.id, "write").await;
    full(&update(&app, &bob, &ids[1], json!({"content": "more"})).await, bytes_of);
    app.clock.advance(60);
    assert_eq!(note(&app, &alice, "d").await.len(), 30, "what has expired does not count, swept or not");
    counters_hold(&app).await;
}

// contract: memory §8.32
#[tokio::test]
async fn a_cleanup_says_what_it_would_delete_and_then_deletes_it() {
    let (app, alice, bob) = two().await;
    let mia = manager(&app, "mia").await;
    let minor = json!({"content": "a minor okapi", "importance": 0.2});
    let mut old = Vec::new();
    for _ in 0..3 {
        old.push(stored(&app, &alice, minor.clone()).await);
        app.clock.advance(1);
    }
    let bobs = stored(&app, &bob, minor.clone()).await;
    let weighty = stored(&app, &alice, json!({"content": "a major okapi", "importance": 0.3})).await;
    app.clock.advance(90 * DAY + 1);
    let (alice, bob, mia) = (renewed(&app, &alice).await, renewed(&app, &bob).await, renewed(&app, &mia).await);
    let young = stored(&app, &alice, minor).await;
    let cleanup = async |who: &Agent, input: Value| call(&app, who, "POST", "/cleanup", input).await;
    for dry in [json!({}), json!({"dry_run": true}), json!({"older_than_days": 90, "importance_below": 0.3})] {
        let said = cleanup(&alice, dry).await.json();
        assert_eq!((&said["ids"], &said["count"], &said["dry_run"]), (&json!(old), &json!(3), &json!(true)));
        assert_eq!(listed(&app, &alice, "").await["total"], 5, "nothing is deleted");
    }
    is_refused(&cleanup(&alice, json!({"of": "workspace"})).await, 403, "permission_denied");
    for wrong in [json!({"older_than_days": 0}), json!({"importance_below": 1.1})] {
        is_refused(&cleanup(&alice, wrong).await, 400, "invalid_input");
    }
    let real = cleanup(&alice, json!({"dry_run": false})).await.json();
    assert_eq!((&real["ids"], &real["count"], &real["dry_run"]), (&json!(old), &json!(3), &json!(false)));
    assert_eq!(ids_of(&listed(&app, &alice, "").await), [young, weighty]);
    assert_eq!(restore(&app, &alice, &old[0]).await.status, 200);
    assert_eq!(fetch(&app, &bob, &bobs).await.status, 200);
    let all = cleanup(&mia, json!({"of": "workspace", "dry_run": false})).await.json();
    assert_eq!(all["ids"], json!([bobs]), "the restored row was changed just now");
    assert_eq!(cleanup(&alice, json!({"dry_run": false})).await.json()["count"], 0);
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_repeat_of_any_change_does_nothing_again() {
    let (app, alice, bob) = two().await;
    let (a, b) = (note(&app, &alice, "a").await, note(&app, &alice, "b").await);
    let c = note(&app, &alice, "c").await;
    delete(&app, &alice, &c).await;
    for (n, (method, path, input)) in [
        ("POST", "/batch".to_owned(), json!({"items": [{"content": "x"}]})),
        ("PUT", "/by-key/k".into(), json!({"value": 1})),
        ("PATCH", format!("/{a}"), json!({"content": "again"})),
        ("POST", format!("/{a}/revert"), json!({"version": 1})),
        ("PUT", format!("/{a}/grants"), json!({"grants": [{"grantee": bob.id}]})),
        ("DELETE", format!("/{a}/grants/{}", bob.id), Value::Null),
        ("POST", format!("/{c}/restore"), json!({})),
        ("POST", "/consolidate".into(), json!({"ids": [a, b], "mode": "merge"})),
        ("DELETE", format!("/{a}"), Value::Null),
        ("POST", "/cleanup".into(), json!({"dry_run": false})),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("key-{n}");
        let send = async |who: &Agent, input: &Value| {
            super::kit::request(&app, who, method, &path, input).header("idempotency-key", &key).send().await
        };
        let first = send(&alice, &input).await;
        let second = send(&alice, &input).await;
        assert!(first.status < 300, "{method} {path}: {}", first.text());
        assert_eq!((first.status, first.json()), (second.status, second.json()), "{method} {path}");
        let other = done_otherwise(&app, &alice, &key).await;
        is_refused(&other, 409, "idempotency_conflict");
    }
    assert_eq!(listed(&app, &alice, "").await["total"], 5);
    counters_hold(&app).await;
}

async fn done_otherwise(app: &TestApp, who: &Agent, key: &str) -> testkit::Answer {
    let body = json!({"content": "another body"});
    super::kit::request(app, who, "POST", "", &body).header("idempotency-key", key).send().await
}

#[tokio::test]
async fn a_question_beside_a_reindexing_is_answered() {
    let (app, alice, _) = two().await;
    stored(&app, &alice, json!({"content": "an okapi"})).await;
    let question = json!({"query": "okapi"});
    let before = done(&app, &alice, "POST", "/search", question.clone()).await;
    assert!(admin(&app, "memory.reindex", json!({"what": "keyword"})).await.status < 300);
    let held = app.hold_reads().await;
    let asking = super::kit::request(&app, &alice, "POST", "/search", &question).send();
    // The question has found its index when it waits for a thread, and then the index is forgotten.
    let beside = async {
        eventually("the question waits", || async { app.queued_reads() == 1 }).await;
        sweep(&app).await;
        drop(held);
    };
    let (answer, ()) = tokio::join!(asking, beside);
    assert_eq!((answer.status, answer.json()), (200, before), "{}", answer.text());
}

#[tokio::test]
async fn a_new_index_finds_the_same_as_the_old_one() {
    let (app, alice, bob) = two().await;
    for n in 0..30 {
        stored(&app, &alice, json!({"content": format!("okapi number {n}"), "access": "public"})).await;
    }
    let before = done(&app, &bob, "POST", "/search", json!({"query": "okapi number 7", "explain": true})).await;
    rows(&app, "UPDATE memory_terms SET terms = terms").await;
    let job = admin(&app, "memory.reindex", json!({"what": "keyword"})).await;
    assert!(job.status < 300 && job.json()["job_id"].as_str().unwrap().starts_with("job_"), "{}", job.text());
    let progress = admin(&app, "memory.stats", json!({"of": "workspace"})).await.json();
    assert_eq!(progress["reindexing"]["total"], 30, "{progress}");
    sweep(&app).await;
    let after = admin(&app, "memory.stats", json!({"of": "workspace"})).await.json();
    assert!(after["reindexing"].is_null(), "{after}");
    let found = done(&app, &bob, "POST", "/search", json!({"query": "okapi number 7", "explain": true})).await;
    assert_eq!(found, before);
    is_refused(&admin(&app, "memory.reindex", json!({"what": "embeddings"})).await, 503, "semantic_unavailable");
}
