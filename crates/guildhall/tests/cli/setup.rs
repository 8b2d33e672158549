//! `guildhall setup`, with a home directory of its own and the files of all seven clients.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};

use crate::binary::{Ended, Running, command, end_of, json_of, run};

/// Each client with its per-user file, and the variable text of its golden files.
const CLIENTS: [(&str, &str, &str); 7] = [
    ("claude-code", ".claude.json", "json"),
    ("cursor", ".cursor/mcp.json", "json"),
    ("vscode", VSCODE, "json"),
    ("codex", ".codex/config.toml", "toml"),
    ("gemini", ".gemini/settings.json", "json"),
    ("windsurf", ".codeium/windsurf/mcp_config.json", "json"),
    ("claude-desktop", DESKTOP, "json"),
];
const VSCODE: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/Code/User/mcp.json"
} else {
    ".config/Code/User/mcp.json"
};
const DESKTOP: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/Claude/claude_desktop_config.json"
} else {
    ".config/Claude/claude_desktop_config.json"
};

/// A person's home directory, with the data directory where it usually is.
struct Home {
    _parent: tempfile::TempDir,
    path: PathBuf,
    data: PathBuf,
}

impl Home {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().canonicalize().unwrap();
        Self { data: path.join(".local/share/guildhall"), path, _parent: parent }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn setup(&self, arguments: &[&str]) -> Ended {
        self.setup_in(&self.path, arguments)
    }

    fn setup_in(&self, directory: &Path, arguments: &[&str]) -> Ended {
        let mut setup = command(&self.data, &[&["setup"], arguments].concat());
        setup.env("HOME", &self.path).current_dir(directory);
        end_of(setup.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn done(&self, arguments: &[&str]) -> Ended {
        let ended = self.setup(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended
    }

    fn key(&self, agent: &str) -> String {
        fs::read_to_string(self.data.join(format!("clients/{agent}.key"))).unwrap().trim().to_owned()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Files in a directory, without the data directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries
        .filter(|path| !path.ends_with(".local"))
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect();
    all.sort();
    all
}

fn golden(client: &str, name: &str, extension: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/setup");
    fs::read_to_string(directory.join(client).join(format!("{name}.{extension}"))).unwrap()
}

#[test]
fn every_client_is_set_up_as_written_and_put_back_to_the_byte() {
    for (client, place, extension) in CLIENTS {
        let home = Home::new();
        let before = golden(client, "before", extension);
        let file = home.write(place, &before);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let answer = home.done(&[client, "--json"]).json();
        let program = fs::canonicalize(env!("CARGO_BIN_EXE_guildhall")).unwrap();
        let wanted = golden(client, "after", extension)
            .replace("{EXE}", program.to_str().unwrap())
            .replace("{DATA}", home.data.to_str().unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), wanted, "{client}");
        assert_eq!((mode(&file), mode(&home.data.join("clients"))), (0o640, 0o700), "{client}");
        let key_file = home.data.join(format!("clients/{client}.key"));
        assert_eq!((mode(&key_file), answer["key_file"].as_str()), (0o600, key_file.to_str()), "{client}");
        assert_eq!((answer["file"].as_str(), &answer["changed"]), (file.to_str(), &json!(true)), "{client}");
        assert_eq!(answer["agent"]["name"], client);
        assert_eq!(fs::read_to_string(answer["backup"].as_str().unwrap()).unwrap(), before, "{client}");
        let key = home.key(client);
        let again = home.setup(&[client]);
        assert_eq!((again.code, home.key(client) == key), (Some(3), true), "{again:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), wanted, "{client}");
        if client != "claude-desktop" {
            let http = home.done(&[client, "--http"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), golden(client, "after-http", extension), "{client}");
            assert!(http.stderr.contains(key_file.to_str().unwrap()), "{http:?}");
            assert_eq!(home.key(client), key, "{client}: a key that works is kept");
        }
        for file in files(&home.path) {
            assert!(!fs::read_to_string(&file).unwrap().contains(&key), "the key is in {}", file.display());
        }
        home.done(&[client, "--remove"]);
        assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), (before, 0o640), "{client}");
        assert_eq!(files(&home.path), [file], "{client} leaves nothing behind");
        assert!(!home.data.join("clients").exists(), "{client}");
        assert_eq!(home.setup(&[client, "--remove"]).code, Some(3), "{client}");
    }
}

#[test]
fn a_file_that_was_not_there_is_made_and_goes_again() {
    let home = Home::new();
    for client in ["cursor", "codex"] {
        home.done(&[client]);
        assert_eq!(files(&home.path).iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600]);
        home.done(&[client, "--remove"]);
        assert_eq!(fs::read_dir(&home.path).unwrap().count(), 1, "only the data directory stays");
    }
}

#[test]
fn a_dry_run_shows_the_change_and_makes_nothing() {
    let home = Home::new();
    let ended = home.done(&["claude-code", "--rules", "--dry-run", "--json"]);
    assert!(
        ended.stderr.contains("+    \"guildhall\": {") && ended.stderr.contains("+<!-- guildhall:begin -->"),
        "{ended:?}"
    );
    assert_eq!(ended.json()["agent"]["id"], Value::Null);
    assert_eq!(fs::read_dir(&home.path).unwrap().count(), 0);
    home.done(&["claude-code"]);
    let all = files(&home.path);
    home.done(&["claude-code", "--remove", "--dry-run"]);
    assert_eq!(files(&home.path), all);
    assert!(home.data.join("clients/claude-code.key").exists());
}

#[test]
fn what_changes_is_shown_without_the_secrets_around_it() {
    let home = Home::new();
    home.write(".codex/config.toml", "[mcp_servers.a]\ncommand = \"a\"\nenv = { TOKEN = \"quiet-please\" }");
    home.write(".claude.json", "{\n  \"primaryApiKey\": \"quiet-please\"\n}\n");
    home.write(".cursor/mcp.json", r#"{"a":"quiet-please","mcpServers":{"a":{"env":{"TOKEN":"quiet-please"}}}}"#);
    home.write(".gemini/settings.json", r#"{ "mcpServers": {}, "a": ["quiet-please"] }"#);
    for client in ["codex", "claude-code", "cursor", "gemini"] {
        for arguments in [&[client][..], &[client, "--remove"]] {
            let ended = home.done(arguments);
            assert!(ended.stderr.contains("--key-file"), "{ended:?}");
            assert!(!ended.stderr.contains("quiet-please"), "{ended:?}");
        }
    }
}

#[test]
fn a_file_that_does_not_read_is_refused_before_anything_is_made() {
    let home = Home::new();
    for (client, place, text, position) in [
        ("cursor", ".cursor/mcp.json", "{\n  \"mcpServers\": {,}\n}", Some(":2:")),
        ("cursor", ".cursor/mcp.json", "[]", None),
        ("cursor", ".cursor/mcp.json", "{\"mcpServers\": []}", None),
        ("cursor", ".cursor/mcp.json", "{\"mcpServers\": {}, \"mcpServers\": {}}", None),
        ("cursor", ".cursor/mcp.json", "{\"a\": 1} {", None),
        ("vscode", VSCODE, "{'servers': {}}", Some(":1:")),
        ("codex", ".codex/config.toml", "a = 1\nb = = 2\n", Some(":2:")),
        ("codex", ".codex/config.toml", "mcp_servers = { a = { command = \"x\" } }\n", None),
    ] {
        let file = home.write(place, text);
        let ended = home.setup(&[client]);
        assert_eq!(ended.code, Some(2), "{text}: {ended:?}");
        assert!(position.is_none_or(|position| ended.stderr.contains(position)), "{text}: {ended:?}");
        assert_eq!(ended.lines("hint: ").len(), 1, "{ended:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        fs::remove_file(file).unwrap();
    }
    let file = home.path.join(".cursor/mcp.json");
    fs::write(&file, [b'{', 0xff, b'}']).unwrap();
    assert_eq!(home.setup(&["cursor"]).code, Some(2));
    fs::remove_file(&file).unwrap();
    symlink("nowhere", &file).unwrap();
    assert_eq!(home.setup(&["cursor"]).code, Some(2));
    fs::remove_file(&file).unwrap();
    assert!(!home.data.exists() && files(&home.path).is_empty(), "{:?}", files(&home.path));
}

#[test]
fn an_entry_of_somebody_else_is_left_alone() {
    let home = Home::new();
    for (client, place, text) in [
        ("cursor", ".cursor/mcp.json", "{\"mcpServers\": {\"guildhall\": {\"command\": \"mine\"}}}"),
        ("codex", ".codex/config.toml", "[mcp_servers.guildhall]\ncommand = \"mine\"\n"),
    ] {
        let file = home.write(place, text);
        for arguments in [&[client][..], &[client, "--http"], &[client, "--remove"]] {
            let ended = home.setup(arguments);
            assert_eq!((ended.code, ended.lines("hint: ").len()), (Some(1), 1), "{ended:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
    assert!(!home.data.exists());
}

#[test]
fn what_somebody_edits_in_between_stays() {
    let home = Home::new();
    let file = home.write(".cursor/mcp.json", "{\n  \"mcpServers\": {\n    \"a\": {}\n  }\n}\n");
    home.done(&["cursor"]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"a\": {}", "\"a\": {},\n    \"b\": {}")).unwrap();
    home.done(&["cursor", "--remove"]);
    let kept = "{\n  \"mcpServers\": {\n    \"a\": {},\n    \"b\": {}\n  }\n}\n";
    assert_eq!(fs::read_to_string(&file).unwrap(), kept);

    // A client that writes the whole file anew, in a form of its own.
    home.done(&["cursor"]);
    let value: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::write(&file, serde_json::to_string(&value).unwrap()).unwrap();
    assert_eq!(home.setup(&["cursor"]).code, Some(3));
    home.done(&["cursor", "--remove"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"mcpServers":{"a":{},"b":{}}}"#);

    // Our own entry, changed by hand.
    home.done(&["cursor"]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"mcp\",", "\"mcp\",\"--no-start\",")).unwrap();
    assert_eq!(home.setup(&["cursor", "--http"]).code, Some(1));
    home.done(&["cursor", "--remove"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"mcpServers":{"a":{},"b":{}}}"#);

    let file = home.write(".codex/config.toml", "model = \"x\"\n");
    home.done(&["codex"]);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}startup_timeout_sec = 20\n\n# history\n[history]\npersistence = \"none\"\n"))
        .unwrap();
    home.done(&["codex", "--remove"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "model = \"x\"\n\n\n# history\n[history]\npersistence = \"none\"\n");
}

#[test]
fn a_file_of_comments_alone_is_put_back_to_the_byte() {
    let home = Home::new();
    let file = home.write(".cursor/mcp.json", "// nothing yet\n");
    home.done(&["cursor"]);
    home.done(&["cursor", "--remove"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "// nothing yet\n");
    assert_eq!(files(&home.path), [file]);
}

#[test]
fn a_link_stays_a_link_and_its_file_is_replaced() {
    let home = Home::new();
    let target = home.write("dotfiles/mcp.json", "{}\n");
    fs::create_dir(home.path.join(".cursor")).unwrap();
    let link = home.path.join(".cursor/mcp.json");
    symlink("../dotfiles/mcp.json", &link).unwrap();
    home.done(&["cursor"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&target).unwrap().contains("guildhall"));
    home.done(&["cursor", "--remove"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), "{}\n");
}

#[test]
fn a_projects_file_can_be_shared() {
    let home = Home::new();
    let project = home.path.join("checkout");
    fs::create_dir_all(project.join("deep/er")).unwrap();
    fs::create_dir(project.join(".git")).unwrap();
    let origin = "[remote \"origin\"]\n\turl = git@example.org:team/hall.git\n";
    fs::write(project.join(".git/config"), origin).unwrap();
    for (client, config, rules) in [
        ("claude-code", ".mcp.json", "CLAUDE.md"),
        ("cursor", ".cursor/mcp.json", ".cursor/rules/guildhall.mdc"),
        ("vscode", ".vscode/mcp.json", ".github/copilot-instructions.md"),
        ("codex", ".codex/config.toml", "AGENTS.md"),
        ("gemini", ".gemini/settings.json", "GEMINI.md"),
    ] {
        let ended = home.setup_in(&project.join("deep/er"), &[client, "--project", "--rules", "--json"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!((&ended.json()["key_file"], ended.json()["agent"]["id"].is_string()), (&Value::Null, true));
        let text = fs::read_to_string(project.join(config)).unwrap();
        assert!(text.contains("\"--agent\"") && text.contains("\"guildhall\""), "{text}");
        assert!(!text.contains(home.path.to_str().unwrap()), "{text}");
        assert_eq!(text.contains(r#"env_vars = ["GUILDHALL_DATA", "XDG_DATA_HOME"]"#), client == "codex", "{text}");
        let paragraph = fs::read_to_string(project.join(rules)).unwrap();
        assert!(paragraph.contains("project: \"hall\"") && paragraph.contains("search_memories"), "{paragraph}");
        assert_eq!((mode(&project.join(config)), mode(&project.join(rules))), (0o644, 0o644), "{client}");
        assert_eq!(home.setup_in(&project, &[client, "--project", "--rules"]).code, Some(3), "{client}");
    }
    let elsewhere = home.path.join("elsewhere");
    let mut setup = command(&elsewhere, &["setup", "cursor", "--project", "--agent", "other"]);
    setup.env("HOME", &home.path).current_dir(&home.path).stdout(Stdio::piped()).stderr(Stdio::piped());
    let told = end_of(setup.spawn().unwrap());
    assert!(told.stderr.contains(&format!("export GUILDHALL_DATA='{}'", elsewhere.display())), "{told:?}");
    let windsurf = home.setup_in(&project, &["windsurf", "--project"]);
    assert_eq!((windsurf.code, windsurf.lines("hint: ").len()), (Some(2), 1), "{windsurf:?}");
    assert_eq!(home.setup_in(&project, &["windsurf", "--project", "--rules"]).code, Some(0));
    for (client, _, _) in CLIENTS.iter().filter(|(client, _, _)| *client != "claude-desktop") {
        let ended = home.setup_in(&project, &[client, "--project", "--remove"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    assert_eq!(files(&project), [project.join(".git/config")]);
    assert_eq!(fs::read_dir(&project).unwrap().count(), 2, "made directories go too");
}

#[test]
fn what_a_client_wants_its_user_to_agree_to_is_said() {
    let home = Home::new();
    for (arguments, asks) in [
        (&["claude-code"][..], None),
        (&["claude-code", "--project"], Some("run `claude` there")),
        (&["codex"], None),
        (&["codex", "--project"], Some("run `codex` there")),
        (&["gemini"], Some("run `gemini` there")),
        (&["gemini", "--project"], Some("run `gemini` there")),
    ] {
        let project = home.path.join("project");
        fs::create_dir_all(&project).unwrap();
        let said = home.setup_in(&project, arguments).stderr;
        assert!(said.contains("is set up as the agent"), "{arguments:?}: {said}");
        assert_eq!(said.contains("there and agree"), asks.is_some(), "{arguments:?}: {said}");
        assert!(asks.is_none_or(|asks| said.contains(asks)), "{arguments:?}: {said}");
    }
}

#[test]
fn what_a_client_cannot_do_is_said() {
    let home = Home::new();
    for arguments in [
        &["claude-desktop", "--http"][..],
        &["claude-desktop", "--project"],
        &["claude-desktop", "--rules"],
        &["cursor", "--rules"],
        &["vscode", "--rules"],
    ] {
        let ended = home.setup(arguments);
        assert_eq!((ended.code, ended.lines("hint: ").len()), (Some(2), 1), "{arguments:?}: {ended:?}");
    }
    assert_eq!(home.setup(&["cursor", "--agent", "../x"]).code, Some(2));
    assert!(files(&home.path).is_empty() && !home.data.exists());
}

#[test]
fn rules_are_replaced_in_place_and_leave_as_they_came() {
    let home = Home::new();
    for before in ["", "no end of line", "# Mine\r\n\r\nBe brief.\r\n", "# Mine\n"] {
        let file = home.write(".claude/CLAUDE.md", before);
        home.done(&["claude-code", "--rules"]);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(before) && text.contains("set_memory"), "{text}");
        fs::write(&file, format!("{}\nAfter it.\n", text.replace("Never store", "Always store"))).unwrap();
        home.done(&["claude-code", "--rules"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{text}\nAfter it.\n"));
        home.done(&["claude-code", "--remove"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{before}\nAfter it.\n"));
    }
    let own = home.write(".codex/AGENTS.md", "<!-- guildhall:begin -->\nhalf\n");
    assert_eq!(home.setup(&["codex", "--rules"]).code, Some(2));
    assert_eq!(fs::read_to_string(own).unwrap(), "<!-- guildhall:begin -->\nhalf\n");
}

#[test]
fn a_key_is_made_anew_when_it_ended_and_ends_with_the_setup() {
    let home = Home::new();
    let server = Running::start(&home.data);
    let whoami = |key: &str| server.http("GET", "/api/v1/whoami", Some(key), &Value::Null);
    home.done(&["cursor"]);
    let first = home.key("cursor");
    assert_eq!((whoami(&first).0, &whoami(&first).1["name"]), (200, &json!("cursor")));
    let listed = json_of(&home.data, &["key", "list", "--agent", "cursor"]);
    run(&home.data, &["key", "revoke", listed["items"][0]["id"].as_str().unwrap()]);
    home.done(&["cursor"]);
    let second = home.key("cursor");
    assert_eq!((whoami(&first).0, whoami(&second).0), (401, 200));
    // Without its file a live key is of no use to anybody: it ends.
    fs::remove_file(home.data.join("clients/cursor.key")).unwrap();
    home.done(&["cursor"]);
    let third = home.key("cursor");
    assert_eq!((whoami(&second).0, whoami(&third).0), (401, 200));
    // Whoever could read the file may have the key.
    let file = home.data.join("clients/cursor.key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    home.done(&["cursor"]);
    assert_eq!((whoami(&third).0, whoami(&home.key("cursor")).0, mode(&file)), (401, 200, 0o600));
    let third = home.key("cursor");
    home.done(&["cursor", "--agent", "mine"]);
    assert_eq!((whoami(&third).0, &whoami(&home.key("mine")).1["name"]), (401, &json!("mine")));
    let mine = home.key("mine");
    let removed = home.done(&["cursor", "--remove"]);
    assert!(removed.stderr.contains("`mine`"), "{removed:?}");
    assert_eq!((whoami(&mine).0, home.data.join("clients").exists()), (401, false));
    let agents = json_of(&home.data, &["agent", "list"]).to_string();
    assert!(agents.contains("\"mine\"") && agents.contains("\"cursor\""), "{agents}");
    json_of(&home.data, &["agent", "disable", "cursor"]);
    assert_eq!(home.setup(&["cursor"]).code, Some(6));
}

#[test]
fn clients_that_share_an_agent_share_its_key_in_whatever_case_it_is_named() {
    let home = Home::new();
    home.done(&["cursor", "--agent", "mine"]);
    let key = home.key("mine");
    home.done(&["gemini", "--agent", "Mine"]);
    assert_eq!(home.key("mine"), key);
    home.done(&["cursor", "--remove"]);
    assert_eq!(home.key("mine"), key);
    home.done(&["gemini", "--remove"]);
    assert!(!home.data.join("clients").exists());
}

#[test]
fn clients_that_are_set_up_at_once_on_a_fresh_machine_wait_for_each_other() {
    let home = Home::new();
    let setups: Vec<_> = CLIENTS
        .iter()
        .map(|(client, _, _)| {
            let mut setup = command(&home.data, &["setup", client]);
            setup.env("HOME", &home.path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for setup in setups {
        let ended = end_of(setup);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    for (client, _, _) in CLIENTS {
        assert_eq!(home.setup(&[client]).code, Some(3), "{client}");
    }
}

#[test]
fn a_fresh_machine_is_initialised_without_a_key_that_nobody_saw() {
    let home = Home::new();
    let ended = home.done(&["gemini"]);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("ghk_"), "{ended:?}");
    let server = Running::start(&home.data);
    assert_eq!(server.http("GET", "/api/v1/whoami", Some(&home.key("gemini")), &Value::Null).0, 200);
    let keys = json_of(&home.data, &["key", "list", "--agent", "agent"]);
    assert_eq!(keys["items"], json!([]));
}

#[test]
fn killed_at_any_moment_the_file_is_the_old_or_the_new_one() {
    let home = Home::new();
    let before = "{\n  // mine\n  \"mcpServers\": {}\n}\n";
    let file = home.write(".cursor/mcp.json", before);
    home.done(&["cursor"]);
    let after = fs::read_to_string(&file).unwrap();
    home.done(&["cursor", "--remove"]);
    for step in 0..10 {
        let mut setup = command(&home.data, &["setup", "cursor"]);
        setup.env("HOME", &home.path).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = setup.spawn().unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(step * 8) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = fs::read_to_string(&file).unwrap();
        assert!(found == before || found == after, "{found}");
        let again = home.setup(&["cursor"]);
        assert!([Some(0), Some(3)].contains(&again.code), "{again:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), after);
        home.done(&["cursor", "--remove"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
    }
}

// contract: mcp §8.21
#[test]
fn each_written_configuration_reaches_the_server_with_its_fresh_key() {
    let home = Home::new();
    let server = Running::start(&home.data);
    for (client, place, extension) in CLIENTS.into_iter().filter(|(client, _, _)| *client != "claude-desktop") {
        home.done(&[client, "--http"]);
        let text = fs::read_to_string(home.path.join(place)).unwrap();
        let (url, authorization) = request_of(client, &text, extension, &home.key(client));
        assert_eq!(url, server.ready["mcp_url"], "{client}");
        let (status, listed) = tools_list(&url, &authorization);
        assert_eq!(status, 200, "{client}: {listed}");
        assert!(listed["result"]["tools"].as_array().unwrap().len() >= 5, "{client}: {listed}");
        assert_eq!(tools_list(&url, "Bearer ghk_wrong").0, 401, "{client}");
    }
}

/// The URL and the credential of an entry, as its client reads it.
fn request_of(client: &str, text: &str, extension: &str, key: &str) -> (String, String) {
    if extension == "toml" {
        let config: toml::Table = text.parse().unwrap();
        let entry = &config["mcp_servers"]["guildhall"];
        assert_eq!(entry["bearer_token_env_var"].as_str(), Some("GUILDHALL_API_KEY"));
        return (entry["url"].as_str().unwrap().to_owned(), format!("Bearer {key}"));
    }
    let config: Value = serde_json::from_str(text).unwrap();
    let (servers, url, reference) = match client {
        "claude-code" => ("mcpServers", "url", "${GUILDHALL_API_KEY}"),
        "cursor" => ("mcpServers", "url", "${env:GUILDHALL_API_KEY}"),
        "vscode" => ("servers", "url", "${input:key}"),
        "gemini" => ("mcpServers", "httpUrl", "$GUILDHALL_API_KEY"),
        "windsurf" => ("mcpServers", "serverUrl", "${env:GUILDHALL_API_KEY}"),
        other => panic!("{other}"),
    };
    if client == "vscode" {
        assert_eq!(config["inputs"][0]["id"], "key");
    }
    let entry = &config[servers]["guildhall"];
    let authorization = entry["headers"]["Authorization"].as_str().unwrap();
    assert!(authorization.contains(reference), "{client}: {authorization}");
    (entry[url].as_str().unwrap().to_owned(), authorization.replace(reference, key))
}

fn tools_list(url: &str, authorization: &str) -> (u16, Value) {
    let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/mcp")).unwrap();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }})
    .to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}
#[test]
fn each_written_command_speaks_mcp_as_its_own_agent() {
    let home = Home::new();
    for client in ["cursor", "claude-desktop", "gemini"] {
        home.done(&[client]);
        let place = CLIENTS.iter().find(|(id, _, _)| *id == client).unwrap().1;
        let config: Value = serde_json::from_str(&fs::read_to_string(home.path.join(place)).unwrap()).unwrap();
        let answers = started_by(&home, &config["mcpServers"]["guildhall"]);
        assert!(answers[1]["result"]["tools"].as_array().unwrap().len() >= 5, "{client}: {answers:?}");
        assert_eq!(answers[2]["result"]["structuredContent"]["name"], client);
    }
    run(&home.data, &["stop"]);
}

/// Starts the command of an entry and says initialize, tools/list and whoami to it; what it answers.
fn started_by(home: &Home, entry: &Value) -> Vec<Value> {
    use std::io::{BufRead as _, BufReader};
    let args = entry["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    let mut command = std::process::Command::new(entry["command"].as_str().unwrap());
    command.env_clear().env("HOME", &home.path).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let start =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let calls = [
        ("initialize", start),
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "whoami", "arguments": {} })),
    ];
    let answers = calls.iter().zip(1..).map(|((method, params), id)| {
        writeln!(stdin, "{}", json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).unwrap();
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()
    });
    let answers = answers.collect();
    drop(stdin);
    assert_eq!(end_of(child).code, Some(0));
    answers
}

#[test]
fn what_was_asked_for_at_the_set_up_may_be_said_again_to_undo_it() {
    let home = Home::new();
    home.done(&["gemini", "--rules"]);
    home.done(&["gemini", "--rules", "--remove"]);
    assert!(!home.path.join(".gemini/GEMINI.md").exists());
    home.done(&["gemini", "--http"]);
    home.done(&["gemini", "--http", "--remove"]);
    assert_eq!(home.setup(&["gemini", "--remove"]).code, Some(3));
}
