//! Body bombs: A29.

use serde_json::{Value, json};
use testkit::{Answer, Request};

use super::hall::Hall;

const MIB: usize = 1024 * 1024;

/// The same bytes to both faces.
fn faces(hall: &Hall, bytes: &[u8]) -> [Request; 2] {
    let arguments = json!({"name": "create_memory", "arguments": {"content": "x"}});
    let by_tool = hall.app.mcp(&hall.alice.key).request("tools/call", Some("create_memory"), arguments);
    let by_rest = hall.app.rest("POST", "/api/v1/memories").key(&hall.alice.key).json(&json!({}));
    [by_rest.bytes(bytes.to_vec()), by_tool.bytes(bytes.to_vec())]
}

/// A whole call of `create_memory` whose content is given as JSON text; for both faces.
fn calls(hall: &Hall, member: &str) -> [Request; 2] {
    let body = format!("{{\"content\":\"x\",{member}}}");
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}});
    let rpc = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"create_memory\",\
         \"arguments\":{body},\"_meta\":{meta}}}}}"
    );
    let [by_rest, by_tool] = faces(hall, b"");
    [by_rest.bytes(body), by_tool.bytes(rpc)]
}

async fn total(hall: &Hall) -> Value {
    let page = hall.app.rest("GET", "/api/v1/memories?count=true").key(&hall.alice.key).send().await;
    page.json()["total"].clone()
}

fn code(answer: &Answer) -> String {
    match &answer.json()["error"]["code"] {
        Value::Null => answer.code(),
        code => code.to_string(),
    }
}

#[tokio::test]
async fn attack_a29_a_compressed_body_is_never_unpacked() {
    let hall = Hall::open().await;
    // gzip of `{"content":"x"}`, stored.
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 15, 0, 0xf0, 0xff];
    gzip.extend_from_slice(br#"{"content":"x"}"#);
    for coding in ["gzip", "deflate", "br", "zstd", "GZIP", "gzip, identity", "identity, gzip", "x"] {
        for bytes in [gzip.as_slice(), br#"{"content":"x"}"#, b""] {
            for request in faces(&hall, bytes) {
                let answer = hall.probe(request.header("content-encoding", coding)).await;
                assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"), "{coding}");
            }
        }
    }
    assert_eq!(total(&hall).await, 1);
}

#[tokio::test]
async fn attack_a29_one_byte_over_the_cap_is_too_large_on_both_faces() {
    let hall = Hall::open().await;
    for (size, large) in [(MIB, false), (MIB + 1, true), (3 * MIB, true)] {
        let mut bytes = br#"{"content":"x"}"#.to_vec();
        bytes.resize(size, b' ');
        for request in faces(&hall, &bytes) {
            let answer = hall.probe(request).await;
            assert_eq!(answer.code() == "too_large" && answer.status == 413, large, "{size}: {}", answer.text());
        }
    }
    // Without a declared length the cap holds while reading.
    for (path, key) in [("/api/v1/memories", &hall.alice.key), ("/mcp", &hall.bob.key)] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let chunk = format!("{:x}\r\n{}\r\n", MIB / 2, " ".repeat(MIB / 2));
        let raw = hall.app.network().raw(format!("{head}{chunk}{chunk}1\r\n \r\n0\r\n\r\n").as_bytes()).await;
        assert!(raw.starts_with("HTTP/1.1 413 ") && raw.contains("too_large"), "{path}: {raw}");
    }
    assert_eq!(total(&hall).await, 2);
}

#[tokio::test]
async fn attack_a29_json_that_readers_disagree_about_is_refused() {
    let hall = Hall::open().await;
    let hostile = [
        r#""value":1,"value":2"#,
        r#""content":"y""#,
        r#""metadata":{"a":1,"a":2}"#,
        r#""metadata":{"a":1,"\u0061":2}"#,
        r#""importance":1e999"#,
        r#""importance":-1e999"#,
        r#""metadata":{"n":1e400}"#,
        r#""summary":"\ud800""#,
        r#""summary":"\udc00\ud800""#,
        r#""metadata":{"\ud800":1}"#,
        r#""importance":NaN"#,
        r#""importance":Infinity"#,
        r#""importance":01"#,
        r#""importance":+1"#,
        r#""summary":'x'"#,
        r#""summary":"x",/* a comment */"kind":"note""#,
        r#""summary":"x","#,
        "\"summary\":\"a\u{0}b\"",
        "\"summary\":\"a\nb\"",
        r#""summary":"a\u0000b""#,
        r#""summary":"a\u001bb""#,
    ];
    for member in hostile {
        for request in calls(&hall, member) {
            let answer = hall.probe(request).await;
            let in_result = answer.json()["result"]["structuredContent"]["code"] == "invalid_input";
            assert!(answer.status == 400 || in_result, "{member}: {} {}", answer.status, answer.text());
        }
    }
    // Invalid UTF-8 and what is no JSON at all.
    let deep = "[".repeat(100_000);
    let nested = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for bytes in [
        b"{\"content\":\"\xff\"}".as_slice(),
        b"\xef\xbb\xbf{\"content\":\"x\"}",
        b"{\"content\":\"x\"}{}",
        b"\0",
        b"null",
        b"[]",
        b"\"x\"",
        b"{",
        deep.as_bytes(),
        nested.as_bytes(),
    ] {
        for request in faces(&hall, bytes) {
            let (answer, micros) = hall.app.timed(hall.probe(request)).await;
            assert_eq!(answer.status, 400, "{}", answer.text());
            assert!(["invalid_input", "-32700", "-32600"].contains(&code(&answer).as_str()), "{}", answer.text());
            assert!(micros < 1_000_000, "{micros} µs");
        }
    }
    assert_eq!(total(&hall).await, 1);
}

#[tokio::test]
async fn attack_a29_a_million_members_cost_no_more_than_their_bytes() {
    let hall = Hall::open().await;
    let members: Vec<String> = (0..90_000).map(|n| format!("\"k{n}\":1")).collect();
    let wide = format!("\"metadata\":{{{}}}", members.join(","));
    let list = format!("\"tags\":[{}]", vec!["\"t\""; 200_000].join(","));
    for member in [wide, list] {
        for request in calls(&hall, &member) {
            let (answer, micros) = hall.app.timed(hall.probe(request)).await;
            let refused = answer.status >= 400 || answer.json()["result"]["isError"] == true;
            assert!(refused && micros < 3_000_000, "{micros} µs {}", answer.status);
        }
    }
    assert_eq!(total(&hall).await, 1);
}
