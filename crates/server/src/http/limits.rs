//! How long and how much a connection may.

use std::time::Duration;

/// What holds for each connection of a listener.
///
/// No cap counts the connections of one address: callers on the same machine share it, and every caller is on it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Longest from the first byte of a request's head to its last; for the first head, from the connection's begin.
    pub head: Duration,
    /// Longest pause within a body.
    pub pause: Duration,
    /// Longest a request may take, from its head to the beginning of its answer.
    pub request: Duration,
    /// Longest a client may take to fetch what is ready for it.
    pub answer: Duration,
    /// Longest without a request on a connection that had one.
    pub idle: Duration,
    /// Longest a refused client may go on sending, unheard, so that it still reads why.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head: Duration::from_secs(10),
            pause: Duration::from_secs(30),
            request: Duration::from_secs(65),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            linger: Duration::from_secs(1),
        }
    }
}
