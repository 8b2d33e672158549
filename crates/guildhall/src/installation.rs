//! Initialisation: an empty directory becomes an installation, or stays one that can be initialised.
//!
//! Everything is made under a marker file that is removed last. A kill in the middle leaves the marker, and the next
//! run begins anew: nobody was told a secret yet.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use domain::{
    Gate, Meta,
    access::{Caller, Origin, Via},
    catalogue,
    gate::Presented,
    operation::Reply,
};
use security::{Random as _, Secret, SystemRandom};
use serde_json::{Value, json};
use types::{Clock as _, SystemClock, WorkspaceId, workspace::Workspace};

use crate::{
    compose::{self, HOME, Hall},
    config::{self, Config},
    directory::{self, MARKER, State},
    failure::{Failure, Result, exit},
    secrets,
};

/// The agent that `init` makes.
pub(crate) const AGENT: &str = "agent";

/// What is known of an installation on its first run only.
pub(crate) struct First {
    /// Its workspace.
    pub(crate) workspace: Workspace,
    /// Its agent's id.
    pub(crate) agent_id: String,
    /// Its agent's name.
    pub(crate) agent_name: String,
    /// The agent's key, if one was made; it is never readable again.
    pub(crate) api_key: Option<Secret<String>>,
}

/// Whether the first agent gets a key: only when somebody is there who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstKey {
    /// It does.
    Make,
    /// It does not.
    None,
}

/// Makes an installation in an empty (or missing) directory, or finishes one that was cut off. Blocks.
///
/// # Errors
/// [`exit::BUSY`] when another process is at it; those of the file system and of the store.
pub(crate) fn init(directory: &Path, config: &Config, key: FirstKey) -> Result<First> {
    let directory = private(directory)?;
    let marker = Marker::take(&directory)?;
    let keys = directory.join(secrets::DIRECTORY);
    DirBuilder::new().mode(0o700).create(&keys).map_err(|error| failed("make the keys' directory", &error))?;
    secrets::make(&keys, &SystemRandom::new())?;
    write_config(&directory.join(config::FILE))?;
    let first = fill(&directory, config, key)?;
    sync(&keys)?;
    marker.remove()?;
    Ok(first)
}

/// A failed step on the file system: refused, with advice, when it is one that its owner can mend.
pub(crate) fn failed(what: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => "let the user who runs guildhall write there, or choose another place",
        io::ErrorKind::StorageFull => "make room on that disk, then run the command again",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place on a disk that can be written",
        _ => return Failure::new(exit::INTERNAL, format!("cannot {what}: {error}")),
    };
    Failure::new(exit::REFUSED, format!("cannot {what}: {error}")).hint(hint)
}

/// Creates the directory, or closes an empty one of ours to everybody else.
///
/// # Errors
/// [`exit::UNSAFE`] when it belongs to somebody else; those of the file system.
pub(crate) fn private(directory: &Path) -> Result<PathBuf> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| failed(&format!("make the data directory {}", directory.display()), &error))?;
    let directory = directory.canonicalize().map_err(|error| failed("find the data directory", &error))?;
    let found = fs::metadata(&directory).map_err(|error| failed("look at the data directory", &error))?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(Failure::new(exit::UNSAFE, format!("{} belongs to another user", directory.display())));
    }
    if found.mode() & 0o7777 != 0o700 {
        fs::set_permissions(&directory, Permissions::from_mode(0o700))
            .map_err(|error| failed("close the data directory to others", &error))?;
    }
    Ok(directory)
}

/// The right to initialise a directory: its lock, and a marker that outlives a kill.
struct Marker {
    directory: PathBuf,
    _lock: File,
}

impl Marker {
    /// The marker is only ever made in an empty directory under the lock, so what stands beside it was cut off.
    fn take(directory: &Path) -> Result<Self> {
        let lock = File::open(directory).map_err(|error| failed("open the data directory", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(directory)),
            Err(TryLockError::Error(error)) => return Err(failed("lock the data directory", &error)),
        }
        match directory::state(directory)? {
            State::Installed => return Err(already(directory)),
            State::Foreign => return Err(directory::foreign(directory)),
            State::Unfinished => clear(directory)?,
            State::Empty => {
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(directory.join(MARKER));
                made.map_err(|error| failed("begin the initialisation", &error))?;
                sync(directory)?;
            }
        }
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    fn remove(self) -> Result<()> {
        fs::remove_file(self.directory.join(MARKER)).map_err(|error| failed("end the initialisation", &error))?;
        sync(&self.directory)
    }
}

/// Waits until nobody is initialising the directory. Blocks.
///
/// # Errors
/// Those of the file system.
pub(crate) fn wait(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|lock| lock.lock()).map_err(|error| failed("wait for the data directory", &error))
}

fn busy(directory: &Path) -> Failure {
    Failure::new(exit::BUSY, format!("another process is initialising {}", directory.display()))
        .hint("wait until it has finished")
}

/// Makes the names in a directory durable.
///
/// # Errors
/// Those of the file system.
pub(crate) fn sync(directory: &Path) -> Result<()> {
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| failed("sync a directory", &error))
}

/// Removes the pieces of an initialisation that was cut off; a configuration stays.
fn clear(directory: &Path) -> Result<()> {
    let keys = directory.join(secrets::DIRECTORY);
    let pieces = ["guildhall.db", "guildhall.db-wal", "guildhall.db-shm", "guildhall.db-journal"];
    let files = pieces.iter().map(|name| directory.join(name));
    for path in files.chain(secrets::FILES.iter().chain([&secrets::SIGNING]).map(|name| keys.join(name))) {
        absent(fs::remove_file(&path))?;
    }
    absent(fs::remove_dir(&keys))
}

fn absent(removed: io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("clear away an initialisation that was cut off", &error))
        }
        _ => Ok(()),
    }
}

/// Writes the documented defaults; an operator's own file stays.
fn write_config(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => file
            .write_all(config::DEFAULTS.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| failed("write the configuration", &error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed("write the configuration", &error)),
    }
}

/// Makes the workspace, and through the gate its agent and the agent's key.
fn fill(directory: &Path, config: &Config, key: FirstKey) -> Result<First> {
    let secrets = secrets::read(directory).map_err(|_| Failure::internal("cannot read the keys", "just made"))?;
    let store = compose::store(directory, config)?;
    let mut bits = [0; 16];
    SystemRandom::new().fill(&mut bits).map_err(|error| Failure::internal("cannot make an id", error))?;
    let now = SystemClock.now();
    let id = WorkspaceId::new(now, u128::from_le_bytes(bits));
    let workspace = store.write_blocking(move |tx| {
        let reason = compose::everything("an installation is made");
        domain::workspaces::found(tx, reason, id, (HOME, HOME), now).map(store::Verdict::Done)
    })?;
    let hall = Hall::over(store, config, secrets, workspace)?;
    let made = compose::small_runtime()?.block_on(people(&hall.gate, key));
    let workspace = hall.home.clone();
    hall.close()?;
    let (agent_id, api_key) = made?;
    Ok(First { workspace, agent_id, agent_name: AGENT.to_owned(), api_key })
}

async fn people(gate: &Gate, key: FirstKey) -> Result<(String, Option<Secret<String>>)> {
    let caller = local_operator(gate, "init").await?;
    let agent = run(gate, &caller, "agent.create", &json!({ "name": AGENT })).await?;
    let id = text(&agent, "/id")?;
    if key == FirstKey::None {
        return Ok((id, None));
    }
    let key = run(gate, &caller, "key.create", &json!({ "principal": id, "label": "made by guildhall init" })).await?;
    Ok((id, Some(Secret::new(text(&key, "/api_key")?))))
}

/// The local operator, as whom this process acts while no server runs; the request id finds its rows.
///
/// # Errors
/// Those of the gate.
pub(crate) async fn local_operator(gate: &Gate, request_id: &str) -> Result<Caller> {
    let origin = Origin {
        via: Via::Socket,
        address: None,
        user_agent: Some(concat!("guildhall/", env!("CARGO_PKG_VERSION")).to_owned()),
        request_id: request_id.to_owned(),
    };
    let uid = rustix::process::geteuid().as_raw();
    Ok(gate.identify(Presented::Socket { uid, workspace: None }, origin).await?)
}

/// Runs one operation that answers JSON, or nothing, which is null.
///
/// # Errors
/// Those of the operation.
pub(crate) async fn run(gate: &Gate, caller: &Caller, operation: &str, input: &Value) -> Result<Value> {
    let missing = || Failure::internal(operation, "is not what it was");
    let entry = catalogue::by_id(operation).ok_or_else(missing)?;
    let input = Bytes::from(input.to_string());
    match gate.run(caller, entry, Meta::default(), std::future::ready(Ok(input))).await? {
        Reply::Json(answer) => Ok(answer),
        Reply::Nothing => Ok(Value::Null),
        Reply::Document { .. } => Err(missing()),
    }
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Failure::internal(pointer, "is missing in an answer"))
}

/// Says that a directory is initialised already.
pub(crate) fn already(directory: &Path) -> Failure {
    Failure::new(exit::ALREADY, format!("{} is initialised already; nothing was changed", directory.display()))
        .hint("`guildhall up` starts it; `guildhall key create` makes another key")
}

/// Whether the directory is to be initialised.
///
/// # Errors
/// When it holds something else.
pub(crate) fn is_needed(directory: &Path) -> Result<bool> {
    match directory::state(directory)? {
        State::Empty | State::Unfinished => Ok(true),
        State::Installed => Ok(false),
        State::Foreign => Err(directory::foreign(directory)),
    }
}
