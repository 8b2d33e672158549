//! What keeps a server from starting: exit 8, one line per reason, no listener.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::binary::{Ended, command, directory, end_of, json_of, run};

fn started(data: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut up = command(data, &[&["up"], flags].concat());
    up.envs(variables.iter().copied()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    end_of(up.spawn().unwrap())
}

fn refused(data: &Path, flags: &[&str], variables: &[(&str, &str)], named: &str) {
    let ended = started(data, flags, variables);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(8), ""), "{named}: {ended:?}");
    assert_eq!(ended.lines("error: ").len(), 1, "{named}: {ended:?}");
    assert!(ended.lines("error: ")[0].contains(named), "{named}: {ended:?}");
    assert!(!data.join("guildhall.sock").exists(), "{named}: a listener was opened");
}

// contract: identity §5.35
#[test]
fn beyond_loopback_nothing_is_opened() {
    let (_parent, data) = directory();
    let listen = "GUILDHALL__SERVER__LISTEN";
    refused(&data, &["--listen", "0.0.0.0:0"], &[], "0.0.0.0:0 is beyond loopback");
    refused(&data, &["--listen", "[::]:0"], &[], "beyond loopback");
    refused(&data, &[], &[(listen, "0.0.0.0:8640")], "beyond loopback");
    assert!(!data.exists(), "a refused start made a directory");
    json_of(&data, &["init"]);
    refused(&data, &["--listen", "192.0.2.1:0"], &[], "beyond loopback");
}

#[test]
fn unknown_keys_and_dangerous_values_are_refused() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    let file = data.join("guildhall.toml");
    for (text, named) in [
        ("[server]\nauth_enabled = false\n", "server.auth_enabled"),
        ("[auth]\nenabled = false\n", "section `auth`"),
        ("debug = true\n", "section `debug`"),
        ("[server]\nallowed_origins = [\"*\"]\n", "must not contain `*`"),
        ("[server]\npublic_url = \"http://guild.example\"\n", "plain http"),
        ("[limits]\nagents_per_minute = 0\n", "limits.agents_per_minute"),
        ("[limits]\nagents_per_minute = \"none\"\n", "limits.agents_per_minute"),
        ("[server\n", "line 1"),
    ] {
        fs::write(&file, text).unwrap();
        refused(&data, &[], &[], named);
        let checked = run(&data, &["config", "check"]);
        assert_eq!(checked.code, Some(1), "{named}: {checked:?}");
    }
    fs::write(&file, "[server]\nhttps_only = false\n[log]\nlevel = \"off\"\n").unwrap();
    let both = started(&data, &[], &[("GUILDHALL__AUTH__ENABLED", "false")]);
    assert_eq!((both.code, both.lines("error: ").len()), (Some(8), 3), "{both:?}");
}

#[test]
fn unknown_variables_are_refused() {
    let (_parent, data) = directory();
    for name in ["GUILDHALL__AUTH__ENABLED", "GUILDHALL__DEBUG", "GUILDHALL__SERVER__AUTH", "GUILDHALL__LIMITS__OFF"] {
        refused(&data, &[], &[(name, "1")], name);
    }
}

#[test]
fn files_that_others_can_read_are_refused() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    for (name, is, must) in [
        ("", 0o755, 0o700),
        ("", 0o710, 0o700),
        ("keys", 0o750, 0o700),
        ("keys/audit.key", 0o644, 0o600),
        ("keys/sealing.key", 0o640, 0o600),
        ("guildhall.db", 0o644, 0o600),
        ("guildhall.toml", 0o604, 0o600),
    ] {
        let path = if name.is_empty() { data.clone() } else { data.join(name) };
        fs::set_permissions(&path, fs::Permissions::from_mode(is)).unwrap();
        refused(&data, &["--listen", "127.0.0.1:0"], &[], &format!("{} has mode {is:04o}", path.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(must)).unwrap();
    }
}

#[test]
fn a_secret_that_is_no_secret_is_refused() {
    let (_parent, data) = directory();
    json_of(&data, &["init"]);
    let key = data.join("keys/sealing.key");
    let good = fs::read(&key).unwrap();
    for (bytes, named) in [
        (&b""[..], "is empty"),
        (&[7; 31], "31 bytes"),
        (&[b'a'; 64], "64 bytes"),
        (&[0; 32], "repeats itself"),
        (b"dev-secret-key-do-not-use-in-pro", "is text"),
    ] {
        fs::write(&key, bytes).unwrap();
        refused(&data, &[], &[], named);
    }
    fs::copy(data.join("keys/audit.key"), &key).unwrap();
    refused(&data, &[], &[], "the same key");
    fs::remove_file(&key).unwrap();
    refused(&data, &[], &[], "is missing");
    fs::write(&key, good).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(data.join("guildhall.db")).unwrap();
    refused(&data, &[], &[], "guildhall.db is missing");
}

#[test]
fn a_path_too_long_for_a_socket_is_said_to_be() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("d".repeat(120));
    for verb in ["init", "up"] {
        let ended = run(&data, &[verb]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("at most 107"), "{ended:?}");
    }
    assert!(!data.exists());
}
