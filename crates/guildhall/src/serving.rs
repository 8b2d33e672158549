//! A server at work: its listeners, its sweeper, and its orderly end.

use std::{
    fs::{self, Permissions},
    io::{self, IsTerminal as _},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use domain::{App, Finish, Gate};
use server::{Faces, Settings};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::Hall,
    config::Config,
    directory,
    failure::{Failure, Result, exit},
    notify::Notifier,
};

const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How often it is seen whether the database is still there.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The signals that end a process in order: caught from here on.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    has_terminal: bool,
}

impl Signals {
    /// Begins to catch them.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn new() -> Result<Self> {
        let catch = |kind| signal(kind).map_err(|error| Failure::internal("cannot catch signals", error));
        Ok(Self {
            interrupt: catch(SignalKind::interrupt())?,
            terminate: catch(SignalKind::terminate())?,
            hangup: catch(SignalKind::hangup())?,
            // Asked now: a terminal that is gone is none any more.
            has_terminal: io::stderr().is_terminal(),
        })
    }

    /// Waits for the next one. SIGHUP is one when it means that the terminal is gone; otherwise it changes nothing.
    pub(crate) async fn next(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => {}
            }
            if self.has_terminal {
                return;
            }
            tracing::info!(
                "SIGHUP changes nothing: the configuration is read at the start, and no file of a log is open"
            );
        }
    }
}

/// A port that is ours before anything else is done: a first run that could not listen would have shown its key to nobody.
pub(crate) struct Port {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Binds the configured address.
    ///
    /// # Errors
    /// [`exit::BUSY`] when the port is taken.
    pub(crate) fn bind(config: &Config) -> Result<Self> {
        let wanted = config.server.address().ok_or_else(|| Failure::new(exit::UNSAFE, "no address to listen on"))?;
        let bound = std::net::TcpListener::bind(wanted).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Self { address: listener.local_addr()?, listener })
        });
        bound.map_err(|error| cannot_listen(wanted, &error))
    }
}

/// Listeners and the sweeper; dropped, they end at once.
pub(crate) struct Serving {
    address: SocketAddr,
    socket: PathBuf,
    database: PathBuf,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    notifier: Notifier,
}

impl Serving {
    /// Binds the socket and begins to serve it and the port.
    ///
    /// # Errors
    /// When the socket cannot be bound.
    pub(crate) async fn begin(hall: &Hall, config: &Config, data: &Path, port: Port) -> Result<Self> {
        let address = port.address;
        let tcp = TcpListener::from_std(port.listener).map_err(|error| cannot_listen(address, &error))?;
        let socket = directory::socket(data)?;
        let unix = bind_socket(&socket)?;
        directory::write_address(data, address)?;
        hall.app.note("server.started").await?;
        let settings = Settings {
            allowed_hosts: config.server.hosts(),
            allowed_origins: config.server.allowed_origins.clone(),
            loopback: address.ip().to_canonical().is_loopback(),
            limits: server::Limits::default(),
        };
        let faces = faces(hall.gate.clone(), settings);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let owner = rustix::process::geteuid().as_raw();
        tasks.spawn(server::serve_tcp(tcp, Arc::clone(&faces), stop.clone()));
        tasks.spawn(server::serve_socket(unix, faces, owner, stop.clone()));
        tasks.spawn(sweep(Arc::clone(&hall.app), stop.clone()));
        tracing::info!(%address, "listening");
        let database = data.join(directory::DATABASE);
        Ok(Self { address, socket, database, stop, tasks, notifier: Notifier::default() })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells the service manager that calls are answered, and later that they are not any more.
    pub(crate) fn announce(&mut self, notifier: Notifier) {
        notifier.say(&format!("READY=1\nSTATUS=listening on {}", self.address));
        self.notifier = notifier;
    }

    /// Serves until a signal, then stops.
    ///
    /// # Errors
    /// When a listener fails or the database is removed, or those of [`stop`](Self::stop).
    pub(crate) async fn until(mut self, mut signals: Signals, app: Arc<App>) -> Result<()> {
        let failed = tokio::select! {
            () = signals.next() => Ok(()),
            () = removed(&self.database) => Err(lost(&self.database)),
            ended = self.tasks.join_next() => Err(Failure::internal("a listener ended", reason(ended))),
        };
        let stopped = self.stop(signals, app).await;
        failed.and(stopped)
    }

    /// Stops accepting, lets calls in flight finish, writes what has gathered. A second signal ends at once.
    ///
    /// # Errors
    /// [`exit::FINDING`] after a second signal; those of the store.
    pub(crate) async fn stop(mut self, mut signals: Signals, app: Arc<App>) -> Result<()> {
        self.notifier.say("STOPPING=1\nSTATUS=finishing the calls in flight");
        self.stop.cancel();
        app.end_waits();
        let orderly = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a task ended badly");
                }
            }
            app.sweep(Finish::Yes).await?;
            app.note("server.stopped").await?;
            Ok(())
        };
        let ended = tokio::select! {
            ended = orderly => ended,
            () = signals.next() => Err(Failure::new(exit::FINDING, "stopped at once; calls in flight were cut off")),
        };
        // One that stays behind is removed by the next start.
        let _ = fs::remove_file(&self.socket);
        tracing::info!("stopped");
        ended
    }
}

/// Waits until the database is gone: what is written to one without a name is kept nowhere.
async fn removed(database: &Path) {
    let mut ticks = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if fs::symlink_metadata(database).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return;
        }
    }
}

fn lost(database: &Path) -> Failure {
    Failure::new(exit::INTERNAL, format!("{} was removed while it was served", database.display()))
        .hint("put the data directory back, or restore a backup, and start the server again")
}

fn reason(ended: Option<Result<(), tokio::task::JoinError>>) -> String {
    match ended {
        Some(Err(error)) => error.to_string(),
        Some(Ok(())) | None => "it was not told to".to_owned(),
    }
}

#[cfg(not(feature = "conformance-fixtures"))]
fn faces(gate: Gate, settings: Settings) -> Arc<Faces> {
    Faces::new(gate, settings)
}

#[cfg(feature = "conformance-fixtures")]
fn faces(gate: Gate, settings: Settings) -> Arc<Faces> {
    Faces::with_extension(gate, settings, fixtures::extension())
}

async fn sweep(app: Arc<App>, stop: CancellationToken) {
    // Before the first text needs them, and beside the first calls.
    if tokio::task::spawn_blocking(domain::memory::prepare).await.is_err() {
        tracing::warn!("the patterns for texts are not prepared; the first text waits for them");
    }
    let mut ticks = interval_at(Instant::now() + SWEEP_EVERY, SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = app.sweep(Finish::No).await {
            let cause = error.fault().cause.as_deref().unwrap_or_default();
            tracing::warn!(code = error.code().as_str(), cause, "a sweep failed; the next one tries again");
        }
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let (exit, hint) = match error.kind() {
        io::ErrorKind::AddrInUse => (
            exit::BUSY,
            "name another port: server.listen in guildhall.toml, or --listen, such as 127.0.0.1:0 for any free one",
        ),
        io::ErrorKind::PermissionDenied => (exit::REFUSED, "name a port above 1023 with --listen"),
        _ => (exit::INTERNAL, "name another address with --listen"),
    };
    Failure::new(exit, format!("cannot listen on {address}: {error}")).hint(hint)
}

/// Binds the local operator's socket; the directory's lock is held, so one that is there is nobody's.
fn bind_socket(path: &Path) -> Result<UnixListener> {
    directory::remove_stale_socket(path)?;
    let failed = |error| Failure::internal(&format!("cannot listen on {}", path.display()), error);
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}
