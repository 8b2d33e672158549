//! One memory of several (contract memory §3.7).

use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

use super::kit::{
    call, counters_hold, done, fetch, found, id_of, ids_of, is_refused, note, review, share, stored, team, update,
};

async fn two() -> (TestApp, Agent, Agent) {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    (app, alice, bob)
}

async fn merge(app: &TestApp, who: &Agent, ids: &[&str]) -> Answer {
    call(app, who, "POST", "/consolidate", json!({"ids": ids, "mode": "merge"})).await
}

// contract: memory §8.31
#[tokio::test]
async fn a_merge_is_as_private_as_its_most_private_source() {
    let (app, alice, bob) = two().await;
    let hidden = note(&app, &alice, "the ibis sleeps").await;
    app.clock.advance(1);
    let open = stored(&app, &alice, json!({"content": "the ibis wakes", "access": "public"})).await;
    let result = merge(&app, &alice, &[&hidden, &open]).await.json();
    let id = id_of(&result);
    assert_eq!((&result["access"], &result["supersedes"]), (&json!("private"), &json!([hidden, open])));
    assert_eq!(found(&app, &alice, "ibis").await, std::slice::from_ref(&id), "the sources leave search");
    assert!(found(&app, &bob, "ibis").await.is_empty());
    for source in [&hidden, &open] {
        assert_eq!(fetch(&app, &alice, source).await.json()["superseded_by"], json!(id));
    }
    assert_eq!(fetch(&app, &bob, &open).await.status, 200);
    let all = json!({"query": "ibis", "include_superseded": true});
    assert_eq!(ids_of(&done(&app, &alice, "POST", "/search", all).await).len(), 3);
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_merge_joins_by_age_drops_repeated_lines_and_unites_tags() {
    let (app, alice, _) = two().await;
    let first = json!({"content": "alpha\nbeta", "tags": ["a", "b"], "importance": 0.2, "kind": "fact"});
    let first = stored(&app, &alice, first).await;
    app.clock.advance(1);
    let second = json!({"content": "beta\ngamma\n", "tags": ["b", "c"], "importance": 0.8, "kind": "fact"});
    let second = stored(&app, &alice, second).await;
    app.clock.advance(1);
    let third = json!({"content": "alpha\nbeta", "importance": 0.5, "kind": "fact"});
    let third = stored(&app, &alice, third).await;
    let result = merge(&app, &alice, &[&third, &second, &first]).await.json();
    assert_eq!(result["content"], "alpha\nbeta\n\ngamma");
    assert_eq!((&result["tags"], &result["importance"]), (&json!(["a", "b", "c"]), &json!(0.8)));
    assert_eq!((&result["owner"], &result["version"], &result["key"]), (&json!(alice.id), &json!(1), &Value::Null));
}

#[tokio::test]
async fn the_order_of_access_is_private_shared_team_public_system() {
    let (app, alice, bob) = two().await;
    super::kit::grant(&app, &alice, json!(["memory:manage"])).await;
    let (one, two) = (team(&app, "one", &[&alice]).await, team(&app, "two", &[&alice]).await);
    let make = async |access: &str, team: Option<&String>| {
        let made = if access == "shared" { "private" } else { access };
        let id = stored(&app, &alice, json!({"content": "x", "access": made, "team_id": team})).await;
        if access == "shared" {
            share(&app, &alice, &id, &bob.id, "read").await;
        }
        id
    };
    for (left, right, expected, of) in [
        (("private", None), ("system", None), "private", None),
        (("shared", None), ("team", Some(&one)), "shared", None),
        (("team", Some(&one)), ("public", None), "team", Some(&one)),
        (("team", Some(&one)), ("team", Some(&one)), "team", Some(&one)),
        (("team", Some(&one)), ("team", Some(&two)), "private", None),
        (("public", None), ("system", None), "public", None),
        (("system", None), ("system", None), "system", None),
    ] {
        let (a, b) = (make(left.0, left.1).await, make(right.0, right.1).await);
        let result = merge(&app, &alice, &[&a, &b]).await;
        assert_eq!(result.status, 201, "{}", result.text());
        let result = result.json();
        assert_eq!((&result["access"], &result["team_id"]), (&json!(expected), &json!(of)), "{left:?} {right:?}");
        assert!(
            super::kit::fetch(&app, &alice, &id_of(&result)).await.json()["grants"].is_null(),
            "no grant is inherited"
        );
    }
    counters_hold(&app).await;
}

#[tokio::test]
async fn a_grantee_outside_the_team_gets_a_private_merge() {
    let (app, alice, bob) = two().await;
    let builders = team(&app, "builders", &[&alice]).await;
    let mut ids = Vec::new();
    for content in ["one", "two"] {
        let id = stored(&app, &alice, json!({"content": content, "access": "team", "team_id": builders})).await;
        share(&app, &alice, &id, &bob.id, "write").await;
        ids.push(id);
    }
    let result = merge(&app, &bob, &[&ids[0], &ids[1]]).await;
    assert_eq!(result.status, 201, "{}", result.text());
    assert_eq!((&result.json()["access"], &result.json()["owner"]), (&json!("private"), &json!(bob.id)));
}

#[tokio::test]
async fn a_merge_has_the_least_trust_and_a_summary_its_writers() {
    let (app, alice, _) = two().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let trusted = note(&app, &otto, "checked").await;
    let lent = note(&app, &alice, "unchecked").await;
    share(&app, &alice, &lent, &otto.id, "write").await;
    assert_eq!(merge(&app, &otto, &[&trusted, &lent]).await.json()["trust"], "unreviewed");
    let summary = json!({"ids": [trusted, lent], "mode": "summary", "content": "both"});
    let summary = done(&app, &otto, "POST", "/consolidate", summary).await;
    assert_eq!(
        (&summary["trust"], &summary["kind"], &summary["content"]),
        (&json!("trusted"), &json!("summary"), &json!("both"))
    );
    let (a, b) = (note(&app, &alice, "a").await, note(&app, &alice, "b").await);
    for id in [&a, &b] {
        review(&app, id, "trust").await;
    }
    assert_eq!(
        merge(&app, &alice, &[&a, &b]).await.json()["trust"],
        "unreviewed",
        "the merger's own level is a bound too"
    );
}

#[tokio::test]
async fn every_source_must_be_readable_and_writable_to_be_superseded() {
    let (app, alice, bob) = two().await;
    let (mine, foreign) = (note(&app, &bob, "mine").await, note(&app, &alice, "hers").await);
    app.clock.advance(1);
    let open = stored(&app, &alice, json!({"content": "open", "access": "public"})).await;
    is_refused(&merge(&app, &bob, &[&mine, &foreign]).await, 404, "not_found");
    is_refused(&merge(&app, &bob, &[&mine, &open]).await, 403, "permission_denied");
    assert!(fetch(&app, &bob, &mine).await.json()["superseded_by"].is_null(), "all or nothing");
    let copy = json!({"ids": [mine, open], "mode": "merge", "supersede": false});
    let copy = done(&app, &bob, "POST", "/consolidate", copy).await;
    assert_eq!((&copy["access"], &copy["content"]), (&json!("private"), &json!("mine\n\nopen")));
    assert_eq!(found(&app, &bob, "open").await.len(), 2);
    counters_hold(&app).await;
}

#[tokio::test]
async fn what_cannot_be_consolidated_is_refused() {
    let (app, alice, _) = two().await;
    let (a, b) = (note(&app, &alice, "a").await, note(&app, &alice, "b").await);
    let many: Vec<_> = (0..51).map(|n| format!("mem_0000000000000000000000{n:04}")).collect();
    for wrong in [
        json!({"ids": [a], "mode": "merge"}),
        json!({"ids": [a, a], "mode": "merge"}),
        json!({"ids": many, "mode": "merge"}),
        json!({"ids": [a, b], "mode": "summary"}),
        json!({"ids": [a, b], "mode": "summary", "content": " "}),
        json!({"ids": [a, b], "mode": "merge", "content": "x"}),
        json!({"ids": [a, b]}),
    ] {
        is_refused(&call(&app, &alice, "POST", "/consolidate", wrong).await, 400, "invalid_input");
    }
    for (id, letter) in [(&a, "a"), (&b, "b")] {
        update(&app, &alice, id, json!({"content": letter.repeat(50_000)})).await;
    }
    is_refused(&merge(&app, &alice, &[&a, &b]).await, 413, "too_large");
    assert!(fetch(&app, &alice, &a).await.json()["superseded_by"].is_null());
}
