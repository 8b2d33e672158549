//! `restore`, and `key resume` after it.

use std::{
    collections::HashSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::{Value, json};

use crate::{
    backup::{Installation, text},
    binary::{Running, command, directory, json_of, run},
};

/// A server that answers as fast as it can.
fn unlimited(data: &Path) -> Running {
    let mut up = command(data, &["up", "--listen", "127.0.0.1:0", "--json"]);
    up.env("GUILDHALL__LIMITS__AGENTS_PER_MINUTE", "1000000").env("GUILDHALL__LIMITS__KEY_PER_MINUTE", "1000000");
    Running::of(up)
}

fn whoami(server: &Running, key: &str) -> u16 {
    server.http("GET", "/api/v1/whoami", Some(key), &json!(null)).0
}

fn new_key(data: &Path, agent: &str) -> (String, String) {
    let made = json_of(data, &["key", "create", agent]);
    (made["api_key"].as_str().unwrap().to_owned(), made["key"]["id"].as_str().unwrap().to_owned())
}

#[test]
fn a_restored_directory_serves_what_was_backed_up() {
    let hall = Installation::new();
    let server = Running::start(&hall.data);
    json_of(&hall.data, &["memory", "add", "before the backup", "--key", "before"]);
    json_of(&hall.data, &["workspace", "add", "second"]);
    let file = hall.backup("one.ghb");
    json_of(&hall.data, &["memory", "add", "after the backup", "--key", "after"]);
    drop(server);
    let into = hall.path("restored");
    let restored = hall.restore(&file, &into);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(
        (restored.json()["keys_suspended"].as_u64(), restored.json()["workspaces"].as_u64()),
        (Some(1), Some(2))
    );
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&into), mode(&into.join("keys"))), (0o700, 0o700));
    for name in ["guildhall.db", "guildhall.toml", "keys/audit.key", "keys/sealing.key", "keys/signing.key"] {
        assert_eq!(mode(&into.join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(&into).unwrap().count(), 3, "nothing else is left there");

    let _server = Running::start(&into);
    assert_eq!(json_of(&into, &["memory", "get", "before"])["content"], "before the backup");
    assert_eq!(run(&into, &["memory", "get", "after"]).code, Some(5));
    assert_eq!(json_of(&into, &["audit", "verify"])["ok"], true);
    for workspace in ["default", "second"] {
        let search = ["audit", "search", "--action", "backup.restored", "--workspace", workspace];
        let rows = json_of(&into, &search);
        assert_eq!(rows["items"].as_array().unwrap().len(), 1, "{workspace}: {rows}");
        assert!(rows["items"][0]["object"].as_str().unwrap().starts_with("bkp_"), "{rows}");
    }
}

// contract: places §11.20
#[test]
fn a_key_revoked_after_the_backup_answers_401_until_it_is_resumed() {
    let hall = Installation::new();
    let server = Running::start(&hall.data);
    json_of(&hall.data, &["agent", "add", "builder"]);
    let ((revoked, id), (ended, ended_id)) = (new_key(&hall.data, "builder"), new_key(&hall.data, "builder"));
    json_of(&hall.data, &["key", "revoke", &ended_id]);
    let file = hall.backup("one.ghb");
    json_of(&hall.data, &["key", "revoke", &id]);
    assert_eq!(whoami(&server, &revoked), 401);
    drop(server);
    let into = hall.path("restored");
    assert_eq!(hall.restore(&file, &into).code, Some(0));

    let server = Running::start(&into);
    assert_eq!(whoami(&server, &revoked), 401);
    let status = |id: &str| json_of(&into, &["call", "key.get", "--input", &json!({ "id": id }).to_string()]);
    assert_eq!(status(&id)["status"], "suspended");
    assert_eq!(status(&ended_id)["status"], "revoked");
    let rotated = run(&into, &["key", "rotate", &id]);
    assert_eq!(rotated.code, Some(3), "a rotation must not get around the suspension: {rotated:?}");
    assert_eq!(json_of(&into, &["key", "resume", &id])["status"], "active");
    assert_eq!(whoami(&server, &revoked), 200);
    assert_eq!(json_of(&into, &["key", "resume", &ended_id])["status"], "revoked");
    assert_eq!(whoami(&server, &ended), 401, "a revoked key is not brought back");
    let others = json_of(&into, &["key", "resume", "--all"]);
    assert_eq!(others["resumed"].as_array().unwrap().len(), 1, "the first agent's key: {others}");
    assert_eq!(run(&into, &["key", "resume", "key_00000000000000000000000000"]).code, Some(5));
    assert_eq!(run(&into, &["key", "resume"]).code, Some(2));
}

#[test]
fn a_restore_never_touches_a_directory_in_use() {
    let hall = Installation::new();
    let file = hall.backup("one.ghb");
    assert_eq!(hall.restore(&file, &hall.data).code, Some(2), "an installation");
    let server = Running::start(&hall.data);
    let busy = hall.restore(&file, &hall.data);
    assert_eq!(busy.code, Some(4), "{busy:?}");
    drop(server);
    let used = hall.path("used");
    fs::create_dir(&used).unwrap();
    fs::write(used.join("notes"), "mine").unwrap();
    let refused = hall.restore(&file, &used);
    assert!(refused.code == Some(2) && refused.lines("error: ")[0].contains("notes"), "{refused:?}");
    assert_eq!(fs::read_dir(&used).unwrap().count(), 1);
    let empty = hall.path("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(hall.restore(&file, &empty).code, Some(0));
    let (_parent, data) = directory();
    assert_eq!(run(&data, &["restore", text(&file), "--into", text(&data)]).code, Some(2), "nothing opens it");
}

#[test]
fn of_a_folder_the_newest_not_after_a_time_is_restored() {
    let hall = Installation::new();
    fs::create_dir(hall.path("nightly")).unwrap();
    for name in ["nightly/a.ghb", "nightly/b.ghb"] {
        hall.backup(name);
    }
    let listed = json_of(&hall.data, &["backup", "list", text(&hall.path("nightly"))]);
    let (first, second) = (&listed["items"][0], &listed["items"][1]);
    let folder = hall.path("nightly");
    let restore = |into: &str, at: &[&str]| {
        let into = hall.path(into);
        let fixed = ["restore", text(&folder), "--into", text(&into), "--identity", text(&hall.identity), "--json"];
        run(&hall.data, &[&fixed[..], at].concat())
    };
    let at = |one: &Value| one["created_at"].as_str().unwrap().to_owned();
    assert_eq!(restore("x", &["--at", &at(first)]).json()["backup"], first["id"]);
    assert_eq!(restore("y", &["--at", "2999-01-01T00:00:00Z"]).json()["backup"], second["id"]);
    assert_eq!(restore("z", &["--at", "2001-01-01T00:00:00Z"]).code, Some(5));
    assert_eq!(restore("z", &["--at", "yesterday"]).code, Some(2));
    assert_eq!(restore("z", &[]).code, Some(2));
    let one = hall.path("nightly/a.ghb");
    let into = hall.path("z");
    let at_a_file =
        ["restore", text(&one), "--into", text(&into), "--identity", text(&hall.identity), "--at", &at(first)];
    assert_eq!(run(&hall.data, &at_a_file).code, Some(2));
    assert!(!into.exists());
}

fn ids(server: &Running, key: &str) -> HashSet<String> {
    let (mut ids, mut cursor) = (HashSet::new(), String::new());
    loop {
        let path = format!("/api/v1/memories?limit=200{cursor}");
        let (status, page) = server.http("GET", &path, Some(key), &json!(null));
        assert_eq!(status, 200, "{page}");
        ids.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[test]
fn a_backup_under_32_writers_restores_every_write_acknowledged_before_it_began() {
    const WRITERS: usize = 32;
    let hall = Installation::new();
    let server = unlimited(&hall.data);
    json_of(&hall.data, &["agent", "add", "writer"]);
    let (key, _) = new_key(&hall.data, "writer");
    let (acknowledged, stop) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
    let count = || acknowledged.lock().unwrap().len();
    let before: HashSet<String> = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (server, key, acknowledged, stop) = (&server, &key, &acknowledged, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let body = json!({"content": format!("written by {writer} under a backup")});
                    let (status, made) = server.http("POST", "/api/v1/memories", Some(key), &body);
                    assert_eq!(status, 201, "{made}");
                    acknowledged.lock().unwrap().insert(made["id"].as_str().unwrap().to_owned());
                }
            });
        }
        let wait_for = |many: usize| {
            while count() < many {
                thread::yield_now();
            }
        };
        wait_for(300);
        let before = acknowledged.lock().unwrap().clone();
        hall.backup("under-fire.ghb");
        wait_for(before.len() + WRITERS);
        stop.store(true, Ordering::Relaxed);
        before
    });
    let all = acknowledged.into_inner().unwrap();
    drop(server);
    assert_eq!(hall.verify(&hall.path("under-fire.ghb")).json()["ok"], true);
    let into = hall.path("restored");
    assert_eq!(hall.restore(&hall.path("under-fire.ghb"), &into).code, Some(0));

    let server = unlimited(&into);
    assert_eq!(whoami(&server, &key), 401);
    json_of(&into, &["key", "resume", "--all"]);
    let present = ids(&server, &key);
    let lost: Vec<_> = before.difference(&present).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged writes are lost", lost.len(), before.len());
    // What was not acknowledged is there too only if it was committed by then.
    assert!(present.len() < all.len() + WRITERS && all.len() > before.len());
    let chains = json_of(&into, &["audit", "verify"]);
    assert_eq!(chains["ok"], true, "{chains}");
    assert!(chains["rows"].as_u64().unwrap() > u64::try_from(present.len()).unwrap());
}
