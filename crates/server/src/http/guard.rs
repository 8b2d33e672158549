//! What is refused of a request before anything else is looked at: DNS rebinding, foreign origins, credentials in URLs.

use ::http::{HeaderValue, Request, StatusCode, header, uri::Authority};
use axum::{body::Body, response::Response};
use domain::{Code, Error, Result};

use super::caller::Peer;
use crate::Settings;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
const CREDENTIAL_NAMES: [&str; 4] = ["api_key", "apikey", "access_token", "token"];

/// The checks that hold on every path.
pub(crate) struct Guard(Settings);

impl Guard {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(settings)
    }

    /// Refuses what must not go any further.
    pub(crate) fn check(&self, peer: Peer, request: &Request<Body>) -> Result<()> {
        if matches!(peer, Peer::Network(_)) {
            self.host(request)?;
            self.origin(request)?;
        }
        let names = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        for (name, _) in names {
            if CREDENTIAL_NAMES.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(Error::new(Code::CredentialInUrl, "a credential must not stand in a URL")
                    .hint("send it as `Authorization: Bearer …`, and treat the one you sent as known to others"));
            }
        }
        Ok(())
    }

    fn host(&self, request: &Request<Body>) -> Result<()> {
        let known = |host: &str| {
            self.0.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
                || host.parse::<Authority>().is_ok_and(|authority| {
                    let name = authority.host();
                    let bare = self.0.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
                    !host.contains('@') && (bare || (self.0.loopback && is_loopback(name)))
                })
        };
        let is_known = |host: &HeaderValue| host.to_str().is_ok_and(known);
        let mut named = request.headers().get_all(header::HOST).iter();
        // A target and a header that name different hosts (RFC 9112 §3.2.2) must both be ours.
        let passes = match (request.uri().authority(), named.next(), named.next()) {
            (Some(authority), None, _) => known(authority.as_str()),
            (Some(authority), Some(host), None) => known(authority.as_str()) && is_known(host),
            (None, Some(host), None) => is_known(host),
            _ => false,
        };
        if passes {
            return Ok(());
        }
        Err(Error::new(Code::HostNotAllowed, "this server does not answer to that host name")
            .hint("add the name to `server.allowed_hosts`"))
    }

    fn origin(&self, request: &Request<Body>) -> Result<()> {
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        if origins.next().is_none() && self.is_ours(origin) {
            return Ok(());
        }
        Err(Error::new(Code::OriginNotAllowed, "pages of that origin may not call this server")
            .hint("add the origin to `server.allowed_origins`"))
    }

    fn is_ours(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        let is_loopback_page = || {
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority
                .and_then(|authority| authority.parse::<Authority>().ok().filter(|_| !authority.contains('@')))
                .is_some_and(|authority| is_loopback(authority.host()))
        };
        self.0.allowed_origins.iter().any(|allowed| allowed == origin) || (self.0.loopback && is_loopback_page())
    }

    /// Lets a page of an allowed origin read the answer; never with credentials.
    pub(crate) fn share(&self, response: &mut Response, origin: &HeaderValue) {
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if self.is_ours(origin) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static("Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, WWW-Authenticate"),
            );
        }
    }
}

fn is_loopback(name: &str) -> bool {
    LOOPBACK.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The answer to a browser that asks first.
pub(crate) fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Authorization, X-API-Key, Content-Type, Accept, If-Match, Idempotency-Key, MCP-Protocol-Version, Mcp-Method, Mcp-Name",
        ),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
