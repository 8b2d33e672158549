//! The stdio shim: copies lines of standard input to `POST /mcp` of the one server, and its answers back.
//!
//! It opens no database and keeps nothing but what is on its way, so any number may run. `lines.rs` reads and writes,
//! `message.rs` says what is in a line, `call.rs` carries one message to the server and its answers back, `way.rs` finds
//! the server, `start.rs` starts one, `door.rs` says where it is and as whom to call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use server::mcp::rpc;
use tokio::{
    sync::{Semaphore, mpsc},
    task::AbortHandle,
};
use tokio_util::task::TaskTracker;

use crate::{compose, failure::Result, output, serving::Signals};

mod call;
mod door;
mod events;
mod lines;
mod message;
mod start;
mod way;

pub(crate) use door::{Door, Identity, key_file};
pub(crate) use start::Starter;

use lines::{Line, Output};
use message::{Message, Refused};
use way::Way;

/// Messages on their way at once; further ones wait unread.
const IN_FLIGHT: usize = 64;
/// How long calls may go on after the end of the input.
const GRACE: Duration = Duration::from_secs(2);

/// One line of words.
pub(crate) fn say(words: &str) {
    // Without a reader of stderr there is nobody to tell.
    let _ = output::words(&format!("guildhall mcp: {words}"));
}

/// Copies until the input ends, the output breaks, or a signal comes.
///
/// # Errors
/// When the operating system gives no threads or signals.
pub(crate) fn run(door: Door, starter: Option<Starter>) -> Result<()> {
    let runtime = compose::small_runtime()?;
    let ended = runtime.block_on(copy(Way::new(door, starter)));
    runtime.shutdown_background();
    ended
}

async fn copy(way: Way) -> Result<()> {
    let mut signals = Signals::new()?;
    let mut input = lines::input()?;
    let (output, written) = lines::output()?;
    let shim = Arc::new(Shim::new(way, output.clone()));
    tokio::select! {
        () = shim.read(&mut input) => {}
        () = signals.next() => {}
        () = output.closed() => return Ok(()),
    }
    let finished = async {
        shim.finish().await;
        drop((shim, output));
        written.await
    };
    // What is still on its way after that is dropped, and so cancelled.
    drop(tokio::time::timeout(GRACE, finished).await);
    Ok(())
}

/// What all messages share.
struct Shim {
    way: Way,
    output: Output,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    /// The calls on their way, by the keys of their ids.
    calls: Mutex<HashMap<String, Call>>,
    /// The revision that a legacy `initialize` was answered with.
    negotiated: Mutex<Option<String>>,
    /// The server's version, as it last said.
    version: Mutex<Option<String>>,
    /// What was last said of a refused credential.
    is_refused: Mutex<bool>,
}

/// A call on its way.
struct Call {
    task: AbortHandle,
    is_listen: bool,
}

impl Shim {
    fn new(way: Way, output: Output) -> Self {
        Self {
            way,
            output,
            places: Arc::new(Semaphore::new(IN_FLIGHT)),
            tasks: TaskTracker::new(),
            calls: Mutex::default(),
            negotiated: Mutex::default(),
            version: Mutex::default(),
            is_refused: Mutex::default(),
        }
    }

    async fn read(self: &Arc<Self>, input: &mut mpsc::Receiver<Line>) {
        while let Some(line) = input.recv().await {
            let message = match line {
                Line::Whole(bytes) => Message::read(bytes),
                Line::TooLong => Err(Refused {
                    id: None,
                    code: rpc::INVALID_REQUEST,
                    what: format!("a line is over {} bytes; it was skipped", lines::LONGEST).into(),
                }),
            };
            match message {
                Ok(message) if message.cancels.is_some() => self.cancel(message.cancels.as_deref()),
                Ok(message) => self.begin(message).await,
                Err(Refused { id, code, what }) => {
                    self.output.line(rpc::error(id.as_deref(), code, &what, None)).await;
                }
            }
        }
    }

    /// Dropping a call's request cancels it at the server.
    fn cancel(&self, key: Option<&str>) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = key.and_then(|key| calls.remove(key)) {
            call.task.abort();
        }
    }

    async fn begin(self: &Arc<Self>, message: Message) {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        let (shim, key, is_listen) = (Arc::clone(self), message.key.clone(), message.is_listen());
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let task = self.tasks.spawn(async move {
            call::carry(&shim, &message).await;
            shim.ended(message.key.as_deref());
            drop(place);
        });
        if let Some(key) = key {
            calls.insert(key, Call { task: task.abort_handle(), is_listen });
        }
    }

    /// Forgets a call that has ended; one that came later under the same id stays.
    fn ended(&self, key: Option<&str>) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |call: &Call| Some(call.task.id()) == tokio::task::try_id();
        if let Some(key) = key.filter(|key| calls.get(*key).is_some_and(is_own)) {
            calls.remove(key);
        }
    }

    /// Ends the streams and waits for the calls.
    async fn finish(&self) {
        let calls: Vec<Call> =
            self.calls.lock().unwrap_or_else(PoisonError::into_inner).drain().map(|(_, call)| call).collect();
        for stream in calls.iter().filter(|call| call.is_listen) {
            stream.task.abort();
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Looks at which version answered, and says so when it is another one.
    fn saw_version(&self, version: &str) {
        let mut known = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_deref() == Some(version) {
            return;
        }
        *known = Some(version.to_owned());
        if version != env!("CARGO_PKG_VERSION") {
            say(&format!(
                "the server is version {version}, this program {}; hint: `guildhall stop` ends the server, the next call \
                 starts the new one",
                env!("CARGO_PKG_VERSION")
            ));
        }
    }

    /// Says once what to do about a refused credential, and again after it was accepted in between.
    fn saw_credential(&self, refused: bool) {
        let was = std::mem::replace(&mut *self.is_refused.lock().unwrap_or_else(PoisonError::into_inner), refused);
        if refused && !was {
            say(self.way.door().advice());
        }
    }
}
