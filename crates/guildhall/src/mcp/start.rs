//! Starts `guildhall up` in the background. Whoever has locked the log's file starts the server: the lock stays with the
//! server that inherits the file, so that of many shims one starts and the others wait.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    time::Instant,
};

use crate::{
    directory::{self, State},
    environment, failure,
    failure::{Failure, exit},
    installation, posture,
};

/// The first file descriptor behind input, output and errors.
const FIRST_FREE: i32 = 3;
/// How often a server that is starting is tried.
const SOON: Duration = Duration::from_millis(4);
/// How long another process that holds the directory is given before a start is tried again.
const HELD: Duration = Duration::from_millis(500);
/// The pause after the first failed start; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// More than what a start that is refused says.
const LONGEST_LOG: usize = 64 * 1024;

/// What has become of the last start.
#[derive(Debug)]
enum Last {
    /// Nothing that matters now.
    Nothing,
    /// The process was started and has not been reached yet.
    Started(Server),
    /// It was reached.
    Up(Server),
    /// It could not.
    Failed { failure: Failure, until: Instant },
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Try to connect again after this long.
    Wait(Duration),
    /// It could not be started, for this reason; a later look tries again.
    Failed(Failure),
}

/// The one who starts.
#[derive(Debug)]
pub(crate) struct Starter {
    directory: PathBuf,
    program: PathBuf,
    last: Last,
    pause: Duration,
}

impl Starter {
    /// For this data directory. The program is looked up now: after an upgrade its path names the new one, while the
    /// file that this process runs has no name any more.
    ///
    /// # Errors
    /// When the program cannot be found.
    pub(crate) fn new(directory: PathBuf) -> Result<Self, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::internal("cannot find the path of this program", error))?;
        Ok(Self { directory, program, last: Last::Nothing, pause: FIRST_PAUSE })
    }

    /// A server was reached.
    pub(super) fn reached(&mut self) {
        self.pause = FIRST_PAUSE;
        self.last = match std::mem::replace(&mut self.last, Last::Nothing) {
            Last::Started(server) | Last::Up(server) => Last::Up(server),
            Last::Nothing | Last::Failed { .. } => Last::Nothing,
        };
    }

    /// To be called when no server could be reached: starts one, unless one is starting or the last start has only just
    /// failed.
    pub(super) fn look(&mut self) -> Next {
        match &mut self.last {
            Last::Started(server) => match server.ended() {
                None => return Next::Wait(SOON),
                Some(Ok(status)) if status.success() => {}
                Some(Ok(_)) if directory::is_held(&self.directory) => {
                    // It lost against another server, or against a command that holds the directory for a while.
                    self.last = Last::Nothing;
                    return Next::Wait(HELD);
                }
                Some(Ok(status)) => return self.failed(said(&self.directory, status.code())),
                Some(Err(error)) => return self.failed(Failure::internal("cannot look at the server", error)),
            },
            Last::Failed { failure, until } if Instant::now() < *until => return Next::Failed(failure.clone()),
            Last::Up(server) => {
                // It stops, and nothing else can begin before it has.
                if server.ended().is_none() {
                    return Next::Wait(SOON);
                }
            }
            Last::Nothing | Last::Failed { .. } => {}
        }
        self.last = Last::Nothing;
        match spawn(&self.program, &self.directory) {
            Ok(Some(server)) => self.last = Last::Started(server),
            Ok(None) => {}
            Err(failure) => return self.failed(failure),
        }
        Next::Wait(SOON)
    }

    fn failed(&mut self, failure: Failure) -> Next {
        super::say(&format!("the server could not be started: {}", failure.reasons.join("; ")));
        for hint in &failure.hints {
            super::say(&format!("hint: {hint}"));
        }
        self.last = Last::Failed { failure: failure.clone(), until: Instant::now() + self.pause };
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Next::Failed(failure)
    }
}

/// The server's process. It is waited for from its start, so that it leaves no zombie when it ends.
#[derive(Debug)]
struct Server(oneshot::Receiver<io::Result<ExitStatus>>);

impl Server {
    fn start(command: Command) -> io::Result<Self> {
        let mut child = tokio::process::Command::from(command).spawn()?;
        let (ended, server) = oneshot::channel();
        tokio::spawn(async move { ended.send(child.wait().await) });
        Ok(Self(server))
    }

    /// How it ended, told once; nothing while it runs.
    fn ended(&mut self) -> Option<io::Result<ExitStatus>> {
        match self.0.try_recv() {
            Ok(ended) => Some(ended),
            Err(TryRecvError::Empty) => None,
            Err(error @ TryRecvError::Closed) => Some(Err(io::Error::other(error))),
        }
    }
}

/// Starts the server, or nothing when another shim is at it.
fn spawn(program: &Path, directory: &Path) -> Result<Option<Server>, Failure> {
    match directory::state(directory)? {
        State::Foreign => return Err(directory::foreign(directory)),
        State::Empty | State::Unfinished => drop(installation::private(directory)?),
        // Before the log is written: a directory that is not ours, or a link in it, is left as it is.
        State::Installed => posture::refuse(posture::of_directory(directory, false))?,
    }
    let Some(log) = log(directory)? else { return Ok(None) };
    let failed = |error: io::Error| Failure::internal("cannot start the server", error);
    let mut command = Command::new(program);
    command
        .args(["up", "--background", "--data"])
        .arg(directory)
        // The shim's key is not the server's, and whoever waits for the shim does not wait for the server.
        .env_remove(environment::API_KEY)
        .env_remove(environment::NOTIFY_SOCKET)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log);
    // Files that the client left open in the shim, such as a lock or a pipe, must not stay open in the server.
    close_fds::set_fds_cloexec_threadsafe(FIRST_FREE, &[]);
    Server::start(command).map(Some).map_err(failed)
}

/// The log's file, empty and locked; nothing when another server has it.
fn log(directory: &Path) -> Result<Option<File>, Failure> {
    let path = directory.join(directory::BACKGROUND_LOG);
    let failed = |error: io::Error| installation::failed(&format!("write {}", path.display()), &error);
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    Ok(Some(file))
}

/// Why a server ended, as it said itself.
fn said(directory: &Path, code: Option<i32>) -> Failure {
    let path = directory.join(directory::BACKGROUND_LOG);
    let log = fs::read(&path).unwrap_or_default();
    let tail = log.get(log.len().saturating_sub(LONGEST_LOG)..).unwrap_or_default();
    let tail = String::from_utf8_lossy(tail);
    let lines = |start: &str| tail.lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect();
    let exit = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::INTERNAL);
    let mut failure = Failure { exit, reasons: lines(failure::REASON), hints: lines(failure::HINT) };
    if failure.reasons.is_empty() {
        failure.reasons.push("the server ended while it started".to_owned());
        failure.hints.push(format!("{} tells more", path.display()));
    }
    failure
}
