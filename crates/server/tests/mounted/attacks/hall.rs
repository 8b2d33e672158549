//! The fixtures of contract attacks.md §1, and an input for every operation of the catalogue.

use domain::{catalogue::CATALOGUE, operation::Entry, reference};
use serde_json::{Map, Value, json};
use testkit::{Agent, Answer, Request, TestApp};

use crate::teams::team_of;

/// What no answer may hold: causes, paths, source positions.
const LEAKS: [&str; 12] = [
    "sqlite",
    "panicked",
    concat!("/home", "/"),
    "/tmp/",
    "src/",
    ".rs:",
    "rusqlite",
    "serde_json",
    "rmcp",
    "hyper",
    "unwrap()",
    "guildhall.db",
];

/// Workspace W1 with four agents, and W2 with one.
pub(crate) struct Hall {
    pub(crate) app: TestApp,
    pub(crate) alice: Agent,
    pub(crate) bob: Agent,
    pub(crate) rita: Agent,
    pub(crate) otto: Agent,
    pub(crate) eve: Agent,
    /// A private memory of alice, kept under the key `secret-key`.
    pub(crate) hers: String,
    /// A private memory of eve, in W2.
    pub(crate) eves: String,
    /// A team of W1 with bob in it.
    pub(crate) team: String,
    /// A team of W2 with eve in it.
    pub(crate) eves_team: String,
    pub(crate) w1: String,
    pub(crate) w2: String,
}

/// A memory's id.
pub(crate) async fn remember(app: &TestApp, who: &Agent, body: Value) -> String {
    let stored = app.rest("POST", "/api/v1/memories").key(&who.key).json(&body).send().await;
    assert_eq!(stored.status, 201, "{}", stored.text());
    stored.json()["id"].as_str().unwrap().to_owned()
}

impl Hall {
    pub(crate) async fn open() -> Self {
        Self::over(TestApp::start().await).await
    }

    pub(crate) async fn over(app: TestApp) -> Self {
        app.workspace("w2").await;
        let (alice, bob) = (app.agent("alice").await, app.agent("bob").await);
        let rita = app.agent_in("default", "rita", "reader").await;
        let otto = app.agent_in("default", "otto", "operator").await;
        let eve = app.agent_in("w2", "eve", "operator").await;
        let private = json!({"content": "alice keeps the cobalt ledger", "key": "secret-key"});
        let hers = remember(&app, &alice, private).await;
        let eves = remember(&app, &eve, json!({"content": "eve keeps the cobalt ledger", "key": "secret-key"})).await;
        let team = team_of(&app, "default", "builders", &bob).await;
        let eves_team = team_of(&app, "w2", "wreckers", &eve).await;
        let workspace = async |who: &Agent| {
            let me = app.rest("GET", "/api/v1/whoami").key(&who.key).send().await.json();
            me["workspace"].as_str().unwrap().to_owned()
        };
        let (w1, w2) = (workspace(&alice).await, workspace(&eve).await);
        Self { app, alice, bob, rita, otto, eve, hers, eves, team, eves_team, w1, w2 }
    }

    /// Alice's memory as she sees it.
    pub(crate) async fn row(&self) -> Value {
        let path = format!("/api/v1/memories/{}", self.hers);
        let mut row = self.app.rest("GET", path).key(&self.alice.key).send().await.json();
        assert_eq!(row["id"], json!(self.hers));
        row.as_object_mut().unwrap().retain(|name, _| !["access_count", "accessed_at", "relevance"].contains(&&**name));
        row
    }

    /// Sends a hostile request and checks what holds of every answer.
    pub(crate) async fn probe(&self, request: Request) -> Answer {
        let said = format!("{request:?}").chars().take(300).collect::<String>();
        let answer = request.send().await;
        sound(&answer, &said);
        answer
    }
}

/// What holds of every answer: never 5xx, no leak, no server name, errors as problems.
pub(crate) fn sound(answer: &Answer, said: &str) {
    let text = answer.text();
    assert!(answer.status < 500 || answer.code() == "semantic_unavailable", "{said}: {} {text}", answer.status);
    let lower = text.to_lowercase();
    for leak in LEAKS {
        assert!(!lower.contains(leak), "{leak} after {said}: {text}");
    }
    for header in ["server", "x-powered-by", "via"] {
        assert!(answer.headers.get(header).is_none(), "{header} after {said}");
    }
    for (header, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(answer.header(header), value, "{header} after {said}");
    }
    assert!(answer.header("x-request-id").starts_with("req_"), "after {said}");
    let rpc = answer.json()["jsonrpc"] == "2.0";
    if answer.status >= 400 && !answer.body.is_empty() && !rpc {
        assert_eq!(answer.header("content-type"), "application/problem+json", "after {said}: {text}");
        let problem = answer.json();
        assert_eq!(problem["status"], json!(answer.status), "after {said}");
        for member in ["type", "title", "detail", "code", "request_id"] {
            assert!(problem[member].is_string(), "{member} after {said}: {text}");
        }
        assert!(!text.contains(env!("CARGO_PKG_VERSION")), "the version after {said}: {text}");
    }
}

/// The answer's body without what differs from call to call.
pub(crate) fn body(answer: &Answer) -> Value {
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    body
}

/// Ids that an operation's sample input names.
pub(crate) struct Ids<'a> {
    pub(crate) memory: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) key: &'a str,
    pub(crate) team: &'a str,
}

/// An input with which an operation succeeds for whoever may do it to these objects.
pub(crate) fn sample(entry: &Entry, ids: &Ids<'_>) -> Map<String, Value> {
    let input = match entry.spec.id {
        "agent.create" => json!({"name": "newcomer"}),
        "agent.get" | "agent.disable" => json!({"id": ids.agent}),
        "agent.update" => json!({"id": ids.agent, "display_name": "renamed"}),
        "import.cancel" | "import.get" => json!({"id": "job_01JCA4X4E8000000000000000A"}),
        "import.run" => {
            let text = r#"{"type":"entity","name":"ledger","entityType":"book","observations":["is cobalt"]}"#;
            json!({"source": "mcp-memory", "text": text, "dry_run": true})
        }
        "key.create" => json!({"label": "more", "principal": ids.agent}),
        "key.get" | "key.resume" | "key.revoke" | "key.rotate" => json!({"id": ids.key}),
        "memory.cleanup" => json!({"older_than_days": 1}),
        "memory.consolidate" => json!({"ids": [ids.memory, "mem_01JCA4X4E8000000000000000A"], "mode": "merge"}),
        "memory.create" => json!({"content": "a note"}),
        "memory.create_many" => json!({"items": [{"content": "a note"}]}),
        "memory.history" | "memory.restore" => json!({"id": ids.memory}),
        "memory.purge" => json!({"id": ids.memory, "reason": "a sample of the attacks"}),
        "memory.recall" => json!({"query": "cobalt ledger"}),
        "memory.reindex" => json!({"what": "keyword"}),
        "memory.revert" => json!({"id": ids.memory, "version": 1}),
        "memory.review" => json!({"id": ids.memory, "decision": "trust", "reason": "a sample of the attacks"}),
        "memory.review_list" => json!({"reason": "a sample of the attacks"}),
        "memory.share" => json!({"id": ids.memory, "grants": [{"grantee": ids.agent}]}),
        "memory.undo" => {
            json!({"principal": ids.agent, "since": "2020-01-01T00:00:00Z", "reason": "a sample of the attacks"})
        }
        "memory.unshare" => json!({"id": ids.memory, "grantee": ids.agent}),
        "memory.delete" | "memory.get" => json!({"id": ids.memory}),
        "memory.search" => json!({"query": "cobalt ledger"}),
        "memory.set" => json!({"key": "a-key", "value": 1}),
        "memory.update" => json!({"id": ids.memory, "summary": "changed"}),
        "team.add" | "team.remove" => json!({"id": ids.team, "principal": ids.agent}),
        "team.create" => json!({"name": "newcomers"}),
        "team.delete" | "team.get" => json!({"id": ids.team}),
        "team.update" => json!({"id": ids.team, "name": "renamed"}),
        "workspace.create" => json!({"slug": "w3"}),
        "agent.list" | "audit.list" | "audit.verify" | "auth.whoami" | "backup.snapshot" | "export.run" | "health"
        | "key.list" | "memory.list" | "memory.stats" | "ops.calls" | "ops.docs" | "ops.docs_style" | "ops.doctor"
        | "ops.metrics" | "ops.openapi" | "team.list" | "workspace.list" => json!({}),
        other => panic!("the attacks need a sample input of the new operation {other}"),
    };
    input.as_object().unwrap().clone()
}

/// The members an operation declares.
pub(crate) fn declared(entry: &Entry) -> Map<String, Value> {
    reference::whole_schema(entry).get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The operation with this id.
pub(crate) fn operation(id: &str) -> &'static Entry {
    CATALOGUE.iter().find(|entry| entry.spec.id == id).unwrap()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// One request for each REST route of an operation that can carry the input.
pub(crate) fn requests(app: &TestApp, entry: &Entry, input: &Map<String, Value>) -> Vec<Request> {
    let mut all = Vec::new();
    for route in entry.spec.routes {
        let mut rest = input.clone();
        let mut path = String::new();
        let mut fits = true;
        for part in route.path.split_inclusive('/') {
            let (name, tail) = part.strip_suffix('/').map_or((part, ""), |name| (name, "/"));
            match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                None => path.push_str(name),
                Some(name) => match rest.remove(name) {
                    Some(value) => path.push_str(&encoded(&flat(&value))),
                    None => fits = false,
                },
            }
            path.push_str(tail);
        }
        if !fits {
            continue;
        }
        if ["GET", "DELETE"].contains(&route.method) {
            let query: Vec<String> =
                rest.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(&flat(value)))).collect();
            let mark = if query.is_empty() { "" } else { "?" };
            all.push(app.rest(route.method, format!("{path}{mark}{}", query.join("&"))));
        } else {
            all.push(app.rest(route.method, path).json(&Value::Object(rest)));
        }
    }
    all
}
