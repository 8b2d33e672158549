//! What a shim answers when there is no server.

use std::fs;

use serde_json::{Value, json};

use super::kit::{Place, call, eventually, legacy};
use crate::binary::{Running, run};

#[test]
fn a_start_that_is_refused_is_told_to_the_client_and_the_operator() {
    let place = Place::fresh();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = place.command(&[]);
    command.env("GUILDHALL__SERVER__LISTEN", &address);
    let mut shim = super::kit::Shim::of(command);
    let refused = shim.call("whoami", json!({}));
    let content = &refused["structuredContent"];
    assert_eq!((&refused["isError"], &content["code"]), (&json!(true), &json!("unavailable")), "{refused}");
    assert!(content["message"].as_str().unwrap().contains("cannot listen"), "{refused}");
    assert!(content["hint"].as_str().unwrap().contains("another port"), "{refused}");
    shim.send(&legacy(5, "initialize", json!({"protocolVersion": "2025-06-18", "capabilities": {}})));
    let refused = shim.next();
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(5), &json!(-32603)));
    assert_eq!(refused["error"]["data"]["code"], "unavailable");
    // It is tried again when the reason is gone.
    drop(taken);
    eventually("the server starts", || shim.call("whoami", json!({}))["isError"] == false);
    let (_, ended) = shim.end();
    assert!(ended.stderr.contains("guildhall mcp: the server could not be started: cannot listen"), "{ended:?}");
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let place = Place::fresh();
    fs::create_dir(&place.data).unwrap();
    fs::write(place.data.join("thesis.txt"), "mine").unwrap();
    let refused = place.shim(&[]).call("whoami", json!({}));
    assert!(refused["structuredContent"]["message"].as_str().unwrap().contains("is not empty"), "{refused}");
    assert_eq!(fs::read_dir(&place.data).unwrap().count(), 1);
}

#[test]
fn an_unsafe_directory_is_left_alone() {
    let place = Place::fresh();
    assert_eq!(run(&place.data, &["init"]).code, Some(0));
    let (mine, log) = (place.data.with_file_name("mine"), place.data.join("guildhall.log"));
    fs::write(&mine, "thesis").unwrap();
    std::os::unix::fs::symlink(&mine, &log).unwrap();
    let refused = place.shim(&[]).call("whoami", json!({}));
    assert!(refused["structuredContent"]["message"].as_str().unwrap().contains("is not a plain file"), "{refused}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "thesis");
}

#[test]
fn without_starting_it_waits_for_a_server_and_then_says_so() {
    let place = Place::fresh();
    let mut shim = place.shim(&["--no-start"]);
    shim.send(&call(1, "whoami", json!({})));
    let refused = shim.next();
    let content = &refused["result"]["structuredContent"];
    assert_eq!(content["code"], "unavailable", "{refused}");
    assert!(content["hint"].as_str().unwrap().contains("guildhall up"), "{refused}");
    assert!(!place.data.exists());
    shim.send(&call(2, "whoami", json!({})));
    let _server = Running::start(&place.data);
    assert_eq!(shim.next()["result"]["isError"], false);
}

#[test]
fn a_server_in_the_foreground_is_used_and_survives() {
    let place = Place::fresh();
    let server = Running::start(&place.data);
    let mut shim = place.shim(&[]);
    shim.done("whoami", json!({}));
    assert!(!place.data.join("guildhall.log").exists());
    shim.end();
    assert_eq!(server.http("GET", "/health", None, &Value::Null).0, 200);
    assert_eq!(run(&place.data, &["doctor", "--json"]).code.map(|code| code < 2), Some(true));
}

#[test]
fn a_client_that_reads_no_more_ends_the_shim() {
    let place = Place::fresh();
    let mut command = place.command(&[]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{}\n", call(1, "whoami", json!({}))).as_bytes()).unwrap();
    assert_eq!(crate::binary::end_of(child).code, Some(0));
    drop(stdin);
}
