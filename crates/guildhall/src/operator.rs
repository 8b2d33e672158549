//! The local operator at work, whether a server runs or not: through its socket, or on the directory itself.

use std::path::Path;

use domain::access::Caller;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    client::Client,
    compose::{self, Hall},
    config::{self, Config, Flags},
    directory,
    environment::Environment,
    failure::{Result, exit},
    installation::{self, FirstKey},
    posture,
};

/// A way to call operations as the local operator. One without a server holds the directory's lock until it is closed.
pub(crate) enum Operator {
    /// Through the running server.
    Server(Client),
    /// On the directory, which no server holds.
    Directory(Box<Opened>),
}

/// An installation that this process has open.
pub(crate) struct Opened {
    hall: Hall,
    caller: Caller,
    runtime: Runtime,
}

impl Operator {
    /// Reaches the installation in a directory: its server, or without one the directory, which is initialised when it
    /// is new.
    ///
    /// # Errors
    /// Those of [`install`]; [`exit::BUSY`] when a process without a socket holds it; those of the store.
    pub(crate) fn reach(directory: &Path, environment: &Environment) -> Result<Self> {
        let client = Client::new(directory, None)?;
        if client.is_reachable() {
            return Ok(Self::Server(client));
        }
        Self::open(directory, &install(directory, environment)?)
    }

    fn open(directory: &Path, config: &Config) -> Result<Self> {
        let hall = compose::open(directory, config, posture::secrets(directory)?)?;
        let runtime = compose::small_runtime()?;
        let caller = runtime.block_on(installation::local_operator(&hall.gate, "setup"))?;
        Ok(Self::Directory(Box::new(Opened { hall, caller, runtime })))
    }

    /// Calls an operation; null when it answers nothing.
    ///
    /// # Errors
    /// Those of the operation.
    pub(crate) fn json(&self, operation: &str, input: &Value) -> Result<Value> {
        match self {
            Self::Server(client) => client.json(operation, input),
            Self::Directory(opened) => {
                opened.runtime.block_on(installation::run(&opened.hall.gate, &opened.caller, operation, input))
            }
        }
    }

    /// Lets the directory go.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn close(self) -> Result<()> {
        match self {
            Self::Server(_) => Ok(()),
            Self::Directory(opened) => opened.hall.close(),
        }
    }
}

/// Makes an installation in a directory that holds none, without a key that nobody would get to see, or waits until
/// another process has made it; its configuration.
///
/// # Errors
/// [`exit::UNSAFE`] when a server would refuse to start there; those of the initialisation.
pub(crate) fn install(directory: &Path, environment: &Environment) -> Result<Config> {
    let is_new = installation::is_needed(directory)?;
    let (config, mut findings) = config::load(directory, environment, &Flags::default());
    findings.extend(posture::of_directory(directory, is_new));
    posture::refuse(findings)?;
    if is_new {
        match installation::init(directory, &config, FirstKey::None) {
            Err(failure) if failure.exit == exit::BUSY => installation::wait(directory)?,
            Err(failure) if failure.exit == exit::ALREADY => {}
            made => drop(made?),
        }
    }
    Ok(config)
}

/// Whether the directory holds an installation, so that reaching it makes nothing.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_installed(directory: &Path) -> Result<bool> {
    Ok(directory::state(directory)? == directory::State::Installed)
}
