//! A connection's bytes: judged before they reach the parser, timed while they come and while they go.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{
    framing::{Framing, Refusal},
    limits::Limits,
};

/// How much is read at once.
const READ_BYTES: usize = 8 * 1024;
/// Most that a refused client may still send, unheard.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// Stands in for a head that is refused: the parser reads it, and the refusal is answered in its turn.
///
/// No bytes of the client pass after it, and the parser asks for more only when it holds no whole head. So once the
/// refusal is set, the next request is this one.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// A stream whose requests are judged and timed.
pub(crate) struct Wire<S> {
    stream: S,
    limits: Limits,
    framing: Framing,
    /// What came and was not handed on; the first `passed` bytes may be.
    held: BytesMut,
    passed: usize,
    reading: Timer,
    writing: Timer,
    refused: Arc<OnceLock<Refusal>>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing that comes is handed on any more.
    Deaf,
    /// Nothing is sent any more; what comes is thrown away, so many bytes so far.
    Lingering(usize),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Over a stream; `refused` is set before a refused request is handed on.
    pub(crate) fn new(stream: S, limits: Limits, refused: Arc<OnceLock<Refusal>>) -> Self {
        let mut reading = Timer::default();
        reading.start(limits.head);
        let framing = Framing::default();
        let (held, writing) = (BytesMut::new(), Timer::default());
        Self { stream, limits, framing, held, passed: 0, reading, writing, refused, state: State::Open }
    }

    /// A head is answered with its refusal; a body only breaks off, for its request is under way.
    fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        self.state = State::Deaf;
        self.reading.stop();
        self.held.clear();
        if self.framing.in_head() {
            // Nobody else sets it, and this happens once.
            let _ = self.refused.set(refusal);
            self.held.extend_from_slice(REFUSED);
            self.passed = REFUSED.len();
            return Ok(());
        }
        let kind = match refusal {
            Refusal::TooSlow(_) => io::ErrorKind::TimedOut,
            Refusal::Malformed(_) | Refusal::HeadTooLarge | Refusal::Tunnel => io::ErrorKind::InvalidData,
        };
        Err(io::Error::new(kind, refusal.reason()))
    }

    /// Sets the time for what comes next. Only bytes that pass give a body more of it.
    fn time(&mut self) {
        match (self.framing.in_head(), self.passed > 0) {
            (true, true) => self.reading.stop(),
            (true, false) if self.held.is_empty() || self.reading.is_running() => {}
            (true, false) => self.reading.start(self.limits.head),
            (false, true) => self.reading.start(self.limits.pause),
            (false, false) => {}
        }
    }

    /// What to do when the time is over; none when the connection ends without a word.
    fn too_slow(&self) -> Option<Refusal> {
        match (self.framing.in_head(), self.held.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Refusal::TooSlow("the request's head took too long")),
            (false, _) => Some(Refusal::TooSlow("no byte of the body came for too long")),
        }
    }

    /// Reads more of what the client sends; how many bytes.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.held.reserve(READ_BYTES);
        tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.held)
    }

    fn poll_written<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            if !self.writing.is_running() {
                self.writing.start(self.limits.answer);
            }
            ready!(self.writing.poll(cx));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")));
        }
        written
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        loop {
            if wire.passed > 0 {
                let (ready, _) = wire.held.split_at(wire.passed.min(into.remaining()).min(wire.held.len()));
                into.put_slice(ready);
                let count = ready.len();
                wire.held.advance(count);
                wire.passed -= count;
                return Poll::Ready(Ok(()));
            }
            if wire.state != State::Open {
                // An end would look as if the client had gone, and its answer would be dropped.
                return Poll::Pending;
            }
            match wire.framing.advance(&wire.held) {
                Ok(more) => wire.passed = more,
                Err(refusal) => wire.refuse(refusal)?,
            }
            wire.time();
            if wire.passed > 0 {
                continue;
            }
            match wire.fill(cx)? {
                Poll::Ready(0) => return Poll::Ready(Ok(())),
                Poll::Ready(_) => {}
                Poll::Pending => {
                    ready!(wire.reading.poll(cx));
                    match wire.too_slow() {
                        None => return Poll::Ready(Ok(())),
                        Some(refusal) => wire.refuse(refusal)?,
                    }
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write(cx, bytes);
        wire.poll_written(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write_vectored(cx, parts);
        wire.poll_written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The parser flushes when it has handed over all it has, so the client has taken what was ready for it.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let flushed = Pin::new(&mut wire.stream).poll_flush(cx);
        if flushed.is_ready() {
            wire.writing.stop();
        }
        wire.poll_written(cx, flushed)
    }

    /// Closes. A kernel that closes over unread bytes resets the connection and takes the answer with it, so a client
    /// that still sends is listened to a little longer.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !matches!(wire.state, State::Lingering(_)) {
            ready!(Pin::new(&mut wire.stream).poll_shutdown(cx))?;
            if wire.state == State::Open && wire.framing.in_head() && wire.held.is_empty() {
                return Poll::Ready(Ok(()));
            }
            wire.state = State::Lingering(0);
            wire.reading.start(wire.limits.linger);
        }
        while let State::Lingering(heard) = wire.state {
            wire.held.clear();
            match wire.fill(cx) {
                Poll::Ready(Ok(count)) if count > 0 && heard < LINGER_BYTES => {
                    wire.state = State::Lingering(heard + count);
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    ready!(wire.reading.poll(cx));
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A deadline that can be set again; it is over only while it runs.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

impl Timer {
    fn start(&mut self, after: Duration) {
        let deadline = Instant::now() + after;
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
        self.is_running = true;
    }

    const fn stop(&mut self) {
        self.is_running = false;
    }

    const fn is_running(&self) -> bool {
        self.is_running
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.is_running => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}
