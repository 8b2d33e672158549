//! `backup create`, `list`, `verify`, `keygen`.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::binary::{Ended, Running, command, directory, end_of, json_of, run};

/// An installation, and what opens its backups.
pub(crate) struct Installation {
    parent: tempfile::TempDir,
    pub(crate) data: PathBuf,
    pub(crate) identity: PathBuf,
    recipient: String,
}

impl Installation {
    /// Initialised; no server runs.
    pub(crate) fn new() -> Self {
        let (parent, data) = directory();
        json_of(&data, &["init"]);
        let identity = parent.path().join("identity");
        let made = run(&data, &["backup", "keygen", "--out", text(&identity)]);
        Self { parent, data, identity, recipient: made.stdout.trim().to_owned() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    /// Writes a file beside the data directory.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes a backup, which must succeed.
    pub(crate) fn backup(&self, name: &str) -> PathBuf {
        let out = self.path(name);
        let made = self.create(&out);
        assert_eq!(made.code, Some(0), "{made:?}");
        out
    }

    fn create(&self, out: &Path) -> Ended {
        run(&self.data, &["backup", "create", "--out", text(out), "--recipient", &self.recipient, "--json"])
    }

    pub(crate) fn verify(&self, file: &Path) -> Ended {
        run(&self.data, &["backup", "verify", text(file), "--identity", text(&self.identity), "--json"])
    }

    pub(crate) fn restore(&self, file: &Path, into: &Path) -> Ended {
        let opener = ["--identity", text(&self.identity), "--json"];
        run(&self.data, &[&["restore", text(file), "--into", text(into)][..], &opener].concat())
    }

    /// Nothing is left of copies and unfinished files.
    fn is_tidy(&self) -> bool {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        !names(&self.data.join("backups")).iter().any(|name| name.starts_with("snapshot-"))
            && !names(self.parent.path()).iter().any(|name| name.contains("partial"))
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_backup_is_made_with_and_without_a_server_and_verifies() {
    let hall = Installation::new();
    let without = hall.backup("without.ghb");
    let server = Running::start(&hall.data);
    json_of(&hall.data, &["memory", "add", "kept in a backup"]);
    let with = hall.backup("with.ghb");
    for file in [&without, &with] {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let verdict = hall.verify(file);
        assert_eq!(verdict.code, Some(0), "{verdict:?}");
        let verdict = verdict.json();
        let checks: Vec<&str> =
            verdict["checks"].as_array().unwrap().iter().map(|one| one["check"].as_str().unwrap()).collect();
        let all = ["header", "envelope", "signature", "parts", "integrity", "foreign keys", "migrations", "rows"];
        assert_eq!(checks, [&all[..], &["audit chain"]].concat());
        assert!(verdict["checks"][2]["detail"].as_str().unwrap().contains("by this installation"), "{verdict}");
    }
    let rows = json_of(&hall.data, &["audit", "search", "--action", "backup.snapshot"]);
    assert_eq!(rows["items"].as_array().unwrap().len(), 2, "{rows}");
    assert!(hall.is_tidy());
    drop(server);

    let listed = json_of(&hall.data, &["backup", "list", text(hall.parent.path())]);
    let files: Vec<&str> =
        listed["items"].as_array().unwrap().iter().map(|one| one["file"].as_str().unwrap()).collect();
    assert_eq!(files, [text(&without), text(&with)], "oldest first, and only backups");
    assert_eq!(json_of(&hall.data, &["backup", "list"])["items"], json!([]));
    assert_eq!(run(&hall.data, &["backup", "list", text(&hall.path("nowhere"))]).code, Some(5));
}

#[test]
fn a_backup_is_never_made_in_the_open_and_never_replaces_a_file() {
    let hall = Installation::new();
    let out = hall.path("out.ghb");
    let (short, nowhere) = (hall.file("short", "elevenchars\ncorrect horse battery\n"), hall.path("nowhere"));
    for flags in [
        &[][..],
        &["--passphrase-file", text(&short)],
        &["--passphrase-file", text(&nowhere)],
        &["--recipient", "age1nonsense"],
        &["--recipient", &hall.recipient, "--passphrase-file", text(&short)],
    ] {
        let refused = run(&hall.data, &[&["backup", "create", "--out", text(&out)], flags].concat());
        assert_eq!(refused.code, Some(2), "{flags:?}: {refused:?}");
        assert!(!out.exists(), "{flags:?}");
    }
    let unsealed = run(&hall.data, &["backup", "create", "--out", text(&out)]);
    assert!(unsealed.lines("hint: ")[0].contains("--passphrase-file"), "{unsealed:?}");

    fs::write(&out, "somebody's").unwrap();
    assert_eq!(hall.create(&out).code, Some(3));
    assert_eq!(fs::read(&out).unwrap(), b"somebody's");
    assert_eq!(hall.create(&hall.path("no/such/folder.ghb")).code, Some(2));
    assert_eq!(run(&hall.data, &["backup", "keygen", "--out", text(&hall.identity)]).code, Some(3));
    assert!(hall.is_tidy());
    let elsewhere = hall.path("elsewhere");
    let none = run(&elsewhere, &["backup", "create", "--out", text(&out), "--recipient", &hall.recipient]);
    assert_eq!(none.code, Some(5), "{none:?}");
}

/// Which part a changed byte belongs to, as far as its place tells.
fn expected(place: usize, line: usize, envelope: usize) -> &'static [&'static str] {
    if place < line {
        // The digest of the envelope stands in the first line too.
        &["header", "envelope"]
    } else if place < envelope {
        &["envelope"]
    } else {
        &["manifest.json", "manifest.sig", "keys/audit.key", "guildhall.db", "end"]
    }
}

// contract: places §11.19
#[test]
fn one_changed_byte_anywhere_is_found_and_named_and_nothing_is_restored() {
    let hall = Installation::new();
    let file = hall.backup("whole.ghb");
    let whole = fs::read(&file).unwrap();
    let line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let head = whole.windows(5).position(|window| window == b"\n--- ").unwrap();
    let envelope = head + 5 + 43 + 1 + 16;
    let spread = (0..16).map(|step| envelope + step * (whole.len() - 1 - envelope) / 15);
    let near = [0, 3, 40, 90, 150, line - 5, line - 1, line, line + 30, line + 100, head + 10, envelope - 3];
    let (changed, into) = (hall.path("changed.ghb"), hall.path("restored"));
    let mut named = std::collections::BTreeSet::new();
    for place in near.into_iter().chain(spread) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&changed, bytes).unwrap();
        let verdict = hall.verify(&changed);
        assert_eq!(verdict.code, Some(1), "byte {place}: {verdict:?}");
        let part = verdict.json()["first_bad"].as_str().unwrap().to_owned();
        assert!(expected(place, line, envelope).contains(&part.as_str()), "byte {place}: {part}");
        assert!(verdict.lines("error: ")[0].contains(&part), "byte {place}: {verdict:?}");
        let refused = hall.restore(&changed, &into);
        assert_eq!(refused.code, Some(1), "byte {place}: {refused:?}");
        assert!(!into.exists(), "byte {place}");
        named.insert(part);
    }
    for part in ["header", "envelope", "manifest.json", "guildhall.db"] {
        assert!(named.contains(part), "{part} was never named: {named:?}");
    }
    for length in [0, 10, line, envelope, envelope + 70_000, whole.len() - 1] {
        fs::write(&changed, &whole[..length]).unwrap();
        assert_eq!(hall.verify(&changed).code, Some(1), "cut to {length}");
        assert_eq!(hall.restore(&changed, &into).code, Some(1), "cut to {length}");
    }
    fs::write(&changed, [&whole[..], b"more"].concat()).unwrap();
    assert_eq!(hall.verify(&changed).code, Some(1));
    assert_eq!(hall.verify(&file).code, Some(0));
}

#[test]
fn whoever_signed_is_told() {
    let (hall, other) = (Installation::new(), Installation::new());
    let file = hall.backup("mine.ghb");
    let verdict = run(&other.data, &["backup", "verify", text(&file), "--identity", text(&hall.identity)]);
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
    assert!(verdict.stdout.contains("by another installation"), "{verdict:?}");
    let verdict = run(&hall.path("none"), &["backup", "verify", text(&file), "--identity", text(&hall.identity)]);
    assert!(verdict.code == Some(0) && verdict.stdout.contains("by the installation "), "{verdict:?}");
}

#[test]
fn a_wrong_passphrase_or_identity_is_refused_and_told_from_damage() {
    let (hall, other) = (Installation::new(), Installation::new());
    let (right, wrong) = (hall.file("right", "correct horse battery\n"), hall.file("wrong", "correct horse batterx\n"));
    let (out, into) = (hall.path("sealed.ghb"), hall.path("restored"));
    let made = run(&hall.data, &["backup", "create", "--out", text(&out), "--passphrase-file", text(&right)]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let refused = run(&hall.data, &["backup", "verify", text(&out), "--passphrase-file", text(&wrong)]);
    assert_eq!(refused.code, Some(6), "{refused:?}");
    assert!(refused.lines("error: ")[0].contains("does not open"), "{refused:?}");
    let refused = run(&hall.data, &["restore", text(&out), "--into", text(&into), "--passphrase-file", text(&wrong)]);
    assert_eq!(refused.code, Some(6), "{refused:?}");
    assert!(!into.exists());
    assert_eq!(hall.verify(&out).code, Some(6), "an identity does not open what a passphrase sealed");
    assert_eq!(other.verify(&hall.backup("mine.ghb")).code, Some(6));
    assert_eq!(run(&hall.data, &["backup", "verify", text(&out)]).code, Some(2));
    assert_eq!(hall.verify(&hall.path("nowhere")).code, Some(5));
}

#[test]
fn attack_a70_a_backup_shows_neither_keys_nor_memories() {
    let hall = Installation::new();
    let server = Running::start(&hall.data);
    let marker = "canary-4f1d9c zinc heron";
    json_of(&hall.data, &["memory", "add", marker, "--key", "canary-key-77"]);
    json_of(&hall.data, &["agent", "add", "canary-agent"]);
    let key = json_of(&hall.data, &["key", "create", "canary-agent"]);
    let secret = key["api_key"].as_str().unwrap();
    let file = fs::read(hall.backup("sealed.ghb")).unwrap();
    drop(server);
    let keys = fs::read_dir(hall.data.join("keys")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let plain =
        [marker, "canary-key-77", "canary-agent", secret, key["key"]["prefix"].as_str().unwrap(), "SQLite format"];
    let mut canaries: Vec<Vec<u8>> = plain.iter().map(|text| text.as_bytes().to_vec()).collect();
    canaries.extend(keys);
    for canary in canaries {
        assert!(!file.windows(canary.len()).any(|window| window == canary), "{}", String::from_utf8_lossy(&canary));
    }
    let out = hall.path("open.ghb");
    assert_eq!(run(&hall.data, &["backup", "create", "--out", text(&out)]).code, Some(2));
    assert!(!out.exists());
}

#[test]
fn an_interrupted_backup_leaves_nothing_behind() {
    let hall = Installation::new();
    let _server = Running::start(&hall.data);
    let passphrase = hall.file("passphrase", "correct horse battery\n");
    let out = hall.path("cut.ghb");
    let mut create =
        command(&hall.data, &["backup", "create", "--out", text(&out), "--passphrase-file", text(&passphrase)]);
    let child = create.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let partial = hall.path(&format!(".cut.ghb.partial-{}", child.id()));
    while !partial.exists() {
        std::thread::yield_now();
    }
    // What derives a key from the passphrase takes longer than this signal.
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = end_of(child);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!out.exists() && hall.is_tidy());
}

#[test]
fn an_installation_without_a_signing_key_gets_one_at_its_next_start() {
    let hall = Installation::new();
    let path = hall.data.join("keys/signing.key");
    fs::remove_file(&path).unwrap();
    drop(Running::start(&hall.data));
    let made = fs::read(&path).unwrap();
    assert_eq!((made.len(), path.metadata().unwrap().permissions().mode() & 0o777), (64, 0o600));
    let verdict: Value = hall.verify(&hall.backup("signed.ghb")).json();
    assert_eq!(verdict["ok"], true);
    assert_eq!(fs::read(&path).unwrap(), made);
}
