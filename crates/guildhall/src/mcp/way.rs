//! The way to the server: connections that are kept, and what is done when there is no server.

use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use domain::{Code, Error};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    door::{Connection, Door},
    start::{Next, Starter},
};
use crate::failure::Failure;

/// Connections kept open without a call.
const KEPT: usize = 8;
/// How long one is kept; the server closes those that are silent for longer.
const KEPT_FOR: Duration = Duration::from_secs(5);
/// How long a call waits for a server.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after the first failure to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest one.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What to do without a server.
const START_IT: &str = "start it with `guildhall up`";

/// Pauses that double.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Backoff {
    /// How long to wait now.
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// Waits.
    pub(super) async fn pause(&mut self) {
        wait(self.next()).await;
    }
}

async fn wait(pause: Duration) {
    let mut timer = interval_at(Instant::now() + pause, LONGEST_PAUSE);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer.tick().await;
}

/// How a request waits for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// For as long as a call may, and a server is started if need be.
    Start,
    /// For ever, and nothing is started: a server that was stopped stays so until somebody calls.
    Ever,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Gone {
    /// Nothing was sent.
    Unreached(Error),
    /// The server was gone, or silent, after the request was sent: what became of it is not known.
    Lost,
}

/// The way to the server.
pub(super) struct Way {
    door: Door,
    starter: Option<Mutex<Starter>>,
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Way {
    pub(super) fn new(door: Door, starter: Option<Starter>) -> Self {
        Self { door, starter: starter.map(Mutex::new), idle: Mutex::default() }
    }

    /// The door.
    pub(super) const fn door(&self) -> &Door {
        &self.door
    }

    /// Sends a request over a connection that is kept or new. The connection is to be given back when the answer was
    /// read to its end; dropped, it ends the call.
    ///
    /// # Errors
    /// See [`Gone`].
    pub(super) async fn send(
        &self,
        request: impl Fn() -> Request<Full<Bytes>>,
        wait: Wait,
    ) -> Result<(Response<Incoming>, Connection), Gone> {
        while let Some(connection) = self.kept() {
            if let Some(answer) = over(connection, request()).await? {
                return Ok(answer);
            }
        }
        let (began, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            let connection = self.connect(wait).await.map_err(Gone::Unreached)?;
            if let Some(answer) = over(connection, request()).await? {
                return Ok(answer);
            }
            // A server that stops takes connections which it then closes.
            if wait == Wait::Start && began.elapsed() >= PATIENCE {
                let closed = io::Error::new(io::ErrorKind::ConnectionReset, "it closes every connection");
                return Err(Gone::Unreached(self.unreachable(&closed)));
            }
            backoff.pause().await;
        }
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push((connection, Instant::now()));
        }
    }

    fn kept(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(connection, since)| since.elapsed() < KEPT_FOR && !connection.sender.is_closed());
        idle.pop().map(|(connection, _)| connection)
    }

    async fn connect(&self, how: Wait) -> Result<Connection, Error> {
        let began = Instant::now();
        let mut backoff = Backoff::default();
        loop {
            let error = match self.door.connect().await {
                Ok(connection) => {
                    self.with_starter(Starter::reached);
                    return Ok(connection);
                }
                Err(error) => error,
            };
            let next = match how {
                Wait::Start => self.with_starter(Starter::look).unwrap_or_else(|| Next::Wait(backoff.next())),
                Wait::Ever => Next::Wait(backoff.next()),
            };
            match next {
                Next::Failed(failure) => return Err(not_started(&failure)),
                Next::Wait(_) if how == Wait::Start && began.elapsed() >= PATIENCE => {
                    return Err(self.unreachable(&error));
                }
                Next::Wait(pause) => wait(pause).await,
            }
        }
    }

    fn with_starter<T>(&self, act: impl FnOnce(&mut Starter) -> T) -> Option<T> {
        let starter = self.starter.as_ref()?;
        Some(act(&mut starter.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        let place = self.door.leads_to();
        Error::new(Code::Unavailable, format!("no server answers on {place}: {error}")).retry_after(1).hint(START_IT)
    }
}

/// Sends a request over a connection; nothing when it had ended before a byte was written.
async fn over(
    mut connection: Connection,
    request: Request<Full<Bytes>>,
) -> Result<Option<(Response<Incoming>, Connection)>, Gone> {
    if connection.sender.ready().await.is_err() {
        return Ok(None);
    }
    match connection.sender.try_send_request(request).await {
        Ok(response) => Ok(Some((response, connection))),
        // The request comes back only when not a byte of it was written.
        Err(error) if error.message().is_some() => Ok(None),
        Err(_) => Err(Gone::Lost),
    }
}

/// What a caller is told of a server that could not be started.
fn not_started(failure: &Failure) -> Error {
    let hint = failure.hints.first().cloned().unwrap_or_else(|| START_IT.to_owned());
    let reason = failure.reasons.first().cloned().unwrap_or_default();
    Error::new(Code::Unavailable, format!("the server could not be started: {reason}")).retry_after(5).hint(hint)
}
