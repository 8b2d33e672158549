//! MCP over streamable HTTP: both protocol eras on `POST /mcp`.
//!
//! Our own front decides everything HTTP and JSON-RPC before rmcp sees a request (`front.rs`); calls of the product's
//! tools are answered here directly (`call.rs`), the other methods by rmcp through `handler.rs`. Measured, a call costs
//! a third of what it costs through rmcp's stateless service, which spawns four tasks for each.

use std::{panic::AssertUnwindSafe, sync::Arc};

use ::http::{HeaderValue, Request, StatusCode, header, request::Parts};
use axum::{Router, body::Body, response::Response, routing::post};
use bytes::Bytes;
use domain::{Code, Error, Gate, access::Via};
use futures::FutureExt as _;
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};

mod call;
mod extension;
mod failure;
mod front;
mod handler;
pub mod rpc;
mod tools;

pub use call::failed_call;
pub use extension::{Answer, Extension, principal_of};
use failure::Failed;
pub use front::{encoded, judge, subject};
use handler::Handler;

use crate::http::{
    body,
    caller::{self, RequestId},
    problem,
    record::Record,
};

/// The MCP endpoint's state.
struct Endpoint {
    gate: Gate,
    has_extension: bool,
    rmcp: StreamableHttpService<Handler, NeverSessionManager>,
}

/// `POST /mcp`.
pub(crate) fn router(gate: Gate, extension: Option<Arc<dyn Extension>>) -> Router {
    let has_extension = extension.is_some();
    let handler = Handler::new(gate.clone(), extension);
    // Host, Origin, Accept, size and JSON are judged before rmcp; its own lists would only say the same less exactly.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(body::MAX_BYTES);
    let rmcp = StreamableHttpService::new(move || Ok(handler.clone()), Arc::default(), config);
    let endpoint = Arc::new(Endpoint { gate, has_extension, rmcp });
    Router::new().route("/mcp", post(move |request: Request<Body>| Arc::clone(&endpoint).answer(request)))
}

impl Endpoint {
    async fn answer(self: Arc<Self>, request: Request<Body>) -> Response {
        let id = RequestId::of(&request);
        match AssertUnwindSafe(self.respond(request, &id)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => refusal.response(&id),
            // The line of the panic itself names the request and the place.
            Err(_) => rpc::internal(None, &Error::internal(), &id),
        }
    }

    async fn respond(&self, request: Request<Body>, id: &RequestId) -> Result<Response, front::Refusal> {
        let (mut head, body) = request.into_parts();
        let caller = caller::identify(&self.gate, Via::Mcp, &head).await?;
        if caller.identity().is_none() {
            let error = self.gate.refuse(&caller, domain::unauthenticated()).await;
            return Err(front::Refusal::Problem(error));
        }
        let (asked, bytes) = match self.read(&mut head, body).await {
            Ok(read) => read,
            Err(error) => {
                self.gate.count(&caller).await?;
                return Err(front::Refusal::Problem(error));
            }
        };
        let message = match front::read(&head.headers, &bytes) {
            Ok(message) => message,
            Err(refusal) => {
                // What is no message costs its sender as much as one.
                self.gate.count(&caller).await?;
                return Err(refusal);
            }
        };
        if let Some(call) = message.product_call() {
            Record::of(&head.extensions).operation(call.entry.spec.id);
            return Ok(call::answer(&self.gate, &caller, &message, call, id).await);
        }
        self.gate.count(&caller).await?;
        if message.is_listen() {
            // The stream takes its own place when it begins, which is too late to refuse it with a status.
            if let Err(limited) = self.gate.listen(&caller).map(drop) {
                return Err(front::Refusal::Problem(self.gate.refuse(&caller, limited).await));
            }
        }
        drop(message);
        head.extensions.insert(caller);
        head.extensions.insert(asked);
        Ok(self.through_rmcp(Request::from_parts(head, bytes)).await)
    }

    async fn read(&self, head: &mut Parts, body: Body) -> domain::Result<(tools::Asked, Bytes)> {
        front::check_media(&mut head.headers)?;
        let asked = tools::Asked::parse(head.uri.query(), self.has_extension)?;
        Ok((asked, body::read(body).await?))
    }

    async fn through_rmcp(&self, request: Request<Bytes>) -> Response {
        let failed = Failed::default();
        let mut request = request.map(http_body_util::Full::new);
        request.extensions_mut().insert(failed.clone());
        let (mut head, body) = self.rmcp.handle(request).await.into_parts();
        if failed.is_noted() && head.status == StatusCode::OK {
            head.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        head.headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Response::from_parts(head, Body::new(body))
    }
}

/// A JSON answer.
fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl front::Refusal {
    fn response(self, id: &RequestId) -> Response {
        match self {
            Self::Problem(error) if error.code() == Code::RateLimited => rpc::limited(&error, id),
            Self::Problem(error) => problem::response(&error, id),
            Self::Rpc { status, id, code, message, data } => {
                json(status, rpc::error(id.as_deref(), code, &message, data))
            }
        }
    }
}
