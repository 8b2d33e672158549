//! An MCP client that speaks the modern revision.

use serde_json::{Value, json};

use crate::{Answer, Client, Request};

/// One agent's MCP client.
#[derive(Debug, Clone)]
pub struct Mcp {
    client: Client,
    key: String,
    query: String,
}

/// What a tool answered.
#[derive(Debug, Clone)]
pub struct ToolResult {
    /// `isError`.
    pub is_error: bool,
    /// `structuredContent`.
    pub content: Value,
}

impl ToolResult {
    /// The error's code; empty when it is none.
    #[must_use]
    pub fn code(&self) -> &str {
        if self.is_error { self.content["code"].as_str().unwrap_or_default() } else { "" }
    }
}

impl Mcp {
    /// A client with a key.
    #[must_use]
    pub fn new(client: Client, key: &str) -> Self {
        Self { client, key: key.to_owned(), query: String::new() }
    }

    /// With toolsets in the URL.
    #[must_use]
    pub fn toolsets(mut self, names: &str) -> Self {
        self.query = format!("?toolsets={names}");
        self
    }

    /// A request of the modern revision with its headers; `name` for those that name something.
    #[must_use]
    pub fn request(&self, method: &str, name: Option<&str>, mut params: Value) -> Request {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "testkit", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut request = Request::new(self.client.clone(), "POST", format!("/mcp{}", self.query))
            .key(&self.key)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method);
        if let Some(name) = name {
            request = request.header("mcp-name", name);
        }
        request.json(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    }

    /// Sends a request.
    pub async fn send(&self, method: &str, name: Option<&str>, params: Value) -> Answer {
        self.request(method, name, params).send().await
    }

    /// Calls a tool; fails the test on a protocol error.
    ///
    /// # Panics
    /// On a protocol error.
    pub async fn call(&self, tool: &str, arguments: Value) -> ToolResult {
        let answer = self.send("tools/call", Some(tool), json!({"name": tool, "arguments": arguments})).await;
        let result = &answer.json()["result"];
        assert!(answer.status == 200 && result.is_object(), "{tool}: {} {}", answer.status, answer.text());
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap_or_default()).unwrap();
        assert_eq!(text, result["structuredContent"], "the text says what the structure says");
        ToolResult { is_error: result["isError"] == true, content: text }
    }

    /// The tools listed.
    ///
    /// # Panics
    /// On a protocol error.
    pub async fn tools(&self) -> Vec<Value> {
        let answer = self.send("tools/list", None, json!({})).await;
        answer.json()["result"]["tools"].as_array().unwrap_or_else(|| panic!("{}", answer.text())).clone()
    }
}
