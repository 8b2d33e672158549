//! Which server, and as whom: the stream to it, and the head of every request.

use std::{
    fs::File,
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use security::Secret;
use tokio::{
    net::{TcpStream, UnixStream},
    task::AbortHandle,
};

use crate::failure::{Failure, Result, exit};

/// A key has far fewer characters.
const LONGEST_KEY_FILE: u64 = 4_096;
/// What to do when a key file holds no key.
const NEW_KEY: &str =
    "`guildhall setup CLIENT` writes that of a client anew, `guildhall key create AGENT` makes another key";

/// Where the server is.
#[derive(Debug, Clone)]
enum Place {
    /// The socket of a data directory.
    Socket(PathBuf),
    /// Addresses of this machine, tried in this order.
    Loopback(Vec<SocketAddr>),
}

/// As whom the shim calls.
pub(crate) enum Identity {
    /// Whoever the key is of.
    Key(Secret<String>),
    /// An agent, on the directory's socket only.
    Agent {
        /// Its name.
        name: String,
        /// Its workspace's slug.
        workspace: Option<String>,
    },
}

/// The way in.
pub(crate) struct Door {
    place: Place,
    path: String,
    headers: HeaderMap,
    /// What to do when the credential is refused.
    advice: String,
}

/// An open connection; it ends when dropped, and with it the call that is on its way.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn value(text: &str, what: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| Failure::usage(format!("{what} holds characters that none has")))
}

impl Door {
    /// The socket of a data directory.
    ///
    /// # Errors
    /// When a name or the key cannot be one.
    pub(crate) fn socket(socket: PathBuf, identity: &Identity) -> Result<Self> {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("localhost"))]);
        let advice = sign(&mut headers, identity)?;
        Ok(Self { place: Place::Socket(socket), path: "/mcp".to_owned(), headers, advice })
    }

    /// A server of this machine by its URL. A key goes over plain HTTP to nobody else.
    ///
    /// # Errors
    /// When the URL is none of this machine, or the key cannot be one.
    pub(crate) fn url(url: &str, key: Secret<String>) -> Result<Self> {
        let wrong = |what: &str| {
            Failure::usage(format!("--url {url}: {what}"))
                .hint("name a server of this machine, such as http://127.0.0.1:8640/mcp")
        };
        let uri: Uri = url.parse().map_err(|_| wrong("this is no URL"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("https is not served yet")),
            _ => return Err(wrong("it must begin with http://")),
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(|| wrong("it must name a host and nothing before it"))?;
        let port = authority.port_u16().unwrap_or(80);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let hosts = match host.parse::<IpAddr>() {
            Ok(address) if address.to_canonical().is_loopback() => vec![address],
            _ if host.eq_ignore_ascii_case("localhost") => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => return Err(wrong("a key is sent over plain http to this machine only")),
        };
        if uri.query().is_some() {
            return Err(wrong("it must not have a query; --toolsets names toolsets"));
        }
        let mut headers = HeaderMap::from_iter([(header::HOST, value(authority.as_str(), "the host")?)]);
        let advice = sign(&mut headers, &Identity::Key(key))?;
        let path = if uri.path() == "/" { "/mcp" } else { uri.path() };
        let addresses = hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect();
        Ok(Self { place: Place::Loopback(addresses), path: path.to_owned(), headers, advice })
    }

    /// With toolsets to be listed.
    ///
    /// # Errors
    /// When they cannot be names.
    pub(crate) fn toolsets(mut self, list: &str) -> Result<Self> {
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !list.split(',').all(is_name) {
            return Err(Failure::usage(format!("--toolsets {list}: these are no names of toolsets"))
                .hint("separate them by commas, such as core,memory"));
        }
        self.path.push_str("?toolsets=");
        self.path.push_str(list);
        Ok(self)
    }

    /// What to do when the credential is refused.
    pub(super) fn advice(&self) -> &str {
        &self.advice
    }

    /// Where it leads, for people.
    pub(super) fn leads_to(&self) -> String {
        match &self.place {
            Place::Socket(path) => path.parent().unwrap_or(path).display().to_string(),
            Place::Loopback(addresses) => addresses.first().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// A request that carries a message.
    pub(super) fn request(&self, bytes: Bytes, about: HeaderMap) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(bytes));
        *request.method_mut() = http::Method::POST;
        // The path was checked when it was made out of a URI and names.
        *request.uri_mut() = self.path.parse().unwrap_or_default();
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().extend(about);
        request
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> io::Result<Connection> {
        match &self.place {
            Place::Socket(path) => over(UnixStream::connect(path).await?).await,
            Place::Loopback(addresses) => {
                let stream = TcpStream::connect(addresses.as_slice()).await?;
                stream.set_nodelay(true)?;
                over(stream).await
            }
        }
    }
}

async fn over<S>(stream: S) -> io::Result<Connection>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(io::Error::other)?;
    // How it ended is seen by the call that was on it.
    let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
    Ok(Connection { sender, driver })
}

/// Adds the headers of every request; what to do when they are refused.
fn sign(headers: &mut HeaderMap, identity: &Identity) -> Result<String> {
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("guildhall-mcp/", env!("CARGO_PKG_VERSION"))));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    match identity {
        Identity::Key(key) => {
            let mut bearer = value(&format!("Bearer {}", key.reveal()), "the API key")?;
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
            Ok("the API key is refused; `guildhall key create AGENT` makes one".to_owned())
        }
        Identity::Agent { name, workspace } => {
            headers.insert(server::AGENT_HEADER, value(name, "the agent's name")?);
            if let Some(workspace) = workspace {
                headers.insert(server::WORKSPACE_HEADER, value(workspace, "the workspace's name")?);
            }
            let place = workspace.as_deref().unwrap_or(crate::compose::HOME);
            Ok(format!(
                "there is no active agent `{name}` in workspace `{place}`; `guildhall agent list` shows them, \
                 `guildhall agent add {name}` makes one"
            ))
        }
    }
}

/// Reads a key out of a file that is its owner's alone.
///
/// # Errors
/// [`exit::UNSAFE`] when others can read it; [`exit::USAGE`] when there is no key in it.
pub(crate) fn key_file(path: &Path) -> Result<Secret<String>> {
    let unreadable = |error: io::Error| {
        Failure::usage(format!("cannot read the key file {}: {error}", path.display())).hint(NEW_KEY)
    };
    let file = File::open(path).map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    let refused = |what: &str| {
        Failure::new(exit::UNSAFE, format!("the key file {} {what}", path.display()))
            .hint(format!("make it its owner's alone: chmod 600 {}", path.display()))
    };
    if !found.is_file() {
        return Err(refused("is not a plain file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("belongs to another user"));
    }
    if found.mode() & 0o077 != 0 {
        return Err(refused(&format!("has mode {:04o}, others can read it", found.mode() & 0o7777)));
    }
    let mut text = String::new();
    file.take(LONGEST_KEY_FILE).read_to_string(&mut text).map_err(unreadable)?;
    let text = Secret::new(text);
    match text.reveal().trim() {
        "" => Err(Failure::usage(format!("the key file {} is empty", path.display())).hint(NEW_KEY)),
        key => Ok(Secret::new(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refused(url: &str) -> String {
        Door::url(url, Secret::new("k".to_owned())).err().map(|failure| failure.reasons.join(" ")).unwrap_or_default()
    }

    #[test]
    fn a_key_goes_over_plain_http_to_this_machine_only() {
        for url in ["http://127.0.0.1:1/mcp", "http://localhost:1", "http://[::1]:1/mcp", "http://127.9.9.9/"] {
            assert_eq!(refused(url), "", "{url}");
        }
        for url in [
            "http://example.com/mcp",
            "http://127.0.0.1.example.com/mcp",
            "http://192.0.2.1/mcp",
            "http://localhost@example.com/mcp",
            "https://127.0.0.1/mcp",
            "127.0.0.1:8640",
            "http://127.0.0.1/mcp?token=1",
            "",
        ] {
            assert_ne!(refused(url), "", "{url}");
        }
        assert!(refused("https://localhost/mcp").contains("not served yet"));
    }

    #[test]
    fn requests_carry_the_identity_and_nothing_of_the_other_kind() {
        let agent = Identity::Agent { name: "scout".to_owned(), workspace: None };
        let door = Door::socket("/x".into(), &agent).unwrap().toolsets("core,memory").unwrap();
        let request = door.request(Bytes::new(), HeaderMap::new());
        assert_eq!(request.uri(), "/mcp?toolsets=core,memory");
        assert_eq!(request.headers()[server::AGENT_HEADER], "scout");
        assert!(!request.headers().contains_key(header::AUTHORIZATION));
        let key = Identity::Key(Secret::new("ghk_1".to_owned()));
        let request = Door::socket("/x".into(), &key).unwrap().request(Bytes::new(), HeaderMap::new());
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer ghk_1");
        assert!(!request.headers().contains_key(server::AGENT_HEADER));
        assert!(Door::socket("/x".into(), &key).unwrap().toolsets("core&x=1").is_err());
    }

    #[test]
    fn a_key_file_is_its_owners_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "ghk_1\n").unwrap();
        for (mode, is_safe) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
            match key_file(file.path()) {
                Ok(key) => assert!(is_safe && key.reveal() == "ghk_1", "{mode:o}"),
                Err(failure) => assert!(!is_safe && failure.exit == exit::UNSAFE, "{mode:o}"),
            }
        }
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(file.path(), "\n").unwrap();
        assert_eq!(key_file(file.path()).err().map(|failure| failure.exit), Some(exit::USAGE));
    }
}
