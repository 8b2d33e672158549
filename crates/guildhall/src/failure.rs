//! Why a command did not do what it was asked, and the exit code that says so.

use domain::Code;

/// What begins a line that says why.
pub(crate) const REASON: &str = "error: ";
/// What begins a line that says what to do.
pub(crate) const HINT: &str = "hint: ";

/// The result of every command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Exit codes that no error code stands for (contract cli.md).
pub(crate) mod exit {
    /// A finding, or a negative answer.
    pub(crate) const FINDING: u8 = 1;
    /// Bad usage.
    pub(crate) const USAGE: u8 = 2;
    /// Already so, nothing changed.
    pub(crate) const ALREADY: u8 = 3;
    /// Busy or locked.
    pub(crate) const BUSY: u8 = 4;
    /// Not found.
    pub(crate) const NOT_FOUND: u8 = 5;
    /// Refused.
    pub(crate) const REFUSED: u8 = 6;
    /// The server cannot be reached.
    pub(crate) const UNREACHABLE: u8 = 7;
    /// Unsafe configuration, refused to start.
    pub(crate) const UNSAFE: u8 = 8;
    /// A fault of ours.
    pub(crate) const INTERNAL: u8 = 70;
}

/// A failed command: an exit code, one line per reason, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: u8,
    /// What failed for what, one line each.
    pub(crate) reasons: Vec<String>,
    /// What to do, one line each.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A failure for one reason.
    pub(crate) fn new(exit: u8, reason: impl Into<String>) -> Self {
        Self { exit, reasons: vec![reason.into()], hints: Vec::new() }
    }

    /// A mistake in how the command was called.
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::new(exit::USAGE, reason)
    }

    /// A fault of ours, or of the machine below us.
    pub(crate) fn internal(what: &str, cause: impl std::fmt::Display) -> Self {
        Self::new(exit::INTERNAL, format!("{what}: {cause}"))
    }

    /// With advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// An error of the domain with its cause: these commands run on the operator's own machine.
impl From<domain::Error> for Failure {
    fn from(error: domain::Error) -> Self {
        let fault = error.into_fault();
        let reason = match &fault.cause {
            Some(cause) => format!("{}: {cause}", fault.detail),
            None => fault.detail.to_string(),
        };
        Self {
            exit: fault.code.exit(),
            reasons: vec![reason],
            hints: fault.hint.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match &error {
            store::Error::Locked { pid } => {
                let failure = Self::new(exit::BUSY, error.to_string());
                match pid {
                    Some(pid) => {
                        failure.hint(format!("stop process {pid} first (`guildhall stop` if it is the server), or name another directory with --data"))
                    }
                    None => failure.hint("name another directory with --data"),
                }
            }
            store::Error::Unsafe { .. } | store::Error::NewerSchema { .. } | store::Error::MigrationChanged { .. } => {
                Self::new(exit::UNSAFE, error.to_string())
            }
            _ => Self::from(domain::Error::from(error)),
        }
    }
}

/// The exit code of an error code by name.
pub(crate) fn exit_of(code: &str) -> u8 {
    Code::parse(code).map_or(exit::INTERNAL, Code::exit)
}
