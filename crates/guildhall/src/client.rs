//! The command line's way to the running server: its Unix socket, as the local operator.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use serde_json::{Map, Value};
use tokio::{net::UnixStream, runtime::Runtime};

use crate::{
    compose, directory,
    exchange::{Answer, exchange},
    failure::{self, Failure, Result, exit},
};

/// A connection to be: each call opens its own.
pub(crate) struct Client {
    socket: PathBuf,
    workspace: Option<String>,
    idempotency_key: Option<String>,
    runtime: Runtime,
}

/// What an operation answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A JSON value.
    Json(Value),
    /// A text of another type.
    Text(String),
    /// Nothing to say.
    Nothing,
}

impl Client {
    /// A client of the server that holds this directory.
    ///
    /// # Errors
    /// When the path of its socket is too long.
    pub(crate) fn new(directory: &Path, workspace: Option<&str>) -> Result<Self> {
        Ok(Self {
            socket: directory::socket(directory)?,
            workspace: workspace.map(str::to_owned),
            idempotency_key: None,
            runtime: compose::small_runtime()?,
        })
    }

    /// The same client, whose calls carry an idempotency key.
    pub(crate) fn repeatable(mut self, key: Option<&str>) -> Self {
        self.idempotency_key = key.map(str::to_owned);
        self
    }

    /// Whether a server answers.
    pub(crate) fn is_reachable(&self) -> bool {
        self.runtime.block_on(UnixStream::connect(&self.socket)).is_ok()
    }

    /// Waits.
    pub(crate) fn pause(&self, time: Duration) {
        self.runtime.block_on(async {
            let mut timer = tokio::time::interval_at(tokio::time::Instant::now() + time, time);
            timer.tick().await;
        });
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// The operation's own, with their exit codes; [`exit::UNREACHABLE`] when no server runs.
    pub(crate) fn call(&self, operation: &str, input: Bytes) -> Result<Reply> {
        let request = self.request(operation, input)?;
        let answer = self.runtime.block_on(async {
            let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
            exchange(stream, request).await
        })?;
        read(&answer)
    }

    /// Calls an operation that answers JSON.
    ///
    /// # Errors
    /// Those of [`call`](Self::call).
    pub(crate) fn json(&self, operation: &str, input: &Value) -> Result<Value> {
        match self.call(operation, Bytes::from(input.to_string()))? {
            Reply::Json(value) => Ok(value),
            Reply::Text(_) | Reply::Nothing => Ok(Value::Null),
        }
    }

    fn request(&self, operation: &str, input: Bytes) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::post(format!("/call/{operation}"))
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, concat!("guildhall/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close");
        if let Some(workspace) = &self.workspace {
            request = request.header("X-Guildhall-Workspace", workspace);
        }
        if let Some(key) = &self.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        let wrong = |_| Failure::usage("an operation, workspace or idempotency key holds characters that no name has");
        request.body(Full::new(input)).map_err(wrong)
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                let home = self.socket.parent().unwrap_or(&self.socket);
                Failure::new(exit::UNREACHABLE, format!("no server runs on {}", home.display()))
                    .hint("start one with `guildhall up`, or name its directory with --data")
            }
            io::ErrorKind::PermissionDenied => {
                Failure::new(exit::REFUSED, format!("{} belongs to another user", self.socket.display()))
            }
            _ => Failure::new(exit::UNREACHABLE, format!("cannot reach {}: {error}", self.socket.display())),
        }
    }
}

fn read(answer: &Answer) -> Result<Reply> {
    let is_json = answer.media_type.ends_with("json");
    let value = || serde_json::from_slice::<Value>(&answer.body);
    match answer.status {
        204 => Ok(Reply::Nothing),
        200..=299 if is_json => {
            value().map(Reply::Json).map_err(|error| Failure::internal("the server's answer is not JSON", error))
        }
        200..=299 => Ok(Reply::Text(String::from_utf8_lossy(&answer.body).into_owned())),
        status => Err(match value() {
            Ok(Value::Object(problem)) => refused(&problem),
            _ => Failure::new(exit::INTERNAL, format!("the server answered {status} without a reason")),
        }),
    }
}

fn refused(problem: &Map<String, Value>) -> Failure {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    let code = text("code").unwrap_or_else(|| "internal".to_owned());
    let reason = text("detail").or_else(|| text("title")).unwrap_or_else(|| code.clone());
    let exit = failure::exit_of(&code);
    let mut hints: Vec<String> = text("hint").into_iter().collect();
    if exit == exit::INTERNAL
        && let Some(id) = text("request_id")
    {
        hints.push(format!("the server's log tells more about request {id}"));
    }
    if hints.is_empty() {
        hints.push(format!("`guildhall explain {code}` tells more"));
    }
    Failure { exit, reasons: vec![reason], hints }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, media_type: &str, body: &'static str) -> Answer {
        Answer { status, media_type: media_type.to_owned(), body: Bytes::from(body) }
    }

    #[test]
    fn a_problem_becomes_its_codes_exit() {
        let problem = r#"{"status":404,"code":"not_found","detail":"no such thing","hint":"look again"}"#;
        let failure = read(&answer(404, "application/problem+json", problem)).unwrap_err();
        assert_eq!(
            (failure.exit, failure.reasons, failure.hints),
            (5, vec!["no such thing".into()], vec!["look again".into()])
        );
        let failure = read(&answer(502, "text/html", "<p>")).unwrap_err();
        assert_eq!(failure.exit, exit::INTERNAL);
    }

    #[test]
    fn without_a_server_the_exit_is_seven() {
        let directory = tempfile::tempdir().unwrap();
        let failure = Client::new(directory.path(), None).unwrap().json("auth.whoami", &Value::Null).unwrap_err();
        assert_eq!(failure.exit, exit::UNREACHABLE);
        assert!(failure.hints[0].contains("guildhall up"));
    }
}
