//! Load: so many callers, each with one connection kept open, each asking again as soon as it is answered.
//!
//! One thread drives them all, so that the server has the other core to itself for as long as possible.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{self, PollFd, PollFlags, epoll};

use crate::report::Result;

/// When to stop asking.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    Passed(Duration),
    Calls(usize),
    /// So many calls; one that a busy server refuses to begin is made again, [`REFUSALS`] times in all.
    Taken(usize),
}

/// How often a server may refuse before it is a failure: beside other work it is slow, not broken.
const REFUSALS: usize = 1_000;

/// How the calls went.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) calls: usize,
    pub(super) wall: Duration,
    /// Sorted microseconds.
    micros: Vec<u64>,
    bad: usize,
    first_bad: String,
    /// Bytes of the last answer's body.
    pub(super) bytes: usize,
}

impl Outcome {
    pub(super) fn rate(&self) -> f64 {
        self.calls as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    /// The latency, in milliseconds, that this share of the calls did not exceed.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let place = (self.micros.len() as f64 * share).ceil() as usize;
        self.micros.get(place.saturating_sub(1)).map_or(0.0, |micros| *micros as f64 / 1_000.0)
    }

    /// Refuses figures of calls that failed.
    pub(super) fn sound(self, what: &str) -> Result<Self> {
        if self.bad > 0 {
            return Err(format!("{what}: {} of {} calls failed, first {}", self.bad, self.calls, self.first_bad));
        }
        if self.calls == 0 {
            return Err(format!("{what}: no call was answered"));
        }
        Ok(self)
    }

    /// Adds the figures of another run.
    pub(super) fn join(&mut self, other: Self) {
        self.calls += other.calls;
        self.wall += other.wall;
        self.micros.extend(other.micros);
        self.micros.sort_unstable();
        self.bytes = other.bytes;
    }
}

/// What came in.
enum Heard {
    /// Less than an answer.
    Part,
    /// The server is too busy; nothing was done.
    Refused,
    Answer,
}

struct Caller {
    stream: TcpStream,
    request: Vec<u8>,
    asked: Instant,
    answer: Vec<u8>,
}

/// Asks until it is enough. `next` writes a caller's next request, `seen` gets each answer's body.
pub(super) fn run(
    to: SocketAddr,
    callers: usize,
    until: Until,
    mut next: impl FnMut(&mut Vec<u8>),
    mut seen: impl FnMut(&[u8]),
) -> Result<Outcome> {
    let failed = |error: std::io::Error| format!("the load failed: {error}");
    let waiting = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let mut all = Vec::with_capacity(callers);
    for number in 0..callers {
        let stream = TcpStream::connect(to).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&waiting, &stream, data, epoll::EventFlags::IN).map_err(|error| failed(error.into()))?;
        stream.set_nonblocking(true).map_err(failed)?;
        all.push(Caller { stream, request: Vec::new(), asked: Instant::now(), answer: Vec::with_capacity(16 * 1024) });
    }
    let begun = Instant::now();
    let is_over = |asked: usize| match until {
        Until::Passed(time) => begun.elapsed() >= time,
        Until::Calls(calls) | Until::Taken(calls) => asked >= calls,
    };
    let (mut outcome, mut asked) = (Outcome::default(), 0);
    let mut refusals = if matches!(until, Until::Taken(_)) { REFUSALS } else { 0 };
    for caller in &mut all {
        if is_over(asked) {
            break;
        }
        caller.ask(&mut next).map_err(failed)?;
        asked += 1;
    }
    let mut events = Vec::with_capacity(callers);
    while outcome.calls < asked {
        events.clear();
        epoll::wait(&waiting, rustix::buffer::spare_capacity(&mut events), None)
            .map_err(|error| failed(error.into()))?;
        for event in &events {
            let number = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            let Some(caller) = all.get_mut(number) else { continue };
            match caller.hear(&mut outcome, refusals > 0, &mut seen).map_err(failed)? {
                Heard::Part => continue,
                Heard::Refused => {
                    refusals -= 1;
                    caller.send().map_err(failed)?;
                    continue;
                }
                Heard::Answer => {}
            }
            if !is_over(asked) {
                caller.ask(&mut next).map_err(failed)?;
                asked += 1;
            }
        }
    }
    outcome.wall = begun.elapsed();
    outcome.micros.sort_unstable();
    Ok(outcome)
}

impl Caller {
    fn ask(&mut self, next: &mut impl FnMut(&mut Vec<u8>)) -> std::io::Result<()> {
        self.request.clear();
        next(&mut self.request);
        self.send()
    }

    fn send(&mut self) -> std::io::Result<()> {
        self.answer.clear();
        self.asked = Instant::now();
        let mut rest = self.request.as_slice();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                // A batch can be larger than the socket's buffer; the server reads it meanwhile.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut waiting = [PollFd::new(&self.stream, PollFlags::OUT)];
                    event::poll(&mut waiting, None)?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there.
    fn hear(
        &mut self,
        outcome: &mut Outcome,
        may_refuse: bool,
        seen: &mut impl FnMut(&[u8]),
    ) -> std::io::Result<Heard> {
        let mut part = [0; 64 * 1024];
        match self.stream.read(&mut part) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.answer.extend_from_slice(part.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Heard::Part),
            Err(error) => return Err(error),
        }
        let Some((status, body)) = parsed(&self.answer)? else { return Ok(Heard::Part) };
        if status == 503 && may_refuse {
            return Ok(Heard::Refused);
        }
        outcome.micros.push(u64::try_from(self.asked.elapsed().as_micros()).unwrap_or(u64::MAX));
        outcome.calls += 1;
        outcome.bytes = body.len();
        if !(200..300).contains(&status) || says_error(body) {
            if outcome.bad == 0 {
                outcome.first_bad = format!("{status}: {}", String::from_utf8_lossy(body.get(..500).unwrap_or(body)));
            }
            outcome.bad += 1;
        }
        seen(body);
        Ok(Heard::Answer)
    }
}

/// A tool's error, which MCP answers with status 200.
fn says_error(body: &[u8]) -> bool {
    let tail = body.get(body.len().saturating_sub(200)..).unwrap_or(body);
    let needle: &[u8] = b"\"isError\":true";
    tail.windows(needle.len()).any(|part| part == needle)
}

/// Status and body, once both are whole.
pub(super) fn parsed(answer: &[u8]) -> std::io::Result<Option<(u16, &[u8])>> {
    let bad = || std::io::Error::from(ErrorKind::InvalidData);
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let (head, rest) = answer.split_at(end);
    let head = std::str::from_utf8(head).map_err(|_| bad())?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(bad)?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(bad)?;
    Ok(rest.get(4..4 + length).map(|body| (status, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
        assert_eq!(parsed(answer).unwrap(), Some((201, &b"abc"[..])));
        assert_eq!(parsed(&answer[..answer.len() - 1]).unwrap(), None);
        assert!(parsed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(says_error(b"{\"result\":{\"isError\":true}}"));
    }

    #[test]
    fn quantiles_are_of_the_sorted_latencies() {
        let outcome = Outcome { micros: (1..=100).map(|n| n * 1_000).collect(), ..Outcome::default() };
        assert_eq!((outcome.quantile(0.5), outcome.quantile(0.99), outcome.quantile(1.0)), (50.0, 99.0, 100.0));
    }
}
