//! Servers that shims start, lose and find again, and that `guildhall stop` ends.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::DirBuilderExt as _, net::UnixListener},
    process::Command,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::kit::{Place, Shim, call, eventually, legacy, modern};
use crate::binary::{Running, json_of, run};

fn starts(place: &Place) -> usize {
    let rows = json_of(&place.data, &["audit", "search", "--action", "server.started"]);
    rows["items"].as_array().unwrap().len()
}

// contract: mcp §8.15
#[test]
fn twenty_shims_at_once_start_one_server_and_all_are_answered() {
    let place = Place::fresh();
    let mut shims: Vec<_> = (0..20).map(|_| place.shim(&[])).collect();
    for shim in &mut shims {
        shim.send(&call(1, "create_memory", json!({"content": "one of twenty"})));
    }
    for shim in &shims {
        let answer = shim.next();
        assert_eq!(answer["result"]["isError"], false, "{answer}");
    }
    assert_eq!(starts(&place), 1);
    for shim in shims {
        let (rest, ended) = shim.end();
        assert_eq!((rest, ended.code, ended.stderr.as_str()), (vec![], Some(0), ""));
    }
    // It outlives those that started it, and leaves their terminal.
    assert_eq!(json_of(&place.data, &["memory", "list"])["items"], json!([]));
    let pid = i32::try_from(place.pid().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    assert_eq!(rustix::process::getsid(Some(pid)).unwrap(), pid);
}

#[test]
fn a_first_run_in_the_background_makes_no_key_and_writes_no_secret() {
    let place = Place::fresh();
    place.shim(&[]).done("whoami", json!({}));
    assert_eq!(json_of(&place.data, &["key", "list"])["items"], json!([]));
    let log = place.log();
    assert!(!log.contains("ghk_") && log.contains("guildhall key create agent"), "{log}");
}

/// Calls of which the server is killed in the middle; how each was answered, by its number.
fn killed_in_the_middle(place: &Place, arguments: impl Fn(usize) -> Value) -> Vec<Value> {
    let mut shim = place.shim(&[]);
    shim.done("whoami", json!({}));
    for number in 0..40 {
        shim.send(&call(number, "create_memory", arguments(number)));
    }
    let mut answers = vec![Value::Null; 40];
    for count in 0..40 {
        if count == 3 {
            place.signal(Signal::KILL);
        }
        let answer = shim.next();
        answers[usize::try_from(answer["id"].as_u64().unwrap()).unwrap()] = answer["result"].clone();
    }
    answers
}

// contract: mcp §8.16
#[test]
fn a_call_with_an_idempotency_key_survives_a_kill_and_is_executed_once() {
    let place = Place::fresh();
    let answers = killed_in_the_middle(
        &place,
        |number| json!({"content": format!("keyed {number}"), "idempotency_key": format!("call-{number}")}),
    );
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer["isError"], false, "{answer}");
        assert_eq!(answer["structuredContent"]["content"], format!("keyed {number}"));
    }
    let ids: std::collections::BTreeSet<_> =
        answers.iter().map(|answer| answer["structuredContent"]["id"].to_string()).collect();
    assert_eq!(ids.len(), 40);
    assert_eq!(created(&place), 40);
    assert_eq!(starts(&place), 2);
}

/// How many memories were made, as the audit log says.
fn created(place: &Place) -> usize {
    let rows =
        json_of(&place.data, &["audit", "search", "--action", "memory.create", "--outcome", "ok", "--limit", "200"]);
    rows["items"].as_array().unwrap().len()
}

// contract: mcp §8.16
#[test]
fn a_call_without_an_idempotency_key_is_never_sent_twice() {
    let place = Place::fresh();
    let answers = killed_in_the_middle(&place, |number| json!({"content": format!("bare {number}")}));
    let (done, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer["isError"] == false);
    for answer in &lost {
        let content = &answer["structuredContent"];
        assert_eq!((&content["code"], &content["retry_after"]), (&json!("unavailable"), &json!(1)), "{answer}");
        assert!(content["hint"].as_str().unwrap().contains("idempotency_key"), "{answer}");
        let text: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!((&text, &answer["resultType"]), (content, &json!("complete")));
    }
    // A killed server takes connections until the kernel has taken it apart.
    eventually("a server answers", || place.shim(&[]).call("whoami", json!({}))["isError"] == false);
    let created = created(&place);
    assert!((done.len()..=40).contains(&created), "{created} of {} acknowledged", done.len());
}

#[test]
fn a_session_goes_on_after_a_restart_with_its_streams() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    shim.listen(7);
    for signal in [Signal::KILL, Signal::TERM] {
        let before = place.pid();
        place.signal(signal);
        eventually("the server is gone", || run(&place.data, &["memory", "list"]).code == Some(7));
        shim.done("whoami", json!({}));
        assert_ne!(place.pid(), before);
        shim.send(&modern(8, "tools/list", json!({})));
        assert_eq!(shim.next()["id"], 8, "no second acknowledgement, and no end of the stream");
    }
    assert_eq!(starts(&place), 3);
    // Whether the stream is open at the new server already or opened after this: it ends with its agent.
    json_of(&place.data, &["agent", "disable", "agent"]);
    let end = shim.next();
    assert_eq!((&end["id"], &end["error"]["data"]["code"]), (&json!(7), &json!("unauthenticated")), "{end}");
}

#[test]
fn stop_ends_the_server_and_says_when_there_is_none() {
    let place = Place::fresh();
    let none = run(&place.data, &["stop"]);
    assert_eq!(none.code, Some(3), "{none:?}");
    place.shim(&[]).done("create_memory", json!({"content": "kept"}));
    let pid = place.pid().unwrap();
    let stopped = run(&place.data, &["stop"]);
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(stopped.stderr.contains(&format!("stopped process {pid}")), "{stopped:?}");
    assert!(!place.data.join("guildhall.sock").exists());
    // The number of a process that is gone stays in the file; nobody is sent a signal for it.
    assert_eq!((place.pid(), run(&place.data, &["stop"]).code), (Some(pid), Some(3)));
    let running = Running::start(&place.data);
    let stopped = run(&place.data, &["stop"]);
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert_eq!(running.end(Signal::CONT).code, Some(0));
}

#[test]
fn stop_sends_no_signal_to_another_process_of_the_same_number() {
    let place = Place::fresh();
    fs::DirBuilder::new().mode(0o700).create(&place.data).unwrap();
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let mut lock = fs::File::create(place.data.join("guildhall.lock")).unwrap();
    lock.lock().unwrap();
    write!(lock, "{}\n127.0.0.1:1\n", other.id()).unwrap();
    let _listener = UnixListener::bind(place.data.join("guildhall.sock")).unwrap();
    let refused = run(&place.data, &["stop"]);
    assert_eq!((refused.code, refused.lines("hint: ").len()), (Some(6), 1), "{refused:?}");
    assert_eq!(other.try_wait().unwrap(), None, "it goes on");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_server_whose_directory_is_removed_ends_and_another_one_is_started() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    shim.done("create_memory", json!({"content": "removed with the directory"}));
    let (before, process) = (place.pid(), format!("/proc/{}", place.pid().unwrap()));
    fs::rename(&place.data, place.data.with_extension("moved")).unwrap();
    eventually("the server has ended", || !fs::exists(&process).unwrap());
    assert_eq!(shim.done("search_memories", json!({"query": "removed"}))["items"], json!([]));
    assert_ne!(place.pid(), before);
}

#[test]
fn a_server_keeps_nothing_open_that_its_client_did() {
    let place = Place::fresh();
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::io::fcntl_setfd(&writer, rustix::io::FdFlags::empty()).unwrap();
    let mut shim = place.shim(&[]);
    drop(writer);
    shim.done("whoami", json!({}));
    shim.end();
    assert_eq!(reader.read(&mut [0]).unwrap(), 0, "nobody holds the other end any more");
    assert_eq!(run(&place.data, &["stop"]).code, Some(0));
}

#[test]
fn a_server_that_ended_is_no_zombie_of_a_shim_that_rests() {
    let place = Place::fresh();
    place.shim(&[]).end();
    let mut shim = place.shim(&[]);
    shim.done("whoami", json!({}));
    let process = format!("/proc/{}", place.pid().unwrap());
    if cfg!(target_os = "linux") {
        assert!(fs::exists(&process).unwrap());
    }
    place.signal(Signal::KILL);
    eventually("it is gone altogether", || !fs::exists(&process).unwrap());
}

#[test]
fn the_next_call_after_an_upgrade_starts_the_new_program() {
    let place = Place::fresh();
    let (usual, program) = (place.command(&[]), place.data.with_file_name("program"));
    let install = || {
        let new = program.with_extension("new");
        fs::copy(usual.get_program(), &new).unwrap();
        fs::rename(new, &program).unwrap();
    };
    install();
    let mut command = Command::new(&program);
    command.env_clear().args(usual.get_args());
    command.envs(usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut shim = Shim::of(command);
    shim.done("whoami", json!({}));
    install();
    assert_eq!(run(&place.data, &["stop"]).code, Some(0));
    shim.done("whoami", json!({}));
    let (_, ended) = shim.end();
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_server_of_another_version_is_told_once() {
    let place = Place::fresh();
    fs::DirBuilder::new().mode(0o700).create(&place.data).unwrap();
    let listener = UnixListener::bind(place.data.join("guildhall.sock")).unwrap();
    std::thread::spawn(move || {
        let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 4096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Guildhall-Version: 9.9.9\r\n";
            let _ = write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let mut shim = place.shim(&["--no-start"]);
    for _ in 0..3 {
        shim.send(&legacy(1, "ping", json!({})));
        assert_eq!(shim.next()["result"], json!({}));
    }
    let (_, ended) = shim.end();
    assert_eq!(ended.lines("guildhall mcp: the server is version 9.9.9, this program ").len(), 1, "{ended:?}");
    assert!(ended.stderr.contains("guildhall stop"), "{ended:?}");
}
