//! Teams: their names, their members, their limits, and who may change them.

use serde_json::{Value, json};
use testkit::{Agent, Answer, TestApp};

use crate::attacks::hall::body;

/// An id that nobody has.
const NOBODY: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const LOCAL: &str = "usr_00000000000000000000000000";

/// Makes a team with one member; its id.
pub(crate) async fn team_of(app: &TestApp, workspace: &'static str, name: &str, member: &Agent) -> String {
    let made = app.as_operator(workspace, "team.create", &json!({ "name": name })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let input = json!({"id": id, "principal": member.id});
    let added = app.as_operator(workspace, "team.add", &input).await;
    assert_eq!(added.status, 200, "{}", added.text());
    id
}

/// Calls as the local operator of the default workspace.
async fn operator(app: &TestApp, operation: &str, input: Value) -> Answer {
    app.as_operator("default", operation, &input).await
}

async fn made(app: &TestApp, name: &str) -> String {
    let made = operator(app, "team.create", json!({ "name": name })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

async fn add(app: &TestApp, team: &str, principal: &str) -> Answer {
    operator(app, "team.add", json!({"id": team, "principal": principal})).await
}

async fn remove(app: &TestApp, team: &str, principal: &str) -> Answer {
    operator(app, "team.remove", json!({"id": team, "principal": principal})).await
}

async fn get(app: &TestApp, team: &str) -> Value {
    operator(app, "team.get", json!({ "id": team })).await.json()
}

async fn teams_of(app: &TestApp, who: &Agent) -> Value {
    app.rest("GET", "/api/v1/whoami").key(&who.key).send().await.json()["teams"].clone()
}

fn is_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
}

#[tokio::test]
async fn a_team_is_made_read_renamed_and_deleted() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let made = app.rest("POST", "/api/v1/teams").key(&otto.key).json(&json!({"name": "Builders"})).send().await;
    assert_eq!(made.status, 201, "{}", made.text());
    let team = made.json();
    let id = team["id"].as_str().unwrap();
    assert!(id.starts_with("tem_"));
    assert_eq!(
        team,
        json!({"id": id, "name": "Builders", "members": [], "created_at": "2026-01-01T00:00:00.000000Z", "version": 1})
    );
    let path = format!("/api/v1/teams/{id}");
    assert_eq!(app.rest("GET", &path).key(&otto.key).send().await.json(), team);
    add(&app, id, &otto.id).await;
    let renamed = app.rest("PATCH", &path).key(&otto.key).json(&json!({"name": "Menders"})).send().await;
    assert_eq!(
        (renamed.status, &renamed.json()["name"], &renamed.json()["version"], &renamed.json()["members"]),
        (200, &json!("Menders"), &json!(3), &json!([otto.id]))
    );
    assert_eq!(get(&app, id).await, renamed.json());
    let deleted = app.rest("DELETE", &path).key(&otto.key).send().await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({"id": id, "name": "Menders"})));
    is_refused(&app.rest("GET", &path).key(&otto.key).send().await, 404, "not_found");
    is_refused(&app.rest("DELETE", &path).key(&otto.key).send().await, 404, "not_found");
    assert_eq!(teams_of(&app, &otto).await, json!([]));
    assert_eq!(app.tamper("UPDATE team_members SET added_at = added_at").await, 0, "no member is left behind");
}

#[tokio::test]
async fn a_teams_name_follows_the_rule_for_agents() {
    let app = TestApp::start().await;
    let id = made(&app, "builders").await;
    for name in ["", "-x", ".x", "a b", "b\u{FC}ro", "\u{430}dmin", "a/b", &"x".repeat(65)] {
        for (operation, input) in
            [("team.create", json!({ "name": name })), ("team.update", json!({"id": id, "name": name}))]
        {
            let answer = operator(&app, operation, input).await;
            is_refused(&answer, 400, "invalid_input");
            assert_eq!(answer.json()["errors"][0]["field"], "name");
        }
    }
    for name in ["system", "Guildhall", "ANONYMOUS", "local", "Admin", "root"] {
        is_refused(&operator(&app, "team.create", json!({ "name": name })).await, 400, "name_not_allowed");
        is_refused(&operator(&app, "team.update", json!({"id": id, "name": name})).await, 400, "name_not_allowed");
    }
    for name in ["a", "0.A_b:c-d", &"x".repeat(64)] {
        made(&app, name).await;
    }
    assert_eq!(get(&app, id.as_str()).await["version"], 1);
}

#[tokio::test]
async fn a_teams_name_is_taken_once_in_a_workspace_ignoring_case() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (first, second) = (made(&app, "builders").await, made(&app, "menders").await);
    is_refused(&operator(&app, "team.create", json!({"name": "BUILDERS"})).await, 409, "already_exists");
    is_refused(&operator(&app, "team.update", json!({"id": second, "name": "Builders"})).await, 409, "already_exists");
    assert_eq!(get(&app, &second).await["name"], "menders");
    assert_eq!(operator(&app, "team.update", json!({"id": first, "name": "BUILDERS"})).await.status, 200);
    assert_eq!(app.as_operator("other", "team.create", &json!({"name": "builders"})).await.status, 201);
    app.agent("builders").await;
    operator(&app, "team.delete", json!({ "id": first })).await;
    made(&app, "builders").await;
}

#[tokio::test]
async fn a_change_of_another_version_than_expected_is_a_conflict() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let id = made(&app, "builders").await;
    assert_eq!(add(&app, &id, &otto.id).await.json()["version"], 2);
    for stale in [0, 1, 3] {
        let update = json!({"id": id, "name": "menders", "expected_version": stale});
        for (operation, input) in
            [("team.update", update), ("team.delete", json!({"id": id, "expected_version": stale}))]
        {
            let answer = operator(&app, operation, input).await;
            is_refused(&answer, 409, "version_conflict");
            assert_eq!(answer.json()["current_version"], 2);
        }
    }
    let path = format!("/api/v1/teams/{id}");
    let rename = |version: &'static str| {
        app.rest("PATCH", &path).key(&otto.key).header("if-match", version).json(&json!({"name": "menders"})).send()
    };
    is_refused(&rename("\"1\"").await, 409, "version_conflict");
    assert_eq!(rename("\"2\"").await.json()["version"], 3);
    assert_eq!(operator(&app, "team.delete", json!({"id": id, "expected_version": 3})).await.status, 200);
}

#[tokio::test]
async fn members_come_and_go_and_a_second_time_changes_nothing() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let id = made(&app, "builders").await;
    let path = |who: &Agent| format!("/api/v1/teams/{id}/members/{}", who.id);
    let otto = app.agent_in("default", "otto", "operator").await;
    let put = |who: &Agent| app.rest("PUT", path(who)).key(&otto.key).json(&json!({})).send();
    assert_eq!(put(&bob).await.json()["version"], 2);
    let both = put(&alice).await.json();
    let mut ids = [alice.id.as_str(), bob.id.as_str()];
    ids.sort_unstable();
    assert_eq!((&both["members"], &both["version"]), (&json!(ids), &json!(3)));
    let again = put(&alice).await;
    assert_eq!((again.status, again.json()), (200, both.clone()));
    assert_eq!(app.tamper("UPDATE outbox SET kind = kind WHERE kind = 'team.updated'").await, 2);
    let gone = app.rest("DELETE", path(&alice)).key(&otto.key).send().await;
    assert_eq!((gone.status, &gone.json()["members"], &gone.json()["version"]), (200, &json!([bob.id]), &json!(4)));
    is_refused(&app.rest("DELETE", path(&alice)).key(&otto.key).send().await, 404, "not_found");
    assert_eq!(get(&app, &id).await, gone.json());
    assert_eq!(add(&app, &id, LOCAL).await.json()["members"], json!([bob.id, LOCAL]));
    assert_eq!(operator(&app, "auth.whoami", json!({})).await.json()["teams"], json!([{"id": id, "name": "builders"}]));
}

#[tokio::test]
async fn a_change_of_members_says_whose_in_the_audit_log_and_is_announced() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let id = made(&app, "builders").await;
    add(&app, &id, &alice.id).await;
    remove(&app, &id, &alice.id).await;
    operator(&app, "team.update", json!({"id": id, "name": "menders"})).await;
    operator(&app, "team.delete", json!({ "id": id })).await;
    for action in ["team.add", "team.remove"] {
        let rows = app.audit("default", json!({ "action": action })).await;
        assert_eq!(rows.len(), 1, "{action}");
        assert_eq!((&rows[0]["object"], &rows[0]["details"]["principal"]), (&json!(id), &json!(alice.id)), "{action}");
    }
    assert_eq!(app.tamper("UPDATE outbox SET kind = kind WHERE kind = 'team.created'").await, 1);
    assert_eq!(app.tamper("UPDATE outbox SET kind = kind WHERE kind = 'team.updated'").await, 3);
    assert_eq!(app.tamper("UPDATE outbox SET kind = kind WHERE kind = 'team.deleted'").await, 1);
    assert_eq!(operator(&app, "audit.verify", json!({})).await.json()["ok"], true);
    assert_eq!(app.tamper("UPDATE audit SET details = '{}' WHERE action = 'team.add'").await, 1);
    assert_eq!(operator(&app, "audit.verify", json!({})).await.json()["ok"], false, "the chain holds the principal");
}

#[tokio::test]
async fn whoami_reads_the_callers_teams_on_every_call() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let (builders, menders) = (made(&app, "builders").await, made(&app, "menders").await);
    assert_eq!(teams_of(&app, &alice).await, json!([]));
    add(&app, &builders, &alice.id).await;
    assert_eq!(teams_of(&app, &alice).await, json!([{"id": builders, "name": "builders"}]));
    add(&app, &menders, &alice.id).await;
    operator(&app, "team.update", json!({"id": builders, "name": "makers"})).await;
    let mut both = [json!({"id": builders, "name": "makers"}), json!({"id": menders, "name": "menders"})];
    both.sort_unstable_by_key(|team| team["id"].to_string());
    assert_eq!(teams_of(&app, &alice).await, json!(both));
    assert_eq!(app.mcp(&alice.key).call("whoami", json!({})).await.content["teams"], json!(both));
    assert_eq!(teams_of(&app, &bob).await, json!([]));
    remove(&app, &builders, &alice.id).await;
    operator(&app, "team.delete", json!({ "id": menders })).await;
    assert_eq!(teams_of(&app, &alice).await, json!([]));
}

#[tokio::test]
async fn nobody_enters_a_team_by_claiming_it() {
    let app = TestApp::start().await;
    let (alice, rita) = (app.agent("alice").await, app.agent_in("default", "rita", "reader").await);
    let id = made(&app, "builders").await;
    for who in [&alice, &rita] {
        let path = format!("/api/v1/teams/{id}/members/{}", who.id);
        for request in [
            app.rest("PUT", &path).json(&json!({})),
            app.rest("DELETE", &path),
            app.rest("POST", "/api/v1/teams").json(&json!({"name": "own"})),
        ] {
            let answer = request.key(&who.key).send().await;
            is_refused(&answer, 403, "permission_denied");
            assert_eq!(answer.json()["required"], "team:manage");
        }
        assert_eq!(app.rest("GET", format!("/api/v1/teams/{id}")).key(&who.key).send().await.status, 200);
        let claim = app.mcp(&who.key).call("whoami", json!({"teams": [id]})).await;
        assert_eq!((claim.code(), &claim.content["errors"][0]["field"]), ("invalid_input", &json!("teams")));
        let header = app.rest("GET", "/api/v1/whoami").key(&who.key).header("x-guildhall-team", &id).send().await;
        assert_eq!(header.json()["teams"], json!([]));
    }
    let member = json!({"name": "x", "members": [alice.id]});
    is_refused(&operator(&app, "team.create", member).await, 400, "invalid_input");
    assert_eq!(get(&app, &id).await["version"], 1);
}

#[tokio::test]
async fn unknown_and_foreign_principals_get_one_answer() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let eve = app.agent_in("other", "eve", "operator").await;
    let id = made(&app, "builders").await;
    let unknown = add(&app, &id, &format!("agt_{NOBODY}")).await;
    is_refused(&unknown, 422, "unknown_principal");
    let foreign = add(&app, &id, &eve.id).await;
    let person = add(&app, &id, &format!("usr_{NOBODY}")).await;
    assert_eq!((foreign.status, body(&foreign)), (422, body(&unknown)));
    assert_eq!((person.status, body(&person)), (422, body(&unknown)));
    for malformed in ["eve", "", "tem_01ARZ3NDEKTSV4RRFFQ69G5FAV", "usr_0"] {
        is_refused(&add(&app, &id, malformed).await, 400, "invalid_input");
    }
    let (not_in, nobody) = (remove(&app, &id, &eve.id).await, remove(&app, &id, &format!("agt_{NOBODY}")).await);
    is_refused(&not_in, 404, "not_found");
    assert_eq!(body(&not_in), body(&nobody));
    assert_eq!(
        (get(&app, &id).await["members"].clone(), get(&app, &id).await["version"].clone()),
        (json!([]), json!(1))
    );
}

#[tokio::test]
async fn tenants_teams_are_apart() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    let (otto, eve) =
        (app.agent_in("default", "otto", "operator").await, app.agent_in("other", "eve", "operator").await);
    let ours = team_of(&app, "default", "builders", &otto).await;
    let theirs = team_of(&app, "other", "builders", &eve).await;
    let before = app.as_operator("other", "team.get", &json!({"id": theirs})).await.json();
    for (method, path, input) in [
        ("GET", "", json!(null)),
        ("PATCH", "", json!({"name": "x"})),
        ("DELETE", "", json!(null)),
        ("PUT", &*format!("/members/{}", otto.id), json!({})),
        ("PUT", &*format!("/members/{}", eve.id), json!({})),
        ("DELETE", &*format!("/members/{}", eve.id), json!(null)),
    ] {
        let send = async |team: &str| {
            let mut request = app.rest(method, format!("/api/v1/teams/{team}{path}")).key(&otto.key);
            if !input.is_null() {
                request = request.json(&input);
            }
            request.send().await
        };
        let (foreign, nobodys) = (send(&theirs).await, send(&format!("tem_{NOBODY}")).await);
        is_refused(&foreign, 404, "not_found");
        assert_eq!(body(&foreign), body(&nobodys), "{method} {path}");
    }
    assert_eq!(app.as_operator("other", "team.get", &json!({"id": theirs})).await.json(), before);
    let listed = app.rest("GET", "/api/v1/teams?count=true").key(&eve.key).send().await.json();
    assert_eq!((&listed["total"], &listed["items"]), (&json!(1), &json!([before])));
    let by_name = app.rest("GET", "/api/v1/teams?name=builders&count=true").key(&otto.key).send().await.json();
    assert_eq!((&by_name["total"], &by_name["items"][0]["id"]), (&json!(1), &json!(ours)));
    let members = app.rest("GET", format!("/api/v1/agents?team={theirs}&count=true")).key(&otto.key).send().await;
    assert_eq!((&members.json()["total"], &members.json()["items"]), (&json!(0), &json!([])));
    assert_eq!(teams_of(&app, &otto).await, json!([{"id": ours, "name": "builders"}]));
    assert_eq!(teams_of(&app, &eve).await, json!([{"id": theirs, "name": "builders"}]));
}

#[tokio::test]
async fn a_principal_is_in_at_most_fifty_teams() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let mut teams = Vec::new();
    for n in 0..51 {
        teams.push(made(&app, &format!("team-{n}")).await);
    }
    for team in &teams[..50] {
        assert_eq!(add(&app, team, &alice.id).await.status, 200);
    }
    let refused = add(&app, &teams[50], &alice.id).await;
    is_refused(&refused, 409, "quota_exceeded");
    let problem = refused.json();
    assert_eq!((&problem["quota"], &problem["maximum"]), (&json!("teams_of_a_principal"), &json!(50)));
    assert!(problem["hint"].is_string() && problem["detail"].as_str().unwrap().contains("50"));
    assert_eq!(get(&app, &teams[50]).await["version"], 1);
    assert_eq!(add(&app, &teams[0], &alice.id).await.json()["version"], 2, "who is in it already stays");
    assert_eq!(add(&app, &teams[50], &bob.id).await.status, 200);
    assert_eq!(remove(&app, &teams[7], &alice.id).await.status, 200);
    assert_eq!(add(&app, &teams[50], &alice.id).await.status, 200);
    assert_eq!(teams_of(&app, &alice).await.as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn a_team_has_at_most_a_thousand_members() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
    let id = made(&app, "builders").await;
    let seeded = app.tamper(
        "INSERT INTO team_members (workspace_id, team_id, principal, added_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
         SELECT workspace_id, id, 'agt_' || printf('%026d', i), 0 FROM teams, n",
    );
    assert_eq!(seeded.await, 999);
    let whole = add(&app, &id, &alice.id).await.json();
    assert_eq!(whole["members"].as_array().unwrap().len(), 1_000);
    let refused = add(&app, &id, &bob.id).await;
    is_refused(&refused, 409, "quota_exceeded");
    assert_eq!((&refused.json()["quota"], &refused.json()["maximum"]), (&json!("members_of_a_team"), &json!(1_000)));
    assert_eq!(teams_of(&app, &bob).await, json!([]));
    let again = add(&app, &id, &alice.id).await;
    assert_eq!((again.status, &again.json()["version"]), (200, &json!(2)), "who is in a full team stays");
    assert_eq!(remove(&app, &id, &format!("agt_{:026}", 5)).await.status, 200);
    assert_eq!(add(&app, &id, &bob.id).await.json()["version"], 4);
}

#[tokio::test]
async fn lists_page_count_and_find_by_name() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(team_of(&app, "default", &format!("Team-{n}"), &alice).await);
        app.clock.advance(1);
    }
    let mcp = app.mcp(&alice.key).toolsets("sessions");
    assert!(mcp.tools().await.iter().any(|tool| tool["name"] == "list_teams"));
    assert!(app.mcp(&alice.key).tools().await.iter().all(|tool| tool["name"] != "list_teams"));
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let mut input = json!({"limit": 2, "count": true});
        if let Some(cursor) = cursor {
            input["cursor"] = cursor;
        }
        let page = mcp.call("list_teams", input).await.content;
        assert_eq!(page["total"], 5);
        for team in page["items"].as_array().unwrap() {
            assert_eq!(team["members"], json!([alice.id]));
            seen.push(team["id"].as_str().unwrap().to_owned());
        }
        cursor = page.get("next_cursor").filter(|next| next.is_string()).cloned();
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let named = mcp.call("list_teams", json!({"name": "TEAM-3", "count": true})).await.content;
    assert_eq!((&named["total"], &named["items"][0]["id"]), (&json!(1), &json!(ids[3])));
    for name in ["team", "team-", "%", "", "team-33"] {
        assert_eq!(mcp.call("list_teams", json!({ "name": name })).await.content["items"], json!([]), "{name}");
    }
    let first = mcp.call("list_teams", json!({"limit": 1})).await.content["next_cursor"].clone();
    let other_list = mcp.call("list_teams", json!({"limit": 1, "cursor": first, "name": "team-1"})).await;
    assert_eq!(other_list.code(), "invalid_cursor");
}

#[tokio::test]
async fn agents_are_found_by_name_and_by_team() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.agent("Alice").await, app.agent("bob").await);
    app.agent("alice2").await;
    let id = team_of(&app, "default", "builders", &bob).await;
    let list = async |query: &str| {
        let page = app.rest("GET", format!("/api/v1/agents?count=true&{query}")).key(&alice.key).send().await.json();
        let names = page["items"].as_array().unwrap().iter().map(|agent| agent["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), page["total"].as_i64().unwrap())
    };
    assert_eq!(list("name=aLICE").await, (vec!["Alice".to_owned()], 1));
    assert_eq!(list("name=ali").await, (vec![], 0));
    assert_eq!(list("name=alice&type=other").await, (vec![], 0));
    assert_eq!(list(&format!("team={id}")).await, (vec!["bob".to_owned()], 1));
    assert_eq!(list(&format!("team={id}&name=alice")).await, (vec![], 0));
    assert_eq!(list(&format!("team=tem_{NOBODY}")).await, (vec![], 0));
    assert_eq!(list("status=active").await.1, 3);
}

#[tokio::test]
async fn a_repeated_change_of_a_team_gets_the_first_answer() {
    let app = TestApp::start().await;
    let otto = app.agent_in("default", "otto", "operator").await;
    let create = || {
        let request = app.rest("POST", "/api/v1/teams").key(&otto.key).header("idempotency-key", "k1");
        request.json(&json!({"name": "builders"})).send()
    };
    let (first, again) = (create().await, create().await);
    assert_eq!((first.status, first.json()), (201, again.json()));
    let team = first.json()["id"].as_str().unwrap().to_owned();
    add(&app, &team, &otto.id).await;
    let path = format!("/api/v1/teams/{team}/members/{}", otto.id);
    let leave = || app.rest("DELETE", &path).key(&otto.key).header("idempotency-key", "k2").send();
    let (first, again) = (leave().await, leave().await);
    assert_eq!((first.status, first.json()), (200, again.json()));
    assert_eq!(get(&app, &team).await["version"], 3);
}
