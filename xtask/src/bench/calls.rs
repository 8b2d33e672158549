//! Requests, written out as bytes before they are sent.

use std::io::Write as _;

use serde_json::{Value, json};

const MODERN: &str = "2026-07-28";

/// A key and what identifies its agent.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) id: String,
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

    /// A REST request with a body.
    pub(super) fn post(&self, path: &str, body: &Value) -> Vec<u8> {
        let headers = "Content-Type: application/json\r\nAccept: application/json\r\n";
        self.request("POST", path, headers, &body.to_string())
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

/// The ids of the memories in an answer, which is too large to be parsed while others wait.
pub(super) fn memory_ids(body: &[u8]) -> Vec<String> {
    const BEFORE: &[u8] = b"\"id\":\"";
    let starts = body.windows(BEFORE.len() + 4).enumerate().filter(|(_, part)| part.ends_with(b"mem_"));
    let id = |at: usize| {
        let id = body.get(at + BEFORE.len()..)?;
        let end = id.iter().position(|byte| *byte == b'"')?;
        id.get(..end).and_then(|id| String::from_utf8(id.to_vec()).ok())
    };
    starts.filter(|(_, part)| part.starts_with(BEFORE)).filter_map(|(at, _)| id(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_memories_alone() {
        let answer = br#"{"items":[{"id":"mem_1","owner":"agt_2","superseded_by":"mem_9"},{"id":"mem_3","n":1}]}"#;
        assert_eq!(memory_ids(answer), ["mem_1", "mem_3"]);
        assert!(memory_ids(br#"{"id":"mem_"#).is_empty());
    }
}
