//! What is decided of an MCP request before anybody acts on it: media types, JSON, JSON-RPC, the protocol era, and in the
//! modern era the headers that must agree with the body (SEP-2243).

use std::borrow::Cow;

use ::http::{HeaderMap, HeaderValue, StatusCode, header};
use base64::Engine as _;
use domain::{Code, Error, catalogue, operation::Entry};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json, value::RawValue};

use super::rpc;
use crate::http::{accept, body};

/// Revisions we speak, newest first.
pub(super) const VERSIONS: [&str; 5] = ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// The revision without `initialize` and sessions.
const MODERN: &str = "2026-07-28";
/// Methods of every revision.
const METHODS: [&str; 8] = [
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
];
/// Methods that the modern revision brought.
const ADDED: [&str; 2] = ["server/discover", "subscriptions/listen"];
/// Methods that it dropped.
const REMOVED: [&str; 5] = ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Why a request goes no further.
pub(super) enum Refusal {
    /// Refused as any HTTP request would be.
    Problem(Error),
    /// Refused as a JSON-RPC message.
    Rpc { status: StatusCode, id: Option<String>, code: i64, message: Cow<'static, str>, data: Option<Value> },
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Problem(error)
    }
}

fn bad(id: Option<&str>, code: i64, message: impl Into<Cow<'static, str>>) -> Refusal {
    let id = id.map(str::to_owned);
    Refusal::Rpc { status: StatusCode::BAD_REQUEST, id, code, message: message.into(), data: None }
}

/// `Content-Type` must be JSON and `Accept` allow both JSON and event streams; no `Accept` is taken as both.
pub(super) fn check_media(headers: &mut HeaderMap) -> Result<(), Error> {
    body::check_headers(headers)?;
    if !["application/json", "text/event-stream"].iter().all(|media| accept::allows(headers, media)) {
        return Err(Error::new(Code::NotAcceptable, "`Accept` must allow application/json and text/event-stream"));
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    Ok(())
}

/// A JSON-RPC message, borrowed from the body.
#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    /// `Some` for null too, which no id may be.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// A member that is there, whatever it is.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The parameters that the front looks at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params<'a> {
    #[serde(rename = "_meta", borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", borrow)]
    version: Option<&'a RawValue>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities", borrow)]
    capabilities: Option<&'a RawValue>,
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// What an object holds; `None` for anything else, also for an array, which would be read as members in order.
fn members<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    is_object(raw).then(|| serde_json::from_str(raw.get()).ok()).flatten()
}

/// A message that was read and whose headers agree with it.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// The id as it stands in the message; none in a notification.
    pub(super) id: Option<&'a str>,
    /// It speaks the modern revision.
    pub(super) is_modern: bool,
    method: Cow<'a, str>,
    params: Params<'a>,
    meta: Meta<'a>,
}

/// A call of one of the product's tools.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProductCall<'m> {
    pub(super) entry: &'static Entry,
    pub(super) id: &'m str,
    pub(super) arguments: Option<&'m RawValue>,
}

impl Message<'_> {
    /// Whether it calls a tool of the catalogue.
    pub(super) fn product_call(&self) -> Option<ProductCall<'_>> {
        let (id, name) = (self.id?, self.params.name.as_deref()?);
        let entry = catalogue::by_tool(name).filter(|_| self.method == "tools/call")?;
        Some(ProductCall { entry, id, arguments: self.params.arguments })
    }

    /// Whether it opens a stream of notifications.
    pub(super) fn is_listen(&self) -> bool {
        self.id.is_some() && self.method == "subscriptions/listen"
    }
}

/// Reads a message and checks what belongs to its era.
pub(super) fn read<'a>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<Message<'a>, Refusal> {
    let envelope = envelope(bytes)?;
    let id = envelope.id.map(RawValue::get);
    if id.is_some_and(|id| !(id.starts_with('"') || id.parse::<i64>().is_ok())) {
        return Err(bad(None, rpc::INVALID_REQUEST, "an id is a string or an integer"));
    }
    if envelope.jsonrpc.as_deref() != Some("2.0") {
        return Err(bad(id, rpc::INVALID_REQUEST, "not a JSON-RPC 2.0 message"));
    }
    // Answers of clients: there is never a question of ours on this endpoint.
    let Some(method) = envelope.method else {
        return Err(bad(None, rpc::INVALID_REQUEST, "a request or notification has a method"));
    };
    let params = match envelope.params.map(members::<Params<'a>>) {
        None => Params::default(),
        Some(Some(params)) => params,
        Some(None) => return Err(invalid_params(id)),
    };
    let version = version_header(headers, id)?;
    let declares_modern = version.is_some_and(|version| version == MODERN || !VERSIONS.contains(&version));
    let meta = match params.meta.map(members::<Meta<'a>>) {
        Some(Some(meta)) => meta,
        // What the modern revision asks for is then missing.
        Some(None) if !declares_modern => return Err(invalid_params(id)),
        Some(None) | None => Meta::default(),
    };
    let is_modern = declares_modern || meta.version.is_some();
    let message = Message { id, is_modern, method, params, meta };
    if is_modern {
        message.check_modern(headers, version)?;
    } else {
        message.check_method(StatusCode::OK, &REMOVED)?;
    }
    message.check_params()?;
    Ok(message)
}

/// Whether these bytes can be one message: a JSON object that the server would read.
///
/// # Errors
/// The JSON-RPC code and text of what is wrong.
pub fn judge(bytes: &[u8]) -> Result<(), (i64, Cow<'static, str>)> {
    match types::json::judge(bytes) {
        Ok(types::json::Top::Object) => Ok(()),
        Ok(types::json::Top::Array) => Err((rpc::INVALID_REQUEST, "batches are not served".into())),
        Ok(types::json::Top::Scalar) => Err((rpc::INVALID_REQUEST, "a message is an object".into())),
        Err(fault) if fault.is_json => Err((rpc::INVALID_REQUEST, fault.to_string().into())),
        Err(fault) => Err((rpc::PARSE_ERROR, fault.to_string().into())),
    }
}

fn envelope(bytes: &[u8]) -> Result<Envelope<'_>, Refusal> {
    judge(bytes).map_err(|(code, message)| bad(None, code, message))?;
    serde_json::from_slice(bytes).map_err(|_| bad(None, rpc::INVALID_REQUEST, "not a JSON-RPC message"))
}

/// Bad protocol parameters are an error of the call, not of HTTP.
fn invalid_params(id: Option<&str>) -> Refusal {
    Refusal::Rpc {
        status: StatusCode::OK,
        id: id.map(str::to_owned),
        code: rpc::INVALID_PARAMS,
        message: "the parameters do not fit the method".into(),
        data: None,
    }
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(());
    }
    first.to_str().map(|text| Some(text.trim())).map_err(|_| ())
}

fn version_header<'h>(headers: &'h HeaderMap, id: Option<&str>) -> Result<Option<&'h str>, Refusal> {
    one(headers, "mcp-protocol-version")
        .map_err(|()| bad(id, rpc::HEADER_MISMATCH, "MCP-Protocol-Version is unreadable or given twice"))
}

impl Message<'_> {
    fn meta_version(&self) -> Option<Cow<'_, str>> {
        let text = self.meta.version?.get();
        let plain = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))?;
        if plain.contains('\\') { serde_json::from_str(text).ok() } else { Some(Cow::Borrowed(plain)) }
    }

    /// Parameters that methods share; rmcp ignores cursors it does not understand, and we never gave any out.
    fn check_params(&self) -> Result<(), Refusal> {
        let params = &self.params;
        let is_fit = match self.method.as_ref() {
            "tools/call" => params.name.is_some() && params.arguments.is_none_or(is_object),
            method => params.cursor.is_none() || !method.ends_with("/list"),
        };
        if is_fit { Ok(()) } else { Err(invalid_params(self.id)) }
    }

    /// Whether a request's method is one of every revision or one of these.
    fn check_method(&self, status: StatusCode, further: &[&str]) -> Result<(), Refusal> {
        let method = self.method.as_ref();
        if self.id.is_none() || METHODS.contains(&method) || further.contains(&method) {
            return Ok(());
        }
        let (id, code) = (self.id.map(str::to_owned), rpc::METHOD_NOT_FOUND);
        Err(Refusal::Rpc { status, id, code, message: "there is no such method in this revision".into(), data: None })
    }

    fn check_modern(&self, headers: &HeaderMap, header: Option<&str>) -> Result<(), Refusal> {
        let id = self.id;
        let unknown = |version: &str| Refusal::Rpc {
            status: StatusCode::BAD_REQUEST,
            id: id.map(str::to_owned),
            code: rpc::UNSUPPORTED_VERSION,
            message: "this protocol version is not served".into(),
            data: Some(json!({ "supported": VERSIONS, "requested": version })),
        };
        let declared = self.meta_version();
        // What methods an unknown revision has is not known either.
        if declared.as_deref().or(header).is_none_or(|version| VERSIONS.contains(&version)) {
            self.check_method(StatusCode::NOT_FOUND, &ADDED)?;
        }
        let version = match (header, declared.as_deref()) {
            (Some(header), None) if !VERSIONS.contains(&header) => return Err(unknown(header)),
            (_, None) if id.is_none() => header.unwrap_or(MODERN),
            (_, None) => return Err(bad(id, rpc::INVALID_PARAMS, "`_meta` lacks the protocol version")),
            (None, Some(_)) => return Err(bad(id, rpc::HEADER_MISMATCH, "the header MCP-Protocol-Version is missing")),
            (Some(header), Some(version)) if header != version => {
                return Err(bad(id, rpc::HEADER_MISMATCH, "MCP-Protocol-Version differs from the body"));
            }
            (_, Some(version)) => version,
        };
        if !VERSIONS.contains(&version) {
            return Err(unknown(version));
        }
        if id.is_some() && !self.meta.capabilities.is_some_and(is_object) {
            return Err(bad(id, rpc::INVALID_PARAMS, "`_meta` lacks the client's capabilities"));
        }
        self.check_names(headers)
    }

    /// `Mcp-Method` and, where a method names something, `Mcp-Name` say what the body says.
    fn check_names(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let differs = |what: &'static str| bad(self.id, rpc::HEADER_MISMATCH, what);
        match one(headers, "mcp-method") {
            Ok(Some(method)) if method == self.method => {}
            Ok(None) => return Err(differs("the header Mcp-Method is missing")),
            Ok(Some(_)) | Err(()) => return Err(differs("Mcp-Method differs from the body")),
        }
        let Some(named) = subject(&self.method, self.params.name.as_deref(), self.params.uri.as_deref()) else {
            return Ok(());
        };
        match one(headers, "mcp-name").map(|name| name.map(decoded)) {
            Ok(Some(Some(name))) if name == named => Ok(()),
            Ok(None) => Err(differs("the header Mcp-Name is missing")),
            Ok(Some(_)) | Err(()) => Err(differs("Mcp-Name differs from the body")),
        }
    }
}

/// A text as a header can carry it: as it is, or in `=?base64?…?=` where it needs that.
#[must_use]
pub fn encoded(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text;
    if is_plain && !text.is_empty() && !text.starts_with("=?base64?") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("=?base64?{}?=", base64::engine::general_purpose::STANDARD.encode(text)))
}

/// What a method names, which `Mcp-Name` repeats: its parameter `name` or `uri`.
#[must_use]
pub fn subject<T>(method: &str, name: Option<T>, uri: Option<T>) -> Option<T> {
    match method {
        "tools/call" | "prompts/get" => name,
        "resources/read" => uri,
        _ => None,
    }
}

/// A header's text, out of `=?base64?…?=` where it needed that.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let Some(encoded) = text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Some(Cow::Borrowed(text));
    };
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_out_of_its_header_as_it_went_in() {
        for name in ["create_memory", "guildhall://session/1", "", " a", "a ", "é", "a\nb", "=?base64?eA==?="] {
            let header = encoded(name);
            assert!(HeaderValue::from_str(&header).is_ok(), "{header}");
            assert_eq!(decoded(&header).unwrap(), name);
        }
        assert_eq!(encoded("create_memory"), "create_memory");
    }
}
