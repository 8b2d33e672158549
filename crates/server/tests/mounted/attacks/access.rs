//! Objects, functions and members of others: A37, A38, A39, A65.

use domain::{
    Code,
    access::Role,
    catalogue::CATALOGUE,
    operation::{Access, Effect, Entry},
};
use serde_json::{Map, Value, json};
use testkit::Agent;

use super::hall::{Hall, Ids, body, declared, operation, remember, requests, sample, sound};

const ID_MEMBERS: [&str; 7] = ["id", "owner", "owners", "principal", "actor", "object", "team"];

/// Members that name an object or a principal, for each of which a foreign id is put in.
fn id_members(entry: &Entry) -> Vec<&'static str> {
    let declared = declared(entry);
    ID_MEMBERS.into_iter().filter(|name| declared.contains_key(*name)).collect()
}

fn aimed(entry: &Entry, ids: &Ids<'_>, member: &str, id: &str) -> Map<String, Value> {
    let mut input = sample(entry, ids);
    if entry.spec.id == "memory.get" && member == "owner" {
        input = json!({"key": "secret-key"}).as_object().unwrap().clone();
    }
    if entry.spec.id == "memory.set" {
        input.insert("key".into(), json!("secret-key"));
    }
    input.insert(member.into(), if member == "owners" { json!([id]) } else { json!(id) });
    input
}

/// A list that shows nothing, an undoing that finds nothing, or a refusal.
fn gives_nothing(status: u16, body: &Value) -> bool {
    let found_none = ["quarantined", "reverted", "restored"].iter().all(|count| body[count] == 0);
    status >= 400
        || body["items"].as_array().is_some_and(Vec::is_empty)
        || (found_none && body["conflicts"] == json!([]))
}

#[tokio::test]
async fn attack_a37_ids_of_others_answer_like_ids_of_nobody() {
    let hall = Hall::open().await;
    let before = hall.row().await;
    let nobody = |prefix: &str| format!("{prefix}_01ARZ3NDEKTSV4RRFFQ69G5FAV");
    let (mut rest_pairs, mut mcp_pairs) = (0, 0);
    for (who, in_w1) in [(&hall.bob, true), (&hall.rita, true), (&hall.otto, true), (&hall.eve, false)] {
        let (private, elsewhere) = if in_w1 {
            (
                vec![&hall.hers, &hall.alice.key_id, &hall.alice.id],
                vec![&hall.eves, &hall.eve.key_id, &hall.eve.id, &hall.eves_team, &hall.w2],
            )
        } else {
            (vec![], vec![&hall.hers, &hall.alice.key_id, &hall.alice.id, &hall.otto.id, &hall.team, &hall.w1])
        };
        let mcp = hall.app.mcp(&who.key);
        for entry in CATALOGUE {
            for member in id_members(entry) {
                // Agents are no secret within their workspace; its operator reads its audit log, and reviews what it may not
                // read.
                let open = ["agent.", "audit.list", "memory.review"].iter().any(|id| entry.spec.id.starts_with(id));
                let foreign = elsewhere.iter().chain(private.iter().filter(|_| !open));
                // Who made the workspace did so in the first one, whose audit log says it.
                let foreign = foreign.filter(|id| !(entry.spec.id == "audit.list" && id.starts_with("wsp_")));
                for id in foreign.map(|id| id.as_str()) {
                    let ids = Ids { memory: id, agent: id, key: id, team: id };
                    let random = nobody(id.split_once('_').unwrap().0);
                    let nobodys = Ids { memory: &random, agent: &random, key: &random, team: &random };
                    let (theirs, none) = (aimed(entry, &ids, member, id), aimed(entry, &nobodys, member, &random));
                    let said = format!("{} {member}={id}", entry.spec.id);
                    for (one, other) in
                        requests(&hall.app, entry, &theirs).into_iter().zip(requests(&hall.app, entry, &none))
                    {
                        let (one, other) = (hall.probe(one.key(&who.key)).await, hall.probe(other.key(&who.key)).await);
                        assert_eq!(one.status, other.status, "{said}: {} {}", one.text(), other.text());
                        assert_eq!(body(&one), body(&other), "{said}");
                        assert!(gives_nothing(one.status, &one.json()), "{said}: {}", one.text());
                        rest_pairs += 1;
                    }
                    if let Some(tool) = entry.spec.tool {
                        let (one, other) =
                            (mcp.call(tool.name, theirs.into()).await, mcp.call(tool.name, none.into()).await);
                        assert_eq!(one.content, other.content, "{said}");
                        let status = if one.is_error { 400 } else { 200 };
                        assert!(gives_nothing(status, &one.content), "{said}: {}", one.content);
                        mcp_pairs += 1;
                    }
                }
            }
        }
    }
    assert!(rest_pairs > 150 && mcp_pairs > 100, "{rest_pairs} {mcp_pairs}");
    assert_eq!(hall.row().await, before);
    for (agent, workspace) in [(&hall.alice, "default"), (&hall.eve, "w2")] {
        let still = hall.app.as_operator(workspace, "agent.get", &json!({"id": agent.id})).await.json();
        assert_eq!((still["status"].clone(), still["version"].clone()), (json!("active"), json!(1)));
        let key = hall.app.as_operator(workspace, "key.get", &json!({"id": agent.key_id})).await.json();
        assert_eq!(key["status"], "active");
    }
}

// contract: attacks §6.4
#[tokio::test]
async fn attack_a37_the_local_operator_of_one_workspace_is_a_stranger_in_another() {
    let hall = Hall::open().await;
    let before = hall.row().await;
    for entry in CATALOGUE {
        for member in id_members(entry) {
            for (id, random) in
                [(&hall.hers, "mem"), (&hall.alice.id, "agt"), (&hall.alice.key_id, "key"), (&hall.team, "tem")]
            {
                let random = format!("{random}_01ARZ3NDEKTSV4RRFFQ69G5FAV");
                let (ids, nobodys) = (
                    Ids { memory: id, agent: id, key: id, team: id },
                    Ids { memory: &random, agent: &random, key: &random, team: &random },
                );
                let theirs = Value::Object(aimed(entry, &ids, member, id));
                let none = Value::Object(aimed(entry, &nobodys, member, &random));
                let one = hall.app.as_operator("w2", entry.spec.id, &theirs).await;
                let other = hall.app.as_operator("w2", entry.spec.id, &none).await;
                sound(&one, entry.spec.id);
                assert_eq!((one.status, body(&one)), (other.status, body(&other)), "{} {member}", entry.spec.id);
                assert!(gives_nothing(one.status, &one.json()), "{} {member}: {}", entry.spec.id, one.text());
            }
        }
    }
    assert_eq!(hall.row().await, before);
}

#[tokio::test]
async fn attack_a37_no_list_search_or_count_shows_a_private_row() {
    let hall = Hall::open().await;
    let root = hall.app.as_operator("default", "memory.list", &json!({"count": true})).await.json();
    assert_eq!((root["items"].clone(), root["total"].clone()), (json!([]), json!(0)));
    for who in [&hall.bob, &hall.rita, &hall.otto] {
        for path in ["?count=true", "?count=true&prefix=secret", "?count=true&access=private", "?count=true&sort=key"] {
            let page = hall.probe(hall.app.rest("GET", format!("/api/v1/memories{path}")).key(&who.key)).await.json();
            assert_eq!((page["items"].clone(), page["total"].clone()), (json!([]), json!(0)), "{path}");
        }
        let found =
            hall.app.mcp(&who.key).call("search_memories", json!({"query": "cobalt ledger", "explain": true})).await;
        assert_eq!(found.content["items"], json!([]));
    }
}

/// Whoever holds this is refused the operation.
fn reader_lacks(entry: &Entry) -> bool {
    match entry.spec.access {
        Access::Permission(needed) => !Role::Reader.permissions().has(needed),
        Access::Interactive(_) | Access::LocalOperator => true,
        Access::AnyPrincipal | Access::Open => false,
    }
}

/// What reaches over workspaces or shows the machine, by name: the catalogue alone would follow a mistake in itself.
#[tokio::test]
async fn attack_a38_no_key_reaches_what_is_the_local_operators() {
    let hall = Hall::open().await;
    let admin = hall.app.agent_in("default", "ada", "operator").await;
    let theirs = ["backup.snapshot", "ops.doctor", "workspace.create", "workspace.list"];
    let declared = CATALOGUE.iter().filter(|entry| entry.spec.access == Access::LocalOperator);
    assert_eq!(declared.map(|entry| entry.spec.id).collect::<Vec<_>>(), theirs);
    for operation in theirs {
        let refused = hall.app.call_as(&admin, operation, &json!({"slug": "w9"})).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{operation}");
    }
}

#[tokio::test]
async fn attack_a38_a_reader_reaches_no_function_its_role_lacks() {
    let hall = Hall::open().await;
    let before = hall.row().await;
    let mcp = hall.app.mcp(&hall.rita.key).toolsets("all");
    let listed: Vec<Value> = mcp.tools().await.into_iter().map(|tool| tool["name"].clone()).collect();
    let ids = Ids { memory: &hall.hers, agent: &hall.rita.id, key: &hall.rita.key_id, team: &hall.team };
    let mut refused = 0;
    for entry in CATALOGUE.iter().filter(|entry| reader_lacks(entry)) {
        // An empty input as well: who may not call is not told what a call needs.
        for input in [sample(entry, &ids), Map::new()] {
            for request in requests(&hall.app, entry, &input) {
                let answer = hall.probe(request.key(&hall.rita.key)).await;
                assert_eq!((answer.status, answer.code().as_str()), (403, "permission_denied"), "{}", entry.spec.id);
                assert!(answer.json()["required"].is_string());
                refused += 1;
            }
            if let Some(tool) = entry.spec.tool {
                assert_eq!(mcp.call(tool.name, input.into()).await.code(), "permission_denied", "{}", tool.name);
                assert!(!listed.contains(&json!(tool.name)), "{} is listed", tool.name);
            }
        }
    }
    assert!(refused >= 15, "{refused}");
    assert_eq!(hall.row().await, before);
    let denied = hall.app.audit("default", json!({"action": "authz.denied", "actor": hall.rita.id})).await;
    let kinds: std::collections::BTreeSet<_> =
        denied.iter().map(|row| row["details"]["operation"].to_string()).collect();
    let lacking = CATALOGUE.iter().filter(|entry| reader_lacks(entry) && !entry.spec.routes.is_empty()).count();
    assert_eq!(kinds.len(), lacking, "{kinds:?}");
}

#[tokio::test]
async fn attack_a38_nobody_reaches_anything_but_health_without_a_credential() {
    let hall = Hall::open().await;
    let ids = Ids { memory: &hall.hers, agent: &hall.rita.id, key: &hall.rita.key_id, team: &hall.team };
    let mut bodies = std::collections::BTreeSet::new();
    for entry in CATALOGUE {
        for request in requests(&hall.app, entry, &sample(entry, &ids)) {
            hall.app.clock.advance(60);
            let answer = hall.probe(request).await;
            if entry.spec.access == Access::Open {
                assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"status":"ok"}"#));
                continue;
            }
            assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{}", entry.spec.id);
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guildhall\"");
            bodies.insert(body(&answer).to_string());
        }
    }
    for operation in ["workspace.create", "workspace.list", "key.create", "memory.list", "ops.metrics"] {
        // The socket's shortcut does not exist on the network, for nobody.
        for key in [None, Some(&hall.otto.key)] {
            let request = hall.app.rest("POST", format!("/call/{operation}")).json(&json!({}));
            let request = request.header("x-guildhall-workspace", "default");
            let request = key.into_iter().fold(request, |request, key| request.key(key));
            assert_eq!(hall.probe(request).await.status, 404);
        }
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

const FORGED: [&str; 14] = [
    "id",
    "owner",
    "created_by",
    "workspace_id",
    "workspace",
    "is_admin",
    "trust",
    "version",
    "status",
    "created_at",
    "epoch",
    "agent_id",
    "sender",
    "as_agent",
];

#[tokio::test]
async fn attack_a39_members_a_write_does_not_declare_are_refused_by_name() {
    let hall = Hall::open().await;
    let (before, mut tried) = (hall.row().await, 0);
    let ids = Ids { memory: &hall.hers, agent: &hall.bob.id, key: &hall.alice.key_id, team: &hall.team };
    let manage = json!({"id": hall.otto.id, "grants": ["memory:manage", "import:run"]});
    assert_eq!(hall.app.as_operator("default", "agent.update", &manage).await.status, 200);
    for entry in CATALOGUE.iter().filter(|entry| entry.spec.effect != Effect::Read) {
        let is_operators =
            matches!(entry.spec.access, Access::Permission(needed) if !Role::Agent.permissions().has(needed));
        let who = if is_operators { &hall.otto } else { &hall.alice };
        let declared = declared(entry);
        for member in FORGED.into_iter().filter(|member| !declared.contains_key(*member)) {
            let said = format!("{} with {member}", entry.spec.id);
            let mut input = sample(entry, &ids);
            input.insert(member.into(), json!("forged"));
            let names_it = |answer: &Value| answer["code"] == "invalid_input" && answer["errors"][0]["field"] == member;
            let local = hall.app.as_operator("default", entry.spec.id, &input.clone().into()).await;
            assert!(local.status == 400 && names_it(&local.json()), "{said}: {}", local.text());
            if matches!(entry.spec.access, Access::Interactive(_) | Access::LocalOperator) {
                continue;
            }
            for request in requests(&hall.app, entry, &input) {
                let answer = hall.probe(request.key(&who.key)).await;
                assert!(answer.status == 400 && names_it(&answer.json()), "{said}: {}", answer.text());
                tried += 1;
            }
            if let Some(tool) = entry.spec.tool {
                let result = hall.app.mcp(&who.key).call(tool.name, input.into()).await;
                assert!(result.is_error && names_it(&result.content), "{said}: {}", result.content);
            }
        }
    }
    assert!(tried > 80, "{tried}");
    assert_eq!(hall.row().await, before);
    let agent = hall.app.as_operator("default", "agent.get", &json!({"id": hall.bob.id})).await.json();
    assert_eq!((agent["version"].clone(), agent["display_name"].clone()), (json!(1), json!("bob")));
    assert_eq!(hall.app.rest("GET", "/api/v1/whoami").key(&hall.alice.key).send().await.status, 200);
}

#[tokio::test]
async fn attack_a39_a_member_cannot_hide_in_the_body_of_a_delete() {
    let hall = Hall::open().await;
    let path = format!("/api/v1/memories/{}", hall.hers);
    for body in [json!({"expected_version": 9}), json!({"is_admin": true}), json!({"id": hall.eves})] {
        let answer = hall.probe(hall.app.rest("DELETE", path.clone()).key(&hall.alice.key).json(&body)).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
    }
    hall.row().await;
    let right = hall.app.rest("DELETE", path).key(&hall.alice.key).json(&json!({"expected_version": 1}));
    assert_eq!(hall.probe(right).await.status, 200);
}

#[tokio::test]
async fn attack_a39_a_member_given_in_two_places_is_refused() {
    let hall = Hall::open().await;
    let path = format!("/api/v1/memories/{}", hall.hers);
    let before = hall.row().await;
    for (query, body) in [
        ("", json!({"id": hall.eves, "summary": "x"})),
        ("?summary=y", json!({"summary": "x"})),
        ("?summary=y&summary=z", json!({})),
        ("?id=x", json!({"summary": "x"})),
    ] {
        let request = hall.app.rest("PATCH", format!("{path}{query}")).key(&hall.alice.key).json(&body);
        let answer = hall.probe(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_input"), "{query}");
    }
    let both = hall.app.rest("PATCH", path).key(&hall.alice.key).header("if-match", "\"1\"");
    assert_eq!(hall.probe(both.json(&json!({"expected_version": 1, "summary": "x"}))).await.status, 400);
    assert_eq!(hall.row().await, before);
}

/// The newest audit row of an action.
async fn last(hall: &Hall, action: &str) -> Value {
    hall.app.audit("default", json!({"action": action, "outcome": "ok"})).await[0].clone()
}

#[tokio::test]
async fn attack_a65_the_actor_comes_from_the_credential_alone() {
    let hall = Hall::open().await;
    let mcp = hall.app.mcp(&hall.bob.key);
    for member in ["agent_id", "sender", "created_by", "as_agent", "principal", "actor", "from", "user_id"] {
        let mut input = json!({"content": "x"});
        input[member] = json!(hall.alice.id);
        let by_rest = hall.app.rest("POST", "/api/v1/memories").key(&hall.bob.key).json(&input);
        let by_rest = hall.probe(by_rest).await;
        assert_eq!((by_rest.status, by_rest.json()["errors"][0]["field"].clone()), (400, json!(member)));
        let by_tool = mcp.call("create_memory", input).await;
        assert_eq!((by_tool.code(), &by_tool.content["errors"][0]["field"]), ("invalid_input", &json!(member)));
        let in_query = hall.app.rest("GET", format!("/api/v1/whoami?{member}={}", hall.alice.id)).key(&hall.bob.key);
        assert_eq!(hall.probe(in_query).await.status, 400);
    }
    let mut request = hall.app.rest("POST", "/api/v1/memories").key(&hall.bob.key);
    for header in
        ["x-agent-id", "x-user-id", "x-forwarded-user", "x-actor", "x-as-agent", "x-remote-user", "x-guildhall-agent"]
    {
        request = request.header(header, &hall.alice.id);
    }
    let request = request.header("x-guildhall-workspace", "w2").header("cookie", format!("agent={}", hall.alice.id));
    let stored = hall.probe(request.json(&json!({"content": "x"}))).await.json();
    assert_eq!((&stored["owner"], &stored["provenance"]["principal"]), (&json!(hall.bob.id), &json!(hall.bob.id)));
    let row = last(&hall, "memory.create").await;
    assert_eq!((&row["actor"], &row["credential_id"]), (&json!(hall.bob.id), &json!(hall.bob.key_id)));
    assert_eq!(row["object"], stored["id"]);
    let given = hall.app.rest("PUT", "/api/v1/memories/by-key/k").key(&hall.bob.key);
    let given = hall.probe(given.json(&json!({"value": 1, "owner": hall.alice.id}))).await;
    assert_eq!((given.status, given.code().as_str()), (404, "not_found"));
}

#[tokio::test]
async fn attack_a65_the_client_info_of_an_mcp_message_gives_nothing() {
    let hall = Hall::open().await;
    let arguments = json!({"name": "whoami", "arguments": {}});
    let mut request = hall.app.mcp(&hall.bob.key).request("tools/call", Some("whoami"), arguments);
    for header in ["x-agent-id", "x-user-id", "mcp-session-id"] {
        request = request.header(header, &hall.alice.id);
    }
    let answer = hall.probe(request).await.json();
    assert_eq!(answer["result"]["structuredContent"]["principal"], json!(hall.bob.id));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "agent_id": hall.alice.id,
            "io.modelcontextprotocol/clientInfo": {"name": hall.alice.id, "version": "1", "role": "admin"},
            "io.modelcontextprotocol/clientCapabilities": {"principal": hall.alice.id}}}});
    let claimed = hall.app.rest("POST", "/mcp").key(&hall.bob.key).header("mcp-protocol-version", "2026-07-28");
    let claimed = claimed.header("mcp-method", "tools/call").header("mcp-name", "whoami").json(&body);
    let answer = hall.probe(claimed).await.json();
    assert_eq!(answer["result"]["structuredContent"]["principal"], json!(hall.bob.id), "{answer}");
}

// contract: attacks §6.17
#[tokio::test]
async fn attack_a65_a_name_gives_no_right() {
    let hall = Hall::open().await;
    let mine = async |who: &Agent| {
        hall.app.rest("GET", "/api/v1/whoami").key(&who.key).send().await.json()["permissions"].clone()
    };
    let plain = mine(&hall.bob).await;
    for name in ["system-x", "x-admin", "ops-admin", "operator", "reader", "Admin.1", "system:admin", "usr_0"] {
        let named = hall.app.agent(name).await;
        assert_eq!(mine(&named).await, plain, "{name}");
        for path in ["/admin/logs", "/metrics", "/api/v1/audit"] {
            assert_eq!(hall.probe(hall.app.rest("GET", path).key(&named.key)).await.status, 403, "{name} {path}");
        }
        let row = hall.probe(hall.app.rest("GET", format!("/api/v1/memories/{}", hall.hers)).key(&named.key)).await;
        assert_eq!(row.status, 404);
    }
    let public = remember(&hall.app, &hall.alice, json!({"content": "public words", "access": "public"})).await;
    let stolen = hall.app.rest("PATCH", format!("/api/v1/memories/{public}")).key(&hall.bob.key);
    assert_eq!(hall.probe(stolen.json(&json!({"summary": "mine now"}))).await.code(), "permission_denied");
    assert_eq!(operation("memory.update").spec.effect, Effect::Upsert);
}
