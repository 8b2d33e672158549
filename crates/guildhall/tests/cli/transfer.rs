//! `guildhall import` and `guildhall export`, with files as people have them.

use std::{collections::BTreeSet, fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path, process::Stdio};

use serde_json::{Value, json};

use crate::binary::{Ended, Running, command, directory, end_of, json_of, run};

fn entity(name: &str, observations: &[&str]) -> String {
    json!({"type": "entity", "name": name, "entityType": "person", "observations": observations}).to_string()
}

fn many(lines: usize) -> String {
    (0..lines).map(|n| entity(&format!("entity {n}"), &[&format!("observation number {n}")]) + "\n").collect()
}

/// Memories of the local operator. The first run leaves one of its agent's behind, which every workspace member may read.
fn count(data: &Path, workspace: &str) -> i64 {
    let input = json!({"count": true, "limit": 1, "owner": "usr_00000000000000000000000000"}).to_string();
    json_of(data, &["call", "memory.list", "--input", &input, "--workspace", workspace])["total"].as_i64().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn import(data: &Path, path: &Path, more: &[&str]) -> Ended {
    run(data, &[&["import", "mcp-memory", path.to_str().unwrap()], more].concat())
}

#[test]
fn rejected_rows_are_named_and_decide_the_exit() {
    let (parent, data) = directory();
    let _server = Running::start(&data);
    let path = parent.path().join("memory.jsonl");
    let mut file: Vec<u8> = b"\xef\xbb\xbf".to_vec();
    for n in 1..=10 {
        let line = match n {
            7 => b"{\"type\":\"entity\",".to_vec(),
            9 => b"\"\xff\"".to_vec(),
            _ => entity(&format!("e{n}"), &["x"]).into_bytes(),
        };
        file.extend(line);
        file.extend(b"\r\n");
    }
    fs::write(&path, file).unwrap();
    let dry = import(&data, &path, &["--dry-run"]);
    assert_eq!(dry.code, Some(1), "{dry:?}");
    assert_eq!(count(&data, "default"), 0);
    let ended = import(&data, &path, &[]);
    assert_eq!((ended.code, &ended.stdout), (Some(1), &dry.stdout), "{ended:?}");
    assert_eq!(ended.stdout, "read 10, created 8, updated 0, unchanged 0, skipped 0, rejected 2\n");
    assert_eq!((ended.lines("line 7: invalid_input: ").len(), ended.lines("line 9: invalid_input: ").len()), (1, 1));
    assert!(ended.lines("hint: ").iter().any(|hint| hint.contains("--owner") && hint.contains("--access public")));
    let allowed = run(&data, &["import", "mcp-memory", path.to_str().unwrap(), "--allow-errors", "--json"]);
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    let answer = allowed.json();
    assert_eq!((&answer["state"], &answer["counts"]["unchanged"]), (&json!("partial"), &json!(8)));
    assert_eq!((&answer["errors"][0]["line"], &answer["errors"][1]["line"]), (&json!(7), &json!(9)));
}

#[test]
fn what_cannot_be_imported_is_said() {
    let (parent, data) = directory();
    let _server = Running::start(&data);
    let path = parent.path().join("file");
    for (text, code) in [("id,name\n1,x\n", 2), ("", 1)] {
        fs::write(&path, text).unwrap();
        let ended = import(&data, &path, &[]);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(!ended.lines("hint: ").is_empty(), "{ended:?}");
    }
    assert_eq!(import(&data, &parent.path().join("none"), &[]).code, Some(2));
    assert_eq!(run(&data, &["import", "guildhall", parent.path().to_str().unwrap()]).code, Some(2));
    assert_eq!(run(&data, &["import", "tmws", "x"]).code, Some(2));
    assert_eq!(import(&data, &path, &["--owner", "nobody"]).code, Some(5));
}

#[test]
fn a_map_and_flags_say_whose_they_are_and_who_reads_them() {
    let (parent, data) = directory();
    let server = Running::start(&data);
    let (path, map) = (parent.path().join("memory.jsonl"), parent.path().join("map.toml"));
    fs::write(&path, entity("Ada", &["likes tea"])).unwrap();
    json_of(&data, &["agent", "add", "keeper"]);
    fs::write(&map, "[mcp-memory]\nowner = \"keeper\"\naccess = \"public\"\n").unwrap();
    let ended = import(&data, &path, &["--map", map.to_str().unwrap()]);
    assert!(ended.code == Some(0) && ended.lines("hint: ").is_empty(), "{ended:?}");
    assert_eq!(server.search(&server.key(), "tea"), ["Ada (person): likes tea"]);
    let listed = json_of(&data, &["memory", "list"]);
    let keeper = json_of(&data, &["agent", "list"])["items"].as_array().unwrap().clone();
    let keeper = keeper.iter().find(|agent| agent["name"] == "keeper").unwrap();
    assert_eq!(listed["items"][0]["owner"], keeper["id"]);
    fs::write(&map, "[mcp-memory]\nowners = 1\n").unwrap();
    assert_eq!(import(&data, &path, &["--map", map.to_str().unwrap()]).code, Some(2));
}

#[test]
fn standard_input_is_a_source() {
    let (_parent, data) = directory();
    let _server = Running::start(&data);
    let mut child = command(&data, &["import", "mcp-memory", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(many(1_300).as_bytes()).unwrap();
    let ended = end_of(child);
    assert_eq!((ended.code, ended.json()["counts"]["created"].as_i64()), (Some(0), Some(1_300)), "{ended:?}");
    assert_eq!(count(&data, "default"), 1_300);
}

#[test]
fn an_import_that_was_cut_off_is_finished_by_running_it_again() {
    let (parent, data) = directory();
    let _server = Running::start(&data);
    let text = many(6_000);
    let mut child = command(&data, &["import", "mcp-memory", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Some chunks, and no end: the command waits for more when it is killed.
    let mut stdin = child.stdin.take().unwrap();
    let half: String = text.lines().take(2_750).map(|line| format!("{line}\n")).collect();
    stdin.write_all(half.as_bytes()).unwrap();
    stdin.flush().unwrap();
    let stored = || count(&data, "default");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while stored() < 1_000 {
        assert!(std::time::Instant::now() < deadline);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(stdin);
    let before = stored();
    assert!((1_000..6_000).contains(&before), "{before}");
    let path = parent.path().join("memory.jsonl");
    fs::write(&path, &text).unwrap();
    let answer = json_of(&data, &["import", "mcp-memory", path.to_str().unwrap()]);
    // What was on its way when the command was killed may have landed after the count.
    let created = answer["counts"]["created"].as_i64().unwrap();
    assert_eq!(created + answer["counts"]["unchanged"].as_i64().unwrap(), 6_000);
    assert!(created <= 6_000 - before, "{answer}");
    assert_eq!((&answer["state"], stored()), (&json!("completed"), 6_000));
}

// contract: places §11.18
#[test]
fn an_export_comes_back_with_equal_counts_and_contents() {
    let (parent, data) = directory();
    let server = Running::start(&data);
    let (path, out) = (parent.path().join("memory.jsonl"), parent.path().join("out"));
    let relation = json!({"type": "relation", "from": "Ada", "to": "Bob", "relationType": "knows"}).to_string();
    let lines = [entity("Ada", &["likes tea", "a: b"]), entity("Bob", &[]), relation];
    fs::write(&path, lines.join("\n")).unwrap();
    assert_eq!(import(&data, &path, &[]).code, Some(0));
    let private = json!({"content": "an agent's own", "key": "own"});
    assert_eq!(server.http("POST", "/api/v1/memories", Some(&server.key()), &private).0, 201);
    let out_text = out.to_str().unwrap();
    let first = json_of(&data, &["export", out_text, "--all"]);
    assert_eq!(first["memories"], 6);
    assert_eq!(
        (mode(&out), mode(&out.join("manifest.json")), mode(&out.join("memories.jsonl"))),
        (0o700, 0o600, 0o600)
    );
    assert_eq!(run(&data, &["export", out_text, "--all"]).code, Some(3));
    let manifest: Value = serde_json::from_str(&fs::read_to_string(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(
        (&manifest["product"], &manifest["schema"], &manifest["counts"]),
        (&json!("guildhall"), &json!(1), &json!({"memories": 6}))
    );
    assert!(manifest["owners"].as_array().unwrap().iter().any(|owner| owner["name"] == "agent"), "{manifest}");

    json_of(&data, &["workspace", "add", "second"]);
    let counts = json_of(&data, &["import", "guildhall", out_text, "--workspace", "second"])["counts"].clone();
    assert_eq!((&counts["created"], &counts["rejected"]), (&json!(6), &json!(0)));
    let again = parent.path().join("again");
    let second = json_of(&data, &["export", again.to_str().unwrap(), "--all", "--workspace", "second"]);
    assert_eq!((&second["memories"], &second["content_sha256"]), (&first["memories"], &first["content_sha256"]));
    assert!(first["content_sha256"].as_str().is_some_and(|text| text.len() == 64));

    // The graph comes out of the second workspace as it went into the first; the agent's note belongs to a stand-in.
    let graph = parent.path().join("graph.jsonl");
    assert_eq!(
        run(&data, &["export", graph.to_str().unwrap(), "--format", "mcp-memory", "--workspace", "second"]).code,
        Some(0)
    );
    let set = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            if let Some(observations) = line["observations"].as_array_mut() {
                observations.sort_by_key(ToString::to_string);
            }
            line.to_string()
        });
        lines.collect()
    };
    let (before, after) = (set(&lines.join("\n")), set(&fs::read_to_string(&graph).unwrap()));
    // Beside it stands what the first run stored for everybody.
    assert!(after.is_superset(&before) && after.len() == before.len() + 1, "{after:?}");
    assert_eq!(mode(&graph), 0o600);

    // One changed byte, and nothing comes in.
    let memories = out.join("memories.jsonl");
    let spoilt = fs::read_to_string(&memories).unwrap().replacen("likes tea", "likes tee", 1);
    fs::write(&memories, spoilt).unwrap();
    json_of(&data, &["workspace", "add", "third"]);
    let ended = run(&data, &["import", "guildhall", out_text, "--workspace", "third"]);
    assert_eq!((ended.code, count(&data, "third")), (Some(1), 0), "{ended:?}");
}

#[test]
fn csv_export_neutralises_formulas() {
    let (parent, data) = directory();
    let _server = Running::start(&data);
    for formula in ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx"] {
        json_of(&data, &["memory", "add", "--value", "1", &format!("--summary={formula}")]);
    }
    let path = parent.path().join("out.csv");
    assert_eq!(run(&data, &["export", path.to_str().unwrap(), "--format", "csv"]).code, Some(0));
    let table = fs::read_to_string(&path).unwrap();
    assert_eq!(table.matches("\r\n").count(), 7, "{table}");
    for cell in [",'=1+1,", ",'+cmd,", ",'-2,", ",'@SUM(A1),", ",'\tx,"] {
        assert!(table.contains(cell), "{cell:?} in {table}");
    }
    let shown = run(&data, &["export", "-", "--format", "csv"]);
    assert_eq!((shown.code, shown.stdout.lines().count()), (Some(0), 7), "{shown:?}");
    let document = run(&data, &["export", "-", "--format", "markdown"]).stdout;
    assert!(document.starts_with("# Memories\n") && document.contains("summary: =1+1\n"), "{document}");
    assert_eq!(run(&data, &["export", "-"]).code, Some(2));
}

#[test]
fn without_a_server_nothing_is_made() {
    let (parent, data) = directory();
    let (path, out) = (parent.path().join("memory.jsonl"), parent.path().join("out"));
    fs::write(&path, entity("Ada", &[])).unwrap();
    assert_eq!(import(&data, &path, &[]).code, Some(7));
    assert_eq!(run(&data, &["export", out.to_str().unwrap()]).code, Some(7));
    let left: Vec<_> = fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["memory.jsonl"]);
}
