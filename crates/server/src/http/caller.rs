//! Credentials in a request to a caller.

use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ::http::{HeaderMap, HeaderValue, Request, header, request::Parts};
use domain::{
    Error, Gate, Result,
    access::{Caller, Origin, Via},
    gate::Presented,
};

use super::record::Record;

/// Longest user agent that is kept, in characters.
const USER_AGENT_CHARS: usize = 200;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A client of the network.
    Network(IpAddr),
    /// The owner of the data directory, with this user id.
    Socket(u32),
}

impl Peer {
    /// The face that its connection is counted under.
    pub(crate) const fn via(self) -> Via {
        match self {
            Self::Network(_) => Via::Rest,
            Self::Socket(_) => Via::Socket,
        }
    }

    /// The listener it came to.
    pub(crate) const fn listener(self) -> &'static str {
        match self {
            Self::Network(_) => "network",
            Self::Socket(_) => "socket",
        }
    }
}

/// Finds a request in the log.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(String);

static START: OnceLock<u64> = OnceLock::new();
static NEXT: AtomicU64 = AtomicU64::new(1);

impl RequestId {
    /// A fresh id: random per process, counted within it.
    pub(crate) fn next() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        let start = START.get_or_init(|| RandomState::new().hash_one(0));
        Self(format!("req_{:08x}{:08x}", start & 0xFFFF_FFFF, NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The id given to this request.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self::among(request.extensions())
    }

    fn among(extensions: &::http::Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::next)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn origin(peer: Peer, via: Via, id: &RequestId, headers: &HeaderMap) -> Origin {
    let user_agent = headers
        .get(header::USER_AGENT)
        .map(|text| String::from_utf8_lossy(text.as_bytes()).chars().take(USER_AGENT_CHARS).collect());
    let (via, address) = match peer {
        Peer::Network(address) => (via, Some(address)),
        Peer::Socket(_) => (Via::Socket, None),
    };
    Origin { via, address, user_agent, request_id: id.as_str().to_owned() }
}

/// A caller before any credential was looked at.
pub(crate) fn stranger(peer: Peer, id: &RequestId, headers: &HeaderMap) -> Caller {
    Caller::Visitor(Arc::new(origin(peer, Via::Rest, id, headers)))
}

/// The credentials in the headers; several are one when they are the same.
fn credential(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut found: Option<&str> = None;
    let bearer = headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let text = value.to_str().unwrap_or_default();
        match text.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            // Another scheme is a credential we do not know.
            _ => "",
        }
    });
    let keys = headers.get_all("x-api-key").iter().map(|value| value.to_str().unwrap_or_default().trim());
    for one in bearer.chain(keys) {
        match found {
            Some(other) if other != one => {
                return Err(Error::invalid("Authorization", "two different credentials in one request"));
            }
            _ => found = Some(one),
        }
    }
    Ok(found)
}

/// Finds out who sent a request.
pub(crate) async fn identify(gate: &Gate, via: Via, head: &Parts) -> Result<Caller> {
    let headers = &head.headers;
    let peer = head.extensions.get::<Peer>().copied().ok_or_else(Error::internal)?;
    let origin = || origin(peer, via, &RequestId::among(&head.extensions), headers);
    let record = Record::of(&head.extensions);
    let identified = async {
        let presented = match (credential(headers)?, peer) {
            (Some(text), _) => Presented::Bearer(text),
            (None, Peer::Socket(uid)) => {
                let named = |header| headers.get(header).and_then(|name: &HeaderValue| name.to_str().ok());
                let workspace = named(crate::WORKSPACE_HEADER);
                match (via, named(crate::AGENT_HEADER)) {
                    // An agent's tools are never the local operator's, whoever owns the socket.
                    (Via::Mcp, Some(name)) => Presented::SocketAgent { uid, workspace, name },
                    (Via::Mcp, None) => Presented::Nothing,
                    (Via::Rest | Via::Socket | Via::System, _) => Presented::Socket { uid, workspace },
                }
            }
            (None, Peer::Network(_)) => Presented::Nothing,
        };
        gate.identify(presented, origin()).await
    };
    match identified.await {
        Ok(caller) => {
            record.caller(&caller);
            Ok(caller)
        }
        Err(error) => {
            record.caller(&Caller::Visitor(Arc::new(origin())));
            Err(error)
        }
    }
}
