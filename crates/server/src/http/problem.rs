//! Errors as RFC 9457 problem+json.

use ::http::{HeaderValue, StatusCode, header};
use axum::{body::Body, response::Response};
use domain::{Code, Error};
use serde_json::{Map, Value, json};

use super::caller::RequestId;

/// The members every face shows of an error.
pub(crate) fn members(error: &Error) -> Map<String, Value> {
    let fault = error.fault();
    let mut members = fault.facts.clone();
    members.insert("code".into(), fault.code.as_str().into());
    if let Some(hint) = &fault.hint {
        members.insert("hint".into(), hint.as_ref().into());
    }
    if let Some(secs) = fault.retry_after_secs {
        members.insert("retry_after".into(), secs.into());
    }
    if !fault.fields.is_empty() {
        members.insert("errors".into(), json!(fault.fields));
    }
    members
}

/// The whole answer.
pub(crate) fn response(error: &Error, id: &RequestId) -> Response {
    let fault = error.fault();
    let mut members = members(error);
    members.insert("type".into(), format!("urn:guildhall:error:{}", fault.code.as_str()).into());
    members.insert("title".into(), fault.code.title().into());
    members.insert("status".into(), fault.code.http().into());
    members.insert("detail".into(), fault.detail.as_ref().into());
    members.insert("request_id".into(), id.as_str().into());
    let mut response = Response::new(Body::from(Value::Object(members).to_string()));
    *response.status_mut() = StatusCode::from_u16(fault.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    decorate(&mut response, error);
    response
}

/// What belongs to an error, whatever its body: its headers, and its code for the log.
pub(crate) fn decorate(response: &mut Response, error: &Error) {
    let fault = error.fault();
    response.extensions_mut().insert(fault.code);
    let headers = response.headers_mut();
    if fault.code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"guildhall\""));
    }
    let mut set = |name: &'static str, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    };
    if let Some(secs) = fault.retry_after_secs {
        set("retry-after", secs.to_string());
    }
    if let Some(limit) = fault.limit {
        let wait = fault.retry_after_secs.unwrap_or(1);
        set("ratelimit", format!("\"{}\";r=0;t={wait}", limit.name));
        set("ratelimit-policy", format!("\"{}\";q={};w={}", limit.name, limit.quota, limit.window_secs));
    }
}
