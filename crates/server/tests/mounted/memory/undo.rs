//! Undoing what a principal did (contract memory §5.4).

use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

use super::kit::{
    REASON, admin, call, counters_hold, delete, fetch, found, id_of, ids_of, is_refused, listed, note, put, review,
    share, stored, update,
};

/// Alice, and X with what X did from the first second on.
struct Scene {
    app: TestApp,
    alice: Agent,
    x: Agent,
    since: String,
}

async fn scene() -> Scene {
    let app = TestApp::start().await;
    let (alice, x) = (app.agent("alice").await, app.agent("x").await);
    Scene { app, alice, x, since: "2026-01-01T00:01:00Z".into() }
}

impl Scene {
    /// A row of alice's that X may change and delete, from before the span.
    async fn lent(&self, content: &str) -> String {
        let id = note(&self.app, &self.alice, content).await;
        share(&self.app, &self.alice, &id, &self.x.id, "delete").await;
        id
    }

    async fn ask(&self, extra: Value) -> Answer {
        let mut input = json!({"principal": self.x.id, "since": self.since, "reason": REASON});
        input.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        admin(&self.app, "memory.undo", input).await
    }

    /// Quarantined, reverted, restored and the number of conflicts.
    async fn undo(&self, dry_run: bool) -> (i64, i64, i64, usize) {
        let answer = self.ask(json!({"dry_run": dry_run})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let said = answer.json();
        assert_eq!(said["dry_run"], dry_run);
        let number = |name: &str| said[name].as_i64().unwrap();
        (number("quarantined"), number("reverted"), number("restored"), said["conflicts"].as_array().unwrap().len())
    }

    /// What a dry run says, which a real run must do and a second one must find done.
    async fn undone(&self) -> (i64, i64, i64, usize) {
        let said = self.undo(true).await;
        assert_eq!(self.undo(false).await, said, "the dry run says what the real one does");
        self.app.clock.advance(1);
        let again = self.undo(false).await;
        assert_eq!((again.0, again.1, again.2), (0, 0, 0), "a repeat is harmless");
        counters_hold(&self.app).await;
        said
    }

    async fn content(&self, id: &str) -> Value {
        fetch(&self.app, &self.alice, id).await.json()["content"].clone()
    }

    fn begin(&self) {
        self.app.clock.advance(60);
    }
}

// contract: memory §8.16
#[tokio::test]
async fn what_a_principal_did_is_undone() {
    let s = scene().await;
    let (changed, disputed, gone) = (s.lent("first").await, s.lent("second").await, s.lent("third").await);
    s.begin();
    let mut made = Vec::new();
    for n in 0..3 {
        made.push(stored(&s.app, &s.x, json!({"content": format!("planted {n}"), "access": "public"})).await);
    }
    for id in [&changed, &disputed] {
        assert_eq!(update(&s.app, &s.x, id, json!({"content": "planted too", "tags": ["bad"]})).await.status, 200);
    }
    s.app.clock.advance(1);
    update(&s.app, &s.alice, &disputed, json!({"content": "mended"})).await;
    assert_eq!(delete(&s.app, &s.x, &gone).await.status, 200);
    s.app.clock.advance(1);
    let listing = listed(&s.app, &s.alice, "").await;
    assert_eq!(s.undo(true).await, (3, 1, 1, 1));
    assert_eq!(listed(&s.app, &s.alice, "").await, listing, "a dry run changes nothing");
    assert_eq!(s.content(&changed).await, "planted too");
    assert_eq!(s.undone().await, (3, 1, 1, 1));
    assert_eq!(s.content(&changed).await, "first");
    assert_eq!(fetch(&s.app, &s.alice, &changed).await.json()["tags"], json!([]));
    assert_eq!(fetch(&s.app, &s.alice, &changed).await.json()["version"], json!(4), "as a new version");
    assert_eq!(s.content(&disputed).await, "mended");
    assert_eq!(s.content(&gone).await, "third");
    assert!(found(&s.app, &s.alice, "planted").await.is_empty());
    assert_eq!(found(&s.app, &s.alice, "third").await, [gone]);
    assert_eq!(ids_of(&listed(&s.app, &s.x, "&trust=quarantined").await).len(), 3);
    let conflicts = s.ask(json!({})).await.json()["conflicts"].clone();
    assert_eq!(conflicts[0]["id"], json!(disputed));
    let audit = s.app.audit("default", json!({"action": "memory.undo"})).await;
    assert!(audit.len() >= 4 && audit.iter().all(|row| row["details"]["reason"] == REASON), "{audit:?}");
}

#[tokio::test]
async fn only_the_span_is_undone() {
    let s = scene().await;
    let early = note(&s.app, &s.x, "from before").await;
    let own = note(&s.app, &s.x, "good").await;
    let lent = s.lent("good").await;
    update(&s.app, &s.x, &lent, json!({"content": "good, by x, before"})).await;
    s.begin();
    update(&s.app, &s.x, &own, json!({"content": "bad"})).await;
    update(&s.app, &s.x, &lent, json!({"content": "bad"})).await;
    s.app.clock.advance(10);
    let until = json!({"until": "2026-01-01T00:01:05Z", "dry_run": true});
    let late = note(&s.app, &s.x, "from after").await;
    let said = s.ask(until).await.json();
    assert_eq!((&said["quarantined"], &said["reverted"]), (&json!(0), &json!(2)), "{said}");
    assert_eq!(s.undone().await, (1, 2, 0, 0));
    for (who, id, content) in [(&s.x, &early, "from before"), (&s.x, &own, "good"), (&s.alice, &lent, "good")] {
        let row = fetch(&s.app, who, id).await.json();
        assert_eq!((&row["content"], &row["trust"]), (&json!(content), &json!("unreviewed")), "{id}");
    }
    assert_eq!(fetch(&s.app, &s.x, &late).await.json()["trust"], "quarantined");
    for wrong in [json!({"until": s.since}), json!({"limit": 0}), json!({"limit": 10_001}), json!({"reason": "short"})]
    {
        is_refused(&s.ask(wrong).await, 400, "invalid_input");
    }
    let as_operator = s.app.agent_in("default", "otto", "operator").await;
    let input = json!({"principal": s.x.id, "since": s.since, "reason": REASON});
    let denied = s.app.rest("POST", "/api/v1/admin/memories/undo").key(&as_operator.key).json(&input).send().await;
    is_refused(&denied, 403, "permission_denied");
}

#[tokio::test]
async fn a_text_that_was_changed_and_deleted_comes_back_as_it_was() {
    let s = scene().await;
    let id = s.lent("good").await;
    review(&s.app, &id, "trust").await;
    s.begin();
    // A trusted row is not for X to change; X's delete grant still deletes it.
    is_refused(&update(&s.app, &s.x, &id, json!({"content": "bad"})).await, 403, "permission_denied");
    delete(&s.app, &s.x, &id).await;
    let other = {
        let id = s.lent("good too").await;
        update(&s.app, &s.x, &id, json!({"content": "bad"})).await;
        s.app.clock.advance(1);
        delete(&s.app, &s.x, &id).await;
        id
    };
    assert_eq!(s.undone().await, (0, 0, 2, 0));
    assert_eq!((s.content(&id).await, s.content(&other).await), (json!("good"), json!("good too")));
    assert_eq!(fetch(&s.app, &s.alice, &id).await.json()["trust"], "trusted");
}

#[tokio::test]
async fn a_pruned_good_version_is_a_conflict() {
    let s = scene().await;
    let id = s.lent("good").await;
    s.begin();
    for n in 0..50 {
        assert_eq!(update(&s.app, &s.x, &id, json!({"content": format!("bad {n}")})).await.status, 200);
    }
    assert_eq!(s.undone().await, (0, 0, 0, 1));
    assert_eq!(s.content(&id).await, "bad 49");
}

#[tokio::test]
async fn a_key_taken_meanwhile_is_a_conflict_in_both_runs() {
    let s = scene().await;
    let first = id_of(&put(&s.app, &s.alice, "k", json!({"content": "first"})).await.json());
    share(&s.app, &s.alice, &first, &s.x.id, "delete").await;
    s.begin();
    delete(&s.app, &s.x, &first).await;
    let second = id_of(&put(&s.app, &s.alice, "k", json!({"content": "second"})).await.json());
    assert_eq!(s.undone().await, (0, 0, 0, 1));
    // Two deleted rows of one key: the first one takes it, in the dry run as in the real one.
    share(&s.app, &s.alice, &second, &s.x.id, "delete").await;
    delete(&s.app, &s.x, &second).await;
    assert_eq!(s.undone().await, (0, 0, 1, 1));
    assert_eq!(listed(&s.app, &s.alice, "&prefix=k").await["total"], 1);
}

#[tokio::test]
async fn many_rows_are_undone_page_by_page() {
    let s = scene().await;
    s.begin();
    let items: Vec<_> = (0..25).map(|n| json!({"content": format!("planted {n}")})).collect();
    assert_eq!(call(&s.app, &s.x, "POST", "/batch", json!({ "items": items })).await.status, 201);
    let (mut cursor, mut pages, mut total) = (Value::Null, 0, 0);
    loop {
        let mut input = json!({"dry_run": false, "limit": 10});
        if !cursor.is_null() {
            input["cursor"] = cursor;
        }
        let answer = s.ask(input).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (pages, total) = (pages + 1, total + answer.json()["quarantined"].as_i64().unwrap());
        cursor = answer.json()["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
        let stolen = s.ask(json!({"dry_run": true, "limit": 10, "cursor": cursor})).await;
        is_refused(&stolen, 400, "invalid_cursor");
    }
    assert_eq!((pages, total), (3, 25));
    assert_eq!(listed(&s.app, &s.x, "").await["total"], 0);
    counters_hold(&s.app).await;
}

#[tokio::test]
async fn a_full_quota_does_not_stand_in_the_way_of_the_others() {
    let settings = domain::Settings {
        memory: domain::MemorySettings { max_bytes: 20, ..domain::MemorySettings::default() },
        agents_per_minute: 100_000,
        key_per_minute: 100_000,
        ..domain::Settings::default()
    };
    let app = TestApp::start_with(settings).await;
    let (alice, x) = (app.agent("alice").await, app.agent("x").await);
    let s = Scene { app, alice, x, since: "2026-01-01T00:01:00Z".into() };
    let id = s.lent("twelve bytes").await;
    s.begin();
    let planted = note(&s.app, &s.x, "planted").await;
    update(&s.app, &s.x, &id, json!({"content": "x"})).await;
    note(&s.app, &s.alice, "nineteen bytes here").await;
    assert_eq!(s.undone().await, (1, 1, 0, 0), "an undo is no new text of the owner's");
    assert_eq!(s.content(&id).await, "twelve bytes");
    assert_eq!(fetch(&s.app, &s.x, &planted).await.json()["trust"], "quarantined");
}

#[tokio::test]
async fn what_a_reviewer_released_comes_back_released() {
    let s = scene().await;
    let id = note(&s.app, &s.alice, "a\u{E0041}b toucan").await;
    review(&s.app, &id, "release").await;
    share(&s.app, &s.alice, &id, &s.x.id, "delete").await;
    s.begin();
    update(&s.app, &s.x, &id, json!({"content": "bad"})).await;
    assert_eq!(s.undone().await, (0, 1, 0, 0));
    let row = fetch(&s.app, &s.alice, &id).await.json();
    assert_eq!((&row["content"], &row["trust"]), (&json!("a\u{E0041}b toucan"), &json!("unreviewed")));
    assert_eq!(found(&s.app, &s.x, "toucan").await, [id]);
}

#[tokio::test]
async fn what_others_changed_since_is_theirs_to_judge() {
    let s = scene().await;
    s.begin();
    let (released, mended) = (note(&s.app, &s.x, "one").await, note(&s.app, &s.x, "two").await);
    share(&s.app, &s.x, &mended, &s.alice.id, "write").await;
    update(&s.app, &s.alice, &mended, json!({"content": "mended"})).await;
    assert_eq!(s.undone().await, (1, 0, 0, 1));
    review(&s.app, &released, "release").await;
    assert_eq!(s.undo(false).await, (0, 0, 0, 2), "a repeat does not hide again what a reviewer released");
    assert_eq!(fetch(&s.app, &s.x, &released).await.json()["trust"], "unreviewed");
}

#[tokio::test]
async fn undo_brings_nothing_back_that_is_past_restoring() {
    let scene = scene().await;
    scene.app.clock.advance(60);
    let id = scene.lent("the heron").await;
    assert_eq!(delete(&scene.app, &scene.x, &id).await.status, 200);
    scene.app.clock.advance(30 * 86_400 + 1);
    // Whether the sweeper has been there or not.
    assert_eq!(scene.undo(true).await, (0, 0, 0, 0));
    super::kit::sweep(&scene.app).await;
    assert_eq!(scene.undo(false).await, (0, 0, 0, 0));
    is_refused(&fetch(&scene.app, &scene.alice, &id).await, 404, "not_found");
}
