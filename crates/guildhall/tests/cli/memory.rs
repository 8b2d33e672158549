//! `guildhall memory`, every flag and every refusal.

use std::{io::Write as _, path::Path, process::Stdio};

use serde_json::{Value, json};

use crate::binary::{Ended, Running, command, directory, end_of, json_of, run};

fn refused(data: &Path, arguments: &[&str], code: i32) -> Ended {
    let ended = run(data, arguments);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {ended:?}");
    ended
}

/// Runs a command that reads this.
fn fed(data: &Path, arguments: &[&str], text: &str) -> Ended {
    let mut child =
        command(data, arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    end_of(child)
}

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn add(data: &Path, arguments: &[&str]) -> String {
    json_of(data, &[&["memory", "add"], arguments].concat())["id"].as_str().unwrap().to_owned()
}

#[test]
fn everything_that_is_said_of_a_memory_is_stored() {
    let (parent, data) = directory();
    let _server = Running::start(&data);
    let flags = [
        "the gate opens at nine",
        "--key",
        "gate",
        "--kind",
        "fact",
        "--tag",
        "ops",
        "--tag",
        "gate",
        "--access",
        "public",
        "--project",
        "hall",
        "--summary",
        "nine",
        "--importance",
        "0.9",
        "--expires",
        "30d",
    ];
    let id = add(&data, &flags);
    let stored = json_of(&data, &["memory", "get", &id]);
    for (name, value) in [
        ("content", json!("the gate opens at nine")),
        ("key", json!("gate")),
        ("kind", json!("fact")),
        ("tags", json!(["ops", "gate"])),
        ("access", json!("public")),
        ("project", json!("hall")),
        ("summary", json!("nine")),
        ("importance", json!(0.9)),
    ] {
        assert_eq!(stored[name], value, "{name}");
    }
    let time = |name: &str| stored[name].as_str().unwrap().parse::<types::Timestamp>().unwrap();
    assert_eq!(time("expires_at").secs_since(time("created_at")), 30 * 86_400);

    let value = add(&data, &["--value", r#"{"open":[9,17]}"#, "--key", "hours"]);
    assert_eq!(json_of(&data, &["memory", "get", &value])["value"], json!({"open": [9, 17]}));
    assert_eq!(run(&data, &["memory", "get", "hours"]).stdout, "{\n  \"open\": [\n    9,\n    17\n  ]\n}\n");

    let long = "line one\nline two\n";
    let piped = fed(&data, &["memory", "add", "-"], long);
    assert_eq!((piped.code, piped.stderr.as_str()), (Some(0), ""), "{piped:?}");
    assert_eq!(run(&data, &["memory", "get", piped.stdout.trim()]).stdout, long);
    let piped = fed(&data, &["memory", "add", "--value", "-", "--json"], "[1]");
    assert_eq!(piped.json()["value"], json!([1]));
    let file = parent.path().join("note.txt");
    std::fs::write(&file, "from a file").unwrap();
    let id = add(&data, &[&format!("@{}", file.display())]);
    assert_eq!(run(&data, &["memory", "get", &id]).stdout, "from a file\n");
}

#[test]
fn what_cannot_be_stored_is_refused_by_its_code() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    add(&data, &["taken", "--key", "taken"]);
    for (arguments, code) in [
        (&["memory", "add"][..], 2),
        (&["memory", "add", "x", "--value", "1"], 2),
        (&["memory", "add", "--value", "{"], 2),
        (&["memory", "add", "@/nowhere/at/all"], 2),
        (&["memory", "add", "x", "--kind", "secret"], 2),
        (&["memory", "add", "x", "--access", "world"], 2),
        (&["memory", "add", "x", "--importance", "2"], 2),
        (&["memory", "add", "x", "--importance", "much"], 2),
        (&["memory", "add", "x", "--expires", "soon"], 2),
        (&["memory", "add", "x", "--expires", "0"], 2),
        (&["memory", "add", "x", "--expires", "3y"], 2),
        (&["memory", "add", "x", "--expires", "400d"], 2),
        (&["memory", "add", "x", "--key", "with space"], 2),
        (&["memory", "add", "x", "--key", "taken"], 3),
        (&["memory", "add", "x", "--workspace", "nowhere"], 5),
    ] {
        let ended = refused(&data, arguments, code);
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(ids(&json_of(&data, &["memory", "list", "--prefix", "taken"])).len(), 1);
}

#[test]
fn a_memory_is_read_and_forgotten_by_id_or_key_and_another_ones_by_its_owner() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let id = add(&data, &["mine", "--key", "plan"]);
    let note = json!({ "content": "the agent's own plan", "key": "plan", "access": "public" });
    let (status, theirs) = server.http("POST", "/api/v1/memories", Some(&server.key()), &note);
    assert_eq!(status, 201);
    let agent = server.ready["agent"]["id"].as_str().unwrap();
    assert_eq!(json_of(&data, &["memory", "get", "plan"])["id"], id);
    for owner in ["agent", "AGENT", agent] {
        assert_eq!(json_of(&data, &["memory", "get", "plan", "--owner", owner])["id"], theirs["id"], "{owner}");
    }
    let text = run(&data, &["memory", "get", "plan"]);
    assert_eq!(text.stdout, "mine\n", "{text:?}");
    assert!(text.lines("id ")[0].ends_with(&id), "{text:?}");
    let absent = refused(&data, &["memory", "get", "no-such-key"], 5);
    assert!(absent.stderr.contains("`no-such-key`") && absent.lines("hint: ")[0].contains("memory list"), "{absent:?}");
    let nobody = refused(&data, &["memory", "get", "plan", "--owner", "nobody"], 5);
    assert!(nobody.lines("hint: ")[0].contains("agent list"), "{nobody:?}");
    refused(&data, &["memory", "get", &id, "--owner", "agent"], 2);
    // What somebody else keeps under the key is not what is forgotten.
    let forgotten = run(&data, &["memory", "forget", "plan"]);
    assert_eq!((forgotten.code, forgotten.stdout), (Some(0), format!("forgot {id}\n")));
    for arguments in [&["memory", "forget", "plan"][..], &["memory", "forget", &id], &["memory", "get", &id]] {
        let ended = refused(&data, arguments, 5);
        assert_eq!(ended.lines("hint: ").len(), 1, "{ended:?}");
    }
    assert_eq!(refused(&data, &["memory", "forget", theirs["id"].as_str().unwrap()], 6).lines("error: ").len(), 1);
    let other = add(&data, &["second"]);
    let gone = json_of(&data, &["memory", "forget", &other]);
    assert!(gone["id"] == other && gone["restore_until"].is_string(), "{gone}");
}

#[test]
fn lists_are_narrowed_and_followed_to_their_end() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    json_of(&data, &["workspace", "add", "second"]);
    let add = |arguments: &[&str]| add(&data, &[arguments, &["--workspace", "second"]].concat());
    let list = |arguments: &[&str]| json_of(&data, &[&["memory", "list", "--workspace", "second"], arguments].concat());
    let empty = run(&data, &["memory", "list", "--workspace", "second"]);
    assert_eq!((empty.code, empty.stdout.as_str(), empty.stderr.as_str()), (Some(0), "", "none\n"), "{empty:?}");
    assert_eq!(list(&[])["items"], json!([]));
    let all: Vec<String> =
        (0..5).map(|number| add(&[&format!("note {number}"), "--key", &format!("n/{number}")])).collect();
    let fact = add(&["a fact", "--kind", "fact", "--tag", "a", "--tag", "b"]);
    let tagged = add(&["tagged", "--tag", "a"]);
    assert_eq!(ids(&list(&["--kind", "fact"])), [fact.as_str()]);
    assert_eq!(ids(&list(&["--tag", "a"])), [tagged, fact.clone()]);
    assert_eq!(ids(&list(&["--tag", "a", "--tag", "b"])), [fact]);
    let newest_first: Vec<String> = all.into_iter().rev().collect();
    assert_eq!(ids(&list(&["--prefix", "n/"])), newest_first);
    let page = list(&["--prefix", "n/", "--limit", "2"]);
    assert_eq!(ids(&page), newest_first[..2]);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = list(&["--prefix", "n/", "--limit", "2", "--all", "--cursor", cursor]);
    assert_eq!((ids(&rest), &rest["next_cursor"]), (newest_first[2..].to_vec(), &Value::Null));
    assert_eq!(ids(&list(&["--prefix", "n/", "--limit", "2", "--all"])), newest_first);
    assert_eq!(list(&["--all"])["items"].as_array().unwrap().len(), 7);
    let text = run(&data, &["memory", "list", "--prefix", "n/", "--limit", "2", "--workspace", "second"]);
    assert_eq!(text.stdout.lines().count(), 3, "{text:?}");
    assert!(text.stdout.starts_with("id ") && text.lines("there are more: --cursor ").len() == 1, "{text:?}");
    let text = run(&data, &["memory", "list", "--all", "--limit", "3", "--workspace", "second"]);
    assert_eq!((text.stdout.lines().count(), text.stderr.as_str()), (8, ""), "{text:?}");
    for wrong in
        [&["--limit", "0"][..], &["--limit", "201"], &["--all", "--limit", "0"], &["--kind", "x"], &["--cursor", "x"]]
    {
        refused(&data, &[&["memory", "list"], wrong].concat(), 2);
    }
}

#[test]
fn what_is_found_says_its_rank_its_owner_and_its_age() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let own = add(&data, &["the cobalt ledger of the hall", "--tag", "books", "--kind", "fact"]);
    let note = json!({ "content": "a cobalt vase", "key": "vase", "access": "public" });
    assert_eq!(server.http("POST", "/api/v1/memories", Some(&server.key()), &note).0, 201);
    let text = run(&data, &["memory", "search", "cobalt", "ledger"]);
    assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""), "{text:?}");
    let lines: Vec<Vec<&str>> = text.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["rank", "score", "memory", "owner", "age", "excerpt"]);
    assert_eq!((lines[1][0], lines[1][2], lines[1][3]), ("1", own.as_str(), "you"), "{text:?}");
    assert_eq!((lines[2][0], lines[2][2], lines[2][3]), ("2", "vase", "agent"), "{text:?}");
    assert!(lines[1][4].ends_with('s') && text.stdout.contains("the cobalt ledger of the hall"), "{text:?}");
    assert!(!text.stdout.contains('\u{1b}'), "no colours are needed to read it");

    let explained = run(&data, &["memory", "search", "cobalt", "leger", "--explain"]);
    assert!(explained.stdout.contains("keyword 1, ") && explained.stdout.contains("leger~ledger"), "{explained:?}");
    assert!(explained.stdout.contains("boost 1."), "{explained:?}");
    let full = json_of(&data, &["memory", "search", "cobalt", "--explain", "--limit", "1"]);
    assert_eq!(full["items"].as_array().unwrap().len(), 1);
    assert!(full["items"][0]["explain"]["ranks"].is_array(), "{full}");
    for narrow in [["--tag", "books"], ["--kind", "fact"]] {
        let found = json_of(&data, &[&["memory", "search", "cobalt"], &narrow[..]].concat());
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{narrow:?}");
        assert_eq!(found["items"][0]["memory"]["id"], own);
    }
    let nothing = run(&data, &["memory", "search", "zeppelin"]);
    assert_eq!(
        (nothing.code, nothing.stdout.as_str(), nothing.stderr.as_str()),
        (Some(0), "", "none\n"),
        "{nothing:?}"
    );
    assert_eq!(json_of(&data, &["memory", "search", "zeppelin"])["items"], json!([]));
    for wrong in [
        &["memory", "search"][..],
        &["memory", "search", "x", "--limit", "101"],
        &["memory", "search", "x", "--kind", "x"],
    ] {
        refused(&data, wrong, 2);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    for arguments in [
        &["memory", "list"][..],
        &["memory", "list", "--json"],
        &["memory", "search", "note"],
        &["doctor"],
        &["audit", "tail"],
    ] {
        let mut child = command(&data, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before the first line, as by `| true`.
        drop(child.stdout.take());
        let ended = end_of(child);
        assert!(matches!(ended.code, Some(0 | 1)) && !ended.stderr.contains("panicked"), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn attack_a49_what_would_steer_the_terminal_is_printed_visibly() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    refused(&data, &["memory", "add", "bell \u{7} and \u{1b}]0;x"], 2);
    let id = add(&data, &["over \u{202e}desrever\u{9b}31m", "--tag", "turn\u{202e}ed"]);
    for (arguments, shown) in [
        (&["memory", "get", &id][..], "over \\u202edesrever\\u009b31m"),
        (&["memory", "list", "--limit", "1"], "turn\\u202eed"),
        (&["memory", "search", "over"], "over \\u202edesrever\\u009b31m"),
        (&["memory", "list", "--json"], "turn\\u202eed"),
    ] {
        let ended = run(&data, arguments);
        assert!(ended.stdout.contains(shown), "{arguments:?}: {ended:?}");
        assert!(!ended.stdout.contains(['\u{202e}', '\u{9b}', '\u{1b}']), "{ended:?}");
    }
    let typed = run(&data, &["memory", "get", "x", "--owner", "\u{1b}]0;x\u{7}"]);
    assert!(typed.stderr.contains("\\u001b]0;x\\u0007") && !typed.stderr.contains('\u{1b}'), "{typed:?}");
}
