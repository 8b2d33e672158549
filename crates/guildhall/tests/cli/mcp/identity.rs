//! As whom a shim calls.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use super::kit::{Place, Shim, modern};
use crate::binary::{command, json_of, run};

#[test]
fn stdio_can_write() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    let memory = shim.done("create_memory", json!({"content": "written over stdio"}));
    let agent = json_of(&place.data, &["agent", "list"])["items"][0].clone();
    assert_eq!((&agent["name"], &memory["owner"]), (&json!("agent"), &agent["id"]));
    assert_eq!((&memory["provenance"]["principal"], &memory["provenance"]["via"]), (&agent["id"], &json!("socket")));
    let found = shim.done("search_memories", json!({"query": "written stdio"}));
    assert_eq!(found["items"][0]["memory"]["id"], memory["id"]);
}

#[test]
fn an_agent_is_named_in_the_audit_log_and_is_never_the_operator() {
    let place = Place::fresh();
    place.shim(&[]).done("whoami", json!({}));
    let scout = json_of(&place.data, &["agent", "add", "scout", "--role", "reader"]);
    let mut shim = place.shim(&["--agent", "Scout"]);
    let mine = shim.done("whoami", json!({}));
    assert_eq!((&mine["principal"], &mine["role"], &mine["via"]), (&scout["id"], &json!("reader"), &json!("socket")));
    let refused = shim.call("create_memory", json!({"content": "no"}));
    assert_eq!(refused["structuredContent"]["code"], "permission_denied", "{refused}");
    let rows = json_of(&place.data, &["audit", "search", "--action", "authz.denied"]);
    assert_eq!((&rows["items"][0]["actor"], &rows["items"][0]["via"]), (&scout["id"], &json!("socket")));
    json_of(&place.data, &["agent", "disable", "scout"]);
    shim.send(&modern(2, "tools/list", json!({})));
    let refused = shim.next();
    assert_eq!((&refused["id"], &refused["error"]["data"]["code"]), (&json!(2), &json!("unauthenticated")));
    let (_, ended) = shim.end();
    assert!(ended.stderr.contains("no active agent `Scout`"), "{ended:?}");
}

#[test]
fn an_unknown_agent_is_told_what_to_do() {
    let place = Place::fresh();
    let mut shim = place.shim(&["--agent", "nobody", "--workspace", "default"]);
    shim.send(&modern(1, "tools/list", json!({})));
    let refused = shim.next();
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(1), &json!(-32603)));
    let data = &refused["error"]["data"];
    assert_eq!(data["code"], "unauthenticated");
    assert!(data["hint"].as_str().unwrap().contains("guildhall agent add nobody"), "{refused}");
    assert!(data["request_id"].as_str().unwrap().starts_with("req_"), "{refused}");
    shim.send(&modern(2, "tools/list", json!({})));
    shim.next();
    let (_, ended) = shim.end();
    assert_eq!(ended.lines("guildhall mcp: ").len(), 1, "said once: {ended:?}");
}

#[test]
fn a_key_is_taken_from_the_environment_or_a_private_file_and_used_on_socket_and_url() {
    let place = Place::fresh();
    place.shim(&[]).done("whoami", json!({}));
    json_of(&place.data, &["agent", "add", "keyed"]);
    let made = json_of(&place.data, &["key", "create", "keyed"]);
    let key = made["api_key"].as_str().unwrap();
    let id = &made["key"]["id"];
    let mut named = place.command(&[]);
    named.env("GUILDHALL_API_KEY", key);
    assert_eq!(Shim::of(named).done("whoami", json!({}))["credential_id"], *id);
    let file = place.data.parent().unwrap().join("key");
    let lost = run(&place.data, &["mcp", "--key-file", file.to_str().unwrap()]);
    assert_eq!(lost.code, Some(2), "{lost:?}");
    assert!(lost.stderr.contains("hint: `guildhall setup CLIENT`"), "{lost:?}");
    fs::write(&file, format!("{key}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let path = file.to_str().unwrap();
    let refused = run(&place.data, &["mcp", "--key-file", path]);
    assert_eq!(refused.code, Some(8), "{refused:?}");
    assert!(refused.stderr.contains("mode 0644") && refused.stderr.contains("chmod 600"), "{refused:?}");
    assert_eq!(refused.stdout, "");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(place.shim(&["--key-file", path]).done("whoami", json!({}))["credential_id"], *id);
    let url = format!("http://{}/mcp", place.address());
    let mine = place.shim(&["--url", &url, "--key-file", path]).done("whoami", json!({}));
    assert_eq!((&mine["credential_id"], &mine["via"]), (id, &json!("mcp")));
    for wrong in ["http://example.com/mcp", "https://127.0.0.1:1/mcp"] {
        assert_eq!(run(&place.data, &["mcp", "--url", wrong, "--key-file", path]).code, Some(2), "{wrong}");
    }
    assert_eq!(run(&place.data, &["mcp", "--url", &url]).code, Some(2), "a URL needs a key");
    assert_eq!(run(&place.data, &["mcp", "--key-file", path, "--agent", "x"]).code, Some(2));
    let mut wrong = command(&place.data, &["mcp"]);
    wrong.env("GUILDHALL_API_KEY", "ghk_wrong");
    let mut wrong = Shim::of(wrong);
    wrong.send(&modern(1, "tools/list", json!({})));
    assert_eq!(wrong.next()["error"]["data"]["code"], "unauthenticated");
    let (_, ended) = wrong.end();
    assert!(ended.stderr.contains("the API key is refused"), "{ended:?}");
}
