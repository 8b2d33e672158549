//! Memories: what agents know and share.

mod access;
mod bits;
mod consolidate;
mod input;
pub(crate) mod kit;
mod lifecycle;
mod recall_text;
mod stats;
mod trust;
mod undo;
mod versions;

use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

async fn create(app: &TestApp, who: &Agent, body: Value) -> Answer {
    app.rest("POST", "/api/v1/memories").key(&who.key).json(&body).send().await
}

async fn created(app: &TestApp, who: &Agent, body: Value) -> Value {
    let answer = create(app, who, body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn set(app: &TestApp, who: &Agent, key: &str, mut body: Value) -> Answer {
    body["key"] = json!(key);
    let result = app.mcp(&who.key).call("set_memory", body).await;
    let status = if result.is_error { 400 } else { 200 };
    Answer { status, headers: Default::default(), body: result.content.to_string().into() }
}

async fn get(app: &TestApp, who: &Agent, path: &str) -> Answer {
    app.rest("GET", format!("/api/v1/memories/{path}")).key(&who.key).send().await
}

async fn search(app: &TestApp, who: &Agent, question: Value) -> Value {
    let answer = app.rest("POST", "/api/v1/memories/search").key(&who.key).json(&question).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn ids(found: &Value) -> Vec<String> {
    found["items"].as_array().unwrap().iter().map(|item| item["memory"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_second_agent_finds_what_the_first_one_shared() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let stored = app
        .mcp(&alice.key)
        .call("create_memory", json!({"content": "The release branch is cut on Thursdays", "access": "public"}))
        .await;
    assert!(!stored.is_error, "{:?}", stored.content);
    let found = app.mcp(&bob.key).call("search_memories", json!({"query": "when is the relase cut"})).await;
    assert_eq!(found.content["items"][0]["memory"]["id"], stored.content["id"]);
    assert_eq!(found.content["items"][0]["memory"]["provenance"]["principal"], json!(alice.id));
    assert_eq!(found.content["semantic"], "unavailable");
}

// contract: memory §8.1
#[tokio::test]
async fn a_private_value_is_not_found_by_others() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let operator = app.agent_in("default", "otto", "operator").await;
    assert_eq!(set(&app, &alice, "k1", json!({"value": {"a": 1}})).await.json()["created"], true);
    assert_eq!(get(&app, &alice, "by-key/k1").await.json()["value"], json!({"a": 1}));
    for other in [&bob, &operator] {
        let answer = get(&app, other, &format!("by-key/k1?owner={}", alice.id)).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    }
    let admin = app.as_operator("default", "memory.get", &json!({"key": "k1", "owner": alice.id})).await;
    assert_eq!(admin.status, 404);
}

#[tokio::test]
async fn two_owners_keys_are_independent() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    set(&app, &alice, "status", json!({"value": "hers"})).await;
    set(&app, &bob, "status", json!({"value": "his"})).await;
    assert_eq!(get(&app, &alice, "by-key/status").await.json()["value"], "hers");
    assert_eq!(get(&app, &bob, "by-key/status").await.json()["value"], "his");
}

// contract: memory §8.3
#[tokio::test]
async fn string_value_keeps_its_type() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for value in [json!("42"), json!(42), json!([1, {"a": null}]), json!(false), json!(1.5)] {
        set(&app, &alice, "k", json!({"value": value})).await;
        assert_eq!(get(&app, &alice, "by-key/k").await.json()["value"], value);
    }
}

// contract: memory §8.4
#[tokio::test]
async fn expired_rows_never_read_even_without_sweeper() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let first = set(&app, &alice, "k", json!({"value": 1, "expires_in": 1})).await.json();
    assert_eq!(set(&app, &alice, "k", json!({"value": 2, "overwrite": false})).await.code(), "key_exists");
    app.clock.advance_micros(1_300_000);
    assert_eq!(get(&app, &alice, "by-key/k").await.status, 404);
    assert_eq!(get(&app, &alice, first["id"].as_str().unwrap()).await.status, 404);
    let again = set(&app, &alice, "k", json!({"value": 2, "overwrite": false})).await.json();
    assert_eq!(again["created"], true);
    assert_ne!(again["id"], first["id"]);
}

// contract: memory §8.5
#[tokio::test]
async fn lifetimes_have_their_limits() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let with = |extra: Value| {
        let mut body = json!({"content": "x"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    assert_eq!(created(&app, &alice, with(json!({"expires_in": 0}))).await["expires_at"], Value::Null);
    assert_eq!(create(&app, &alice, with(json!({"expires_in": 31_536_000}))).await.status, 201);
    for wrong in
        [json!({"expires_in": 31_536_001}), json!({"expires_in": -1}), json!({"layer": "short", "expires_in": 5})]
    {
        let answer = create(&app, &alice, with(wrong)).await;
        assert_eq!((answer.status, answer.json()["errors"][0]["field"].as_str().unwrap()), (400, "expires_in"));
    }
    let short = created(&app, &alice, with(json!({"layer": "short"}))).await;
    let (start, end): (types::Timestamp, types::Timestamp) = (
        short["created_at"].as_str().unwrap().parse().unwrap(),
        short["expires_at"].as_str().unwrap().parse().unwrap(),
    );
    assert_eq!(end.micros() - start.micros(), 86_400 * 1_000_000);
}

// contract: memory §8.6
#[tokio::test]
async fn keys_are_trimmed_and_hold_no_whitespace() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let long = "a".repeat(255);
    for good in ["a", &long, "key-with-dashes", "key.with.dots", "mixed-case_KEY.123"] {
        assert_eq!(set(&app, &alice, good, json!({"value": 1})).await.status, 200, "{good}");
    }
    assert_eq!(set(&app, &alice, "  pad  ", json!({"value": 1})).await.json()["key"], "pad");
    let longer = "a".repeat(256);
    for bad in ["", &longer, "a b", "a\tb", "a\nb"] {
        assert_eq!(set(&app, &alice, bad, json!({"value": 1})).await.code(), "invalid_input", "{bad:?}");
    }
}

// contract: memory §8.7
#[tokio::test]
async fn prefix_percent_matches_nothing() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for key in ["config_a", "config_b", "other"] {
        set(&app, &alice, key, json!({"value": 1})).await;
    }
    let count = async |prefix: &str| {
        let answer =
            app.rest("GET", format!("/api/v1/memories?count=true&prefix={prefix}")).key(&alice.key).send().await;
        answer.json()["total"].as_i64().unwrap()
    };
    assert_eq!(count("config_").await, 2);
    assert_eq!(count("%251").await, 0);
    assert_eq!(count("config%25").await, 0);
}

// contract: memory §8.8
#[tokio::test]
async fn of_fifty_parallel_updates_of_one_version_one_succeeds() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let memory = created(&app, &alice, json!({"content": "v1"})).await;
    let path = format!("/api/v1/memories/{}", memory["id"].as_str().unwrap());
    let update = |version: i64, text: String| {
        app.rest("PATCH", path.clone())
            .key(&alice.key)
            .json(&json!({"expected_version": version, "content": text}))
            .send()
    };
    assert_eq!(update(1, "v2".into()).await.json()["version"], 2);
    let stale = update(1, "lost".into()).await;
    assert_eq!(
        (stale.status, stale.code().as_str(), stale.json()["current_version"].as_i64()),
        (409, "version_conflict", Some(2))
    );
    let calls: Vec<_> = (0..50).map(|n| tokio::spawn(update(2, format!("racer {n}")))).collect();
    let mut won = 0;
    for call in calls {
        won += u32::from(call.await.unwrap().status == 200);
    }
    assert_eq!(won, 1);
    let by_header =
        app.rest("PATCH", path.clone()).key(&alice.key).header("if-match", "\"3\"").json(&json!({"content": "x"}));
    assert_eq!(by_header.send().await.status, 200);
}

// contract: memory §8.12
#[tokio::test]
async fn provenance_is_the_servers() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let forged = create(&app, &alice, json!({"content": "x", "provenance": {"principal": "agt_someone"}})).await;
    assert_eq!((forged.status, forged.json()["errors"][0]["field"].clone()), (400, json!("provenance.principal")));
    let memory = created(
        &app,
        &alice,
        json!({"content": "x", "project": "hall", "metadata": {"at": "1999-01-01T00:00:00Z"}, "provenance": {"why": {"intent": "test"}}}),
    )
    .await;
    assert_eq!(memory["provenance"]["principal"], json!(alice.id));
    assert_eq!(memory["provenance"]["via"], "rest");
    assert_eq!(memory["provenance"]["project"], "hall");
    assert_eq!(memory["provenance"]["why"]["intent"], "test");
    assert!(memory["provenance"]["at"].as_str().unwrap().starts_with("2026-01-01T00:00:00"));
}

#[tokio::test]
async fn caller_tags_cannot_forge_who_when() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let memory = created(&app, &alice, json!({"content": "x", "tags": ["who:bob", "when:1999", " who:bob "]})).await;
    assert_eq!(memory["tags"], json!(["who:bob", "when:1999"]));
    assert_eq!(memory["owner"], json!(alice.id));
}

// contract: memory §8.20
#[tokio::test]
async fn equal_texts_have_distinct_ids() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for _ in 0..3 {
        created(&app, &alice, json!({"content": "the very same words"})).await;
    }
    let mut found = ids(&search(&app, &alice, json!({"query": "same words"})).await);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 3);
}

// contract: memory §8.23
#[tokio::test]
async fn another_workspaces_rows_change_no_bit_of_an_answer() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, eve) = (app.agent("alice").await, app.agent_in("other", "eve", "agent").await);
    for n in 0..40 {
        created(&app, &alice, json!({"content": format!("deploy notes {n}: the deploy of service {}", n % 7)})).await;
    }
    let questions = [
        json!({"query": "deploy service notes", "limit": 20}),
        json!({"query": "deplyo servcie", "limit": 20, "mode": "keyword"}),
    ];
    let mut before = Vec::new();
    for question in &questions {
        before.push(search(&app, &alice, question.clone()).await);
    }
    for n in 0..400 {
        created(&app, &eve, json!({"content": format!("deploy service notes deployment {n}"), "access": "public"}))
            .await;
    }
    for (question, before) in questions.iter().zip(before) {
        assert_eq!(search(&app, &alice, question.clone()).await, before);
    }
}

// contract: memory §8.24
#[tokio::test]
async fn a_neighbours_private_rows_change_no_bit_of_an_answer() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    for n in 0..30 {
        created(&app, &alice, json!({"content": format!("rotate the signing key, step {n}")})).await;
    }
    let question = json!({"query": "rotate signing key", "limit": 10, "explain": true});
    let before = search(&app, &alice, question.clone()).await;
    let counted = app.rest("GET", "/api/v1/memories?count=true").key(&alice.key).send().await.json()["total"].clone();
    for n in 0..500 {
        created(&app, &bob, json!({"content": format!("rotate rotate signing signing key key {n}")})).await;
    }
    assert_eq!(search(&app, &alice, question).await, before);
    assert_eq!(app.rest("GET", "/api/v1/memories?count=true").key(&alice.key).send().await.json()["total"], counted);
    assert!(!before.to_string().contains("bm25"));
}

#[tokio::test]
async fn stranger_cannot_update_or_delete_by_id() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let private = created(&app, &alice, json!({"content": "hers"})).await["id"].as_str().unwrap().to_owned();
    let public = created(&app, &alice, json!({"content": "everyone's to read", "access": "public"})).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (id, status, code) in [(&private, 404, "not_found"), (&public, 403, "permission_denied")] {
        let path = format!("/api/v1/memories/{id}");
        let update = app.rest("PATCH", path.clone()).key(&bob.key).json(&json!({"content": "his"})).send().await;
        let delete = app.rest("DELETE", path).key(&bob.key).send().await;
        assert_eq!((update.status, update.code().as_str()), (status, code));
        assert_eq!((delete.status, delete.code().as_str()), (status, code));
    }
    assert_eq!(get(&app, &alice, &private).await.json()["content"], "hers");
    assert_eq!(get(&app, &bob, &public).await.json()["content"], "everyone's to read");
}

#[tokio::test]
async fn update_cannot_assign_owner() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let id = created(&app, &alice, json!({"content": "hers"})).await["id"].as_str().unwrap().to_owned();
    let answer = app
        .rest("PATCH", format!("/api/v1/memories/{id}"))
        .key(&alice.key)
        .json(&json!({"owner": bob.id}))
        .send()
        .await;
    assert_eq!((answer.status, answer.json()["errors"][0]["field"].clone()), (400, json!("owner")));
}

#[tokio::test]
async fn agent_id_argument_cannot_choose_identity() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let result = app.mcp(&alice.key).call("create_memory", json!({"content": "x", "agent_id": bob.id})).await;
    assert_eq!((result.code(), result.content["errors"][0]["field"].clone()), ("invalid_input", json!("agent_id")));
}

#[tokio::test]
async fn prose_with_select_and_script_is_accepted_verbatim() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let text = "SELECT * FROM users; <script>alert('&amp;')</script> \u{202E}abc\u{200B} 'OR 1=1 --\r\n\tend";
    let memory = created(&app, &alice, json!({"content": text})).await;
    assert_eq!(get(&app, &alice, memory["id"].as_str().unwrap()).await.json()["content"], text);
}

#[tokio::test]
async fn deep_json_is_refused() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let nest = |depth: usize| -> Value { (1..depth).fold(json!([]), |inner, _| json!([inner])) };
    assert_eq!(set(&app, &alice, "k", json!({"value": nest(20)})).await.status, 200);
    assert_eq!(set(&app, &alice, "k", json!({"value": nest(21)})).await.code(), "invalid_input");
}

#[tokio::test]
async fn shared_reference_json_is_not_lost() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let leaf = json!({"n": [1, 2, 3]});
    let value = json!({"a": leaf, "b": leaf, "c": [leaf, leaf]});
    set(&app, &alice, "k", json!({"value": value})).await;
    assert_eq!(get(&app, &alice, "by-key/k").await.json()["value"], value);
}

#[tokio::test]
async fn memory_size_is_limited() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    assert_eq!(create(&app, &alice, json!({"content": "é".repeat(100_000)})).await.status, 201);
    let over = create(&app, &alice, json!({"content": "é".repeat(100_001)})).await;
    assert_eq!((over.status, over.code().as_str()), (413, "too_large"));
    assert_eq!(create(&app, &alice, json!({"value": "x".repeat(65_534)})).await.status, 201);
    assert_eq!(create(&app, &alice, json!({"value": "x".repeat(65_535)})).await.status, 413);
}

#[tokio::test]
async fn validation_error_is_not_unavailable() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for body in [
        json!({}),
        json!({"content": "a", "value": 1}),
        json!({"value": null}),
        json!({"content": "  "}),
        json!({"content": "a\u{1}b"}),
        json!({"content": "a", "importance": 1.5}),
        json!({"content": "a", "tags": vec!["t"; 33]}),
        json!({"content": "a", "metadata": {"a": [{"__proto__": 1}]}}),
        json!({"content": "a", "access": "everyone"}),
        json!({"content": "a", "trust": "trusted"}),
        json!({"content": "a", "version": 7}),
        json!({"content": "a", "owner": "agt_x"}),
    ] {
        let answer = create(&app, &alice, body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_input"), "{body}");
        assert!(answer.header("retry-after").is_empty() && answer.json()["errors"].is_array(), "{body}");
    }
}

// contract: memory §8.34
#[tokio::test]
async fn a_repeat_with_an_idempotency_key_does_nothing_again() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let send = |text: &str| {
        app.rest("POST", "/api/v1/memories")
            .key(&alice.key)
            .header("idempotency-key", "once")
            .json(&json!({"content": text}))
            .send()
    };
    let first = send("one").await;
    let second = send("one").await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json(), second.json());
    assert_eq!(send("two").await.code(), "idempotency_conflict");
    let by_tool = app.mcp(&alice.key).call("create_memory", json!({"content": "one", "idempotency_key": "once"})).await;
    assert_eq!(by_tool.content["id"], first.json()["id"]);
    let total = app.rest("GET", "/api/v1/memories?count=true").key(&alice.key).send().await.json()["total"].clone();
    assert_eq!(total, 1);
    app.clock.advance(86_401);
    assert_eq!(send("two").await.status, 201);
}

#[tokio::test]
async fn parallel_repeats_make_one_memory() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let request = app.rest("POST", "/api/v1/memories").key(&alice.key).header("idempotency-key", "race");
            tokio::spawn(request.json(&json!({"content": "one"})).send())
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().json()["id"].clone());
    }
    assert!(answers[0].is_string() && answers.iter().all(|id| *id == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn deleting_hides_the_row_and_frees_its_key() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let id = set(&app, &alice, "k", json!({"content": "kept words"})).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(ids(&search(&app, &alice, json!({"query": "kept"})).await), std::slice::from_ref(&id));
    let deleted = app.rest("DELETE", format!("/api/v1/memories/{id}")).key(&alice.key).send().await.json();
    assert_eq!(deleted["id"], json!(id));
    assert_eq!(get(&app, &alice, &id).await.status, 404);
    assert!(ids(&search(&app, &alice, json!({"query": "kept"})).await).is_empty());
    assert_eq!(set(&app, &alice, "k", json!({"content": "new", "overwrite": false})).await.status, 200);
}

#[tokio::test]
async fn pages_hold_every_row_once_and_cursors_are_bound() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    for n in 0..25 {
        let who = if n % 2 == 0 { &alice } else { &bob };
        app.clock.advance(1);
        created(&app, who, json!({"content": format!("row {n}"), "key": format!("k{n:02}"), "access": "public"})).await;
    }
    for sort in ["updated", "created", "key"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/memories?limit=7&sort={sort}{cursor}");
            let page = app.rest("GET", path).key(&alice.key).send().await.json();
            for item in page["items"].as_array().unwrap() {
                assert!(item.get("content").is_none() && item["size_bytes"].as_i64().unwrap() >= 5);
                seen.push(item["key"].as_str().unwrap().to_owned());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let mut expected: Vec<String> = (0..25).map(|n| format!("k{n:02}")).collect();
        if sort != "key" {
            expected.reverse();
        }
        assert_eq!(seen, expected, "{sort}");
        for (key, sort) in [(&bob.key, sort), (&alice.key, if sort == "key" { "updated" } else { "key" })] {
            let stolen = app.rest("GET", format!("/api/v1/memories?limit=7&sort={sort}{cursor}")).key(key).send().await;
            assert_eq!((stolen.status, stolen.code().as_str()), (400, "invalid_cursor"));
        }
    }
}

// contract: memory §8.19
#[tokio::test]
async fn an_exact_word_is_never_a_misspelling() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for text in ["data lives here", "date of the release", "dates and dada"] {
        created(&app, &alice, json!({"content": text})).await;
    }
    let found = search(&app, &alice, json!({"query": "data"})).await;
    assert!(found["items"].as_array().unwrap().iter().all(|item| item["matched_by"] != json!(["typo"])), "{found}");
}

// contract: memory §8.22
#[tokio::test]
async fn boost_counts_importance_and_age() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    created(&app, &alice, json!({"content": "singular wombat", "importance": 1.0})).await;
    let boost = async |question: Value| search(&app, &alice, question).await["items"][0].clone();
    let item = boost(json!({"query": "wombat", "explain": true, "typo": false})).await;
    assert_eq!((item["score"].as_f64(), item["explain"]["boost"].as_f64()), (Some(1.07), Some(1.07)));
    let item = boost(json!({"query": "wombat", "boost": "off", "typo": false})).await;
    assert_eq!(item["score"].as_f64(), Some(1.0));
}

#[tokio::test]
async fn filters_narrow_before_ranking() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let a = created(&app, &alice, json!({"content": "blue lamp", "tags": ["x", "y"], "project": "p1", "kind": "fact"}))
        .await;
    let b = created(&app, &bob, json!({"content": "blue lamp", "tags": ["x"], "importance": 0.9, "access": "public"}))
        .await;
    let only = async |filter: Value| {
        let mut question = json!({"query": "blue lamp"});
        question.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        ids(&search(&app, &alice, question).await)
    };
    let (a, b) = (a["id"].as_str().unwrap().to_owned(), b["id"].as_str().unwrap().to_owned());
    assert_eq!(only(json!({"tags_all": ["x", "y"]})).await, std::slice::from_ref(&a));
    assert_eq!(only(json!({"tags_any": ["y", "z"]})).await, std::slice::from_ref(&a));
    assert_eq!(only(json!({"project": "p1"})).await, std::slice::from_ref(&a));
    assert_eq!(only(json!({"kinds": ["fact"]})).await, std::slice::from_ref(&a));
    assert_eq!(only(json!({"owners": [bob.id]})).await, std::slice::from_ref(&b));
    assert_eq!(only(json!({"access": "public"})).await, std::slice::from_ref(&b));
    assert_eq!(only(json!({"min_importance": 0.8})).await, [b]);
    assert!(only(json!({"project": "nowhere"})).await.is_empty());
    assert!(only(json!({"tags_all": ["x", "nowhere"]})).await.is_empty());
    let semantic = app
        .rest("POST", "/api/v1/memories/search")
        .key(&alice.key)
        .json(&json!({"query": "x", "mode": "semantic"}))
        .send()
        .await;
    assert_eq!((semantic.status, semantic.code().as_str()), (503, "semantic_unavailable"));
}

#[tokio::test]
async fn fetches_are_counted_in_batches_without_a_new_version() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let memory = created(&app, &alice, json!({"content": "x"})).await;
    let id = memory["id"].as_str().unwrap();
    for _ in 0..3 {
        assert_eq!(get(&app, &alice, id).await.json()["access_count"], 0);
    }
    app.gate.app().sweep(domain::Finish::No).await.unwrap();
    let after = get(&app, &alice, id).await.json();
    assert_eq!((after["access_count"].clone(), after["version"].clone()), (json!(3), json!(1)));
    assert!(after["relevance"].as_f64().unwrap() > 0.6);
}

#[tokio::test]
async fn updated_rows_sort_by_time() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let first = created(&app, &alice, json!({"content": "first"})).await["id"].as_str().unwrap().to_owned();
    app.clock.advance(1);
    created(&app, &alice, json!({"content": "second"})).await;
    app.clock.advance(1);
    app.rest("PATCH", format!("/api/v1/memories/{first}")).key(&alice.key).json(&json!({"summary": "s"})).send().await;
    let page = app.rest("GET", "/api/v1/memories").key(&alice.key).send().await.json();
    assert_eq!(page["items"][0]["id"], json!(first));
}

#[tokio::test]
async fn prefix_and_tags_narrow_together_on_every_page() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for n in 0..12 {
        app.clock.advance(1);
        let tags = if n % 3 == 0 { json!(["x", "quo\"te"]) } else { json!(["xy"]) };
        let key = if n % 2 == 0 { format!("a/{n:02}") } else { format!("b/{n:02}") };
        created(&app, &alice, json!({"content": "x", "key": key, "tags": tags})).await;
    }
    for (sort, expected) in [("key", ["a/00", "a/06"]), ("updated", ["a/06", "a/00"]), ("created", ["a/06", "a/00"])] {
        for tag in ["x", "quo%22te"] {
            let mut seen = Vec::new();
            let mut cursor = String::new();
            loop {
                let path = format!("/api/v1/memories?prefix=a/&tags_any={tag}&sort={sort}&limit=1&count=true{cursor}");
                let page = app.rest("GET", path).key(&alice.key).send().await.json();
                assert_eq!(page["total"], 2, "{page}");
                seen.extend(
                    page["items"].as_array().unwrap().iter().map(|item| item["key"].as_str().unwrap().to_owned()),
                );
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(seen, expected, "{sort} {tag}");
        }
    }
}

#[tokio::test]
async fn an_integer_is_kept_exactly_or_refused() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for (value, status) in
        [("18446744073709551615", 201), ("-9223372036854775808", 201), ("12345678901234567890123", 400)]
    {
        let request = app.rest("POST", "/api/v1/memories").key(&alice.key).header("content-type", "application/json");
        let answer = request.bytes(format!("{{\"value\":{value}}}")).send().await;
        assert_eq!(answer.status, status, "{value}");
        assert!(status != 201 || answer.text().contains(value), "{}", answer.text());
    }
}
