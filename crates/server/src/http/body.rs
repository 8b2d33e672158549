//! Request bodies: bounded, uncompressed JSON, judged as bytes. The connection times them.

use std::{error::Error as _, io};

use ::http::{HeaderMap, header};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use domain::{Code, Error, Result};
use http_body_util::BodyExt as _;

/// Largest body in bytes.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

fn too_large() -> Error {
    Error::new(Code::TooLarge, format!("the body is over {MAX_BYTES} bytes"))
        .hint("split the call, or store less at once")
}

/// Refuses what is declared to be no plain JSON.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<()> {
    let compressed = headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let is_json =
        media.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    if compressed || !is_json {
        return Err(Error::new(Code::UnsupportedMediaType, "the body must be uncompressed `application/json`")
            .hint("send `Content-Type: application/json` and no `Content-Encoding`"));
    }
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > MAX_BYTES) {
        return Err(too_large());
    }
    Ok(())
}

/// Why a body did not come whole: the connection says so by the kind of its error.
fn broken(error: &axum::Error) -> Error {
    let mut cause = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<io::Error>() {
            Some(error) if error.kind() == io::ErrorKind::TimedOut => {
                return Error::new(Code::RequestTimeout, error.to_string()).hint("send the whole request at once");
            }
            Some(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Error::new(Code::InvalidInput, format!("the body is broken: {error}"));
            }
            Some(_) | None => cause = inner.source(),
        }
    }
    Error::new(Code::InvalidInput, "the body broke off")
}

/// Reads a whole body.
pub(crate) async fn read(mut body: Body) -> Result<Bytes> {
    let mut all = BytesMut::new();
    let mut first: Option<Bytes> = None;
    loop {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > MAX_BYTES {
            return Err(too_large());
        }
        // Most bodies are one piece, which is passed on as it came.
        match (&first, all.is_empty()) {
            (None, true) => first = Some(data),
            _ => {
                if let Some(head) = first.take() {
                    all.extend_from_slice(&head);
                }
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
