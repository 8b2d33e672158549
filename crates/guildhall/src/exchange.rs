//! One HTTP/1.1 exchange over a stream of our own: the Unix socket, or the loopback for the self-proof.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::failure::{Failure, Result, exit};

/// Longer than any call may take.
const LONGEST: Duration = Duration::from_secs(75);
/// Larger than any page.
pub(crate) const LARGEST_BYTES: usize = 256 << 20;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The media type, without parameters.
    pub(crate) media_type: String,
    /// The whole body.
    pub(crate) body: Bytes,
}

/// Sends one request and reads its answer.
///
/// # Errors
/// [`exit::UNREACHABLE`] when the connection ends or takes too long.
pub(crate) async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match tokio::time::timeout(LONGEST, run(stream, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::new(exit::UNREACHABLE, "the server did not answer in time")),
    }
}

async fn run<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let lost = |error: &dyn std::fmt::Display| {
        Failure::new(exit::UNREACHABLE, format!("the connection to the server was lost: {error}"))
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
    let answered = async move {
        let answer = sender.send_request(request).await.map_err(|error| lost(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_BYTES).collect().await.map_err(|error| lost(&error))?.to_bytes();
        let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Ok(Answer { status: head.status.as_u16(), media_type, body })
    };
    // The connection ends by itself once the sender is gone; what it has to say then is in the answer already.
    let (answer, _) = tokio::join!(answered, connection);
    answer
}
