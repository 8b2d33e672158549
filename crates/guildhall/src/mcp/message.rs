//! What the shim must know of a message to pass it on: its id, what it asks for, and whether it may be sent twice.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

const LISTEN: &str = "subscriptions/listen";
/// Methods that execute nothing, so that a second one does no harm.
const HARMLESS: [&str; 8] = [
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
    LISTEN,
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Envelope<'a> {
    #[serde(borrow, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// A member that is there, also when it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

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
    #[serde(rename = "requestId", borrow)]
    request_id: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", borrow)]
    version: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments<'a> {
    #[serde(borrow)]
    idempotency_key: Option<Cow<'a, str>>,
}

/// What a part holds; nothing when it is of another shape, for then the server says so.
fn parts<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// An id in one spelling, so that two that are equal look equal.
fn canonical(id: &RawValue) -> String {
    serde_json::from_str::<Value>(id.get()).map_or_else(|_| id.get().to_owned(), |id| id.to_string())
}

#[derive(Debug, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// A line that no server would take for a message.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its id as it stands there, as far as one can be told: a client that is given none waits for an answer.
    pub(super) id: Option<String>,
    /// The code of JSON-RPC.
    pub(super) code: i64,
    /// What is wrong with it.
    pub(super) what: Cow<'static, str>,
}

impl Refused {
    fn of(bytes: &[u8], (code, what): (i64, Cow<'static, str>)) -> Self {
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        let named = serde_json::from_slice::<Named<'_>>(bytes).ok().filter(|_| is_object);
        let raw = named.and_then(|named| named.id);
        let id = raw.filter(|raw| {
            serde_json::from_str(raw.get()).is_ok_and(|id: Value| id.is_string() || id.is_i64() || id.is_u64())
        });
        Self { id: id.map(|raw| raw.get().to_owned()), code, what }
    }
}

/// A client's message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The bytes, as they are sent on.
    pub(super) bytes: Bytes,
    /// Its id as it stands there.
    pub(super) id: Option<String>,
    /// Its id in one spelling.
    pub(super) key: Option<String>,
    /// Its method; empty when it has none.
    pub(super) method: String,
    /// The key of the call that a `notifications/cancelled` ends.
    pub(super) cancels: Option<String>,
    version: Option<String>,
    name: Option<String>,
    has_idempotency_key: bool,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// When no server would take it for one.
    pub(super) fn read(bytes: Bytes) -> Result<Self, Refused> {
        server::mcp::judge(&bytes).map_err(|why| Refused::of(&bytes, why))?;
        // What is an object but no message goes to the server, which says what is wrong with it.
        let envelope: Envelope<'_> = serde_json::from_slice(&bytes).unwrap_or_default();
        let params: Params<'_> = parts(envelope.params);
        let meta: Meta<'_> = parts(params.meta);
        let method = envelope.method.unwrap_or_default().into_owned();
        let name = server::mcp::subject(&method, params.name, params.uri);
        let arguments: Arguments<'_> = parts(params.arguments.filter(|_| method == "tools/call"));
        let cancels = params.request_id.filter(|_| method == "notifications/cancelled").map(canonical);
        Ok(Self {
            id: envelope.id.map(|id| id.get().to_owned()),
            key: envelope.id.map(canonical),
            version: meta.version.map(Cow::into_owned),
            name: name.map(Cow::into_owned),
            has_idempotency_key: arguments.idempotency_key.is_some(),
            cancels,
            method,
            bytes: bytes.clone(),
        })
    }

    /// Whether nobody waits for an answer.
    pub(super) fn is_notification(&self) -> bool {
        self.id.is_none() && !self.method.is_empty()
    }

    /// Whether it speaks the modern revision.
    pub(super) const fn is_modern(&self) -> bool {
        self.version.is_some()
    }

    /// Whether it calls a tool.
    pub(super) fn is_call(&self) -> bool {
        self.method == "tools/call"
    }

    /// Whether it opens a stream of notifications.
    pub(super) fn is_listen(&self) -> bool {
        self.method == LISTEN
    }

    /// Whether it may be sent again when nobody knows what became of it.
    pub(super) fn may_repeat(&self) -> bool {
        self.has_idempotency_key || HARMLESS.contains(&self.method.as_str())
    }

    /// The headers that repeat what the body says; what no header can hold is left out, and refused by the server.
    pub(super) fn headers(&self, negotiated: Option<&str>) -> HeaderMap {
        let name = self.name.as_deref().map(server::mcp::encoded);
        let all = [
            // What is being negotiated is not agreed on yet.
            ("mcp-protocol-version", self.version.as_deref().or(negotiated.filter(|_| self.method != "initialize"))),
            ("mcp-method", Some(self.method.as_str()).filter(|method| !method.is_empty())),
            ("mcp-name", name.as_deref()),
        ];
        let header = |(name, text): (&'static str, Option<&str>)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(text?).ok()?))
        };
        all.into_iter().filter_map(header).collect()
    }
}

/// What a message of the server is to the call it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Its result: the last message.
    Result,
    /// An error: the last message.
    Error,
    /// The first message of a stream of notifications.
    Acknowledged,
    /// Something on the way.
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Part {
    /// Looks at a message of the server.
    pub(super) fn of(message: &[u8]) -> Self {
        let answer: Answer<'_> = serde_json::from_slice(message).unwrap_or_default();
        match (answer.method.as_deref(), answer.error) {
            (Some("notifications/subscriptions/acknowledged"), _) => Self::Acknowledged,
            (Some(_), _) => Self::Other,
            (None, Some(_)) => Self::Error,
            (None, None) => Self::Result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Message {
        Message::read(Bytes::from(text)).unwrap()
    }

    fn header(message: &Message, negotiated: Option<&str>, name: &str) -> Option<String> {
        message.headers(negotiated).get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn headers_say_what_the_body_says() {
        let modern = read(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mémoire","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        );
        assert!(modern.is_modern() && modern.is_call());
        assert_eq!(header(&modern, Some("2025-06-18"), "mcp-protocol-version").unwrap(), "2026-07-28");
        assert_eq!(header(&modern, None, "mcp-method").unwrap(), "tools/call");
        assert_eq!(header(&modern, None, "mcp-name").unwrap(), "=?base64?bcOpbW9pcmU=?=");
        let legacy = read(r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b","name":"c"}}"#);
        assert_eq!(header(&legacy, Some("2025-06-18"), "mcp-protocol-version").unwrap(), "2025-06-18");
        assert_eq!(header(&legacy, None, "mcp-protocol-version"), None);
        assert_eq!(header(&legacy, None, "mcp-name").unwrap(), "a://b");
    }

    #[test]
    fn only_what_does_no_harm_is_repeated() {
        for (params, may) in [
            (r#"{"name":"create_memory","arguments":{"content":"a"}}"#, false),
            (r#"{"name":"create_memory","arguments":{"idempotency_key":"k"}}"#, true),
            (r#"{"name":"create_memory","arguments":{"idempotency_key":7}}"#, false),
            (r#"{"name":"create_memory","idempotency_key":"k"}"#, false),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            assert_eq!(Message::read(Bytes::from(text)).unwrap().may_repeat(), may, "{params}");
        }
        assert!(read(r#"{"id":1,"method":"tools/list"}"#).may_repeat());
        assert!(!read(r#"{"id":1,"method":"resources/read","params":{"uri":"a"}}"#).may_repeat());
    }

    #[test]
    fn a_cancellation_names_its_call_in_any_spelling() {
        let call = read(r#"{"id":"a\u0062","method":"tools/call"}"#);
        let cancel = read(r#"{"method":"notifications/cancelled","params":{"requestId":"ab"}}"#);
        assert_eq!((cancel.cancels, cancel.id), (call.key, None));
        assert_eq!(call.id.as_deref(), Some(r#""a\u0062""#));
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        let code = |text: &'static str| Message::read(Bytes::from(text)).unwrap_err().code;
        assert_eq!((code("[{}]"), code("7"), code("{"), code("{\"a\":1,\"a\":2}")), (-32600, -32600, -32700, -32600));
        assert!(read(r#"{"method":"notifications/initialized"}"#).is_notification());
        assert!(!read("{}").is_notification());
        assert_eq!(read(r#"{"id":null,"method":"ping"}"#).id.as_deref(), Some("null"));
    }

    #[test]
    fn a_refused_line_names_the_id_that_it_has() {
        let deep = format!(r#"{{"id":7,"params":{}{}}}"#, "[".repeat(70), "]".repeat(70));
        for (text, id) in [
            (r#"{"params":{"content":"cut \ud83d"},"id":"a\u0062"}"#, Some(r#""a\u0062""#)),
            (r#"{"id":7,"params":{"a":1,"a":2}}"#, Some("7")),
            (deep.as_str(), Some("7")),
            (r#"{"id":7,"id":8}"#, None),
            (r#"{"id":"\ud83d"}"#, None),
            (r#"{"id":1e400}"#, None),
            (r#"{"id":[1,{"a":1,"a":2}]}"#, None),
            (r#"{"id":7"#, None),
            ("[7]", None),
        ] {
            let refused = Message::read(Bytes::from(text.to_owned())).unwrap_err();
            assert_eq!(refused.id.as_deref(), id, "{text}");
        }
    }

    #[test]
    fn the_last_message_is_told_from_those_before_it() {
        let parts = [
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Part::Result),
            (r#"{"jsonrpc":"2.0","error":{"code":1}}"#, Part::Error),
            (r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#, Part::Other),
            (r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}"#, Part::Acknowledged),
        ];
        for (text, part) in parts {
            assert_eq!(Part::of(text.as_bytes()), part, "{text}");
        }
    }
}
