//! Foreign rows change no bit of an answer (contract memory §6.3, §8.23, §8.24).

use serde_json::{Value, json};
use testkit::{Agent, TestApp};

use super::kit::{REASON, admin, call, found, ids_of, multiply, rows, stored};

const WORDS: [&str; 8] = ["deploy", "service", "signing", "rotation", "gateway", "ledger", "release", "database"];

/// A text of a few of the words, different for each number.
fn text(n: usize) -> String {
    let word = |k: usize| WORDS[(n * (k + 3) + k) % WORDS.len()];
    format!("{} {} {} number{n} {}", word(0), word(1), word(2), word(n % 5))
}

async fn batch(app: &TestApp, who: &Agent, count: usize, extra: &Value) {
    for start in (0..count).step_by(100) {
        let item = |n: usize| {
            let mut item = extra.clone();
            item["content"] = json!(text(n));
            item["importance"] = json!(f64::from(u8::try_from(n % 10).unwrap()) / 10.0);
            item
        };
        let items: Vec<_> = (start..count.min(start + 100)).map(item).collect();
        assert_eq!(call(app, who, "POST", "/batch", json!({ "items": items })).await.status, 201);
    }
}

/// The bodies of the answers to every question, byte for byte.
async fn answers(app: &TestApp, who: &Agent) -> Vec<String> {
    let mut all = Vec::new();
    for query in
        ["deploy signing gateway", "deplyo signnig databse", "number17", "nowhere to be found", "relaese ledger"]
    {
        for mode in ["hybrid", "keyword"] {
            for typo in [true, false] {
                let asked = json!({"query": query, "mode": mode, "typo": typo, "limit": 100, "explain": true});
                all.push(call(app, who, "POST", "/search", asked).await.text());
            }
        }
    }
    for path in ["?count=true&limit=200", "?count=true&prefix=a&sort=key", "/stats?of=own", "/stats?of=visible"] {
        all.push(call(app, who, "GET", path, Value::Null).await.text());
    }
    let none = all.iter().filter(|answer| answer.contains("\"items\":[]")).count();
    assert!(none < 12, "most questions find something");
    all
}

/// Lets the index of the workspace be read anew from the database.
async fn index_anew(app: &TestApp, workspace: &'static str) {
    let job = app.as_operator(workspace, "memory.reindex", &json!({"what": "keyword"})).await;
    assert!(job.status < 300, "{}", job.text());
    rows(app, "UPDATE jobs SET progress = '{\"after\":\"mem_7ZZZZZZZZZZZZZZZZZZZZZZZZZ\",\"done\":0,\"total\":0}'")
        .await;
    super::kit::sweep(app).await;
}

// contract: memory §8.23
// contract: memory §8.24
#[tokio::test]
async fn ten_thousand_rows_of_another_workspace_and_of_a_neighbour_change_nothing() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let eve = app.agent_in("other", "eve", "agent").await;
    batch(&app, &alice, 350, &json!({})).await;
    app.clock.advance(3 * 86_400);
    stored(&app, &bob, json!({"content": "a deploy that all may read", "access": "public"})).await;
    let before = answers(&app, &alice).await;

    // Templates first, which the index follows; then their copies, read with a new index.
    batch(&app, &eve, 10, &json!({"project": "template", "access": "public"})).await;
    batch(&app, &bob, 10, &json!({"project": "template"})).await;
    assert_eq!(answers(&app, &alice).await, before);
    assert_eq!(multiply(&app, 1_000).await, 20_000);
    for workspace in ["default", "other"] {
        index_anew(&app, workspace).await;
    }
    for foreign in [&bob, &eve] {
        let hits = found(&app, foreign, "deploy signing gateway").await;
        assert!(hits.len() == 100 && hits.iter().any(|id| id.starts_with("mem_0000")), "the copies are found");
    }
    assert_eq!(answers(&app, &alice).await, before, "bit-equal");
    let reader = app.agent_in("default", "rita", "reader").await;
    assert_eq!(found(&app, &reader, "deploy").await.len(), 1);
    let listed = admin(&app, "memory.review_list", json!({"reason": REASON, "limit": 1})).await.json();
    assert_eq!(ids_of(&listed).len(), 1);
}
