//! An extension that panics gets an answer, which rmcp alone would owe for ever.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use rmcp::{
    RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, GetPromptRequestParams,
        GetPromptResponse, Prompt, ReadResourceRequestParams, ReadResourceResponse, Resource, ResourceTemplate, Tool,
    },
    service::{RequestContext, SubscriptionSink},
};
use serde_json::json;
use server::{
    Faces, Settings,
    mcp::{Answer, Extension},
};
use testkit::{Client, Mcp, TestApp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Broken;

impl Extension for Broken {
    fn tools(&self) -> Vec<Tool> {
        Vec::new()
    }

    fn prompts(&self) -> Vec<Prompt> {
        Vec::new()
    }

    fn resources(&self) -> Vec<Resource> {
        Vec::new()
    }

    fn resource_templates(&self) -> Vec<ResourceTemplate> {
        Vec::new()
    }

    fn has_resource(&self, _: &str) -> bool {
        false
    }

    fn call_tool<'a>(
        &'a self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<CallToolResponse>> {
        async { panic!("secret cause") }.boxed()
    }

    fn get_prompt<'a>(
        &'a self,
        _: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<GetPromptResponse>> {
        async { panic!("secret cause") }.boxed()
    }

    fn read_resource<'a>(
        &'a self,
        _: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<ReadResourceResponse>> {
        async { panic!("secret cause") }.boxed()
    }

    fn complete<'a>(
        &'a self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<CompleteResult>> {
        async { panic!("secret cause") }.boxed()
    }

    fn listen<'a>(&'a self, _: SubscriptionSink) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }
}

#[tokio::test]
async fn a_panic_is_answered_without_its_cause() {
    let app = TestApp::start().await;
    let agent = app.agent("ada").await;
    let settings = Settings { loopback: true, ..Settings::default() };
    let faces = Faces::with_extension(app.gate.clone(), settings, Arc::new(Broken));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::Network(listener.local_addr().unwrap());
    tokio::spawn(server::serve_tcp(listener, faces, CancellationToken::new()));
    let mcp = Mcp::new(client, &agent.key);
    let cases = [
        ("tools/call", Some("x"), json!({"name": "x"})),
        ("prompts/get", Some("x"), json!({"name": "x"})),
        ("resources/read", Some("a:b"), json!({"uri": "a:b"})),
        (
            "completion/complete",
            None,
            json!({"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "a", "value": ""}}),
        ),
    ];
    for (method, name, params) in cases {
        let answer = mcp.send(method, name, params).await;
        let json = answer.json();
        assert_eq!((answer.status, &json["id"], &json["error"]["code"]), (500, &json!(1), &json!(-32603)), "{json}");
        assert_eq!(json["error"]["data"]["request_id"], answer.header("x-request-id"));
        assert!(!answer.text().contains("secret"), "{json}");
    }
}
