//! Requests, written out as bytes before they are sent.

use std::io::Write as _;

use serde_json::{Value, json};

const MODERN: &str = "2026-07-28";

/// A key and what identifies its agent.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) key: String,
}

impl Agent {
    /// A call of a tool in the modern revision of MCP.
    pub(super) fn tool(&self, name: &str, arguments: &Value) -> Vec<u8> {
        self.mcp("tools/call", Some(name), json!({ "name": name, "arguments": arguments }))
    }

    /// A list of the tools.
    pub(super) fn tools(&self) -> Vec<u8> {
        self.mcp("tools/list", None, json!({}))
    }

    fn mcp(&self, method: &str, name: Option<&str>, mut params: Value) -> Vec<u8> {
        if let Some(params) = params.as_object_mut() {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            params.insert("_meta".to_owned(), meta);
        }
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let named = name.map(|name| format!("Mcp-Name: {name}\r\n")).unwrap_or_default();
        let headers = format!(
            "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             MCP-Protocol-Version: {MODERN}\r\nMcp-Method: {method}\r\n{named}"
        );
        self.request("POST", "/mcp", &headers, &body)
    }

    /// A REST request without a body.
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        self.request("GET", path, "Accept: application/json\r\n", "")
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1_024);
        let length = match method {
            "GET" => String::new(),
            _ => format!("Content-Length: {}\r\n", body.len()),
        };
        // A vector takes whatever is written to it.
        let _ = write!(
            bytes,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1.0\r\nAuthorization: Bearer {}\r\n\
             {headers}{length}\r\n{body}",
            self.key
        );
        bytes
    }
}

/// What a tool answered, out of the whole JSON-RPC message.
pub(super) fn structured(body: &[u8]) -> Option<Value> {
    let message: Value = serde_json::from_slice(body).ok()?;
    message.pointer("/result/structuredContent").cloned()
}

/// The first id of a memory in an answer.
pub(super) fn memory_id(body: &[u8]) -> Option<String> {
    let at = body.windows(4).position(|four| four == b"mem_")?;
    let id = body.get(at..)?;
    let end = id.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
    id.get(..end).and_then(|id| String::from_utf8(id.to_vec()).ok())
}
