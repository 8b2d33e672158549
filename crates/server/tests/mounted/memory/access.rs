//! Who sees what (contract memory §4): one table, every surface.

use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

use super::kit::{
    NOBODY, admin, call, counters_hold, delete, done, fetch, found, grant, history, id_of, ids_of, is_refused, listed,
    manager, note, put, share, stats, stored, team, update,
};
use crate::attacks::hall::body;

const ACCESSES: [&str; 5] = ["private", "shared", "team", "public", "system"];

/// How a viewer stands to the rows of alice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Owner,
    /// A grantee of `read`, `write` or `delete`, by themselves or by a team.
    Grantee(&'static str),
    /// What was granted is over.
    Expired,
    Member,
    FormerMember,
    Anyone,
    Manager,
}

use Relation::{Anyone, Expired, FormerMember, Grantee, Manager, Member, Owner};

/// The table of §4: the first letters of what a viewer may do with a row.
fn table(access: &str, relation: Relation) -> &'static str {
    let open = matches!(access, "public" | "system");
    match (relation, access) {
        (Owner, "system") => "r",
        (Owner, _) | (Manager, "system") => "rwd",
        (Grantee(_), "private") => "",
        (Grantee("write"), _) => "rw",
        (Grantee("delete"), _) => "rwd",
        (Grantee(_), _) | (Member, "team") => "r",
        _ if open => "r",
        _ => "",
    }
}

/// The expected status of what needs this letter.
fn expected(access: &str, relation: Relation, needed: char) -> (u16, &'static str) {
    let may = table(access, relation);
    match (may.contains(needed), may.contains('r')) {
        (true, _) => (200, ""),
        (false, true) => (403, "permission_denied"),
        (false, false) => (404, "not_found"),
    }
}

struct Stage {
    app: TestApp,
    alice: Agent,
    viewers: Vec<(Relation, Agent)>,
    /// Access, the viewer whose row it is to try things on, its id and key.
    rows: Vec<(&'static str, usize, String, String)>,
}

/// Every grant on every row, and one row for each access and viewer.
async fn stage() -> Stage {
    let app = TestApp::start().await;
    let alice = manager(&app, "alice").await;
    let mut viewers = vec![(Owner, alice.clone())];
    for (name, relation) in [
        ("gr", Grantee("read")),
        ("gw", Grantee("write")),
        ("gd", Grantee("delete")),
        ("ge", Expired),
        ("tr", Grantee("read")),
        ("tw", Grantee("write")),
        ("td", Grantee("delete")),
        ("tm", Member),
        ("fm", FormerMember),
        ("any", Anyone),
    ] {
        viewers.push((relation, app.agent(name).await));
    }
    viewers.push((Manager, manager(&app, "mia").await));
    let who = |n: usize| &viewers[n].1;
    let own = team(&app, "owners", &[&alice, who(8), who(9)]).await;
    let removed = admin(&app, "team.remove", json!({"id": own, "principal": who(9).id})).await;
    assert_eq!(removed.status, 200);
    let teams = [
        (team(&app, "readers", &[who(5)]).await, "read"),
        (team(&app, "writers", &[who(6)]).await, "write"),
        (team(&app, "deleters", &[who(7)]).await, "delete"),
    ];
    let mut grants: Vec<Value> =
        teams.iter().map(|(team, permission)| json!({"grantee": team, "permission": permission})).collect();
    for (n, permission) in [(1, "read"), (2, "write"), (3, "delete")] {
        grants.push(json!({"grantee": who(n).id, "permission": permission}));
    }
    grants.push(json!({"grantee": who(4).id, "permission": "delete", "expires_in": 60}));
    let mut rows = Vec::new();
    for access in ACCESSES {
        let team_id = (access == "team").then_some(&own);
        for n in 0..viewers.len() {
            let key = format!("{access}-{n}");
            let body = json!({"content": format!("walnut row {key}"), "key": key});
            let id = stored(&app, &alice, body).await;
            done(&app, &alice, "PUT", &format!("/{id}/grants"), json!({"grants": grants})).await;
            done(&app, &alice, "PATCH", &format!("/{id}"), json!({"access": access, "team_id": team_id})).await;
            rows.push((access, n, id, key));
        }
    }
    grant(&app, &alice, json!([])).await;
    app.clock.advance(61);
    Stage { app, alice, viewers, rows }
}

fn assert_is(answer: &Answer, wanted: (u16, &'static str), what: &str) {
    let status = if answer.status == 201 { 200 } else { answer.status };
    assert_eq!((status, answer.code().as_str()), wanted, "{what}: {}", answer.text());
}

impl Stage {
    /// Both lists, search, recall and statistics show exactly the rows of the table.
    async fn reads(&self, relation: Relation, who: &Agent) {
        let (app, alice) = (&self.app, &self.alice);
        let sorted = |mut ids: Vec<String>| {
            ids.sort();
            ids
        };
        let visible: Vec<String> =
            self.rows.iter().filter(|row| table(row.0, relation).contains('r')).map(|row| row.2.clone()).collect();
        let visible = sorted(visible);
        let page = listed(app, who, &format!("&owner={}", alice.id)).await;
        assert_eq!((sorted(ids_of(&page)), &page["total"]), (visible.clone(), &json!(visible.len())), "{relation:?}");
        assert_eq!(listed(app, who, "").await["total"], json!(visible.len()), "{relation:?}");
        assert_eq!(sorted(found(app, who, "walnut").await), visible, "{relation:?}");
        let asked = json!({"query": "walnut", "limit": 100, "max_tokens": 32_000});
        let recalled = done(app, who, "POST", "/recall", asked).await;
        let ids = recalled["items"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        assert_eq!(sorted(ids), visible, "{relation:?}");
        assert_eq!(stats(app, who, "visible").await["total"], json!(visible.len()), "{relation:?}");
        assert_eq!(stats(app, who, "own").await["total"], json!(if relation == Owner { visible.len() } else { 0 }));
    }

    /// Each row and action as the table has it, from reading to deleting; each viewer on rows of their own.
    async fn acts(&self, (access, n, id, key): &(&'static str, usize, String, String)) {
        let (app, (relation, who)) = (&self.app, &self.viewers[*n]);
        let named = format!("{access} {relation:?}");
        let at = |needed| expected(access, *relation, needed);
        let mine = note(app, who, "a row of the viewer").await;
        let owner = &self.alice.id;
        // For the owner and for holders of a grant: managing a row needs no reading of what it was.
        let history_of = match relation {
            Owner => (200, ""),
            Manager => at('-'),
            _ => at('w'),
        };
        let audience = (*relation == Owner).then(|| json!({"value": 1, "access": access}));
        let keep = update_audience(app, who, id, audience).await;
        let share_of = if *relation == Owner { (200, "") } else { (at('r').0.max(403), "") };
        let steps = [
            ("get", "GET", "/{id}", Value::Null, at('r')),
            ("history", "GET", "/{id}/versions", Value::Null, history_of),
            ("update", "PATCH", "/{id}", json!({"content": "walnut changed"}), at('w')),
            ("set", "PUT", "/by-key/{key}", keep, at('w')),
            ("revert", "POST", "/{id}/revert", json!({"version": 1}), at('w')),
            ("share", "PUT", "/{id}/grants", json!({"grants": [{"grantee": self.viewers[1].1.id}]}), share_of),
            ("consolidate", "POST", "/consolidate", json!({"ids": ["{id}", mine], "mode": "merge"}), at('w')),
            ("delete", "DELETE", "/{id}", Value::Null, at('d')),
        ];
        for (what, method, path, input, mut wanted) in steps {
            let place = |text: &str, id: &str, key: &str| text.replace("{id}", id).replace("{key}", key);
            let input = |id: &str| serde_json::from_str(&place(&input.to_string(), id, key)).unwrap();
            let owned = if what == "set" && *relation != Owner { format!("?owner={owner}") } else { String::new() };
            let sent = async |id: &str, key: &str| {
                call(app, who, method, &format!("{}{owned}", place(path, id, key)), input(id)).await
            };
            let answer = sent(id, key).await;
            if what == "share" && *relation != Owner {
                wanted = if wanted.0 == 404 { (404, "not_found") } else { (403, "permission_denied") };
            }
            assert_is(&answer, wanted, &format!("{what} {named}"));
            if wanted.0 == 404 {
                let absent = sent(NOBODY, "absent").await;
                assert_eq!(body(&answer), body(&absent), "{what} {named}: as if it did not exist");
            }
        }
        let by_key = call(app, who, "GET", &format!("/by-key/absent?owner={owner}"), Value::Null).await;
        is_refused(&by_key, 404, "not_found");
    }
}

/// The input of a set that leaves the audience as it is.
async fn update_audience(app: &TestApp, who: &Agent, id: &str, owners: Option<Value>) -> Value {
    let Some(mut input) = owners else { return json!({"value": 1}) };
    let row = fetch(app, who, id).await.json();
    if !row["team_id"].is_null() {
        input["team_id"] = row["team_id"].clone();
    }
    input
}

#[tokio::test]
async fn one_predicate_decides_every_surface() {
    let stage = stage().await;
    for (relation, who) in &stage.viewers {
        stage.reads(*relation, who).await;
        for (access, _, id, key) in stage.rows.iter().step_by(stage.viewers.len()) {
            let by_key = format!("/by-key/{key}?owner={}", stage.alice.id);
            let answer = call(&stage.app, who, "GET", &by_key, Value::Null).await;
            assert_is(&answer, expected(access, *relation, 'r'), &format!("by key {access} {relation:?}"));
            if answer.status == 200 {
                assert_eq!(id_of(&answer.json()), *id);
            }
        }
    }
    for row in &stage.rows {
        stage.acts(row).await;
    }
    counters_hold(&stage.app).await;
}

// contract: memory §8.9
#[tokio::test]
async fn a_grant_ends_with_its_time() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let id = note(&app, &alice, "the heron nests here").await;
    let grants = json!({"grants": [{"grantee": bob.id, "permission": "read", "expires_in": 60}]});
    done(&app, &alice, "PUT", &format!("/{id}/grants"), grants).await;
    assert_eq!(fetch(&app, &bob, &id).await.json()["content"], "the heron nests here");
    assert_eq!(found(&app, &bob, "heron").await, std::slice::from_ref(&id));
    is_refused(&update(&app, &bob, &id, json!({"content": "x"})).await, 403, "permission_denied");
    app.clock.advance(61);
    is_refused(&fetch(&app, &bob, &id).await, 404, "not_found");
    assert!(found(&app, &bob, "heron").await.is_empty());
    assert_eq!(found(&app, &alice, "heron").await, [id]);
}

// contract: memory §8.10
#[tokio::test]
async fn membership_counts_at_the_time_of_the_call() {
    let app = TestApp::start().await;
    let (alice, carol) = (app.agent("alice").await, app.agent("carol").await);
    let id_of_team = team(&app, "builders", &[&alice]).await;
    let id = stored(&app, &alice, json!({"content": "the heron", "access": "team", "team_id": id_of_team})).await;
    let member = json!({"id": id_of_team, "principal": carol.id});
    for (operation, seen) in [("team.get", false), ("team.add", true), ("team.remove", false)] {
        let input = if operation == "team.get" { json!({"id": id_of_team}) } else { member.clone() };
        assert_eq!(admin(&app, operation, input).await.status, 200);
        assert_eq!(fetch(&app, &carol, &id).await.status, if seen { 200 } else { 404 }, "{operation}");
        assert_eq!(found(&app, &carol, "heron").await.len(), usize::from(seen), "{operation}");
        assert_eq!(listed(&app, &carol, "").await["total"], json!(u8::from(seen)), "{operation}");
    }
}

#[tokio::test]
async fn share_memory_really_shares() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let id = note(&app, &alice, "the heron").await;
    is_refused(&fetch(&app, &bob, &id).await, 404, "not_found");
    let shared = app
        .mcp(&alice.key)
        .call("share_memory", json!({"id": id, "grants": [{"grantee": bob.id, "permission": "write"}]}))
        .await;
    assert!(!shared.is_error, "{}", shared.content);
    assert_eq!(
        (&shared.content["access"], &shared.content["grants"][0]["grantee"]),
        (&json!("shared"), &json!(bob.id))
    );
    assert_eq!(fetch(&app, &bob, &id).await.json()["content"], "the heron");
    assert_eq!(update(&app, &bob, &id, json!({"content": "his heron"})).await.status, 200);
    assert_eq!(fetch(&app, &alice, &id).await.json()["grants"][0]["permission"], "write");
    assert!(fetch(&app, &bob, &id).await.json()["grants"].is_null(), "grants are for the owner");
    let left = call(&app, &alice, "DELETE", &format!("/{id}/grants/{}", bob.id), Value::Null).await;
    assert_eq!((left.status, &left.json()["grants"]), (200, &json!([])));
    is_refused(&fetch(&app, &bob, &id).await, 404, "not_found");
    is_refused(&call(&app, &alice, "DELETE", &format!("/{id}/grants/{}", bob.id), Value::Null).await, 404, "not_found");
}

#[tokio::test]
async fn grantees_must_exist_here_and_nothing_tells_which_do() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (alice, eve) = (app.agent("alice").await, app.agent_in("other", "eve", "agent").await);
    let id = note(&app, &alice, "the heron").await;
    let path = format!("/{id}/grants");
    for grantee in [&eve.id, &"agt_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), &"tem_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()]
    {
        let answer = call(&app, &alice, "PUT", &path, json!({"grants": [{"grantee": grantee}]})).await;
        is_refused(&answer, 400, "grantee_not_found");
        assert_eq!(answer.text().replace(grantee, "").matches("agt_").count(), 0);
    }
    let none = call(&app, &alice, "PUT", &path, json!({"grants": []})).await;
    is_refused(&none, 400, "invalid_input");
    let oneself = call(&app, &alice, "PUT", &path, json!({"grants": [{"grantee": alice.id}]})).await;
    is_refused(&oneself, 400, "invalid_input");
    assert_eq!(oneself.json()["errors"][0]["field"], "grants[0].grantee");
    assert_eq!(fetch(&app, &alice, &id).await.json()["access"], "private", "a refused grant shares nothing");
}

#[tokio::test]
async fn namespace_claim_gives_no_team_access() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let builders = team(&app, "builders", &[&alice]).await;
    let id = stored(&app, &alice, json!({"content": "the heron", "access": "team", "team_id": builders})).await;
    for name in ["namespace", "team_id", "team", "project", "teams"] {
        let answer = call(&app, &bob, "GET", &format!("/{id}?{name}={builders}"), Value::Null).await;
        assert!([400, 404].contains(&answer.status), "{name}: {}", answer.text());
        let question = json!({"query": "heron", name: builders});
        let answer = call(&app, &bob, "POST", "/search", question).await;
        assert!(answer.status == 400 || answer.json()["items"] == json!([]), "{name}: {}", answer.text());
    }
    let claim = json!({"content": "x", "access": "team", "team_id": builders});
    is_refused(&call(&app, &bob, "POST", "", claim).await, 400, "invalid_input");
    let header = app.rest("GET", format!("/api/v1/memories/{id}")).key(&bob.key).header("x-namespace", &builders);
    is_refused(&header.send().await, 404, "not_found");
}

#[tokio::test]
async fn cache_or_plan_never_crosses_permissions() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let mia = manager(&app, "mia").await;
    let hers = note(&app, &alice, "the heron of alice").await;
    let his = note(&app, &bob, "the heron of bob").await;
    for _ in 0..2 {
        for (who, sees) in [(&alice, vec![hers.clone()]), (&mia, vec![]), (&bob, vec![his.clone()]), (&mia, vec![])] {
            assert_eq!(found(&app, who, "heron").await, sees);
            assert_eq!(ids_of(&listed(&app, who, "").await), sees);
            assert_eq!(stats(&app, who, "visible").await["total"], json!(sees.len()));
            for id in [&hers, &his] {
                assert_eq!(fetch(&app, who, id).await.status == 200, sees.contains(id));
                assert_eq!(history(&app, who, id).await.status == 200, sees.contains(id));
            }
        }
    }
}

#[tokio::test]
async fn only_who_manages_makes_and_keeps_system_rows() {
    let app = TestApp::start().await;
    let (alice, mia) = (app.agent("alice").await, manager(&app, "mia").await);
    let system = json!({"content": "rules of the house", "access": "system", "key": "rules"});
    is_refused(&call(&app, &alice, "POST", "", system.clone()).await, 403, "permission_denied");
    is_refused(&put(&app, &alice, "rules", json!({"value": 1, "access": "system"})).await, 403, "permission_denied");
    let mine = note(&app, &alice, "x").await;
    is_refused(&update(&app, &alice, &mine, json!({"access": "system"})).await, 403, "permission_denied");
    let id = stored(&app, &mia, system).await;
    is_refused(&update(&app, &alice, &id, json!({"content": "none"})).await, 403, "permission_denied");
    grant(&app, &mia, json!([])).await;
    is_refused(&delete(&app, &mia, &id).await, 403, "permission_denied");
    let cleaned = json!({"older_than_days": 1, "importance_below": 1.0, "dry_run": false});
    app.clock.advance(3 * 86_400);
    let cleaned = done(&app, &mia, "POST", "/cleanup", cleaned).await;
    assert_eq!(cleaned["count"], 0, "cleanup deletes nothing that delete would refuse");
    assert_eq!(fetch(&app, &alice, &id).await.status, 200);
}

#[tokio::test]
async fn a_role_reads_no_foreign_private_row() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let id =
        stored(&app, &alice, json!({"content": "the hidden heron", "summary": "hidden too", "tags": ["hidden"]})).await;
    delete(&app, &alice, &id).await;
    let restored = admin(&app, "memory.restore", json!({"id": id})).await;
    assert_eq!(restored.status, 200, "{}", restored.text());
    assert!(!restored.text().contains("hidden"), "restoring needs no reading: {}", restored.text());
    assert_eq!(fetch(&app, &alice, &id).await.json()["content"], "the hidden heron");
    let reviewed = super::kit::review(&app, &id, "trust").await;
    assert!(reviewed.status == 200 && !reviewed.text().contains("hidden"), "{}", reviewed.text());
    for (operation, input) in [
        ("memory.get", json!({"id": id})),
        ("memory.history", json!({"id": id})),
        ("memory.revert", json!({"id": id, "version": 1})),
        ("memory.delete", json!({"id": id})),
    ] {
        is_refused(&admin(&app, operation, input).await, 404, "not_found");
    }
    for (operation, input) in [
        ("memory.list", json!({})),
        ("memory.search", json!({"query": "heron"})),
        ("memory.recall", json!({"query": "heron"})),
        ("memory.stats", json!({"of": "workspace"})),
        ("memory.review_list", json!({"reason": "looking around here"})),
        ("memory.cleanup", json!({"of": "workspace", "older_than_days": 1})),
        ("audit.list", json!({"limit": 200})),
    ] {
        let answer = admin(&app, operation, input).await;
        assert!(answer.status == 200 && !answer.text().contains("hidden"), "{operation}: {}", answer.text());
    }
    share(&app, &alice, &id, &alice_team(&app, &alice).await, "read").await;
    is_refused(&admin(&app, "memory.get", json!({"id": id})).await, 404, "not_found");
}

async fn alice_team(app: &TestApp, alice: &Agent) -> String {
    team(app, "alone", &[alice]).await
}

#[tokio::test]
async fn what_is_made_private_forgets_whom_it_was_shared_with() {
    let app = TestApp::start().await;
    let (alice, bob, carol) = (app.agent("alice").await, app.agent("bob").await, app.agent("carol").await);
    let id = note(&app, &alice, "the heron").await;
    share(&app, &alice, &id, &bob.id, "delete").await;
    assert_eq!(fetch(&app, &bob, &id).await.status, 200);
    assert_eq!(update(&app, &alice, &id, json!({"access": "private"})).await.status, 200);
    is_refused(&fetch(&app, &bob, &id).await, 404, "not_found");
    let grants = share(&app, &alice, &id, &carol.id, "read").await;
    assert_eq!(grants["grants"].as_array().unwrap().len(), 1, "{grants}");
    assert_eq!(fetch(&app, &carol, &id).await.status, 200);
    is_refused(&fetch(&app, &bob, &id).await, 404, "not_found");
    assert_eq!(found(&app, &bob, "heron").await, Vec::<String>::new());
}
