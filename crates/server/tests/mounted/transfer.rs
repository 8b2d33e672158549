//! Imports and exports through the mounted server.

use std::collections::BTreeSet;

use domain::transfer::guildhall::content_digest;
use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

fn entity(name: &str, observations: &[&str]) -> String {
    json!({"type": "entity", "name": name, "entityType": "person", "observations": observations}).to_string()
}

fn relation(from: &str, relation_type: &str, to: &str) -> String {
    json!({"type": "relation", "from": from, "to": to, "relationType": relation_type}).to_string()
}

/// An import by the local operator.
async fn import_in(app: &TestApp, workspace: &'static str, source: &str, text: &str, more: Value) -> Answer {
    let mut input = json!({"source": source, "text": text, "last": true});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.as_operator(workspace, "import.run", &input).await
}

async fn imported(app: &TestApp, source: &str, text: &str, more: Value) -> Value {
    let answer = import_in(app, "default", source, text, more).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn facts(app: &TestApp, text: &str, more: Value) -> Value {
    imported(app, "mcp-memory", text, more).await
}

/// Created, updated, unchanged, skipped, rejected.
fn counts(job: &Value) -> [i64; 5] {
    ["created", "updated", "unchanged", "skipped", "rejected"].map(|name| job["counts"][name].as_i64().unwrap())
}

async fn exported_in(app: &TestApp, workspace: &'static str, more: Value) -> Vec<String> {
    let (mut lines, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let mut input = json!({"cursor": cursor, "limit": 3});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let page = app.as_operator(workspace, "export.run", &input).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        lines.extend(page["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()));
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return lines;
        }
    }
}

async fn stored(app: &TestApp, who: &Agent, body: Value) -> Value {
    let answer = app.rest("POST", "/api/v1/memories").key(&who.key).json(&body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn get(app: &TestApp, who: &Agent, id: &str) -> Answer {
    app.rest("GET", format!("/api/v1/memories/{id}")).key(&who.key).send().await
}

fn digests(lines: &[String]) -> Vec<String> {
    let mut digests: Vec<String> = lines.iter().map(|line| content_digest(line).unwrap()).collect();
    digests.sort();
    digests
}

#[tokio::test]
async fn observations_and_relations_become_facts_that_agents_find() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let text = format!(
        "\u{feff}{}\r\n\r\n{}\n",
        entity("Ada", &["likes tea", "lives in Paris"]),
        relation("Ada", "knows", "Bob")
    );
    let job = facts(&app, &text, json!({"access": "public", "file_sha256": "ab".repeat(32)})).await;
    assert_eq!((job["state"].as_str().unwrap(), counts(&job)), ("completed", [3, 0, 0, 0, 0]));
    let question = json!({"query": "where does Ada live Paris"});
    let found = app.rest("POST", "/api/v1/memories/search").key(&alice.key).json(&question).send().await.json();
    let memory = &found["items"][0]["memory"];
    assert_eq!(memory["content"], "Ada (person): lives in Paris");
    assert_eq!(
        (&memory["kind"], &memory["trust"], &memory["access"]),
        (&json!("fact"), &json!("unreviewed"), &json!("public"))
    );
    assert_eq!(
        memory["metadata"]["mcp"],
        json!({"entity": "Ada", "entity_type": "person", "observation": "lives in Paris"})
    );
    assert_eq!(memory["provenance"]["source"]["kind"], "mcp-memory");
    let shown = app.as_operator("default", "import.get", &json!({"id": job["id"]})).await.json();
    assert_eq!((&shown["counts"], &shown["source"]), (&job["counts"], &json!("mcp-memory")));
    let audited = app.audit("default", json!({"action": "import.run"})).await;
    assert_eq!((&audited[0]["object"], &audited[0]["details"]["created"]), (&job["id"], &json!(3)));
}

#[tokio::test]
async fn import_twice_creates_nothing() {
    let app = TestApp::start().await;
    let text = [entity("Ada", &["a", "b", "a"]), entity("Bob", &[]), relation("Ada", "knows", "Bob")].join("\n");
    assert_eq!(counts(&facts(&app, &text, json!({})).await), [4, 0, 1, 0, 0]);
    assert_eq!(counts(&facts(&app, &text, json!({})).await), [0, 0, 5, 0, 0]);
    assert_eq!(counts(&facts(&app, &text, json!({"on_conflict": "update"})).await), [0, 0, 5, 0, 0]);
    let more = [entity("Ada", &["a", "b", "c"])].join("\n");
    assert_eq!(counts(&facts(&app, &more, json!({})).await), [1, 0, 2, 0, 0]);
    let stats = app.as_operator("default", "memory.list", &json!({"count": true})).await.json();
    assert_eq!(stats["total"], 5);
    // What was deleted here is not brought back.
    let id = stats["items"][0]["id"].clone();
    assert_eq!(app.as_operator("default", "memory.delete", &json!({"id": id})).await.status, 200);
    let again = facts(&app, &format!("{text}\n{more}"), json!({"on_conflict": "update"})).await;
    assert_eq!(counts(&again)[0], 0);
    assert!(counts(&again)[3] >= 1);
}

// contract: places §11.17
#[tokio::test]
async fn one_malformed_line_costs_itself_only() {
    let app = TestApp::start().await;
    let mut lines: Vec<String> = (1..=12).map(|n| entity(&format!("e{n}"), &["x"])).collect();
    lines[6] = r#"{"type":"entity","name":"e7""#.to_owned();
    let unreadable = json!([{"line": 13, "reason": "not_utf8"}, {"line": 14, "reason": "too_long"}]);
    let job = facts(&app, &lines.join("\n"), json!({"unreadable": unreadable})).await;
    assert_eq!((job["state"].as_str().unwrap(), counts(&job)), ("partial", [11, 0, 0, 0, 3]));
    let errors: Vec<_> =
        job["errors"].as_array().unwrap().iter().map(|one| (one["line"].as_i64(), one["code"].clone())).collect();
    assert_eq!(
        errors,
        [(Some(7), json!("invalid_input")), (Some(13), json!("invalid_input")), (Some(14), json!("too_large"))]
    );
    let kept = app.as_operator("default", "import.get", &json!({"id": job["id"]})).await.json();
    assert_eq!(kept["errors"], job["errors"]);
}

#[tokio::test]
async fn limits_of_memories_hold_for_imported_ones() {
    let app = TestApp::start_with(domain::Settings {
        memory: domain::MemorySettings { max_rows: 2, ..domain::MemorySettings::default() },
        ..domain::Settings::default()
    })
    .await;
    let long = "x".repeat(100_001);
    let hidden = "tagged \u{E0041}\u{E0042} text";
    let text =
        [entity("a", &["fits"]), entity("b", &[&long]), entity("c", &[hidden]), entity("d", &["no room"])].join("\n");
    let job = facts(&app, &text, json!({"access": "public"})).await;
    assert_eq!(counts(&job), [2, 0, 0, 0, 2]);
    let codes: Vec<_> = job["errors"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["too_large", "quota_exceeded"]);
    let review = app.as_operator("default", "memory.review_list", &json!({"reason": "a look at imports"})).await.json();
    let trust: BTreeSet<_> =
        review["items"].as_array().unwrap().iter().map(|one| one["trust"].as_str().unwrap()).collect();
    assert_eq!(trust, BTreeSet::from(["quarantined", "unreviewed"]));
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_the_same() {
    let app = TestApp::start().await;
    let text = [entity("Ada", &["a", "a"]), "rubbish".into(), relation("Ada", "knows", "Bob")].join("\n");
    let rows = app.audit("default", json!({})).await.len();
    let dry = facts(&app, &text, json!({"dry_run": true})).await;
    assert!(dry["id"].is_null() && dry["dry_run"] == true);
    assert_eq!(app.audit("default", json!({})).await.len(), rows);
    assert_eq!(app.as_operator("default", "memory.list", &json!({"count": true})).await.json()["total"], 0);
    assert_eq!(app.tamper("DELETE FROM jobs").await + app.tamper("DELETE FROM origins").await, 0);
    let real = facts(&app, &text, json!({})).await;
    assert_eq!((&real["counts"], &real["errors"], &real["state"]), (&dry["counts"], &dry["errors"], &dry["state"]));
}

#[tokio::test]
async fn calls_of_one_job_add_up_until_it_is_over() {
    let app = TestApp::start().await;
    let begun = facts(&app, &entity("a", &["1"]), json!({"last": false})).await;
    assert_eq!(begun["state"], "running");
    let job = json!({"job_id": begun["id"], "first_line": 2});
    let next = facts(&app, &format!("{}\nrubbish", entity("b", &["1"])), job).await;
    assert_eq!(
        (&next["id"], next["state"].as_str().unwrap(), counts(&next)),
        (&begun["id"], "partial", [2, 0, 0, 0, 1])
    );
    assert_eq!(next["errors"][0]["line"], 3);
    let late = import_in(&app, "default", "mcp-memory", &entity("c", &[]), json!({"job_id": begun["id"]})).await;
    assert_eq!((late.status, late.code().as_str()), (409, "bad_transition"));
    // A cancelled one takes no more, and one that was cut off is ended by the next.
    let cut_off = facts(&app, &entity("c", &[]), json!({"last": false})).await;
    let other = facts(&app, &entity("d", &[]), json!({"last": false})).await;
    let state = app.as_operator("default", "import.get", &json!({"id": cut_off["id"]})).await.json()["state"].clone();
    assert_eq!(state, "failed");
    let cancelled = app.as_operator("default", "import.cancel", &json!({"id": other["id"]})).await.json();
    assert_eq!(cancelled["state"], "cancelled");
    for id in [&cut_off["id"], &other["id"]] {
        let late = import_in(&app, "default", "mcp-memory", &entity("e", &[]), json!({ "job_id": id })).await;
        assert_eq!(late.code(), "bad_transition");
    }
    let again = app.as_operator("default", "import.cancel", &json!({"id": other["id"]})).await;
    assert_eq!(again.code(), "bad_transition");
}

#[tokio::test]
async fn what_is_not_of_the_source_is_refused_whole() {
    let app = TestApp::start().await;
    for (source, text) in
        [("mcp-memory", "id,name\n1,x"), ("mcp-memory", r#"{"a":1}"#), ("guildhall", &entity("a", &[]))]
    {
        let answer = import_in(&app, "default", source, text, json!({})).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "source_unrecognised"), "{text}");
    }
    for (more, field) in [
        (json!({"access": "team"}), "access"),
        (json!({"first_line": 0}), "first_line"),
        (json!({"first_line": i64::MAX}), "first_line"),
        (json!({"file_sha256": "AB"}), "file_sha256"),
        (json!({"text": "\n".repeat(501)}), "text"),
        (json!({"source": "tmws"}), "source"),
    ] {
        let answer = import_in(&app, "default", "mcp-memory", &entity("a", &[]), more).await;
        assert_eq!((answer.status, &answer.json()["errors"][0]["field"]), (400, &json!(field)), "{}", answer.text());
    }
    let owner = json!({"owner": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    assert_eq!(import_in(&app, "default", "mcp-memory", &entity("a", &[]), owner).await.code(), "unknown_principal");
    assert_eq!(app.as_operator("default", "memory.list", &json!({"count": true})).await.json()["total"], 0);
}

#[tokio::test]
async fn who_owns_and_who_reads_is_named_by_the_caller() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let line = entity("Ada", &["likes tea"]);
    facts(&app, &line, json!({"owner": alice.id})).await;
    let listed = app.rest("GET", "/api/v1/memories").key(&alice.key).send().await.json();
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert_eq!(get(&app, &alice, id).await.json()["owner"], json!(alice.id));
    assert_eq!(get(&app, &bob, id).await.status, 404);
    // Naming the audience opens what was private, when changes are asked for.
    assert_eq!(counts(&facts(&app, &line, json!({"access": "public"})).await), [0, 0, 0, 1, 0]);
    assert_eq!(get(&app, &bob, id).await.status, 404);
    let open = json!({"access": "public", "on_conflict": "update"});
    assert_eq!(counts(&facts(&app, &line, open.clone()).await), [0, 1, 0, 0, 0]);
    assert_eq!(counts(&facts(&app, &line, open).await), [0, 0, 1, 0, 0]);
    assert_eq!(get(&app, &bob, id).await.status, 200);
}

/// A line of an export with members replaced.
fn changed(line: &str, changes: Value) -> String {
    let mut line: Value = serde_json::from_str(line).unwrap();
    line.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    line.to_string()
}

/// A line of an export of another installation, whose ids nobody has here.
async fn foreign_line(app: &TestApp) -> String {
    app.workspace("far").await;
    let eve = app.agent_in("far", "eve", "agent").await;
    stored(app, &eve, json!({"content": "from afar", "summary": "short", "tags": ["t"], "importance": 0.7})).await;
    exported_in(app, "far", json!({"all": true})).await.remove(0)
}

#[tokio::test]
async fn import_never_widens_visibility() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let line = foreign_line(&app).await;
    let grant = |grantee: &str| {
        json!({"grantee": grantee, "permission": "write", "expires_at": null, "granted_by": alice.id,
            "granted_at": "2026-01-01T00:00:00Z"})
    };
    let stranger = "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let team = crate::teams::team_of(&app, "default", "builders", &bob).await;
    let mut n = 0;
    let mut land = async |changes: Value| {
        n += 1;
        let id = format!("mem_01JCA4X4E80000000000000{n:03}");
        let line = changed(&changed(&line, json!({"id": id, "owner": alice.id})), changes);
        let job = imported(&app, "guildhall", &line, json!({})).await;
        assert_eq!(counts(&job), [1, 0, 0, 0, 0], "{job}");
        let memory = get(&app, &alice, &id).await.json();
        assert_ne!(memory["trust"], "trusted");
        (memory["access"].clone(), get(&app, &bob, &id).await.status)
    };
    // Who could read it there and is nobody here.
    assert_eq!(
        land(json!({"access": "team", "team_id": "tem_01ARZ3NDEKTSV4RRFFQ69G5FAV"})).await,
        (json!("private"), 404)
    );
    assert_eq!(land(json!({"access": "shared", "grants": [grant(stranger)]})).await, (json!("private"), 404));
    // A team that the owner is not in.
    assert_eq!(land(json!({"access": "team", "team_id": team})).await, (json!("private"), 404));
    // A private row stays private, whoever had been granted something on it.
    assert_eq!(land(json!({"access": "private", "grants": [grant(&bob.id)]})).await, (json!("private"), 404));
    assert_eq!(land(json!({"access": "private", "trust": "trusted"})).await, (json!("private"), 404));
    // A grant that is over.
    let mut over = grant(&bob.id);
    over["expires_at"] = json!("2020-01-01T00:00:00Z");
    assert_eq!(land(json!({"access": "shared", "grants": [over]})).await, (json!("private"), 404));
    // Who is here under the same id.
    assert_eq!(
        land(json!({"access": "shared", "grants": [grant(&bob.id), grant(stranger)]})).await,
        (json!("shared"), 200)
    );
    let joined = json!({"id": team, "principal": alice.id});
    assert_eq!(app.as_operator("default", "team.add", &joined).await.status, 200);
    assert_eq!(land(json!({"access": "team", "team_id": team})).await, (json!("team"), 200));
    assert_eq!(land(json!({"access": "public"})).await, (json!("public"), 200));
    // `system` needs the right to manage.
    let ida = app.agent_in("default", "ida", "operator").await;
    let grants = json!({"id": ida.id, "grants": ["import:run"]});
    assert_eq!(app.as_operator("default", "agent.update", &grants).await.status, 200);
    let system = changed(&line, json!({"id": "mem_01JCA4X4E80000000000000999", "owner": alice.id, "access": "system"}));
    let input = json!({"source": "guildhall", "text": system});
    assert_eq!(app.rest("POST", "/api/v1/imports").key(&ida.key).json(&input).send().await.status, 201);
    assert_eq!(get(&app, &alice, "mem_01JCA4X4E80000000000000999").await.json()["access"], "private");
    // A later export never opens what was narrowed here.
    let again = changed(
        &line,
        json!({"id": "mem_01JCA4X4E80000000000000001", "owner": alice.id, "access": "public", "content": "new"}),
    );
    assert_eq!(counts(&imported(&app, "guildhall", &again, json!({"on_conflict": "update"})).await), [0, 1, 0, 0, 0]);
    assert_eq!(get(&app, &bob, "mem_01JCA4X4E80000000000000001").await.status, 404);
    // One that narrows, narrows.
    let open = "mem_01JCA4X4E80000000000000009";
    assert_eq!(get(&app, &bob, open).await.status, 200);
    let narrowed = changed(&line, json!({"id": open, "owner": alice.id, "access": "private", "content": "now hers"}));
    let job = imported(&app, "guildhall", &narrowed, json!({"on_conflict": "update"})).await;
    assert_eq!(counts(&job), [0, 1, 0, 0, 0]);
    assert_eq!(get(&app, &bob, open).await.status, 404);
}

#[tokio::test]
async fn import_never_brings_credentials() {
    let app = TestApp::start().await;
    let (alice, line) = (app.agent("alice").await, foreign_line(&app).await);
    // Members that no memory has are no way in.
    for member in ["api_key", "key_hash", "token", "password_hash"] {
        let job = imported(
            &app,
            "guildhall",
            &format!("{line}\n{}", changed(&line, json!({member: "ghk_canary"}))),
            json!({}),
        )
        .await;
        let error = &job["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(member), &json!("invalid_input")), "{job}");
        assert!(!job.to_string().contains("ghk_canary") && !app.on_disk("ghk_canary"));
    }
    // A stranger's namesake here is somebody else: a disabled agent without a key stands for the stranger.
    let theirs = json!({"owner": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "owner_name": "alice", "id": "mem_01JCA4X4E80000000000000777"});
    assert_eq!(counts(&imported(&app, "guildhall", &changed(&line, theirs.clone()), json!({})).await), [1, 0, 0, 0, 0]);
    assert_eq!(get(&app, &alice, "mem_01JCA4X4E80000000000000777").await.status, 404);
    let mut second = theirs;
    second["id"] = json!("mem_01JCA4X4E80000000000000778");
    imported(&app, "guildhall", &changed(&line, second), json!({})).await;
    let agents = app.as_operator("default", "agent.list", &json!({"type": "imported"})).await.json();
    let agents = agents["items"].as_array().unwrap();
    assert_eq!(agents.len(), 2, "eve and the other alice: {agents:?}");
    for agent in agents {
        assert_eq!(
            (&agent["status"], &agent["role"], &agent["grants"]),
            (&json!("disabled"), &json!("reader"), &json!([]))
        );
        let keys = app.as_operator("default", "key.list", &json!({"principal": agent["id"]})).await.json();
        assert_eq!(keys["items"], json!([]));
    }
}

// contract: places §11.18
#[tokio::test]
async fn an_export_and_its_import_have_equal_contents() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let full = json!({"content": "everything set", "key": "full", "kind": "decision", "summary": "s", "tags": ["a", "b"],
        "importance": 0.25, "access": "public", "project": "hall", "expires_in": 3600, "metadata": {"a": [1, {"b": null}]},
        "provenance": {"why": {"intent": "i", "description": "d"}, "task_id": "t", "correlation_id": "c",
            "source": {"kind": "url", "ref": "r"}}});
    let first = stored(&app, &alice, full).await;
    stored(&app, &bob, json!({"value": {"n": 1.5, "s": "42"}, "key": "v", "layer": "mid"})).await;
    app.clock.advance(61);
    for n in 0..7 {
        stored(&app, &alice, json!({"content": format!("note {n}: = \u{1F680} `code`")})).await;
    }
    facts(&app, &[entity("Ada", &["a", "b"]), relation("Ada", "knows", "Bob")].join("\n"), json!({})).await;
    app.clock.advance(61);
    let out = exported_in(&app, "default", json!({"all": true})).await;
    assert_eq!(out.len(), 12);
    app.workspace("second").await;
    let job = import_in(&app, "second", "guildhall", &out.join("\n"), json!({})).await.json();
    assert_eq!((job["state"].as_str().unwrap(), counts(&job)), ("completed", [12, 0, 0, 0, 0]), "{job}");
    let back = exported_in(&app, "second", json!({"all": true})).await;
    assert_eq!(digests(&back), digests(&out));
    assert_ne!(back, out);
    // Again: nothing new; changed in the source: as asked for.
    let again = import_in(&app, "second", "guildhall", &out.join("\n"), json!({})).await.json();
    assert_eq!(counts(&again), [0, 0, 12, 0, 0]);
    // Lines stand by owner, and owners made in one millisecond in no order.
    let line = out.iter().find(|line| line.contains(first["id"].as_str().unwrap())).unwrap();
    let newer = changed(line, json!({"content": "said anew", "summary": null}));
    assert_eq!(counts(&import_in(&app, "second", "guildhall", &newer, json!({})).await.json()), [0, 0, 0, 1, 0]);
    let failed = import_in(&app, "second", "guildhall", &newer, json!({"on_conflict": "fail"})).await.json();
    assert_eq!(
        (failed["state"].as_str().unwrap(), failed["errors"][0]["code"].as_str().unwrap()),
        ("failed", "already_exists")
    );
    let updated = import_in(&app, "second", "guildhall", &newer, json!({"on_conflict": "update"})).await.json();
    assert_eq!(counts(&updated), [0, 1, 0, 0, 0]);
    // The old id leads to what it became, for who may see it.
    let id = first["id"].as_str().unwrap();
    let found = app.as_operator("second", "memory.get", &json!({ "id": id })).await.json();
    assert_eq!((found["content"].as_str().unwrap(), &found["version"]), ("said anew", &json!(2)));
    assert_eq!(found["created_at"], first["created_at"]);
    let private = out.iter().find(|line| line.contains("note 3")).unwrap();
    let private: Value = serde_json::from_str(private).unwrap();
    assert_eq!(app.as_operator("second", "memory.get", &json!({"id": private["id"]})).await.status, 404);
    // Where it comes from it is itself: nothing is doubled.
    assert_eq!(counts(&imported(&app, "guildhall", &out.join("\n"), json!({})).await), [0, 0, 12, 0, 0]);
}

#[tokio::test]
async fn an_import_changes_nobodys_memory_that_was_here_before() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let memory = stored(&app, &alice, json!({"content": "hers", "key": "k"})).await;
    let line = exported_in(&app, "default", json!({"all": true})).await.remove(0);
    let theirs = changed(&line, json!({"content": "another's words"}));
    let job = imported(&app, "guildhall", &theirs, json!({"on_conflict": "update"})).await;
    assert_eq!(job["errors"][0]["code"], "permission_denied", "{job}");
    let same_key = changed(&line, json!({"id": "mem_01JCA4X4E80000000000000001", "content": "other"}));
    let job = imported(&app, "guildhall", &same_key, json!({})).await;
    assert_eq!(job["errors"][0]["code"], "key_exists", "{job}");
    assert_eq!(get(&app, &alice, memory["id"].as_str().unwrap()).await.json()["content"], "hers");
}

#[tokio::test]
async fn what_replaced_what_is_known_after_an_import() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let (one, two) =
        (stored(&app, &alice, json!({"content": "one"})).await, stored(&app, &alice, json!({"content": "two"})).await);
    let merge = json!({"ids": [one["id"], two["id"]], "mode": "merge"});
    let merged = app.rest("POST", "/api/v1/memories/consolidate").key(&alice.key).json(&merge).send().await;
    assert!(merged.status < 300, "{}", merged.text());
    let out = exported_in(&app, "default", json!({"all": true})).await;
    app.workspace("second").await;
    let job = import_in(&app, "second", "guildhall", &out.join("\n"), json!({})).await.json();
    assert_eq!(counts(&job), [3, 0, 0, 0, 0]);
    let back = exported_in(&app, "second", json!({"all": true})).await;
    let rows: Vec<Value> = back.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let new = rows.iter().find(|row| row["supersedes"].is_array()).unwrap();
    let replaced: BTreeSet<_> =
        rows.iter().filter(|row| row["superseded_by"] == new["id"]).map(|row| row["id"].to_string()).collect();
    let named: BTreeSet<_> = new["supersedes"].as_array().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!((replaced.len(), replaced), (2, named));
}

#[tokio::test]
async fn a_caller_exports_what_it_may_see() {
    let app = TestApp::start().await;
    let (alice, otto) = (app.agent("alice").await, app.agent_in("default", "otto", "operator").await);
    for (text, access) in [("for all", "public"), ("for her", "private"), ("hidden \u{E0041}", "public")] {
        stored(&app, &alice, json!({"content": text, "access": access})).await;
    }
    stored(&app, &otto, json!({"content": "his own"})).await;
    stored(&app, &alice, json!({"content": "soon over", "access": "public", "expires_in": 1})).await;
    app.clock.advance(2);
    let export =
        async |who: &Agent, input: Value| app.rest("POST", "/api/v1/exports").key(&who.key).json(&input).send().await;
    let mut seen: Vec<String> = export(&otto, json!({})).await.json()["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line.as_str().unwrap()).unwrap()["content"].as_str().unwrap().to_owned()
        })
        .collect();
    seen.sort();
    assert_eq!(seen, ["for all", "his own"]);
    let everything = export(&otto, json!({"all": true})).await;
    assert_eq!((everything.status, everything.code().as_str()), (403, "permission_denied"));
    assert_eq!(export(&alice, json!({})).await.status, 403);
    let whole = exported_in(&app, "default", json!({"all": true})).await.join("\n");
    assert!(
        whole.contains("for her")
            && whole.contains("his own")
            && !whole.contains("hidden")
            && !whole.contains("soon over")
    );
    let audited = app.audit("default", json!({"action": "export.run", "outcome": "ok"})).await;
    assert_eq!(audited[0]["details"]["all"], true);
    let table = exported_in(&app, "default", json!({"format": "csv"})).await;
    assert!(table[0].starts_with("id,owner,key") && table.len() == 2, "{table:?}");
    let document = exported_in(&app, "default", json!({"format": "markdown"})).await.join("\n");
    assert!(document.starts_with("# Memories\n") && document.contains("```text\nfor all\n```"), "{document}");
    let graph = exported_in(&app, "default", json!({"format": "mcp-memory"})).await;
    let graph: Value = serde_json::from_str(&graph[0]).unwrap();
    assert_eq!((&graph["entityType"], &graph["observations"]), (&json!("note"), &json!(["for all"])));
}

#[tokio::test]
async fn a_graph_goes_through_an_export_unchanged() {
    let app = TestApp::start().await;
    let lines = [entity("Ada", &["likes tea", "says: hi"]), entity("Bob", &[]), relation("Ada", "knows", "Bob")];
    facts(&app, &lines.join("\n"), json!({})).await;
    let out = exported_in(&app, "default", json!({"all": true})).await;
    app.workspace("second").await;
    let job = import_in(&app, "second", "guildhall", &out.join("\n"), json!({})).await.json();
    assert_eq!(counts(&job), [4, 0, 0, 0, 0]);
    let back = exported_in(&app, "second", json!({"format": "mcp-memory"})).await;
    let set = |lines: &[String]| -> BTreeSet<String> {
        lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap().to_string()).collect()
    };
    let expected = [entity("Ada", &["likes tea"]), entity("Ada", &["says: hi"]), lines[1].clone(), lines[2].clone()];
    assert_eq!(set(&back), set(&expected));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]

    #[test]
    fn no_text_makes_an_import_fail(texts in proptest::collection::vec(proptest::prelude::any::<String>(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let app = TestApp::start().await;
            for source in ["mcp-memory", "guildhall"] {
                let good = if source == "guildhall" { "{\"type\":\"memory\"}".to_owned() } else { entity("a", &texts.iter().map(String::as_str).collect::<Vec<_>>()) };
                let answer = import_in(&app, "default", source, &format!("{good}\n{}", texts.join("\n")), json!({})).await;
                assert!([201, 400].contains(&answer.status), "{}", answer.text());
            }
        });
    }
}
