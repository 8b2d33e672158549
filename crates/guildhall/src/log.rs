//! The server's log: one line per event on stderr, as `[log]` of the configuration says.

use std::{
    io::{self, IsTerminal as _},
    panic::{self, Location},
    thread,
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, fmt, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    config::{Format, Level, Log, TARGETS},
    output::{self, Form},
};

/// Begins to write; a second call changes nothing.
pub(crate) fn start(log: &Log) {
    let registry = tracing_subscriber::registry().with(targets(log));
    // Fails only when a log was begun before.
    let _ = match log.format.unwrap_or_else(fitting) {
        Format::Text => registry.with(fmt::layer().with_ansi(false).with_writer(Stderr(Form::Text))).try_init(),
        Format::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(Stderr(Form::Json))).try_init()
        }
    };
    panic::set_hook(Box::new(|panic| panicked(panic.location())));
}

/// Lines for people on a terminal, objects for programs.
fn fitting() -> Format {
    if io::stderr().is_terminal() { Format::Text } else { Format::Json }
}

fn targets(log: &Log) -> Targets {
    let filter = |level: Level| LevelFilter::from_level(tracing::Level::from(level));
    let level = |name| filter(log.targets.get(name).copied().unwrap_or(log.level));
    Targets::new().with_default(LevelFilter::ERROR).with_targets(TARGETS.map(|name| (name, level(name))))
}

/// Instead of Rust's own report, which has several lines and whose text may repeat what a client sent.
fn panicked(at: Option<&Location<'_>>) {
    tracing::error!(
        request.id = server::request_under_way(),
        at = at.map(ToString::to_string),
        thread = thread::current().name(),
        "a panic: a fault of ours"
    );
}

#[derive(Debug, Clone, Copy)]
struct Stderr(Form);

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl io::Write for Stderr {
    /// Gets one whole event at a time.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // A log that nobody reads any more must not stop the server.
        let _ = io::stderr().lock().write_all(one_line(event, self.0).as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn one_line(event: &[u8], form: Form) -> String {
    let event = String::from_utf8_lossy(event);
    let event = event.trim_end_matches('\n');
    match form {
        Form::Text => format!("{}\n", output::line(event)),
        Form::Json => format!("{}\n", output::json_text(event).replace('\n', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of an event; `TestWriter` would need the process's own stderr.
    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_with_its_place_and_without_its_text() {
        let kept = Kept::default();
        let writer = kept.clone();
        let layer = fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(targets(&Log::default())).with(layer);
        tracing::subscriber::with_default(subscriber, || panicked(Some(Location::caller())));
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert!(line["at"].as_str().unwrap().contains("log.rs:"), "{line}");
    }

    #[test]
    fn a_part_has_its_own_level() {
        let mut log = Log::default();
        let is_on = |log: &Log, target, level| targets(log).would_enable(target, &level);
        assert!(is_on(&log, "server", tracing::Level::INFO) && !is_on(&log, "calls", tracing::Level::DEBUG));
        log.targets.insert("calls".to_owned(), Level::Debug);
        assert!(is_on(&log, "calls", tracing::Level::DEBUG) && !is_on(&log, "server", tracing::Level::DEBUG));
        assert!(!is_on(&log, "hyper", tracing::Level::WARN));
    }

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        assert_eq!(one_line(b"a\r\nb\x1b[2J\n", Form::Text), "a\\u000d\\u000ab\\u001b[2J\n");
        assert_eq!(one_line("{\"a\":\"\u{9b}\"}\n".as_bytes(), Form::Json), "{\"a\":\"\\u009b\"}\n");
    }
}
