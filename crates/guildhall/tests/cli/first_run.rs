//! `init`, and the first `up`.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::json;

use crate::binary::{self, Running, command, directory, end_of, json_of, run};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

// contract: identity §5.1
#[test]
fn no_default_or_fallback_secret() {
    let (_parent, data) = directory();
    // An existing directory that is open to others is closed while it is empty.
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    json_of(&data, &["init"]);
    assert_eq!((mode(&data), mode(&data.join("keys"))), (0o700, 0o700));
    let all = files(&data);
    assert!(all.len() >= 5, "{all:?}");
    for file in all {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let program = fs::read(env!("CARGO_BIN_EXE_guildhall")).unwrap();
    let program = String::from_utf8_lossy(&program);
    for secret in ["dev-secret-key", "change_me", "changeme", "<generate", "dev-key-do-not"] {
        assert!(!program.contains(secret), "{secret}");
    }
    let other = directory();
    json_of(&other.1, &["init"]);
    for name in ["audit.key", "sealing.key"] {
        let keys = [&data, &other.1].map(|data| fs::read(data.join("keys").join(name)).unwrap());
        assert_eq!((keys[0].len(), keys[1].len()), (32, 32));
        assert_ne!(keys[0], keys[1]);
    }
}

#[test]
fn init_prints_one_object_and_a_repeat_changes_nothing() {
    let (_parent, data) = directory();
    let first = json_of(&data, &["init"]);
    let names: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = ["agent", "console_setup_url", "data_dir", "listen", "mcp_url", "rest_url", "workspace"];
    assert_eq!(names, expected);
    assert_eq!(first["listen"], "127.0.0.1:8640");
    assert_eq!(first["workspace"]["name"], "default");
    assert!(first["agent"]["api_key"].as_str().unwrap().starts_with("ghk_"));
    let before: Vec<_> = files(&data).into_iter().map(|path| fs::read(path).unwrap()).collect();
    let again = run(&data, &["init", "--json"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(3), ""), "{again:?}");
    assert!(again.stderr.contains("is initialised already; nothing was changed"), "{again:?}");
    let after: Vec<_> = files(&data).into_iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(before == after);
}

#[test]
fn the_first_run_proves_itself_and_a_second_agent_finds_what_the_first_stored() {
    let (_parent, data) = directory();
    let server = Running::start(&data);
    let key = server.key();
    assert_eq!(server.search(&key, "first run stored found").len(), 1, "the self-proof's memory");
    let note = json!({ "content": "the deploy freeze begins on thursday", "access": "public" });
    assert_eq!(server.http("POST", "/api/v1/memories", Some(&key), &note).0, 201);
    json_of(&data, &["agent", "add", "second"]);
    let second = json_of(&data, &["key", "create", "second"]);
    let found = server.search(second["api_key"].as_str().unwrap(), "when does the deploi freeze begin");
    assert_eq!(found.first().map(String::as_str), Some("the deploy freeze begins on thursday"));
}

#[test]
fn the_first_run_shows_the_key_and_every_client_once() {
    let (_parent, data) = directory();
    let mut server = command(&data, &["up", "--listen", "127.0.0.1:0"]);
    server.env("GUILDHALL__LOG__FORMAT", "json");
    let running = binary::first_words(server, "Proved on this machine");
    for part in ["ghk_", "claude mcp add", ".cursor/mcp.json", ".vscode/mcp.json", "[mcp_servers.guildhall]", "httpUrl"]
    {
        assert!(running.stdout.contains(part), "{part}: {running:?}");
    }
    assert_eq!(running.code, Some(0), "{running:?}");
    let key = running.stdout.split_whitespace().find(|word| word.starts_with("ghk_")).unwrap();
    assert!(!running.stderr.contains(key), "the key is in the log");
    for line in running.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let again = Running::start(&data);
    assert!(again.ready["agent"].get("api_key").is_none(), "{}", again.ready);
    assert_eq!(again.ready["agent"]["name"], "agent");
    let database = fs::read(data.join("guildhall.db")).unwrap();
    assert!(!database.windows(key.len()).any(|bytes| bytes == key.as_bytes()), "the key is in the database");
}

#[test]
fn an_initialisation_that_was_cut_off_is_begun_anew() {
    let (_parent, data) = directory();
    fs::create_dir_all(data.join("keys")).unwrap();
    fs::write(data.join("guildhall.initialising"), "").unwrap();
    fs::write(data.join("keys/audit.key"), "half").unwrap();
    fs::write(data.join("guildhall.db"), "half").unwrap();
    json_of(&data, &["init"]);
    assert!(!data.join("guildhall.initialising").exists());
    assert!(Running::start(&data).ready["agent"]["id"].is_string());
}

#[test]
fn killed_at_any_moment_it_can_be_initialised_or_is_initialised() {
    for step in 0..8 {
        let (_parent, data) = directory();
        let mut child = command(&data, &["init"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(step * 10) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let again = run(&data, &["init"]);
        assert!([Some(0), Some(3)].contains(&again.code), "{again:?}");
        assert!(Running::start(&data).ready["agent"]["id"].is_string());
    }
}

#[test]
fn of_several_at_once_one_initialises() {
    let (_parent, data) = directory();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut one = command(&data, &["init", "--json"]);
            one.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let codes: Vec<_> = children.into_iter().map(|child| end_of(child).code).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| [Some(0), Some(3), Some(4)].contains(code)), "{codes:?}");
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let (_parent, data) = directory();
    fs::create_dir(&data).unwrap();
    fs::write(data.join("thesis.txt"), "years of work").unwrap();
    for verb in ["init", "up"] {
        let ended = run(&data, &[verb]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
    assert_eq!(files(&data).len(), 1);
}
