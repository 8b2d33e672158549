//! Listeners: accept, bound, time out, stop gracefully.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::body::Body;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{answer, caller::Peer, framing::HEAD_BYTES, wire::Wire};
use crate::Faces;

/// How long calls in flight may go on after a stop.
const GRACE_SECS: u64 = 10;
/// How long to wait when accepting fails, as it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections of one listener.
struct Connections {
    faces: Arc<Faces>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    graceful: GracefulShutdown,
    stop: CancellationToken,
}

impl Connections {
    fn new(faces: Arc<Faces>, stop: CancellationToken) -> Self {
        Self {
            places: Arc::new(Semaphore::new(faces.limits.connections)),
            faces,
            tasks: TaskTracker::new(),
            graceful: GracefulShutdown::new(),
            stop,
        }
    }

    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        peer: Peer,
        place: OwnedSemaphorePermit,
    ) {
        let (faces, stop, limits) = (Arc::clone(&self.faces), self.stop.clone(), self.faces.limits);
        let refused = Arc::new(OnceLock::new());
        let wire = Wire::new(stream, limits, Arc::clone(&refused));
        let open = faces.gate.connected(peer.via());
        let service = hyper::service::service_fn(move |mut request: ::http::Request<Incoming>| {
            let faces = Arc::clone(&faces);
            // Streams end with the server instead of holding it up.
            request.extensions_mut().insert(stop.clone());
            if let Some(refusal) = refused.get() {
                request.extensions_mut().insert(*refusal);
            }
            async move { Ok::<_, Infallible>(answer(faces, peer, request.map(Body::new)).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // The wire times what has begun; this is left for a connection on which nothing comes.
            .header_read_timeout(limits.idle)
            .max_buf_size(2 * HEAD_BYTES)
            .serve_connection(TokioIo::new(wire), service);
        let connection = self.graceful.watch(connection);
        self.tasks.spawn(async move {
            // A client that goes away or breaks the protocol is its own affair; hyper has answered what it could.
            let _ = connection.await;
            drop((place, open));
        });
    }

    async fn finish(self) {
        self.tasks.close();
        let ended = async {
            self.graceful.shutdown().await;
            self.tasks.wait().await;
        };
        if tokio::time::timeout(Duration::from_secs(GRACE_SECS), ended).await.is_err() {
            tracing::warn!("calls were still in flight after {GRACE_SECS} s; their connections are closed");
        }
    }
}

/// Serves the network until stopped; returns when calls in flight have ended, at most 10 s later.
pub async fn serve_tcp(listener: TcpListener, faces: Arc<Faces>, stop: CancellationToken) {
    let accept = async move || {
        let (stream, address) = listener.accept().await?;
        // Without it a streamed answer waits for the client's delayed acknowledgement.
        stream.set_nodelay(true)?;
        Ok((stream, Peer::Network(address.ip())))
    };
    run(faces, stop, accept).await;
}

/// Serves the data directory's Unix socket, to peers of the owner only, until stopped.
pub async fn serve_socket(listener: UnixListener, faces: Arc<Faces>, owner_uid: u32, stop: CancellationToken) {
    let accept = async move || {
        let (stream, _) = listener.accept().await?;
        let peer = stream.peer_cred()?.uid();
        if peer != owner_uid {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("user {peer} does not own the data directory"),
            ));
        }
        Ok((stream, Peer::Socket(owner_uid)))
    };
    run(faces, stop, accept).await;
}

async fn run<S>(faces: Arc<Faces>, stop: CancellationToken, accept: impl AsyncFn() -> io::Result<(S, Peer)>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connections = Connections::new(faces, stop.clone());
    let next = async || {
        let place = connections.place().await?;
        Some((place, accept().await))
    };
    while let Some((place, accepted)) = tokio::select! { () = stop.cancelled() => None, next = next() => next } {
        match accepted {
            Ok((stream, peer)) => connections.serve(stream, peer, place),
            Err(error) => pause(&error).await,
        }
    }
    drop(accept);
    connections.finish().await;
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a connection was not accepted");
    let mut timer = tokio::time::interval_at(tokio::time::Instant::now() + ACCEPT_PAUSE, ACCEPT_PAUSE);
    timer.tick().await;
}
