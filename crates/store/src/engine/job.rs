//! One closure on its way through a database thread, and its caller waiting for the answer.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{Error, Result, Tx, Verdict};

use super::queue::Queue;

/// What overloaded callers are told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A job as the database threads see it.
pub(super) trait Job: Send {
    /// Claims the job for this thread. `false`: it is not to be run (its caller is gone or has been answered).
    fn start(&mut self) -> bool;
    /// Runs the closure; keeps its outcome until [`answer`](Self::answer). A write may be run again.
    fn run(&mut self, tx: &mut Tx<'_>) -> End;
    /// Lets the outcome go to the caller, or `fault` instead of it.
    fn answer(self: Box<Self>, fault: Option<Error>);
}

/// What the closure wants done with what it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Keep,
    Undo,
}

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const CANCELLED: u8 = 2;

/// Decides once and for all between "started" and "cancelled"; the caller's half cancels when it is dropped.
struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// `true` if the job is now certain never to run.
    fn cancel(&self) -> bool {
        self.0.compare_exchange(QUEUED, CANCELLED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) == CANCELLED
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The thread's half of a call.
struct Half<T, E> {
    state: Arc<AtomicU8>,
    deadline: Instant,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E: From<Error>> Half<T, E> {
    fn start(&mut self) -> bool {
        let is_late = Instant::now() >= self.deadline;
        let next = if is_late { CANCELLED } else { STARTED };
        let was_queued = self.state.compare_exchange(QUEUED, next, Ordering::AcqRel, Ordering::Acquire).is_ok();
        was_queued && !is_late
    }

    fn answer(self, fault: Option<Error>) {
        let answer = match (fault, self.outcome) {
            (Some(fault), _) => Err(E::from(fault)),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(E::from(Error::internal("a job was answered without being run"))),
        };
        // A caller that went away has no use for it.
        let _ = self.reply.send(answer);
    }
}

struct ReadJob<T, E, F> {
    f: Option<F>,
    half: Half<T, E>,
}

impl<T, E, F> Job for ReadJob<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: FnOnce(&Tx<'_>) -> Result<T, E> + Send,
{
    fn start(&mut self) -> bool {
        self.half.start()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> End {
        if let Some(f) = self.f.take() {
            self.half.outcome = Some(guarded(|| f(tx)));
        }
        End::Undo
    }

    fn answer(self: Box<Self>, fault: Option<Error>) {
        self.half.answer(fault);
    }
}

struct WriteJob<T, E, F> {
    f: F,
    half: Half<T, E>,
}

impl<T, E, F> Job for WriteJob<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: Fn(&mut Tx<'_>) -> Result<Verdict<T, E>, E> + Send,
{
    fn start(&mut self) -> bool {
        self.half.start()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> End {
        let (end, outcome) = match guarded(|| (self.f)(tx)) {
            Ok(Verdict::Done(value)) => (End::Keep, Ok(value)),
            Ok(Verdict::Refused(error)) => (End::Keep, Err(error)),
            Err(error) => (End::Undo, Err(error)),
        };
        self.half.outcome = Some(outcome);
        end
    }

    fn answer(self: Box<Self>, fault: Option<Error>) {
        self.half.answer(fault);
    }
}

/// Runs a caller's closure; a panic becomes its error.
fn guarded<T, E: From<Error>>(f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|_: Box<dyn Any + Send>| {
        // Without the panic's text, which may repeat what a client sent.
        tracing::error!("a closure panicked inside a transaction");
        Err(E::from(Error::internal("a closure panicked")))
    })
}

/// Who watches the deadline of a waiting caller.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    /// The timer of the Tokio runtime the caller runs on.
    Runtime,
    /// [`block_on`], which wakes at the deadline by itself.
    Thread,
}

/// One caller with its deadline.
pub(super) struct Call<'q> {
    pub(super) queue: &'q Queue<Box<dyn Job>>,
    pub(super) deadline: Instant,
    pub(super) timer: Timer,
    /// Counts the calls answered [`Error::Overloaded`].
    pub(super) refused: &'q AtomicU64,
}

impl Call<'_> {
    /// Queues a read and waits for its answer.
    pub(super) async fn read<T, E>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.ask(|half| Box::new(ReadJob { f: Some(f), half })).await
    }

    /// Queues a write and waits for its answer.
    pub(super) async fn write<T, E>(
        &self,
        f: impl Fn(&mut Tx<'_>) -> Result<Verdict<T, E>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.ask(|half| Box::new(WriteJob { f, half })).await
    }

    async fn ask<T, E: From<Error>>(&self, job: impl FnOnce(Half<T, E>) -> Box<dyn Job>) -> Result<T, E> {
        let Some(room) = self.until_deadline(self.queue.room()).await else {
            return Err(E::from(self.refused()));
        };
        let room = room.ok_or(CLOSED).map_err(E::from)?;
        let state = Arc::new(AtomicU8::new(QUEUED));
        let (reply, mut answer) = oneshot::channel();
        let half = Half { state: Arc::clone(&state), deadline: self.deadline, outcome: None, reply };
        self.queue.push(room, job(half)).map_err(|_| E::from(CLOSED))?;
        let ticket = Ticket(state);
        let answer = match self.until_deadline(&mut answer).await {
            Some(answer) => answer,
            None if ticket.cancel() => return Err(E::from(self.refused())),
            // It was started in time: its outcome is worth waiting for.
            None => answer.await,
        };
        match answer {
            Ok(answer) => answer,
            Err(_) if ticket.is_cancelled() => Err(E::from(self.refused())),
            Err(_) => Err(E::from(Error::internal("a database thread dropped a job"))),
        }
    }

    fn refused(&self) -> Error {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Error::Overloaded { retry_after: RETRY_AFTER }
    }

    async fn until_deadline<F: Future>(&self, future: F) -> Option<F::Output> {
        match self.timer {
            Timer::Runtime => tokio::time::timeout_at(self.deadline.into(), future).await.ok(),
            Timer::Thread => {
                let mut future = pin!(future);
                std::future::poll_fn(|context| match future.as_mut().poll(context) {
                    Poll::Ready(output) => Poll::Ready(Some(output)),
                    Poll::Pending if Instant::now() >= self.deadline => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                })
                .await
            }
        }
    }
}

const CLOSED: Error = Error::unavailable("the store is closed");

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread, without a runtime, looking at it again at `deadline`.
pub(super) fn block_on<F: Future>(deadline: Instant, future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        // Taken before the poll: a deadline that passes during it must lead to another one.
        let before = Instant::now();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        if before < deadline {
            thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
        } else {
            thread::park();
        }
    }
}
