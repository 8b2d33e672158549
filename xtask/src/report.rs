//! What a chore says: lines on standard output, and whether it found anything.

use std::io::Write as _;

/// Chores fail with one sentence for the person at the terminal.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// How a chore ended when it could run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Clean,
    Findings,
}

/// Prints one line; a closed pipe is not an error worth reporting.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

/// Violations, each printed as `path:line: message`.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    pub(crate) fn at(&mut self, path: &str, line: usize, message: &str) {
        self.0.push(format!("{path}:{line}: {message}"));
    }

    pub(crate) fn about(&mut self, path: &str, message: &str) {
        self.0.push(format!("{path}: {message}"));
    }

    pub(crate) fn outcome(mut self) -> Outcome {
        if self.0.is_empty() {
            return Outcome::Clean;
        }
        self.0.sort();
        self.0.iter().for_each(|finding| say(finding));
        say(&format!("{} findings", self.0.len()));
        Outcome::Findings
    }

    #[cfg(test)]
    pub(crate) fn lines(&self) -> &[String] {
        &self.0
    }
}
