//! The server's log: stderr, one line per event, configured by the file only.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, fmt, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    config::{Format, Log},
    output::{self, Form},
};

/// This workspace's crates. Others say only what went wrong: they might repeat what they were sent.
const OURS: [&str; 6] = ["guildhall", "server", "domain", "store", "search", "security"];

/// Begins to write; a second call changes nothing.
pub(crate) fn start(log: &Log) {
    let level = LevelFilter::from_level(tracing::Level::from(log.level));
    let targets = Targets::new().with_default(LevelFilter::ERROR).with_targets(OURS.map(|name| (name, level)));
    let registry = tracing_subscriber::registry().with(targets);
    // Fails only when a log was begun before.
    let _ = match log.format {
        Format::Text => registry.with(fmt::layer().with_ansi(false).with_writer(Stderr(Form::Text))).try_init(),
        Format::Json => registry.with(fmt::layer().json().with_writer(Stderr(Form::Json))).try_init(),
    };
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

    #[test]
    fn an_event_is_one_line_whatever_it_holds() {
        assert_eq!(one_line(b"a\r\nb\x1b[2J\n", Form::Text), "a\\u000d\\u000ab\\u001b[2J\n");
        assert_eq!(one_line("{\"a\":\"\u{9b}\"}\n".as_bytes(), Form::Json), "{\"a\":\"\\u009b\"}\n");
    }
}
