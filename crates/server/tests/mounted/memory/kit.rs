//! What the tests of memories share: short calls, the counters' proof, rows by the thousand.

use serde_json::{Value, json};
use testkit::{Agent, Answer, Request, TestApp};

/// An id that no memory has.
pub(crate) const NOBODY: &str = "mem_01ARZ3NDEKTSV4RRFFQ69G5FAV";
pub(crate) const REASON: &str = "an acceptance test";

/// A request below `/api/v1/memories`.
pub(crate) fn request(app: &TestApp, who: &Agent, method: &str, path: &str, body: &Value) -> Request {
    let request = app.rest(method, format!("/api/v1/memories{path}")).key(&who.key);
    if body.is_null() { request } else { request.json(body) }
}

pub(crate) async fn call(app: &TestApp, who: &Agent, method: &str, path: &str, body: Value) -> Answer {
    request(app, who, method, path, &body).send().await
}

/// The JSON of a call that succeeds.
pub(crate) async fn done(app: &TestApp, who: &Agent, method: &str, path: &str, body: Value) -> Value {
    let answer = call(app, who, method, path, body.clone()).await;
    assert!(answer.status < 300, "{method} {path} {body}: {} {}", answer.status, answer.text());
    answer.json()
}

/// Asserts that a call is refused.
pub(crate) fn is_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.text());
}

pub(crate) fn id_of(memory: &Value) -> String {
    memory["id"].as_str().unwrap_or_else(|| panic!("no id in {memory}")).to_owned()
}

/// The ids of a list or of what was found.
pub(crate) fn ids_of(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("no items in {page}"));
    items.iter().map(|item| id_of(if item["memory"].is_null() { item } else { &item["memory"] })).collect()
}

pub(crate) async fn stored(app: &TestApp, who: &Agent, body: Value) -> String {
    id_of(&done(app, who, "POST", "", body).await)
}

/// Stores a note with a text.
pub(crate) async fn note(app: &TestApp, who: &Agent, content: &str) -> String {
    stored(app, who, json!({ "content": content })).await
}

pub(crate) async fn put(app: &TestApp, who: &Agent, key: &str, body: Value) -> Answer {
    call(app, who, "PUT", &format!("/by-key/{key}"), body).await
}

pub(crate) async fn fetch(app: &TestApp, who: &Agent, id: &str) -> Answer {
    call(app, who, "GET", &format!("/{id}"), Value::Null).await
}

pub(crate) async fn update(app: &TestApp, who: &Agent, id: &str, body: Value) -> Answer {
    call(app, who, "PATCH", &format!("/{id}"), body).await
}

pub(crate) async fn delete(app: &TestApp, who: &Agent, id: &str) -> Answer {
    call(app, who, "DELETE", &format!("/{id}"), Value::Null).await
}

/// Gives a principal or team a permission on a memory.
pub(crate) async fn share(app: &TestApp, who: &Agent, id: &str, grantee: &str, permission: &str) -> Value {
    let grants = json!({"grants": [{"grantee": grantee, "permission": permission}]});
    done(app, who, "PUT", &format!("/{id}/grants"), grants).await
}

/// The ids of what a query finds, best first.
pub(crate) async fn found(app: &TestApp, who: &Agent, query: &str) -> Vec<String> {
    ids_of(&done(app, who, "POST", "/search", json!({"query": query, "limit": 100})).await)
}

/// Lists with a query string.
pub(crate) async fn listed(app: &TestApp, who: &Agent, query: &str) -> Value {
    done(app, who, "GET", &format!("?count=true&limit=200{query}"), Value::Null).await
}

pub(crate) async fn history(app: &TestApp, who: &Agent, id: &str) -> Answer {
    call(app, who, "GET", &format!("/{id}/versions?limit=200"), Value::Null).await
}

pub(crate) async fn stats(app: &TestApp, who: &Agent, of: &str) -> Value {
    done(app, who, "GET", &format!("/stats?of={of}"), Value::Null).await
}

/// Calls as the local operator, who holds every permission.
pub(crate) async fn admin(app: &TestApp, operation: &str, input: Value) -> Answer {
    app.as_operator("default", operation, &input).await
}

pub(crate) async fn review(app: &TestApp, id: &str, decision: &str) -> Answer {
    admin(app, "memory.review", json!({"id": id, "decision": decision, "reason": REASON})).await
}

/// An agent of role `agent` that also holds `memory:manage`.
pub(crate) async fn manager(app: &TestApp, name: &str) -> Agent {
    let agent = app.agent(name).await;
    grant(app, &agent, json!(["memory:manage"])).await;
    agent
}

/// Replaces the permissions an agent holds beside those of its role.
pub(crate) async fn grant(app: &TestApp, agent: &Agent, permissions: Value) {
    let answer = admin(app, "agent.update", json!({"id": agent.id, "grants": permissions})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Makes a team of these agents.
pub(crate) async fn team(app: &TestApp, name: &str, members: &[&Agent]) -> String {
    let made = admin(app, "team.create", json!({ "name": name })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let id = id_of(&made.json());
    for member in members {
        let added = admin(app, "team.add", json!({"id": id, "principal": member.id})).await;
        assert_eq!(added.status, 200, "{}", added.text());
    }
    id
}

pub(crate) async fn sweep(app: &TestApp) {
    app.gate.app().sweep(domain::Finish::No).await.unwrap();
}

/// How many rows of a table the condition holds for.
pub(crate) async fn rows(app: &TestApp, touch: &'static str) -> u64 {
    app.tamper(touch).await
}

/// Proves that the counters are what a full count of the rows gives, and that nothing is left of rows that are gone.
pub(crate) async fn counters_hold(app: &TestApp) {
    let wrong = app
        .tamper(
            "UPDATE memory_counts SET live = live WHERE (live, bytes) <> (SELECT COUNT(*), COALESCE(SUM(m.size_bytes), 0) \
             FROM memories m WHERE m.workspace_id = memory_counts.workspace_id AND m.owner = memory_counts.owner \
             AND m.kind = memory_counts.kind AND m.access = memory_counts.access \
             AND COALESCE(m.team_id, '') = memory_counts.team_id AND m.trust = memory_counts.trust \
             AND COALESCE(m.layer, '') = memory_counts.layer AND m.deleted_at IS NULL)",
        )
        .await;
    assert_eq!(wrong, 0, "counters that differ from a full count");
    let uncounted = app
        .tamper(
            "UPDATE memories SET version = version WHERE deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM memory_counts c \
             WHERE c.workspace_id = memories.workspace_id AND c.owner = memories.owner AND c.kind = memories.kind \
             AND c.access = memories.access AND c.team_id = COALESCE(memories.team_id, '') \
             AND c.trust = memories.trust AND c.layer = COALESCE(memories.layer, ''))",
        )
        .await;
    assert_eq!(uncounted, 0, "rows that no counter counts");
    let wrong_size = app
        .tamper(
            "UPDATE memories SET version = version \
             WHERE size_bytes <> length(CAST(COALESCE(content, value, '') AS BLOB))",
        )
        .await;
    assert_eq!(wrong_size, 0, "rows whose size is not that of their text");
    for orphans in [
        "UPDATE memory_terms SET terms = terms WHERE memory_id NOT IN (SELECT id FROM memories)",
        "UPDATE memory_versions SET at = at WHERE memory_id NOT IN (SELECT id FROM memories)",
        "UPDATE memory_grants SET granted_at = granted_at WHERE memory_id NOT IN (SELECT id FROM memories)",
    ] {
        assert_eq!(app.tamper(orphans).await, 0, "{orphans}");
    }
}

/// Copies every memory whose project is `template` so many times behind the server's back, without a key.
pub(crate) async fn multiply(app: &TestApp, times: usize) -> u64 {
    let sql = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {times}) \
         INSERT INTO memories (workspace_id, id, owner, kind, content, value, size_bytes, summary, tags, importance, access, \
         project, layer, expires_at, metadata, provenance, access_count, accessed_at, relevance, version, created_at, \
         updated_at, deleted_at, team_id, trust, flags, flags_version, superseded_by, supersedes, changed_by, change) \
         SELECT workspace_id, 'mem_0' || printf('%025d', n * 1000 + memories.rowid), owner, kind, content, value, \
         size_bytes, summary, tags, importance, access, 'copy', layer, expires_at, metadata, provenance, 0, NULL, \
         relevance, version, created_at, updated_at, NULL, team_id, trust, flags, flags_version, NULL, '[]', changed_by, \
         change FROM memories, n WHERE project = 'template'"
    );
    let copied = app.tamper(String::leak(sql)).await;
    let sql = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {times}) \
         INSERT INTO memory_terms (workspace_id, memory_id, terms) SELECT m.workspace_id, \
         'mem_0' || printf('%025d', n * 1000 + m.rowid), t.terms FROM memories m, n, memory_terms t \
         WHERE m.project = 'template' AND t.memory_id = m.id AND t.workspace_id = m.workspace_id"
    );
    assert_eq!(app.tamper(String::leak(sql)).await, copied);
    copied
}
