//! The first run's proof of the main job: through the server's own MCP endpoint, with the agent's own key, over TCP,
//! a memory is stored and found again.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use security::Secret;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    exchange::exchange,
    failure::{Failure, Result, exit},
};

const REVISION: &str = "2026-07-28";
const TEXT: &str =
    "Guildhall's first run: this note was stored and found again through the MCP endpoint, to prove that both work.";
const QUERY: &str = "first run note stored found";

/// Stores a memory and finds it by search; how long the round trip took.
///
/// # Errors
/// When either fails: the installation does not do its job.
pub(crate) async fn run(address: SocketAddr, key: &Secret<String>) -> Result<Duration> {
    let started = Instant::now();
    let note = json!({ "kind": "note", "content": TEXT, "tags": ["first-run"], "access": "public" });
    let stored = call_tool(address, key, "create_memory", note).await?;
    let id = stored.get("id").and_then(Value::as_str).ok_or_else(|| failed("create_memory", "answered no id"))?;
    let question = json!({ "query": QUERY, "tags_all": ["first-run"] });
    let found = call_tool(address, key, "search_memories", question).await?;
    let items = found.get("items").and_then(Value::as_array);
    let is_found = items
        .is_some_and(|items| items.iter().any(|item| item.pointer("/memory/id").and_then(Value::as_str) == Some(id)));
    if !is_found {
        return Err(failed("search_memories", "did not find the memory that was just stored"));
    }
    Ok(started.elapsed())
}

fn failed(tool: &str, what: &str) -> Failure {
    Failure::new(exit::INTERNAL, format!("the first run's proof failed: {tool} {what}"))
        .hint("the installation is kept; `guildhall up` starts it, `guildhall key create agent` makes a key")
}

/// A tool call of the modern revision; what stands in its `structuredContent`.
async fn call_tool(address: SocketAddr, key: &Secret<String>, tool: &str, arguments: Value) -> Result<Value> {
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": REVISION,
                "io.modelcontextprotocol/clientInfo": { "name": "guildhall", "version": env!("CARGO_PKG_VERSION") },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let mut bearer = http::HeaderValue::try_from(format!("Bearer {}", key.reveal()))
        .map_err(|_| failed(tool, "could not be asked"))?;
    bearer.set_sensitive(true);
    let request = Request::post("/mcp")
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, bearer)
        .header(header::USER_AGENT, concat!("guildhall/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header(header::CONNECTION, "close")
        .header("MCP-Protocol-Version", REVISION)
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", tool)
        .body(Full::new(Bytes::from(message.to_string())))
        .map_err(|_| failed(tool, "could not be asked"))?;
    let stream =
        TcpStream::connect(address).await.map_err(|error| failed(tool, &format!("was not reached: {error}")))?;
    stream.set_nodelay(true).map_err(|error| failed(tool, &format!("was not reached: {error}")))?;
    let answer = exchange(stream, request).await?;
    let value: Value = serde_json::from_slice(&answer.body)
        .map_err(|_| failed(tool, &format!("answered {} {}, not JSON", answer.status, answer.media_type)))?;
    result(tool, answer.status, &value)
}

fn result(tool: &str, status: u16, answer: &Value) -> Result<Value> {
    let is_error = answer.pointer("/result/isError").and_then(Value::as_bool).unwrap_or(false);
    match answer.pointer("/result/structuredContent") {
        Some(content) if !is_error && status == 200 => Ok(content.clone()),
        content => {
            let said = [
                content.and_then(|content| content.get("message")),
                answer.pointer("/error/message"),
                answer.get("detail"),
            ];
            let said = said.into_iter().flatten().find_map(Value::as_str).unwrap_or("no reason");
            Err(failed(tool, &format!("answered {status}: {said}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_real_success_counts() {
        let done = json!({ "result": { "structuredContent": { "id": "mem_1" } } });
        assert_eq!(result("t", 200, &done).unwrap(), json!({ "id": "mem_1" }));
        assert!(result("t", 500, &done).is_err());
        let refused = json!({ "result": { "isError": true, "structuredContent": { "message": "no" } } });
        assert!(result("t", 200, &refused).unwrap_err().reasons[0].ends_with("answered 200: no"));
        assert!(
            result("t", 400, &json!({ "error": { "message": "bad" } })).unwrap_err().reasons[0].ends_with("400: bad")
        );
        assert!(result("t", 200, &json!({})).is_err());
    }
}
