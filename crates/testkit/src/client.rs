//! A small HTTP client: one connection a request, over TCP or the Unix socket.

use std::{net::SocketAddr, path::PathBuf};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

use crate::declared;

/// Where requests go.
#[derive(Debug, Clone)]
pub enum Client {
    /// The network face.
    Network(SocketAddr),
    /// The data directory's Unix socket.
    Socket(PathBuf),
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The error code in the body.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) client: Client,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// A request.
    ///
    /// # Panics
    /// When the method is none.
    #[must_use]
    pub fn new(client: Client, method: &str, path: impl Into<String>) -> Self {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Self { client, method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// With a header more.
    ///
    /// # Panics
    /// When it is no header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.append(name, http::HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    /// With a key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string())
    }

    /// With these bytes as body.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the answer.
    ///
    /// # Panics
    /// When the connection fails, or a refusal over REST is not among those that the operation's specification declares.
    pub async fn send(self) -> Answer {
        match self.client.clone() {
            Client::Network(address) => {
                let stream = TcpStream::connect(address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (method, path) = (self.method.clone(), self.path.clone());
                let answer = self.over(stream).await;
                declared::check(method.as_str(), &path, &answer);
                answer
            }
            Client::Socket(path) => self.over(UnixStream::connect(path).await.unwrap()).await,
        }
    }

    async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) -> Answer {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut request = http::Request::builder().method(self.method).uri(self.path);
        if !self.headers.contains_key("host") {
            request = request.header("host", "localhost");
        }
        let mut request = request.body(Full::new(self.body)).unwrap();
        request.headers_mut().extend(self.headers);
        let response = sender.send_request(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        drop(sender);
        driver.abort();
        Answer { status: StatusCode::as_u16(&head.status), headers: head.headers, body }
    }
}

impl Client {
    /// Sends raw bytes and reads until the server closes or falls silent.
    ///
    /// # Panics
    /// When the connection fails.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let Self::Network(address) = self else { panic!("raw bytes go over the network") };
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(Ok(count @ 1..)) =
            tokio::time::timeout(std::time::Duration::from_millis(500), stream.read(&mut buffer)).await
        {
            all.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }
}
