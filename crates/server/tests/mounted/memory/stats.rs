//! Counts, and limits that are what they are said to be.

use serde_json::{Value, json};
use testkit::{Agent, TestApp};

use super::kit::{
    call, counters_hold, delete, done, id_of, is_refused, listed, manager, multiply, note, put, review, rows, share,
    stats, stored, sweep, team, update,
};

/// What statistics must say of an agent's rows, from a list of all of them.
async fn full_count(app: &TestApp, who: &Agent) -> Value {
    let mut count = json!({"total": 0, "bytes": 0, "by_kind": {}, "by_access": {}, "by_trust": {}, "by_layer": {}});
    for trust in ["", "&trust=quarantined"] {
        let mut cursor = String::new();
        loop {
            let page = listed(app, who, &format!("&owner={}{trust}{cursor}", who.id)).await;
            for item in page["items"].as_array().unwrap() {
                let layer = item["layer"].as_str().unwrap_or("none").to_owned();
                count["total"] = json!(count["total"].as_i64().unwrap() + 1);
                count["bytes"] = json!(count["bytes"].as_i64().unwrap() + item["size_bytes"].as_i64().unwrap());
                for (by, name) in [("kind", &item["kind"]), ("access", &item["access"]), ("trust", &item["trust"])] {
                    let place = &mut count[format!("by_{by}")][name.as_str().unwrap()];
                    *place = json!(place.as_i64().unwrap_or(0) + 1);
                }
                let place = &mut count["by_layer"][layer];
                *place = json!(place.as_i64().unwrap_or(0) + 1);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
    }
    count
}

async fn assert_counted(app: &TestApp, who: &Agent) {
    let (said, counted) = (stats(app, who, "own").await, full_count(app, who).await);
    for (name, value) in counted.as_object().unwrap() {
        assert_eq!(&said[name], value, "{name}");
    }
}

// contract: memory §8.33
#[tokio::test]
async fn statistics_equal_a_full_count_and_others_rows_change_nothing() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let ours = team(&app, "ours", &[&alice]).await;
    let mut ids = Vec::new();
    for (n, access) in ["private", "public", "team", "public", "private"].iter().enumerate() {
        let kind = ["note", "fact", "decision", "fact", "note"][n];
        let body = json!({"content": "template ".repeat(n + 1), "kind": kind, "access": access, "project": "template",
            "team_id": (*access == "team").then_some(&ours)});
        ids.push(stored(&app, &alice, body).await);
    }
    review(&app, &ids[1], "trust").await;
    review(&app, &ids[4], "quarantine").await;
    // The copies go in behind the counters' back, so the counters are set to a full count as the migration does.
    assert_eq!(multiply(&app, 200).await, 1_000);
    rows(&app, "UPDATE memory_counts SET live = live * 201, bytes = bytes * 201 WHERE live <> 0").await;
    for (extra, n) in [(json!({"layer": "short"}), 0), (json!({"layer": "long"}), 1), (json!({"expires_in": 60}), 2)] {
        let mut body = json!({"value": {"n": n}});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        put(&app, &alice, &format!("k{n}"), body).await;
    }
    assert_counted(&app, &alice).await;
    let before = stats(&app, &alice, "own").await;
    assert_eq!((&before["total"], &before["expiring_24h"]), (&json!(1_008), &json!(2)));
    let newest: Vec<_> = listed(&app, &alice, "").await["items"]
        .as_array()
        .unwrap()
        .iter()
        .take(5)
        .map(|item| item["id"].clone())
        .collect();
    assert_eq!(before["recent"], json!(newest));

    let (visible, total) = (stats(&app, &alice, "visible").await, listed(&app, &alice, "").await["total"].clone());
    let his = stored(&app, &bob, json!({"content": "private to bob"})).await;
    assert_eq!(stats(&app, &alice, "own").await, before, "a row of another owner changes it by 0");
    assert_eq!(stats(&app, &alice, "visible").await, visible);
    update(&app, &bob, &his, json!({"access": "public"})).await;
    assert_eq!(stats(&app, &alice, "own").await, before);
    assert_eq!(stats(&app, &alice, "visible").await["total"], json!(visible["total"].as_i64().unwrap() + 1));
    assert_eq!(listed(&app, &alice, "").await["total"], json!(total.as_i64().unwrap() + 1));

    app.clock.advance(61);
    delete(&app, &alice, &ids[0]).await;
    assert_counted(&app, &alice).await;
    sweep(&app).await;
    assert_counted(&app, &alice).await;
    is_refused(&call(&app, &alice, "GET", "/stats?of=workspace", Value::Null).await, 403, "permission_denied");
    counters_hold(&app).await;
}

/// The rows' texts are made unreadable behind the server's back: whatever loads one of them fails.
#[tokio::test]
async fn stats_do_not_load_rows() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let mia = manager(&app, "mia").await;
    for n in 0..20 {
        let body = json!({"content": format!("row {n}"), "access": if n % 2 == 0 { "public" } else { "private" }});
        let id = stored(&app, &alice, body).await;
        if n % 5 == 1 {
            share(&app, &alice, &id, &bob.id, "read").await;
        }
        app.clock.advance(1);
    }
    let whole = [(&alice, "own"), (&alice, "visible"), (&bob, "own"), (&bob, "visible"), (&mia, "workspace")];
    let mut before = Vec::new();
    for (who, of) in whole {
        before.push(stats(&app, who, of).await);
    }
    // The last five of each are named in `recent`.
    let poisoned = rows(
        &app,
        "UPDATE memories SET tags = '?', metadata = '?', provenance = '?' WHERE content IN ('row 0', 'row 2', 'row 3', 'row 4')",
    );
    assert_eq!(poisoned.await, 4);
    assert!(call(&app, &alice, "GET", "?limit=200", Value::Null).await.status >= 500, "loading one of them fails");
    for ((who, of), before) in whole.into_iter().zip(before) {
        assert_eq!(stats(&app, who, of).await, before, "{of}");
    }
    rows(&app, "UPDATE memory_counts SET live = live + 1000 WHERE access = 'public'").await;
    assert_eq!(stats(&app, &alice, "own").await["total"], 1_020, "counters are read, rows are not counted");
}

/// A body whose field is so large.
type BodyOf = fn(usize) -> Value;

/// The last number an error names for a field.
fn named_limit(answer: &testkit::Answer) -> usize {
    let message = answer.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    let mut numbers = message.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse::<usize>().ok());
    numbers.next_back().unwrap_or_else(|| panic!("no number in {message}"))
}

#[tokio::test]
async fn reported_limits_equal_enforced_limits() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let text = |n: usize| json!("x".repeat(n));
    let bodies: [(&str, BodyOf, usize); 11] = [
        ("content", |n| json!({"content": "x".repeat(n)}), 100_000),
        ("value", |n| json!({"value": "x".repeat(n - 2)}), 65_536),
        ("metadata", |n| json!({"content": "x", "metadata": {"m": "x".repeat(n - 8)}}), 65_536),
        ("key", |n| json!({"content": "x", "key": "x".repeat(n)}), 255),
        ("summary", |n| json!({"content": "x", "summary": "x".repeat(n)}), 2_000),
        ("tags", |n| json!({"content": "x", "tags": (0..n).map(|n| format!("t{n}")).collect::<Vec<_>>()}), 32),
        ("tags[0]", |n| json!({"content": "x", "tags": ["x".repeat(n)]}), 64),
        ("provenance.why.intent", |n| json!({"content": "x", "provenance": {"why": {"intent": "x".repeat(n)}}}), 64),
        (
            "provenance.why.description",
            |n| json!({"content": "x", "provenance": {"why": {"description": "x".repeat(n)}}}),
            500,
        ),
        ("provenance.task_id", |n| json!({"content": "x", "provenance": {"task_id": "x".repeat(n)}}), 128),
        (
            "provenance.source.ref",
            |n| json!({"content": "x", "provenance": {"source": {"kind": "file", "ref": "x".repeat(n)}}}),
            512,
        ),
    ];
    for (field, body, limit) in bodies {
        let over = call(&app, &alice, "POST", "", body(limit + 1)).await;
        assert!([400, 413].contains(&over.status), "{field}: {}", over.text());
        assert_eq!(over.json()["errors"][0]["field"], field);
        assert_eq!(named_limit(&over), limit, "{field}");
        let at = call(&app, &alice, "POST", "", body(limit)).await;
        assert_eq!(at.status, 201, "{field} at {limit}: {}", at.text());
    }
    let over = call(&app, &alice, "POST", "/search", json!({"query": text(1_001)})).await;
    assert_eq!((over.status, named_limit(&over)), (400, 1_000));
    done(&app, &alice, "POST", "/search", json!({"query": text(1_000)})).await;
    let id = note(&app, &alice, "x").await;
    let many = |n: usize| json!({"ids": vec![&id; n], "mode": "merge"});
    let over = call(&app, &alice, "POST", "/consolidate", many(51)).await;
    assert_eq!((over.status, named_limit(&over)), (400, 50));

    let settings = domain::Settings {
        memory: domain::MemorySettings { max_rows: 3, ..domain::MemorySettings::default() },
        ..domain::Settings::default()
    };
    let app = TestApp::start_with(settings).await;
    let alice = app.agent("alice").await;
    for _ in 0..3 {
        assert_eq!(id_of(&done(&app, &alice, "POST", "", json!({"content": "x"})).await).len(), 30);
    }
    let full = call(&app, &alice, "POST", "", json!({"content": "x"})).await;
    assert_eq!((full.status, &full.json()["maximum"]), (409, &json!(3)));
}
