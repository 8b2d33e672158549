//! What goes through a shim: both protocol eras, bad lines, cancellation.

use serde_json::{Value, json};

use super::kit::{Place, Shim, call, legacy, modern};

#[test]
fn both_eras_are_spoken_on_one_pipe() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    shim.send(&modern("first", "server/discover", json!({})));
    let found = shim.next();
    assert_eq!((&found["id"], &found["result"]["supportedVersions"][0]), (&json!("first"), &json!("2026-07-28")));
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let client = json!({"name": "kit", "version": "1"});
        let hello = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        shim.send(&legacy(1, "initialize", hello));
        assert_eq!(shim.next()["result"]["protocolVersion"], version);
        shim.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        shim.send(&legacy(2, "ping", json!({})));
        assert_eq!(shim.next(), json!({"jsonrpc": "2.0", "id": 2, "result": {}}), "a notification is not answered");
        shim.send(&legacy(3, "tools/call", json!({"name": "whoami", "arguments": {}})));
        let mine = shim.next();
        assert_eq!((&mine["id"], &mine["result"]["structuredContent"]["name"]), (&json!(3), &json!("agent")));
        assert_eq!(mine["result"].get("_meta"), None, "{version} has no such member");
    }
    let tools = modern(4, "tools/list", json!({}));
    shim.send(&tools);
    let count = |answer: Value| answer["result"]["tools"].as_array().unwrap().len();
    let core = count(shim.next());
    let mut more = place.shim(&["--toolsets", "memory,core"]);
    more.send(&tools);
    assert!(count(more.next()) > core);
}

// contract: mcp §8.17
#[test]
fn every_line_of_stdout_is_a_message_whatever_comes_in() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    shim.raw(b"\n   \nnot json\n[{\"jsonrpc\":\"2.0\"}]\n7\n");
    let codes: Vec<Value> = (0..3).map(|_| shim.next()["error"]["code"].clone()).collect();
    assert_eq!(codes, [-32700, -32600, -32600]);
    shim.raw(b"{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"no/such\"}\n");
    let unknown = shim.next();
    assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!(9), &json!(-32601)));
    shim.send(&modern(10, "no/such", json!({})));
    let unknown = shim.next();
    assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!(10), &json!(-32601)));
    shim.raw(b"{\"jsonrpc\":\"2.0\",\"id\":12,\"method\":\"ping\",\"params\":{\"text\":\"cut \\ud83d\"}}\n");
    let refused = shim.next();
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(12), &json!(-32600)));
    // JSON over several lines is several bad lines; spaces within one are none.
    shim.raw(b"  {\"jsonrpc\":\"2.0\", \"id\":11,\t\"method\":\"ping\"} \r\n");
    assert_eq!(shim.next()["id"], 11);
    let (rest, ended) = shim.end();
    assert_eq!((rest, ended.code), (vec![], Some(0)));
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_line_over_one_mebibyte_is_refused_and_the_next_one_answered() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    let long = call(1, "create_memory", json!({"content": "x".repeat(1 << 20)}));
    shim.send(&long);
    let refused = shim.next();
    assert_eq!((&refused["error"]["code"], refused.get("id")), (&json!(-32600), None));
    shim.done("whoami", json!({}));
}

#[test]
fn answers_come_in_any_order_and_find_their_questions() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    for id in 0..200 {
        shim.send(&call(id, "create_memory", json!({"content": format!("number {id}")})));
    }
    let mut seen: Vec<i64> = (0..200)
        .map(|_| {
            let answer = shim.next();
            let id = answer["id"].as_i64().unwrap();
            assert_eq!(answer["result"]["structuredContent"]["content"], format!("number {id}"));
            id
        })
        .collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..200));
}

fn cancel(shim: &mut Shim, id: i64) {
    shim.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}));
}

#[test]
fn a_cancelled_request_ends_at_the_server_and_is_not_answered() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    // A principal has 32 places; a stream takes its own only when it begins, so it may take one or two more.
    let mut id = 0;
    let refused = loop {
        shim.send(&modern(id, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})));
        let answer = shim.next();
        if answer["error"].is_object() {
            break answer;
        }
        id += 1;
    };
    assert!((32..40).contains(&id), "{refused}");
    cancel(&mut shim, 7);
    super::kit::eventually("the server has let its place go", || {
        id += 1;
        shim.send(&modern(id, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})));
        let answer = shim.next();
        assert_ne!(answer["id"], 7, "{answer}");
        answer["method"] == "notifications/subscriptions/acknowledged"
    });
}

#[test]
fn at_the_end_of_the_input_calls_finish_and_streams_end() {
    let place = Place::fresh();
    let mut shim = place.shim(&[]);
    shim.listen(1);
    shim.done("whoami", json!({}));
    shim.send(&call("last", "create_memory", json!({"content": "the last one"})));
    let began = std::time::Instant::now();
    let (rest, ended) = shim.end();
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0]["result"]["structuredContent"]["content"], "the last one");
    let mut shim = place.shim(&[]);
    shim.listen(1);
    shim.signal(rustix::process::Signal::TERM);
    assert_eq!(shim.wait().code, Some(0));
}
