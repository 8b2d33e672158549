//! Long work that Ctrl-C ends in an orderly way: what it made so far is removed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::oneshot;

use crate::{
    compose,
    failure::{Failure, Result, exit},
    serving::Signals,
};

/// Asked by the work from time to time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Fails once a signal has come.
    ///
    /// # Errors
    /// [`exit::FINDING`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(stopped()) } else { Ok(()) }
    }
}

fn stopped() -> Failure {
    Failure::new(exit::FINDING, "stopped before it was done; what was made so far is removed")
}

/// Runs `work` on a thread of its own and watches for signals meanwhile. The first one asks it to stop, the second ends
/// at once.
///
/// # Errors
/// Those of the work.
pub(crate) fn run<T: Send + 'static>(work: impl FnOnce(&Interrupt) -> Result<T> + Send + 'static) -> Result<T> {
    let runtime = compose::small_runtime()?;
    let interrupt = Interrupt::default();
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let (done, mut ended) = oneshot::channel();
        let inner = interrupt.clone();
        std::thread::Builder::new()
            .name("work".to_owned())
            .spawn(move || {
                // Nobody waits any more after a second signal.
                let _ = done.send(work(&inner));
            })
            .map_err(|error| Failure::internal("cannot start a thread", error))?;
        loop {
            tokio::select! {
                answer = &mut ended => {
                    return answer.unwrap_or_else(|_| Err(Failure::internal("the work ended", "it panicked")));
                }
                () = signals.next() => {
                    if interrupt.0.swap(true, Ordering::Relaxed) {
                        return Err(Failure::new(exit::FINDING, "stopped at once; unfinished files may remain"));
                    }
                }
            }
        }
    })
}
