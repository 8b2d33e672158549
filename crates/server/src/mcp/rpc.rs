//! JSON-RPC 2.0 texts: of the endpoint, and of the stdio shim in front of it.

use ::http::StatusCode;
use axum::response::Response;
use domain::Error;
use serde_json::{Value, json};

use super::json;
use crate::http::{caller::RequestId, problem};

/// Not JSON.
pub const PARSE_ERROR: i64 = -32_700;
/// Not a JSON-RPC request.
pub const INVALID_REQUEST: i64 = -32_600;
/// No such method in this revision.
pub(super) const METHOD_NOT_FOUND: i64 = -32_601;
/// Parameters that do not fit, or a name that is not known.
pub(super) const INVALID_PARAMS: i64 = -32_602;
/// A fault of ours.
pub const INTERNAL_ERROR: i64 = -32_603;
/// Refused for now (of the codes that JSON-RPC leaves to servers).
pub(super) const LIMITED: i64 = -32_000;
/// Headers that are missing or differ from the body (SEP-2243).
pub(super) const HEADER_MISMATCH: i64 = -32_020;
/// A protocol revision we do not speak.
pub(super) const UNSUPPORTED_VERSION: i64 = -32_022;

/// An error message; the id as it stood in the request.
#[must_use]
pub fn error(id: Option<&str>, code: i64, message: &str, data: Option<Value>) -> String {
    let mut error = json!({ "code": code, "message": message });
    if let (Some(data), Value::Object(error)) = (data, &mut error) {
        error.insert("data".into(), data);
    }
    match id {
        Some(id) => format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}"),
        None => format!("{{\"jsonrpc\":\"2.0\",\"error\":{error}}}"),
    }
}

/// A result message, around a result that is JSON already.
pub(super) fn result(id: &str, result: &str) -> String {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}")
}

/// A fault of ours or of the store: an HTTP status and the request's id for the log, no cause.
pub(super) fn internal(id: Option<&str>, failure: &Error, request: &RequestId) -> Response {
    let fault = failure.fault();
    let status = StatusCode::from_u16(fault.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let data = json!({ "code": fault.code.as_str(), "request_id": request.as_str() });
    let mut response = json(status, error(id, INTERNAL_ERROR, &fault.detail, Some(data)));
    problem::decorate(&mut response, failure);
    response
}

/// Too much at once, or too often: without the request's id, for it may never have been read.
pub(super) fn limited(failure: &Error, request: &RequestId) -> Response {
    let mut data = problem::members(failure);
    data.insert("request_id".into(), request.as_str().into());
    let text = error(None, LIMITED, &failure.fault().detail, Some(Value::Object(data)));
    let mut response = json(StatusCode::TOO_MANY_REQUESTS, text);
    problem::decorate(&mut response, failure);
    response
}
