//! REST: every route of the catalogue, rendered.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, rejection::RawPathParamsRejection},
    response::Response,
    routing::{MethodFilter, on},
};
use domain::{
    Code, Error, Gate, Meta, Result,
    access::Via,
    catalogue::{self, CATALOGUE},
    operation::{Effect, Entry, Reply},
};

use crate::http::{
    accept, body,
    caller::{self, RequestId},
    problem,
    record::Record,
};

mod input;

use input::Shape;

/// What a page of the reference may load: its style from here, and nothing else.
const PAGE: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The inputs that stand in a path, by name.
type PathInput = Vec<(String, String)>;

/// One entry as the REST face sees it.
#[derive(Clone)]
struct Face {
    gate: Gate,
    entry: &'static Entry,
    shape: Arc<Shape>,
}

fn filter(method: &str) -> Option<MethodFilter> {
    Method::from_bytes(method.as_bytes()).ok().and_then(|method| MethodFilter::try_from(method).ok())
}

/// The routes of the catalogue.
pub(crate) fn router(gate: &Gate) -> Router {
    let mut router = Router::new();
    for entry in CATALOGUE {
        let shape = Arc::new(Shape::of(entry));
        for route in entry.spec.routes {
            let Some(filter) = filter(route.method) else { continue };
            let face = Face { gate: gate.clone(), entry, shape: Arc::clone(&shape) };
            router = router.route(
                route.path,
                on(
                    filter,
                    move |path: Result<RawPathParams, RawPathParamsRejection>, request: Request<Body>| async move {
                        face.answer(path, request).await
                    },
                ),
            );
        }
    }
    router
}

/// `POST /call/{operation}`: any operation by its id; on the Unix socket only.
pub(crate) fn calls(gate: &Gate) -> Router {
    let gate = gate.clone();
    let call = move |path: RawPathParams, request: Request<Body>| async move {
        let id = RequestId::of(&request);
        let name = path.iter().next().map(|(_, name)| name.to_owned()).unwrap_or_default();
        match catalogue::by_id(&name) {
            Some(entry) => {
                let face = Face { gate, entry, shape: Arc::new(Shape::body_only()) };
                face.respond(Ok(Vec::new()), request).await
            }
            None => problem::response(
                &Error::new(Code::NotFound, format!("there is no operation `{name}`"))
                    .hint("`guildhall reference operations` lists them"),
                &id,
            ),
        }
    };
    Router::new().route("/call/{operation}", on(MethodFilter::POST, call))
}

impl Face {
    async fn answer(self, path: Result<RawPathParams, RawPathParamsRejection>, request: Request<Body>) -> Response {
        let path = match path {
            Ok(path) => Ok(path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
            Err(_) => Err(Error::invalid("", "the path is not UTF-8")),
        };
        self.respond(path, request).await
    }

    async fn respond(self, path: Result<PathInput>, request: Request<Body>) -> Response {
        let id = RequestId::of(&request);
        match self.run(path, request).await {
            Ok(reply) => render(self.entry, reply),
            Err(error) => problem::response(&error, &id),
        }
    }

    async fn run(&self, path: Result<PathInput>, request: Request<Body>) -> Result<Reply> {
        let (head, body) = request.into_parts();
        Record::of(&head.extensions).operation(self.entry.spec.id);
        let caller = caller::identify(&self.gate, Via::Rest, &head).await?;
        // A malformed key is told only to those who may call at all, so it is part of the input.
        let key = idempotency_key(&head.headers);
        let meta = Meta::repeatable(key.as_ref().ok().cloned().flatten());
        let input = async {
            key?;
            acceptable(self.entry, &head.headers)?;
            let takes_body = matches!(head.method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
            let bytes = if takes_body { json_body(&head.headers, body).await? } else { Default::default() };
            self.shape.assemble(path?, head.uri.query().unwrap_or_default(), &head.headers, bytes)
        };
        self.gate.run(&caller, self.entry, meta, input).await
    }
}

async fn json_body(headers: &HeaderMap, body: Body) -> Result<bytes::Bytes> {
    let is_empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
        && !headers.contains_key(header::TRANSFER_ENCODING);
    if is_empty && !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(bytes::Bytes::new());
    }
    body::check_headers(headers)?;
    let bytes = body::read(body).await?;
    if bytes.is_empty() {
        return Ok(bytes);
    }
    match types::json::judge(&bytes) {
        Ok(types::json::Top::Object) => Ok(bytes),
        Ok(_) => Err(Error::invalid("", "the body must be a JSON object")),
        Err(fault) => Err(Error::invalid("", format!("the body is refused: {fault}"))),
    }
}

/// The `Idempotency-Key`: 1 to 128 visible ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| is_key(text));
    match (text, values.next()) {
        (Some(text), None) => Ok(Some(text.to_owned())),
        _ => Err(Error::invalid("Idempotency-Key", "must be 1 to 128 visible ASCII characters, once")),
    }
}

/// Whether a text can be an idempotency key.
pub(crate) fn is_key(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn acceptable(entry: &Entry, headers: &HeaderMap) -> Result<()> {
    // An answer without content is right for everybody; JSON is what problems come in.
    let served = entry.media.unwrap_or("application/json").split(';').next().unwrap_or_default();
    if accept::allows(headers, served) {
        return Ok(());
    }
    Err(Error::new(Code::NotAcceptable, "`Accept` excludes what is served here").hint(format!("accept `{served}`")))
}

fn render(entry: &Entry, reply: Reply) -> Response {
    let (status, media, body) = match reply {
        Reply::Json(value) => {
            let status = if entry.spec.effect == Effect::Create { StatusCode::CREATED } else { StatusCode::OK };
            (status, Some("application/json"), Body::from(value.to_string()))
        }
        Reply::Document { media_type, body } => (StatusCode::OK, Some(media_type), Body::from(body)),
        Reply::Nothing => (StatusCode::NO_CONTENT, None, Body::empty()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(media) = media {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        if media.starts_with("text/html") {
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE));
        }
    }
    response
}
