//! `[server]`: where it listens and for whom.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::{Finding, Section};

const DEFAULT_LISTEN: &str = "127.0.0.1:8640";

/// Where the server listens and for whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port.
    pub(crate) listen: String,
    /// Host names beside the loopback's own.
    pub(crate) allowed_hosts: Vec<String>,
    /// Browser origins.
    pub(crate) allowed_origins: Vec<String>,
    /// How clients reach it through a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_url: Option<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN.to_owned(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            public_url: None,
        }
    }
}

impl Server {
    /// The address to listen on; none when it does not read as one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.listen.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}").parse().ok(),
            None => self.listen.parse().ok(),
        }
    }

    /// Host names that requests may carry.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let public = self.public_url.as_deref().and_then(|url| url.parse::<Uri>().ok());
        let public = public.as_ref().and_then(Uri::host).map(str::to_owned);
        self.allowed_hosts.iter().cloned().chain(public).collect()
    }
}

impl Section for Server {
    const NAME: &'static str = "server";
    const KEYS: &'static [&'static str] = &["listen", "allowed_hosts", "allowed_origins", "public_url"];

    fn check(&self, findings: &mut Vec<Finding>) {
        match self.address() {
            None => findings.push(
                Finding::new(format!("`server.listen` must be an address and a port, not `{}`", self.listen))
                    .hint(format!("such as `{DEFAULT_LISTEN}`")),
            ),
            Some(address) if !address.ip().to_canonical().is_loopback() => findings.push(
                Finding::new(format!("`server.listen` {address} is beyond loopback and there is no TLS"))
                    .hint("listen on 127.0.0.1 and put a proxy with TLS on this machine in front; TLS of its own comes with a later version"),
            ),
            Some(_) => {}
        }
        if self.allowed_origins.iter().any(|origin| origin.contains('*')) {
            findings.push(
                Finding::new("`server.allowed_origins` must not contain `*`")
                    .hint("name each origin, such as `https://tools.example`"),
            );
        }
        for origin in self.allowed_origins.iter().filter(|origin| !origin.contains('*')) {
            if !is_origin(origin) {
                findings
                    .push(Finding::new(format!("`server.allowed_origins`: `{origin}` is not scheme://host[:port]")));
            }
        }
        for host in &self.allowed_hosts {
            if host.is_empty() || host.contains(['*', '/', ' ']) {
                findings.push(Finding::new(format!("`server.allowed_hosts`: `{host}` is not a host name")));
            }
        }
        if let Some(url) = &self.public_url {
            check_public(url, findings);
        }
    }
}

fn check_public(url: &str, findings: &mut Vec<Finding>) {
    let uri = url.parse::<Uri>().unwrap_or_default();
    let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
    let finding = match scheme {
        "https" if !host.is_empty() => return,
        "http" if is_loopback(host) => return,
        "http" => Finding::new(format!("`server.public_url` {url} is plain http beyond loopback")).hint("use https"),
        _ => Finding::new(format!("`server.public_url` must be an https URL, not `{url}`"))
            .hint("leave it out when there is no proxy"),
    };
    findings.push(finding);
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let is_bare = uri.path() == "/" && uri.query().is_none() && !text.ends_with('/');
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty()) && is_bare
}
