//! What a test build may add to the product's tools: further tools, prompts and resources.

use domain::access::Caller;
use futures::future::BoxFuture;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, GetPromptRequestParams,
        GetPromptResponse, Prompt, ReadResourceRequestParams, ReadResourceResponse, Resource, ResourceTemplate, Tool,
    },
    service::{RequestContext, SubscriptionSink},
};

/// `None`: the name is not one of the extension's.
pub type Answer<T> = Option<Result<T, ErrorData>>;

/// Who sent a request, for what an extension binds to its caller; empty when nobody proved it.
#[must_use]
pub fn principal_of(context: &RequestContext<RoleServer>) -> String {
    let parts = context.extensions.get::<::http::request::Parts>();
    let caller = parts.and_then(|parts| parts.extensions.get::<Caller>());
    caller.and_then(Caller::identity).map(|identity| identity.principal.to_string()).unwrap_or_default()
}

/// Further tools, prompts and resources behind the product's own. Its tools form a toolset named `conformance`.
pub trait Extension: Send + Sync {
    /// Its tools.
    fn tools(&self) -> Vec<Tool>;
    /// Its prompts.
    fn prompts(&self) -> Vec<Prompt>;
    /// Its resources.
    fn resources(&self) -> Vec<Resource>;
    /// Its resource templates.
    fn resource_templates(&self) -> Vec<ResourceTemplate>;
    /// Whether a resource can be listened to.
    fn has_resource(&self, uri: &str) -> bool;
    /// Calls a tool.
    fn call_tool<'a>(
        &'a self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<CallToolResponse>>;
    /// Gets a prompt.
    fn get_prompt<'a>(
        &'a self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<GetPromptResponse>>;
    /// Reads a resource.
    fn read_resource<'a>(
        &'a self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<ReadResourceResponse>>;
    /// Completes an argument.
    fn complete<'a>(
        &'a self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> BoxFuture<'a, Answer<CompleteResult>>;
    /// Sends what a listener asked for, until dropped.
    fn listen<'a>(&'a self, sink: SubscriptionSink) -> BoxFuture<'a, ()>;
}
