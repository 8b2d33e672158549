//! Lines in and lines out, each on a thread of its own: neither a client that is silent nor one that does not read holds
//! up the other direction.

use std::{
    io::{self, BufRead},
    thread,
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::{
    failure::{Failure, Result},
    output,
};

/// Longest line in bytes, as the server takes no longer body.
pub(super) const LONGEST: usize = 1024 * 1024;
/// What the threads need: they read and write, no more.
const STACK_BYTES: usize = 128 * 1024;
/// Lines that wait to be written; past that, calls wait.
const WAITING: usize = 64;

/// A line of standard input, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// As it came.
    Whole(Bytes),
    /// One that was over [`LONGEST`] and skipped.
    TooLong,
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(work);
    thread.map(drop).map_err(|error| Failure::internal("cannot start a thread", error))
}

/// The lines of standard input; one is read ahead. The channel ends with the input.
///
/// # Errors
/// When no thread can be started.
pub(super) fn input() -> Result<mpsc::Receiver<Line>> {
    let (to, lines) = mpsc::channel(1);
    spawn("lines-in", move || {
        if let Err(error) = read(io::stdin().lock(), |line| to.blocking_send(line).is_ok()) {
            super::say(&format!("cannot read standard input: {error}"));
        }
    })?;
    Ok(lines)
}

/// Hands out every line that is not blank, until the end or until nobody takes them.
fn read(mut from: impl BufRead, mut take: impl FnMut(Line) -> bool) -> io::Result<()> {
    let (mut line, mut is_too_long) = (Vec::new(), false);
    loop {
        let part = match from.fill_buf() {
            Ok(part) => part,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let is_end = part.is_empty();
        let (piece, rest) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (part.get(..at).unwrap_or_default(), Some(at + 1)),
            None => (part, None),
        };
        if line.len() + piece.len() > LONGEST {
            is_too_long = true;
            line = Vec::new();
        } else if !is_too_long {
            line.extend_from_slice(piece);
        }
        let used = rest.unwrap_or(part.len());
        from.consume(used);
        if rest.is_none() && !is_end {
            continue;
        }
        let whole = std::mem::take(&mut line);
        let goes_on = match (std::mem::take(&mut is_too_long), whole.trim_ascii().is_empty()) {
            (true, _) => take(Line::TooLong),
            (false, true) => true,
            (false, false) => take(Line::Whole(Bytes::from(whole))),
        };
        if is_end || !goes_on {
            return Ok(());
        }
    }
}

/// The way to standard output. Cloning is cheap.
#[derive(Debug, Clone)]
pub(super) struct Output(mpsc::Sender<Vec<u8>>);

/// Resolves when everything was written, or nothing more can be.
pub(super) type Written = oneshot::Receiver<()>;

/// Begins to write lines to standard output.
///
/// # Errors
/// When no thread can be started.
pub(super) fn output() -> Result<(Output, Written)> {
    let (to, mut lines) = mpsc::channel::<Vec<u8>>(WAITING);
    let (done, written) = oneshot::channel();
    spawn("lines-out", move || {
        while let Some(line) = lines.blocking_recv() {
            if output::protocol(&line).is_err() {
                break;
            }
        }
        drop(lines);
        // Nobody waits for it after a signal.
        let _ = done.send(());
    })?;
    Ok((Output(to), written))
}

impl Output {
    /// Writes one message. Line ends between its parts become spaces: within JSON's strings there are none.
    pub(super) async fn line(&self, message: impl Into<Vec<u8>>) {
        let mut line = message.into();
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        line.push(b'\n');
        // With the reader gone the shim ends; see `closed`.
        let _ = self.0.send(line).await;
    }

    /// Waits until nobody reads any more.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], piece: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        read(io::BufReader::with_capacity(piece, input), |line| {
            lines.push(line);
            true
        })
        .unwrap();
        lines
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from(text))
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        for piece in [1, 3, 8_192] {
            assert_eq!(lines(b"{1}\n\n  \n{2}\r\n{3}", piece), [whole("{1}"), whole("{2}\r"), whole("{3}")]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_is_read() {
        let mut input = vec![b'x'; LONGEST];
        input.push(b'\n');
        input.extend(vec![b'y'; 3 * LONGEST]);
        input.extend(b"\n{}\n");
        let found = lines(&input, 8_192);
        assert!(matches!(&found[0], Line::Whole(line) if line.len() == LONGEST));
        assert_eq!(found[1..], [Line::TooLong, whole("{}")]);
    }
}
