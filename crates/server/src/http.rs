//! One request on its way in and out.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use ::http::{HeaderValue, Method, Request, header};
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use domain::{Code, Error};
use futures::FutureExt as _;
use tower::ServiceExt as _;

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod caller;
mod framing;
pub(crate) mod guard;
pub(crate) mod limits;
pub(crate) mod listen;
#[cfg(test)]
mod pipelines;
pub(crate) mod problem;
pub(crate) mod record;
mod wire;

use caller::{Peer, RequestId};
use framing::Refusal;
use record::Record;

use crate::Faces;

/// For answers that no browser is to show as a page.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Answers one request.
pub(crate) async fn answer(faces: Arc<Faces>, peer: Peer, mut request: Request<Body>) -> Response {
    let (id, record, began) = (RequestId::next(), Record::default(), Instant::now());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS && origin.is_some();
    let router = match peer {
        Peer::Network(_) => &faces.network,
        Peer::Socket(_) => &faces.socket,
    };
    let refused = request.extensions().get::<Refusal>().copied();
    let checked = refused.map_or_else(|| faces.guard.check(peer, &request), |refusal| Err(Error::from(refusal)));
    let mut response = match checked {
        Err(error) => {
            let caller = caller::stranger(peer, &id, request.headers());
            record.caller(&caller);
            problem::response(&faces.gate.refuse(&caller, error).await, &id)
        }
        Ok(()) if is_preflight => guard::preflight(),
        Ok(()) => {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(id.clone());
            request.extensions_mut().insert(record.clone());
            let work = record::under_way(id.clone(), router.clone().oneshot(request));
            let call = AssertUnwindSafe(work).catch_unwind();
            match tokio::time::timeout(faces.limits.request, call).await {
                Ok(Ok(Ok(response))) => response,
                Ok(Ok(Err(never))) => match never {},
                // The line of the panic itself names the request and the place.
                Ok(Err(_)) => problem::response(&Error::internal(), &id),
                Err(_) => problem::response(&Error::new(Code::RequestTimeout, "the request took too long"), &id),
            }
        }
    };
    finish(&mut response, &id);
    if matches!(peer, Peer::Socket(_)) {
        // The network need not know which build it talks to.
        response.headers_mut().insert(crate::VERSION_HEADER, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    }
    if let Some(origin) = origin {
        faces.guard.share(&mut response, &origin);
    }
    record.write(&faces.flood, (peer, &id), &response, began.elapsed());
    response
}

fn finish(response: &mut Response, id: &RequestId) {
    let headers = response.headers_mut();
    for (name, value) in [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(NO_PAGE));
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        headers.insert("x-request-id", value);
    }
}

/// Answers for what no route serves.
pub(crate) fn fallbacks(router: Router) -> Router {
    router
        .method_not_allowed_fallback(|request: Request<Body>| async move {
            let error = Error::new(Code::MethodNotAllowed, format!("{} is not declared here", request.method()))
                .hint("`Allow` names the methods that are");
            problem::response(&error, &RequestId::of(&request)).into_response()
        })
        .fallback(|request: Request<Body>| async move {
            // It is refused on every path, whether or not something is served there.
            let is_trace = request.method() == Method::TRACE;
            let error = if is_trace {
                Error::new(Code::MethodNotAllowed, "TRACE is not declared here")
            } else {
                Error::new(Code::NotFound, "nothing is served at this path")
                    .hint("`GET /api/v1/openapi.json` lists the paths")
            };
            problem::response(&error, &RequestId::of(&request)).into_response()
        })
}
