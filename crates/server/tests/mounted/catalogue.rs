//! Walks the catalogue: every operation has its cases, through every face that exposes it.
//!
//! anonymous → 401 · wrong permission → 403 · another workspace's rows → not found, or absent · one audit row per change,
//! and one per denial · the second call of a key with one call a minute → 429.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::{
    catalogue::CATALOGUE,
    operation::{Access, Effect, Entry, Rate, Route},
};
use serde_json::{Value, json};
use testkit::{Agent, Answer, Client, Request, TestApp};

use crate::teams::team_of;

/// What the cases are made of.
struct World {
    app: TestApp,
    otto: Agent,
    spare: Agent,
    /// Otto's, public, changed once.
    memory: String,
    /// Otto's, shared with `spare`.
    shared: String,
    /// Otto's, deleted.
    deleted: String,
    eve: Agent,
    foreign_memory: String,
    team: String,
    foreign_team: String,
    /// An import that is running.
    import: String,
    foreign_import: String,
    count: AtomicU32,
}

/// A line of the reference MCP memory server's file.
fn entity(name: &str) -> String {
    json!({"type": "entity", "name": name, "entityType": "case", "observations": ["seen"]}).to_string()
}

/// How an operation is called.
struct Case {
    id: &'static str,
    /// A good input; fresh where the operation makes something.
    good: fn(&World) -> Value,
    /// The same, naming a row of another workspace; none when the operation names no row.
    foreign: Option<fn(&World) -> Value>,
}

const CASES: &[Case] = &[
    Case { id: "agent.create", good: |w| json!({"name": w.fresh("agent")}), foreign: None },
    Case { id: "agent.disable", good: |w| json!({"id": w.spare.id}), foreign: Some(|w| json!({"id": w.eve.id})) },
    Case { id: "agent.get", good: |w| json!({"id": w.spare.id}), foreign: Some(|w| json!({"id": w.eve.id})) },
    Case { id: "agent.list", good: |_| json!({}), foreign: None },
    Case {
        id: "agent.update",
        good: |w| json!({"id": w.spare.id, "display_name": w.fresh("name")}),
        foreign: Some(|w| json!({"id": w.eve.id, "display_name": "x"})),
    },
    Case { id: "audit.list", good: |_| json!({}), foreign: None },
    Case { id: "audit.verify", good: |_| json!({}), foreign: None },
    Case { id: "auth.whoami", good: |_| json!({}), foreign: None },
    Case { id: "backup.snapshot", good: |_| json!({}), foreign: None },
    Case { id: "export.run", good: |_| json!({}), foreign: None },
    Case { id: "health", good: |_| json!({}), foreign: None },
    Case { id: "import.cancel", good: |w| json!({"id": w.import}), foreign: Some(|w| json!({"id": w.foreign_import})) },
    Case { id: "import.get", good: |w| json!({"id": w.import}), foreign: Some(|w| json!({"id": w.foreign_import})) },
    Case {
        id: "import.run",
        good: |w| json!({"source": "mcp-memory", "text": entity(&w.fresh("entity"))}),
        foreign: Some(|w| json!({"source": "mcp-memory", "text": "", "job_id": w.foreign_import})),
    },
    Case {
        id: "key.create",
        good: |w| json!({"label": "case", "principal": w.spare.id}),
        foreign: Some(|w| json!({"label": "case", "principal": w.eve.id})),
    },
    Case { id: "key.get", good: |w| json!({"id": w.otto.key_id}), foreign: Some(|w| json!({"id": w.eve.key_id})) },
    Case { id: "key.list", good: |_| json!({}), foreign: None },
    Case { id: "key.resume", good: |w| json!({"id": w.spare.key_id}), foreign: Some(|w| json!({"id": w.eve.key_id})) },
    Case { id: "key.revoke", good: |w| json!({"id": w.spare.key_id}), foreign: Some(|w| json!({"id": w.eve.key_id})) },
    Case { id: "key.rotate", good: |w| json!({"id": w.spare.key_id}), foreign: Some(|w| json!({"id": w.eve.key_id})) },
    Case { id: "memory.cleanup", good: |_| json!({"older_than_days": 1}), foreign: None },
    Case {
        id: "memory.consolidate",
        good: |w| json!({"ids": [w.memory, w.shared], "mode": "merge", "supersede": false}),
        foreign: Some(|w| json!({"ids": [w.memory, w.foreign_memory], "mode": "merge"})),
    },
    Case { id: "memory.create", good: |_| json!({"content": "a case"}), foreign: None },
    Case { id: "memory.create_many", good: |_| json!({"items": [{"content": "a case"}]}), foreign: None },
    Case { id: "memory.delete", good: |w| json!({"id": w.memory}), foreign: Some(|w| json!({"id": w.foreign_memory})) },
    Case { id: "memory.get", good: |w| json!({"id": w.memory}), foreign: Some(|w| json!({"id": w.foreign_memory})) },
    Case {
        id: "memory.history",
        good: |w| json!({"id": w.memory}),
        foreign: Some(|w| json!({"id": w.foreign_memory})),
    },
    Case { id: "memory.list", good: |_| json!({}), foreign: None },
    Case {
        id: "memory.purge",
        good: |w| json!({"id": w.memory, "reason": "a case of the catalogue"}),
        foreign: Some(|w| json!({"id": w.foreign_memory, "reason": "a case of the catalogue"})),
    },
    Case { id: "memory.recall", good: |_| json!({"query": "case words"}), foreign: None },
    Case { id: "memory.reindex", good: |_| json!({"what": "keyword"}), foreign: None },
    Case {
        id: "memory.restore",
        good: |w| json!({"id": w.deleted}),
        foreign: Some(|w| json!({"id": w.foreign_memory})),
    },
    Case {
        id: "memory.revert",
        good: |w| json!({"id": w.memory, "version": 1}),
        foreign: Some(|w| json!({"id": w.foreign_memory, "version": 1})),
    },
    Case {
        id: "memory.review",
        good: |w| json!({"id": w.memory, "decision": "trust", "reason": "a case of the catalogue"}),
        foreign: Some(|w| json!({"id": w.foreign_memory, "decision": "trust", "reason": "a case of the catalogue"})),
    },
    Case { id: "memory.review_list", good: |_| json!({"reason": "a case of the catalogue"}), foreign: None },
    Case { id: "memory.search", good: |_| json!({"query": "case words"}), foreign: None },
    Case {
        id: "memory.set",
        good: |w| json!({"key": w.fresh("key"), "value": 1}),
        foreign: Some(|w| json!({"key": "foreign", "value": 1, "owner": w.eve.id})),
    },
    Case {
        id: "memory.share",
        good: |w| json!({"id": w.memory, "grants": [{"grantee": w.spare.id}]}),
        foreign: Some(|w| json!({"id": w.foreign_memory, "grants": [{"grantee": w.spare.id}]})),
    },
    Case { id: "memory.stats", good: |_| json!({"of": "visible"}), foreign: None },
    Case {
        id: "memory.undo",
        good: |w| json!({"principal": w.spare.id, "since": "2020-01-01T00:00:00Z", "reason": "a case of the catalogue"}),
        foreign: None,
    },
    Case {
        id: "memory.unshare",
        good: |w| json!({"id": w.shared, "grantee": w.spare.id}),
        foreign: Some(|w| json!({"id": w.foreign_memory, "grantee": w.spare.id})),
    },
    Case {
        id: "memory.update",
        good: |w| json!({"id": w.memory, "summary": w.fresh("summary")}),
        foreign: Some(|w| json!({"id": w.foreign_memory, "summary": "x"})),
    },
    Case { id: "ops.calls", good: |_| json!({"limit": 5}), foreign: None },
    Case { id: "ops.docs", good: |_| json!({"code": "not_found"}), foreign: None },
    Case { id: "ops.docs_style", good: |_| json!({}), foreign: None },
    Case { id: "ops.doctor", good: |_| json!({}), foreign: None },
    Case { id: "ops.metrics", good: |_| json!({}), foreign: None },
    Case { id: "ops.openapi", good: |_| json!({}), foreign: None },
    Case {
        id: "team.add",
        good: |w| json!({"id": w.team, "principal": w.otto.id}),
        foreign: Some(|w| json!({"id": w.foreign_team, "principal": w.otto.id})),
    },
    Case { id: "team.create", good: |w| json!({"name": w.fresh("team")}), foreign: None },
    Case { id: "team.delete", good: |w| json!({"id": w.team}), foreign: Some(|w| json!({"id": w.foreign_team})) },
    Case { id: "team.get", good: |w| json!({"id": w.team}), foreign: Some(|w| json!({"id": w.foreign_team})) },
    Case { id: "team.list", good: |_| json!({}), foreign: None },
    Case {
        id: "team.remove",
        good: |w| json!({"id": w.team, "principal": w.spare.id}),
        foreign: Some(|w| json!({"id": w.foreign_team, "principal": w.eve.id})),
    },
    Case {
        id: "team.update",
        good: |w| json!({"id": w.team, "name": w.fresh("team")}),
        foreign: Some(|w| json!({"id": w.foreign_team, "name": "x"})),
    },
    Case { id: "workspace.create", good: |w| json!({"slug": w.fresh("ws")}), foreign: None },
    Case { id: "workspace.list", good: |_| json!({}), foreign: None },
];

/// A way to reach an operation.
#[derive(Debug, Clone, Copy)]
enum Face {
    Rest(&'static Route),
    Mcp(&'static str),
    Socket,
}

fn faces(entry: &'static Entry) -> Vec<Face> {
    let rest = entry.spec.routes.iter().map(Face::Rest);
    let mcp = entry.spec.tool.iter().map(|tool| Face::Mcp(tool.name));
    rest.chain(mcp).chain([Face::Socket]).collect()
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        app.workspace("other").await;
        let otto = app.agent_in("default", "otto", "operator").await;
        let spare = app.agent("spare").await;
        let eve = app.agent_in("other", "eve", "operator").await;
        let store = async |who: &Agent| {
            let body = json!({"content": "case words of one workspace", "access": "public"});
            let answer = app.rest("POST", "/api/v1/memories").key(&who.key).json(&body).send().await;
            answer.json()["id"].as_str().unwrap().to_owned()
        };
        let (memory, shared, deleted, foreign_memory) =
            (store(&otto).await, store(&otto).await, store(&otto).await, store(&eve).await);
        let manage = json!({"id": otto.id, "grants": ["memory:manage", "import:run"]});
        assert_eq!(app.as_operator("default", "agent.update", &manage).await.status, 200);
        for (method, path, body) in [
            ("PATCH", memory.clone(), json!({"content": "case words, changed"})),
            ("PUT", format!("{shared}/grants"), json!({"grants": [{"grantee": spare.id}]})),
            ("DELETE", deleted.clone(), json!({})),
        ] {
            let request = app.rest(method, format!("/api/v1/memories/{path}")).key(&otto.key);
            let request = if method == "DELETE" { request } else { request.json(&body) };
            let answer = request.send().await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let count = AtomicU32::new(0);
        let team = team_of(&app, "default", "builders", &spare).await;
        let foreign_team = team_of(&app, "other", "theirs", &eve).await;
        let begin = async |workspace| {
            let begun = json!({"source": "mcp-memory", "text": entity("begun")});
            let answer = app.as_operator(workspace, "import.run", &begun).await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            answer.json()["id"].as_str().unwrap().to_owned()
        };
        let (import, foreign_import) = (begin("default").await, begin("other").await);
        Self {
            app,
            otto,
            spare,
            memory,
            shared,
            deleted,
            eve,
            foreign_memory,
            team,
            foreign_team,
            import,
            foreign_import,
            count,
        }
    }

    fn fresh(&self, what: &str) -> String {
        format!("{what}-{}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Calls an operation through a face; the local operator where there is no key on the socket.
    async fn call(&self, face: Face, id: &str, key: Option<&str>, input: Value) -> Answer {
        match face {
            Face::Rest(route) => self.rest(route, key, input).send().await,
            Face::Mcp(tool) => {
                let mcp = self.app.mcp(key.unwrap_or_default());
                let mut request = mcp.request("tools/call", Some(tool), json!({"name": tool, "arguments": input}));
                if key.is_none() {
                    request = Request::new(self.app.network(), "POST", "/mcp").json(&json!({"jsonrpc": "2.0"}));
                }
                flattened(request.send().await)
            }
            Face::Socket => {
                let path = self.app.directory().join("guildhall.sock");
                let mut request = Request::new(Client::Socket(path), "POST", format!("/call/{id}")).json(&input);
                if let Some(key) = key {
                    request = request.key(key);
                }
                request.send().await
            }
        }
    }

    fn rest(&self, route: &Route, key: Option<&str>, input: Value) -> Request {
        let mut path = route.path.to_owned();
        let mut rest = serde_json::Map::new();
        for (name, value) in input.as_object().unwrap() {
            let text = text_of(value);
            let place = format!("{{{name}}}");
            if path.contains(&place) {
                path = path.replace(&place, &text);
            } else {
                rest.insert(name.clone(), value.clone());
            }
        }
        // A route by another name than the case's input, such as by key instead of by id.
        let path = path.replace("{key}", "absent");
        if path.contains("by-key") && route.method == "GET" {
            rest.clear();
        }
        let query: Vec<_> = rest.iter().map(|(name, value)| format!("{name}={}", text_of(value))).collect();
        let in_query = route.method == "GET" && !query.is_empty();
        let path = if in_query { format!("{path}?{}", query.join("&").replace(' ', "%20")) } else { path };
        let mut request = self.app.rest(route.method, path);
        if matches!(route.method, "POST" | "PUT" | "PATCH") {
            request = request.json(&Value::Object(rest));
        }
        match key {
            Some(key) => request.key(key),
            None => request,
        }
    }

    async fn rows(&self, filter: Value) -> usize {
        self.app.audit("default", filter).await.len()
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A tool's error as REST would answer it.
fn flattened(mut answer: Answer) -> Answer {
    let json = answer.json();
    let result = &json["result"];
    if result["isError"] == true {
        answer.status = domain::Code::parse(result["structuredContent"]["code"].as_str().unwrap()).unwrap().http();
    }
    if result.is_object() {
        answer.body = result["structuredContent"].to_string().into();
    }
    answer
}

/// By key instead of by id there is nothing under the case's key.
fn is_by_key(face: Face) -> bool {
    matches!(face, Face::Rest(route) if route.method == "GET" && route.path.contains("{key}"))
}

fn case(entry: &Entry) -> &'static Case {
    CASES.iter().find(|case| case.id == entry.spec.id).unwrap_or_else(|| panic!("{} has no case", entry.spec.id))
}

#[test]
fn every_operation_has_its_case_and_no_case_is_left_over() {
    for entry in CATALOGUE {
        case(entry);
    }
    assert_eq!(CASES.len(), CATALOGUE.len());
}

#[tokio::test]
async fn anonymous_callers_reach_only_what_is_open() {
    let world = World::new().await;
    for entry in CATALOGUE {
        for face in faces(entry).into_iter().filter(|face| !matches!(face, Face::Socket)) {
            world.app.clock.advance(61);
            let answer = world.call(face, entry.spec.id, None, (case(entry).good)(&world)).await;
            if entry.spec.access == Access::Open {
                assert_eq!(answer.status, 200, "{face:?}: {}", answer.text());
            } else {
                assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{face:?}");
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guildhall\"");
            }
        }
    }
    assert!(world.rows(json!({"actor": "anonymous", "outcome": "denied"})).await > 10);
}

#[tokio::test]
async fn a_missing_permission_is_denied_on_every_face_and_written_down() {
    let world = World::new().await;
    let input = json!({"label": "narrow", "principal": world.otto.id, "permissions": ["approval:read"]});
    let (narrow, _) = world.app.key_in("default", input).await;
    for entry in CATALOGUE.iter().filter(|entry| !matches!(entry.spec.access, Access::Open | Access::AnyPrincipal)) {
        for face in faces(entry) {
            let answer = world.call(face, entry.spec.id, Some(&narrow), (case(entry).good)(&world)).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "permission_denied"),
                "{} {face:?}",
                entry.spec.id
            );
            assert!(answer.json()["required"].is_string(), "{face:?}");
        }
        let denied = world.app.audit("default", json!({"action": "authz.denied", "actor": world.otto.id})).await;
        let of_this = denied.iter().filter(|row| row["details"]["operation"] == entry.spec.id).count();
        assert_eq!(of_this, 1, "{}: repeats within 60 s are one row", entry.spec.id);
    }
}

#[tokio::test]
async fn another_workspaces_rows_are_not_found_on_any_face() {
    let world = World::new().await;
    for entry in CATALOGUE.iter().filter(|entry| entry.spec.access != Access::LocalOperator) {
        let interactive = matches!(entry.spec.access, Access::Interactive(_));
        for face in faces(entry) {
            // In person only over the socket; keys where keys may.
            let key = (!interactive).then_some(world.otto.key.as_str());
            if interactive && !matches!(face, Face::Socket) {
                continue;
            }
            match case(entry).foreign {
                Some(foreign) => {
                    let answer = world.call(face, entry.spec.id, key, foreign(&world)).await;
                    assert_eq!(
                        (answer.status, answer.code().as_str()),
                        (404, "not_found"),
                        "{} {face:?}",
                        entry.spec.id
                    );
                }
                None => {
                    let text = world.call(face, entry.spec.id, key, (case(entry).good)(&world)).await.text();
                    for id in [&world.eve.id, &world.eve.key_id, &world.foreign_memory, &world.foreign_team] {
                        assert!(!text.contains(id.as_str()), "{} {face:?} shows {id}", entry.spec.id);
                    }
                }
            }
        }
    }
    let theirs = world.app.as_operator("other", "memory.get", &json!({"id": world.foreign_memory})).await;
    assert_eq!(theirs.json()["version"], 1);
    let theirs = world.app.as_operator("other", "team.get", &json!({"id": world.foreign_team})).await.json();
    assert_eq!((&theirs["members"], &theirs["version"]), (&json!([world.eve.id]), &json!(2)));
}

#[tokio::test]
async fn every_change_leaves_one_audit_row_on_every_face() {
    for entry in CATALOGUE.iter().filter(|entry| entry.spec.effect != Effect::Read) {
        for face in faces(entry) {
            let world = World::new().await;
            let in_person = !matches!(entry.spec.access, Access::Permission(_)) || entry.spec.id.starts_with("key.");
            if in_person && !matches!(face, Face::Socket) {
                continue;
            }
            let key = (!in_person).then_some(world.otto.key.as_str());
            let filter = json!({"action": entry.spec.id, "outcome": "ok"});
            let before = world.rows(filter.clone()).await;
            let answer = world.call(face, entry.spec.id, key, (case(entry).good)(&world)).await;
            assert!((200..300).contains(&answer.status), "{} {face:?}: {}", entry.spec.id, answer.text());
            // What makes a workspace is written down there, so that no other tenant learns of it.
            let (workspace, expected) =
                if entry.spec.id == "workspace.create" { ("ws-0", 1) } else { ("default", before + 1) };
            let rows = world.app.audit(workspace, filter).await;
            assert_eq!(rows.len(), expected, "{} {face:?}", entry.spec.id);
            let row = &rows[0];
            for field in ["actor", "credential_id", "via", "object", "request_id"] {
                assert!(
                    row[field].as_str().is_some_and(|text| !text.is_empty()),
                    "{} lacks {field}: {row}",
                    entry.spec.id
                );
            }
            let verified = world.app.as_operator("default", "audit.verify", &json!({})).await;
            assert_eq!(verified.json()["ok"], true);
        }
    }
}

#[tokio::test]
async fn a_keys_limit_holds_for_every_operation_on_every_face() {
    let world = World::new().await;
    for entry in CATALOGUE.iter().filter(|entry| entry.spec.rate == Rate::Default) {
        for face in faces(entry) {
            let input = json!({"label": "one", "principal": world.otto.id, "rate_per_minute": 1});
            let (key, _) = world.app.key_in("default", input).await;
            let spend = world.app.rest("GET", "/api/v1/whoami").key(&key).send().await;
            assert_eq!(spend.status, 200);
            let answer = world.call(face, entry.spec.id, Some(&key), (case(entry).good)(&world)).await;
            // What the caller may not do at all is denied before it is counted.
            if matches!(entry.spec.access, Access::Interactive(_) | Access::LocalOperator) {
                assert_eq!(answer.status, 403, "{} {face:?}", entry.spec.id);
                continue;
            }
            assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{} {face:?}", entry.spec.id);
            assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|secs| (1..=60).contains(&secs)), "{face:?}");
            assert!(answer.header("ratelimit-policy").contains("q=1;w=60"), "{face:?}");
        }
    }
}

#[tokio::test]
async fn every_operation_succeeds_on_every_face_that_serves_it() {
    for entry in
        CATALOGUE.iter().filter(|entry| matches!(entry.spec.access, Access::Permission(_) | Access::AnyPrincipal))
    {
        if entry.spec.id.starts_with("key.") && entry.spec.effect != Effect::Read {
            continue;
        }
        for face in faces(entry) {
            let world = World::new().await;
            let answer = world.call(face, entry.spec.id, Some(&world.otto.key), (case(entry).good)(&world)).await;
            let expected = if is_by_key(face) { 404 } else { 200 };
            let status = if answer.status == 201 { 200 } else { answer.status };
            assert_eq!(status, expected, "{} {face:?}: {}", entry.spec.id, answer.text());
        }
    }
}
