//! Calls of the product's tools.

use std::future::ready;

use ::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use domain::{
    Code, Error, Gate, Meta, Result,
    access::Caller,
    operation::{Effect, Reply},
};
use serde_json::{Map, Value, value::RawValue};

use super::{
    front::{Message, ProductCall},
    json, rpc,
};
use crate::{
    http::{caller::RequestId, problem},
    rest,
};

/// What every result of the modern era carries.
const MODERN_TAIL: &str = concat!(
    ",\"resultType\":\"complete\",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"guildhall\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"}}"
);

/// The domain's limit on calls at once, which no tool's result could explain: the client has to hold back, not the model.
const IN_FLIGHT: &str = "calls-in-flight";

/// Runs a call and writes its answer.
pub(super) async fn answer(
    gate: &Gate,
    caller: &Caller,
    message: &Message<'_>,
    call: ProductCall<'_>,
    request: &RequestId,
) -> Response {
    let reply = match input(call) {
        Ok((meta, input)) => gate.run(caller, call.entry, meta, ready(Ok(input))).await,
        Err(error) => gate.run(caller, call.entry, Meta::default(), ready(Err(error))).await,
    };
    let (structured, error) = match reply {
        Ok(Reply::Json(value)) => (value, None),
        Ok(Reply::Document { body, .. }) => (Value::String(body), None),
        Ok(Reply::Nothing) => (Value::Object(Map::new()), None),
        Err(error) => match error.code() {
            Code::Internal | Code::Unavailable | Code::Overloaded => {
                return rpc::internal(Some(call.id), &error, request);
            }
            Code::RateLimited if error.fault().limit.is_some_and(|limit| limit.name == IN_FLIGHT) => {
                return rpc::limited(&error, request);
            }
            _ => (failure(&error), Some(error)),
        },
    };
    let mut response = json(StatusCode::OK, rendered((call.id, message.is_modern), &structured, error.is_some()));
    if let Some(error) = &error {
        problem::decorate(&mut response, error);
    }
    response
}

/// The answer to a call, by its id and era.
fn rendered((id, is_modern): (&str, bool), structured: &Value, is_error: bool) -> String {
    let text = structured.to_string();
    let tail = if is_modern { MODERN_TAIL } else { "" };
    let quoted = serde_json::to_string(&text).unwrap_or_default();
    let result = format!(
        "{{\"content\":[{{\"type\":\"text\",\"text\":{quoted}}}],\"structuredContent\":{text},\"isError\":{is_error}{tail}}}"
    );
    rpc::result(id, &result)
}

/// The answer to a call that failed before it reached a server, as the server would have written it; `call` is its id as
/// it stands in the message, and whether it speaks the modern revision.
#[must_use]
pub fn failed_call(call: (&str, bool), error: &Error) -> String {
    rendered(call, &failure(error), true)
}

/// The operation's input: the arguments, without the idempotency key.
fn input(call: ProductCall<'_>) -> Result<(Meta, Bytes)> {
    let arguments = call.arguments.map_or("{}", RawValue::get);
    let plain = || Ok((Meta::default(), Bytes::copy_from_slice(arguments.as_bytes())));
    if call.entry.spec.effect == Effect::Read || !arguments.contains("idempotency_key") {
        return plain();
    }
    let mut map: Map<String, Value> =
        serde_json::from_str(arguments).map_err(|error| Error::invalid("", error.to_string()))?;
    match map.remove("idempotency_key") {
        None => plain(),
        Some(Value::String(key)) if rest::is_key(&key) => {
            let bytes = serde_json::to_vec(&map).map_err(|error| Error::internal().cause(error))?;
            Ok((Meta::repeatable(Some(key)), Bytes::from(bytes)))
        }
        Some(_) => Err(Error::invalid("idempotency_key", "must be 1 to 128 visible ASCII characters")),
    }
}

/// An error as a tool's result.
fn failure(error: &Error) -> Value {
    let mut members = problem::members(error);
    members.insert("message".into(), error.fault().detail.as_ref().into());
    Value::Object(members)
}
