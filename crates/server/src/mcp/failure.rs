//! Failures of ours inside rmcp, which answers every error of a handler with status 200.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ::http::request::Parts;
use rmcp::{ErrorData, RoleServer, service::RequestContext};
use serde_json::json;

use crate::http::caller::RequestId;

/// Goes with a request into rmcp, to be looked at when the answer is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Failed(Arc<AtomicBool>);

impl Failed {
    pub(super) fn is_noted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a handler needs to fail: taken from the request's context before that is given away.
pub(super) struct Failure {
    failed: Failed,
    request: Option<RequestId>,
}

impl Failure {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        let extensions = context.extensions.get::<Parts>().map(|parts| &parts.extensions);
        Self {
            failed: extensions.and_then(|all| all.get::<Failed>()).cloned().unwrap_or_default(),
            request: extensions.and_then(|all| all.get::<RequestId>()).cloned(),
        }
    }

    /// Notes a panic; what the client is told of it.
    pub(super) fn note(self) -> ErrorData {
        let request = self.request.as_ref().map(RequestId::as_str);
        tracing::error!(request.id = request, "an MCP handler panicked");
        self.failed.0.store(true, Ordering::Release);
        let data = json!({ "code": "internal", "request_id": request });
        ErrorData::internal_error("the server failed at this call", Some(data))
    }
}
