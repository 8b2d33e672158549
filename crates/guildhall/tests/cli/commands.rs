//! The everyday commands.

use serde_json::json;

use crate::binary::{Running, directory, json_of, run};

#[test]
fn without_a_server_commands_exit_seven() {
    let (_parent, data) = directory();
    for arguments in
        [&["memory", "list"][..], &["agent", "list"], &["team", "list"], &["call", "auth.whoami"], &["audit", "tail"]]
    {
        let ended = run(&data, arguments);
        assert_eq!(ended.code, Some(7), "{ended:?}");
        assert!(ended.lines("hint: ")[0].contains("guildhall up"), "{ended:?}");
    }
    assert_eq!(run(&data, &["audit", "verify"]).code, Some(5));
}

#[test]
fn memories_are_added_found_and_forgotten() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    let stored = json_of(&data, &["memory", "add", "Quarterly rotation of keys", "--tag", "ops", "--key", "rota"]);
    let id = stored["id"].as_str().unwrap();
    assert_eq!(json_of(&data, &["memory", "get", "rota"])["id"], id);
    assert_eq!(json_of(&data, &["memory", "get", id])["tags"], json!(["ops"]));
    let found = json_of(&data, &["memory", "search", "quartely", "rotation"]);
    assert_eq!(found["items"][0]["memory"]["id"], id);
    assert_eq!(json_of(&data, &["memory", "list", "--tag", "ops"])["items"][0]["id"], id);
    json_of(&data, &["memory", "forget", id]);
    assert_eq!(run(&data, &["memory", "get", id]).code, Some(5));
    assert_eq!(run(&data, &["memory", "add", "x", "--kind", "secret"]).code, Some(2));
}

#[test]
fn nothing_that_is_stored_steers_the_terminal() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    let stored = json_of(&data, &["memory", "add", "safe \u{9b}31m\u{202e} text\nsecond line", "--key", "odd"]);
    for arguments in
        [&["memory", "get", "odd"][..], &["memory", "search", "safe text"], &["memory", "get", "odd", "--json"]]
    {
        let ended = run(&data, arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.stdout.contains(['\u{9b}', '\u{202e}']), "{ended:?}");
    }
    assert!(run(&data, &["memory", "get", "odd"]).stdout.contains("\\u009b31m\\u202e text\nsecond line"));
    assert_eq!(json_of(&data, &["memory", "get", "odd"])["content"], stored["content"]);
}

#[test]
fn a_key_is_printed_once_and_ends_when_told() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    json_of(&data, &["agent", "add", "builder", "--type", "claude-code", "--role", "reader"]);
    let made = run(&data, &["key", "create", "BUILDER"]);
    let key = made.stdout.trim();
    assert!(made.code == Some(0) && key.starts_with("ghk_") && key.len() == 54, "{made:?}");
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(key), &json!(null)).0, 200);
    let listed = json_of(&data, &["key", "list", "--agent", "builder"]);
    assert!(!listed.to_string().contains(key));
    let id = listed["items"][0]["id"].as_str().unwrap();
    let next = json_of(&data, &["key", "rotate", id, "--overlap-seconds", "0"]);
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(key), &json!(null)).0, 401);
    let next_key = next["api_key"].as_str().unwrap();
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(next_key), &json!(null)).0, 200);
    assert_eq!(run(&data, &["key", "revoke", next["key"]["id"].as_str().unwrap()]).code, Some(0));
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(next_key), &json!(null)).0, 401);
    assert_eq!(run(&data, &["agent", "add", "Builder"]).code, Some(3));
    assert_eq!(run(&data, &["agent", "disable", "nobody"]).code, Some(5));
    assert_eq!(json_of(&data, &["agent", "disable", "builder"])["status"], "disabled");
}

#[test]
fn teams_are_made_joined_left_and_removed() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    let builder = json_of(&data, &["agent", "add", "builder"])["id"].as_str().unwrap().to_owned();
    let made = run(&data, &["team", "add", "Menders"]);
    let id = made.stdout.split_whitespace().next().unwrap().to_owned();
    assert!(
        made.code == Some(0) && id.starts_with("tem_") && made.stdout.trim_end().ends_with("  Menders"),
        "{made:?}"
    );
    assert_eq!(run(&data, &["team", "add", "MENDERS"]).code, Some(3));
    assert_eq!(run(&data, &["team", "add", "root"]).code, Some(2));
    let joined = run(&data, &["team", "join", "menders", "BUILDER"]);
    assert_eq!((joined.code, joined.stdout.as_str()), (Some(0), "BUILDER is in Menders\n"), "{joined:?}");
    let local = "usr_00000000000000000000000000";
    assert_eq!(json_of(&data, &["team", "join", &id, local])["members"], json!([builder, local]));
    assert_eq!(json_of(&data, &["team", "join", &id, &builder])["version"], 3);
    let listed = json_of(&data, &["team", "list"]);
    assert_eq!((&listed["items"][0]["id"], &listed["items"][0]["members"]), (&json!(id), &json!([builder, local])));
    let shown = run(&data, &["team", "list"]).stdout;
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["name", "id", "members", "version", "made"]);
    assert_eq!(rows[1][..4], ["Menders", &id, "2", "3"]);
    assert_eq!(json_of(&data, &["call", "auth.whoami"])["teams"], json!([{"id": id, "name": "Menders"}]));
    assert_eq!(json_of(&data, &["team", "leave", "MENDERS", "builder"])["members"], json!([local]));
    for (arguments, code, hint) in [
        (["team", "leave", "menders", "builder"], 5, "guildhall explain not_found"),
        (["team", "join", "menders", "nobody"], 5, "guildhall agent list"),
        (["team", "join", "nothing", "builder"], 5, "guildhall team list"),
        (["team", "join", "menders", "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV"], 2, "list_agents"),
    ] {
        let ended = run(&data, &arguments);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stdout.is_empty() && ended.lines("hint: ")[0].contains(hint), "{ended:?}");
    }
    let removed = run(&data, &["team", "remove", "menders"]);
    assert_eq!((removed.code, removed.stdout.as_str()), (Some(0), "removed Menders\n"), "{removed:?}");
    assert_eq!(run(&data, &["team", "remove", &id]).code, Some(5));
    assert_eq!(run(&data, &["team", "list"]).lines("none").len(), 1);
}

#[test]
fn workspaces_share_nothing() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    json_of(&data, &["workspace", "add", "second"]);
    json_of(&data, &["memory", "add", "only here", "--access", "public", "--workspace", "second"]);
    assert_eq!(json_of(&data, &["memory", "list", "--workspace", "second"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(json_of(&data, &["memory", "search", "only here"])["items"].as_array().unwrap().len(), 0);
    assert_eq!(run(&data, &["memory", "list", "--workspace", "third"]).code, Some(5));
    assert_eq!(run(&data, &["workspace", "add", "second"]).code, Some(3));
    let verdict = json_of(&data, &["audit", "verify"]);
    assert_eq!(verdict["workspaces"].as_array().unwrap().len(), 2);
}

#[test]
fn any_operation_can_be_called() {
    let (parent, data) = directory();
    let _server = Running::start(&data);
    let input = parent.path().join("input.json");
    std::fs::write(&input, r#"{"content":"from a file"}"#).unwrap();
    let at = format!("@{}", input.display());
    let call = ["call", "memory.create", "--input", &at, "--idempotency-key", "k1"];
    let first = json_of(&data, &call);
    assert_eq!(json_of(&data, &call)["id"], first["id"]);
    assert_eq!(run(&data, &["call", "memory.nonsense"]).code, Some(2));
    assert_eq!(run(&data, &["call", "memory.create", "--input", "{"]).code, Some(2));
    assert_eq!(run(&data, &["call", "memory.create", "--input", r#"{"content":"x","owner":"y"}"#]).code, Some(2));
    assert!(run(&data, &["call", "ops.metrics"]).stdout.contains("guildhall_"));
}

#[test]
fn what_needs_no_server_works_without_one() {
    let (_parent, data) = directory();
    assert!(run(&data, &["explain", "not_found"]).stdout.contains("not_found"));
    let missed = run(&data, &["explain", "notfound"]);
    assert!(missed.code == Some(5) && missed.lines("hint: ")[0].contains("not_found"), "{missed:?}");
    assert!(json_of(&data, &["explain"]).as_array().unwrap().len() > 20);
    assert_eq!(json_of(&data, &["version"])["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json_of(&data, &["config", "show"])["server"]["listen"], "127.0.0.1:8640");
    assert_eq!(json_of(&data, &["config", "check"])["ok"], true);
    for page in ["openapi", "operations", "mcp-tools", "permissions", "docs"] {
        let printed = run(&data, &["reference", page]);
        assert!(printed.code == Some(0) && printed.stdout.len() > 1_000, "{page}");
    }
    assert_eq!(run(&data, &["nonsense"]).code, Some(2));
    assert_eq!(run(&data, &["--help"]).code, Some(0));
    assert!(!data.exists());
}
