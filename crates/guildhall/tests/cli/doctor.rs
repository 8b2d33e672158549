//! `guildhall doctor`: a sound installation passes, each defect made by hand is found under its name.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    path::Path,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use store::{MIGRATIONS, Options, Store, Verdict, args};
use types::Timestamp;

use crate::binary::{Ended, Running, command, directory, end_of, json_of, run};

fn doctor(data: &Path) -> (Option<i32>, Value) {
    let ended = run(data, &["doctor", "--json"]);
    (ended.code, ended.json())
}

fn finding(report: &Value, id: &str) -> Value {
    let all = report["findings"].as_array().unwrap();
    all.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id} in {report}")).clone()
}

/// The check's status after the whole run failed because of it.
fn defect(data: &Path, id: &str) -> Value {
    let (code, report) = doctor(data);
    let found = finding(&report, id);
    assert_eq!((code, &report["ok"]), (Some(1), &json!(false)), "{report}");
    assert_ne!(found["status"], "pass", "{report}");
    assert!(found["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{found}");
    found
}

fn statuses(report: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["findings"].as_array().unwrap().iter().map(|one| (text(&one["id"]), text(&one["status"]))).collect()
}

/// Changes the database of an installation that nobody serves.
fn tamper(data: &Path, sql: &'static str) {
    let store = open(data);
    store.write_blocking(move |tx| Ok::<_, store::Error>(Verdict::Done(tx.change(sql, args![])?))).unwrap();
    store.close().unwrap();
}

fn open(data: &Path) -> Store {
    Store::open(Options::new(data, Timestamp::from_micros(0)), MIGRATIONS).unwrap()
}

fn contents(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for folder in [data.to_owned(), data.join("keys")] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Whoever holds the lock writes its process id into it.
            if path.is_file() && !path.ends_with("guildhall.lock") {
                all.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    all
}

fn back_up(data: &Path) {
    fs::create_dir(data.join("backups")).unwrap();
    fs::write(data.join("backups/today.ghb"), "a backup").unwrap();
}

#[test]
fn a_sound_installation_passes_without_a_server_and_nothing_is_changed() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    let before = contents(&data);
    let (code, report) = doctor(&data);
    assert_eq!((code, &report["ok"]), (Some(0), &json!(true)), "{report}");
    assert_eq!(contents(&data), before);
    report["checked_at"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let mut found = statuses(&report);
    assert_eq!(found.remove("backups").as_deref(), Some("fail"), "there is none yet");
    assert!(found.len() >= 16 && found.values().all(|status| status == "pass"), "{report}");
    assert!(!found.contains_key("server"), "a server that does not run is not judged");
    assert_eq!(finding(&report, "lock")["observed"], "free: no server runs");

    back_up(&data);
    let ended = run(&data, &["doctor"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.last(), Some(&"17 checks: 17 passed, 0 warnings, 0 errors, 0 unknown"), "{ended:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("pass ")).count(), 17);
}

#[test]
fn a_sound_installation_passes_while_it_is_served() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    back_up(&data);
    let server = Running::start(&data);
    let (code, report) = doctor(&data);
    assert_eq!(code, Some(0), "{report}");
    assert!(statuses(&report).values().all(|status| status == "pass"), "{report}");
    let listen = server.ready["listen"].as_str().unwrap();
    assert_eq!(finding(&report, "server")["observed"], format!("http://{listen}/health answers"));
    assert!(finding(&report, "lock")["observed"].as_str().unwrap().ends_with(&format!("process {}", server.pid())));
    // What a killed server leaves in the lock file and in the log is no defect, and stays.
    assert_eq!(server.end(Signal::KILL).code, None);
    let data_of = |name: &str| fs::read(data.join(name)).unwrap();
    let before = (data_of("guildhall.db"), data_of("guildhall.db-wal"));
    assert!(!before.1.is_empty());
    let (code, report) = doctor(&data);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(finding(&report, "lock")["observed"], "free: no server runs");
    let rows = |report: &Value| finding(report, "audit.chain")["observed"].as_str().unwrap().to_owned();
    assert!(!rows(&report).starts_with("0 of"), "the log is read too");
    assert!((data_of("guildhall.db"), data_of("guildhall.db-wal")) == before, "doctor moved the log");
    // The log alone is enough: its index is made anew.
    fs::remove_file(data.join("guildhall.db-shm")).unwrap();
    let (code, report) = doctor(&data);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(doctor(&data).0, Some(0), "what doctor left behind is no defect");
    assert_eq!(json_of(&data, &["audit", "verify"])["ok"], true);
}

#[test]
fn a_directory_of_any_name_can_be_examined() {
    let (parent, _) = directory();
    let data = parent.path().join("a b?immutable=0#%41ü");
    json_of(&data, &["init"]);
    let (code, report) = doctor(&data);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(finding(&report, "database.pages")["status"], "pass");
}

#[test]
fn where_nothing_is_installed_there_is_nothing_to_check() {
    let (_parent, data) = directory();
    let ended = run(&data, &["doctor"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(5), ""), "{ended:?}");
    assert!(ended.lines("hint: ")[0].contains("guildhall up"), "{ended:?}");
    assert!(!data.exists());
}

#[test]
fn files_that_others_can_read_are_named_with_the_command_that_closes_them() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    for (name, is, must) in [("guildhall.db", 0o644, 0o600), ("keys", 0o755, 0o700), ("keys/audit.key", 0o640, 0o600)] {
        let path = data.join(name);
        fs::set_permissions(&path, Permissions::from_mode(is)).unwrap();
        let found = defect(&data, "files");
        assert!(found["observed"].as_str().unwrap().contains(&format!("has mode {is:04o}")), "{found}");
        assert_eq!(found["fix"], format!("chmod {must:04o} {}", path.display()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, is, "it is not mended silently");
        fs::set_permissions(&path, Permissions::from_mode(must)).unwrap();
    }
    assert_eq!(doctor(&data).0, Some(0));
}

#[test]
fn a_key_file_that_is_none_is_named_and_what_needs_it_is_unknown() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    let key = data.join("keys/audit.key");
    let bytes = fs::read(&key).unwrap();
    fs::write(&key, &bytes[..31]).unwrap();
    assert!(defect(&data, "secrets")["observed"].as_str().unwrap().contains("has 31 bytes"));
    assert_eq!(defect(&data, "audit.chain")["status"], "unknown");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    assert!(defect(&data, "secrets")["observed"].as_str().unwrap().contains("cannot read the secret"));
    fs::remove_dir(&key).unwrap();
    fs::write(&key, [7; 32]).unwrap();
    assert!(defect(&data, "secrets")["observed"].as_str().unwrap().contains("repeats itself"));
    // Another random key is no flaw of its own, but the chain was not made with it.
    fs::write(&key, bytes.iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>()).unwrap();
    assert_eq!(defect(&data, "audit.chain")["status"], "fail");
}

#[test]
fn a_configuration_that_no_server_would_take_is_named() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    let file = data.join("guildhall.toml");
    fs::write(&file, "[server]\nauth_enabled = false\n").unwrap();
    assert!(defect(&data, "config")["observed"].as_str().unwrap().contains("server.auth_enabled"));
    fs::write(&file, "[server]\nlisten = \"192.0.2.1:1\"\n").unwrap();
    assert!(defect(&data, "listen")["observed"].as_str().unwrap().contains("192.0.2.1:1 is beyond loopback"));
    fs::write(&file, "[server]\nlisten = \"somewhere\"\n").unwrap();
    assert_eq!(defect(&data, "listen")["status"], "unknown");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(defect(&data, "config")["observed"].as_str().unwrap().contains("cannot read"));
    fs::remove_dir(&file).unwrap();
    let mut variable = command(&data, &["doctor", "--json"]);
    variable.env("GUILDHALL__AUTH__ENABLED", "false");
    variable.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let ended: Ended = end_of(variable.spawn().unwrap());
    assert_eq!(ended.code, Some(1));
    assert!(finding(&ended.json(), "config")["observed"].as_str().unwrap().contains("AUTH__ENABLED"), "{ended:?}");
}

#[test]
fn rows_that_were_changed_are_named() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    tamper(&data, "UPDATE audit SET action = 'nothing' WHERE seq = 2");
    let chain = defect(&data, "audit.chain");
    assert!(chain["observed"].as_str().unwrap().contains("broken at row 2"), "{chain}");
    let ended = run(&data, &["doctor"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.lines().any(|line| line.starts_with("error    audit.chain")), "{ended:?}");
    assert!(
        ended.stdout.lines().any(|line| line.trim_start().starts_with("fix: `guildhall audit verify`")),
        "{ended:?}"
    );
    assert!(ended.stdout.trim_end().ends_with(" passed, 1 warning, 1 error, 0 unknown"), "{ended:?}");
    assert!(ended.lines("error: ")[0].contains("1 check found an error"), "{ended:?}");
}

#[test]
fn counters_and_indexes_that_were_changed_are_named() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    tamper(
        &data,
        "INSERT INTO memory_counts (workspace_id, owner, kind, access, team_id, trust, layer, live, bytes) \
         VALUES ('wsp_x', 'agt_x', 'note', 'private', '', 'unreviewed', '', 3, 30)",
    );
    assert_eq!(defect(&data, "memory.counts")["status"], "fail");
    tamper(&data, "DROP INDEX agents_by_name");
    assert_eq!(defect(&data, "database.schema")["observed"], "`agents_by_name` is missing");
}

#[test]
fn doctor_unknown_is_not_zero() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    back_up(&data);
    tamper(&data, "DROP TABLE memory_counts");
    let counts = defect(&data, "memory.counts");
    assert_eq!(counts["status"], "unknown");
    assert!(!counts["observed"].as_str().unwrap().contains(" 0 "), "{counts}");
    fs::remove_dir_all(data.join("backups")).unwrap();
    fs::write(data.join("backups"), "not a folder").unwrap();
    let backups = defect(&data, "backups");
    assert_eq!(backups["status"], "unknown");
    let ended = run(&data, &["doctor"]);
    assert!(ended.stdout.lines().any(|line| line.starts_with("unknown  backups")), "{ended:?}");
    assert!(ended.stdout.trim_end().ends_with("0 warnings, 1 error, 2 unknown"), "{ended:?}");
}

#[test]
fn a_row_that_refers_to_nothing_is_named() {
    let (_parent, data) = directory();
    let made = json_of(&data, &["init"]);
    let agent = made["agent"]["id"].as_str().unwrap();
    let workspace = made["workspace"]["id"].as_str().unwrap();
    let mut bytes = fs::read(data.join("guildhall.db")).unwrap();
    let row = format!("{agent}{workspace}agent");
    let place = bytes.windows(row.len()).position(|found| found == row.as_bytes()).unwrap();
    // The last digit of the agent's workspace: still an id, but of no workspace.
    let digit = &mut bytes[place + agent.len() + workspace.len() - 1];
    *digit = if *digit == b'0' { b'1' } else { b'0' };
    fs::write(data.join("guildhall.db"), bytes).unwrap();
    let found = defect(&data, "database.references");
    assert_eq!(
        (found["status"].as_str(), &found["observed"]),
        (Some("fail"), &json!("1 rows of `agents` refer to no row"))
    );
}

#[test]
fn a_damaged_page_and_a_damaged_file_are_named() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    let store = open(&data);
    let find = "SELECT rootpage FROM sqlite_schema WHERE name = 'outbox'";
    let page: i64 = store
        .read_blocking(move |tx| Ok::<_, store::Error>(tx.row(find, args![], |row| row.int(0))?.unwrap()))
        .unwrap();
    store.close().unwrap();
    let path = data.join("guildhall.db");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 64], u64::try_from(page - 1).unwrap() * 4_096).unwrap();
    let pages = defect(&data, "database.pages");
    assert_eq!(pages["status"], "fail", "{pages}");
    // Not even the beginning of a database: nothing else can be known.
    file.write_all_at(&[0; 100], 0).unwrap();
    let (code, report) = doctor(&data);
    let found = statuses(&report);
    assert_eq!((code, found["database.pages"].as_str()), (Some(1), "fail"), "{report}");
    for id in ["database.migrations", "database.references", "audit.chain", "memory.counts", "clock", "keys.idle"] {
        assert_eq!(found[id], "unknown", "{report}");
    }
    fs::remove_file(&path).unwrap();
    let report = doctor(&data).1;
    assert!(finding(&report, "files")["observed"].as_str().unwrap().contains("guildhall.db is missing"), "{report}");
    assert_eq!(finding(&report, "memory.counts")["status"], "unknown");
    assert!(!path.exists(), "doctor made a database");
}

#[test]
fn old_backups_and_a_server_that_does_not_answer_are_named() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    back_up(&data);
    let file = OpenOptions::new().write(true).open(data.join("backups/today.ghb")).unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    file.set_modified(long_ago).unwrap();
    let (code, report) = doctor(&data);
    let backups = finding(&report, "backups");
    assert_eq!((code, &backups["severity"], &backups["status"]), (Some(0), &json!("warn"), &json!("fail")));
    assert!(backups["observed"].as_str().unwrap().contains("2020-09-13"), "{backups}");
    fs::write(data.join("backups/before-0002-x.db"), "what a migration copied").unwrap();
    assert_eq!(finding(&doctor(&data).1, "backups"), backups);
    // Somebody who holds the lock and serves nothing.
    let store = open(&data);
    let lock = defect(&data, "lock");
    assert!(lock["observed"].as_str().unwrap().contains(&format!("process {}", std::process::id())), "{lock}");
    assert_eq!(defect(&data, "database.pages")["status"], "unknown");
    store.close().unwrap();
    // A server whose port is not the one it wrote down.
    let server = Running::start(&data);
    let lines = fs::read_to_string(data.join("guildhall.lock")).unwrap();
    fs::write(data.join("guildhall.lock"), lines.replace(server.ready["listen"].as_str().unwrap(), "127.0.0.1:1"))
        .unwrap();
    let found = defect(&data, "server");
    assert!(found["observed"].as_str().unwrap().starts_with("http://127.0.0.1:1/health"), "{found}");
    fs::write(data.join("guildhall.lock"), format!("{}\n", server.pid())).unwrap();
    assert_eq!(defect(&data, "server")["status"], "unknown");
}
