//! Database threads and their end.

use std::{
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{Error, Result};

/// Threads to wait for, once.
#[derive(Default)]
pub(super) struct Threads(Mutex<Vec<JoinHandle<Result<()>>>>);

impl Threads {
    /// Starts a thread; its result is what [`join`](Self::join) answers.
    pub(super) fn start(&self, name: String, body: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        let handle = thread::Builder::new()
            .name(name)
            .spawn(body)
            .map_err(|error| Error::file("start a database thread", error))?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    /// Waits for all of them, except for the thread that asks.
    pub(super) fn join(&self) -> Result<()> {
        let handles = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut result = Ok(());
        for handle in handles {
            if handle.thread().id() == thread::current().id() {
                continue;
            }
            let ended = handle.join().unwrap_or(Err(Error::internal("a database thread panicked")));
            result = result.and(ended);
        }
        result
    }
}
