//! The one line that a finished request leaves in the log: who called what and how it ended, never what was said.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::http::Extensions;
use axum::response::Response;
use domain::{Code, access::Caller};

use super::caller::{Peer, RequestId};

/// Lines of refused requests in one second; the rest of a flood becomes one line with its number.
const REFUSED_LINES: u32 = 50;

tokio::task_local! {
    static REQUEST: RequestId;
}

/// The id of the request that this thread works on right now, for the line of a panic.
#[must_use]
pub fn request_under_way() -> Option<String> {
    REQUEST.try_with(|id| id.as_str().to_owned()).ok()
}

/// Works on a request so that [`request_under_way`] names it.
pub(crate) async fn under_way<F: Future>(id: RequestId, work: F) -> F::Output {
    REQUEST.scope(id, work).await
}

/// What becomes known of a request while it is answered; goes with it as an extension.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    caller: Option<Caller>,
    operation: Option<&'static str>,
}

impl Record {
    /// The record that goes with a request.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Notes who calls.
    pub(crate) fn caller(&self, caller: &Caller) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).caller = Some(caller.clone());
    }

    /// Notes what is called.
    pub(crate) fn operation(&self, id: &'static str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).operation = Some(id);
    }

    /// Writes the line. An answer's code goes with it as an extension.
    pub(crate) fn write(&self, flood: &Flood, (peer, id): (Peer, &RequestId), response: &Response, took: Duration) {
        /// The level of an event is fixed where it stands.
        macro_rules! line {
            ($level:ident, $known:expr, $code:expr) => {{
                let caller = $known.caller.as_ref();
                let origin = caller.map(Caller::origin);
                let identity = caller.and_then(Caller::identity);
                tracing::event!(
                    target: "calls",
                    tracing::Level::$level,
                    request.id = id.as_str(),
                    face = origin.map_or(peer.listener(), |origin| origin.via.as_str()),
                    operation = $known.operation,
                    workspace = identity.map(|identity| identity.workspace.to_string()),
                    principal = identity.map(|identity| identity.principal.to_string()),
                    outcome = $code.map_or("ok", Code::as_str),
                    status = response.status().as_u16(),
                    ms = milliseconds(took),
                    address = origin.and_then(|origin| origin.address).map(|address| address.to_string()),
                    user_agent = origin.and_then(|origin| origin.user_agent.as_deref()),
                    "request"
                );
            }};
        }
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let code = response.extensions().get::<Code>().copied();
        match Weight::of(response, code) {
            Weight::Ordinary => line!(DEBUG, known, code),
            Weight::Refused => {
                let (is_written, unwritten) = flood.another(Instant::now());
                if unwritten > 0 {
                    tracing::warn!(target: "calls", requests = unwritten, "refused requests came too fast to be written one by one");
                }
                if is_written {
                    line!(INFO, known, code);
                }
            }
            Weight::Hindered => line!(WARN, known, code),
            Weight::Fault => line!(ERROR, known, code),
        }
    }
}

fn milliseconds(took: Duration) -> f64 {
    f64::from(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)) / 1_000.0
}

/// How much a finished request matters to an operator.
#[derive(Debug, PartialEq, Eq)]
enum Weight {
    /// Answered.
    Ordinary,
    /// The client's own affair.
    Refused,
    /// The server could not answer now: overload, a full disk.
    Hindered,
    /// A fault of ours.
    Fault,
}

impl Weight {
    fn of(response: &Response, code: Option<Code>) -> Self {
        match (code, response.status().as_u16()) {
            (Some(Code::Internal), _) | (None, 500..) => Self::Fault,
            (Some(code), _) if code.http() >= 500 => Self::Hindered,
            (Some(_), _) | (None, 400..=499) => Self::Refused,
            (None, _) => Self::Ordinary,
        }
    }
}

/// Keeps a flood of refused requests from flooding the log too.
pub(crate) struct Flood(Mutex<Second>);

struct Second {
    began: Instant,
    written: u32,
    unwritten: u64,
}

impl Flood {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Second { began: Instant::now(), written: 0, unwritten: 0 }))
    }

    /// Whether the line of one more refused request is written, and how many of an earlier second were not.
    fn another(&self, now: Instant) -> (bool, u64) {
        let mut second = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unwritten = 0;
        if now.saturating_duration_since(second.began) >= Duration::from_secs(1) {
            unwritten = second.unwritten;
            *second = Second { began: now, written: 0, unwritten: 0 };
        }
        let is_written = second.written < REFUSED_LINES;
        if is_written {
            second.written += 1;
        } else {
            second.unwritten += 1;
        }
        (is_written, unwritten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_can_name_the_request_that_it_ends() {
        let id = RequestId::next();
        let named = under_way(id.clone(), async { request_under_way() }).await;
        assert_eq!(named.as_deref(), Some(id.as_str()));
        assert_eq!(request_under_way(), None);
    }

    #[test]
    fn only_what_is_ours_to_mend_weighs_more_than_a_refusal() {
        let weight = |status: u16, code: Option<Code>| {
            let mut response = Response::new(axum::body::Body::empty());
            *response.status_mut() = ::http::StatusCode::from_u16(status).unwrap();
            Weight::of(&response, code)
        };
        assert_eq!(weight(200, None), Weight::Ordinary);
        // A tool's error travels with status 200.
        assert_eq!(weight(200, Some(Code::NotFound)), Weight::Refused);
        assert_eq!(weight(400, None), Weight::Refused);
        assert_eq!(weight(429, Some(Code::RateLimited)), Weight::Refused);
        assert_eq!(weight(200, Some(Code::StorageFull)), Weight::Hindered);
        assert_eq!(weight(503, Some(Code::Overloaded)), Weight::Hindered);
        assert_eq!(weight(500, Some(Code::Internal)), Weight::Fault);
        assert_eq!(weight(500, None), Weight::Fault);
    }

    #[test]
    fn a_flood_becomes_a_few_lines_and_a_number() {
        let flood = Flood::new();
        let start = Instant::now();
        let written = (0..1_000).filter(|_| flood.another(start).0).count();
        assert_eq!(written, 50);
        assert_eq!(flood.another(start + Duration::from_secs(2)), (true, 950));
        assert_eq!(flood.another(start + Duration::from_secs(2)), (true, 0));
    }
}
