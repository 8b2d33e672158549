//! Puts an installation together: the only place that sees the store, the keys and the domain at once.

use std::{path::Path, sync::Arc};

use domain::{App, Gate, Sources};
use security::SystemRandom;
use store::{Everything, MIGRATIONS, Options, Store};
use types::{Clock as _, SystemClock, workspace::Workspace};

use crate::{
    config::Config,
    failure::{Failure, Result, exit},
    machine::Host,
};

/// The workspace that `init` makes.
pub(crate) const HOME: &str = "default";

/// An opened installation. Holds the directory's lock until it is closed or dropped.
pub(crate) struct Hall {
    store: Store,
    /// What runs behind the gate.
    pub(crate) app: Arc<App>,
    /// The way in.
    pub(crate) gate: Gate,
    /// The workspace `default`.
    pub(crate) home: Workspace,
}

/// Reach across workspaces, for the start of a server.
pub(crate) fn everything(reason: &'static str) -> Everything {
    #[expect(clippy::disallowed_methods, reason = "no caller exists yet while an installation is made or opened")]
    Everything::because(reason)
}

/// Opens the database of a directory. Blocks.
///
/// # Errors
/// Those of the store.
pub(crate) fn store(directory: &Path, config: &Config) -> Result<Store> {
    let mut options = Options::new(directory, SystemClock.now());
    if let Some(readers) = config.store.readers {
        options.readers = usize::try_from(readers).unwrap_or(options.readers);
    }
    Ok(Store::open(options, MIGRATIONS)?)
}

/// Opens an installation. Blocks.
///
/// # Errors
/// Those of the store; [`exit::UNSAFE`] when the database holds no workspace `default`.
pub(crate) fn open(directory: &Path, config: &Config, secrets: domain::Secrets) -> Result<Hall> {
    let store = store(directory, config)?;
    let home = store
        .read_blocking(|tx| store::workspaces::by_slug(tx, everything("the server looks for its home"), HOME))?
        .ok_or_else(|| {
            Failure::new(exit::UNSAFE, format!("the database in {} holds no workspace `{HOME}`", directory.display()))
                .hint("put the database back that belongs to this directory")
        })?;
    Hall::over(store, config, secrets, home)
}

impl Hall {
    /// An application over an opened store.
    ///
    /// # Errors
    /// Those of the domain.
    pub(crate) fn over(store: Store, config: &Config, secrets: domain::Secrets, home: Workspace) -> Result<Self> {
        let sources = Sources {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::new()),
            machine: Arc::new(Host::of(store.directory())),
        };
        let app = App::new(store.clone(), sources, secrets, config.settings(), home.id)?;
        Ok(Self { store, gate: Gate::new(Arc::clone(&app)), app, home })
    }

    /// How many audit rows all workspaces have together.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn audit_rows(&self) -> Result<i64> {
        Ok(self.store.read_blocking(|tx| {
            let workspaces = store::workspaces::list(tx, everything("the server counts what it would have to verify"))?;
            workspaces
                .iter()
                .try_fold(0, |rows, workspace| store::audit::head(tx, workspace.id).map(|head| head.audit_seq + rows))
        })?)
    }

    /// Finishes what is queued and lets the directory go. Blocks.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn close(self) -> Result<()> {
        Ok(self.store.close()?)
    }
}

/// A runtime for commands that make a few calls.
///
/// # Errors
/// When the operating system gives none.
pub(crate) fn small_runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal("cannot start the runtime", error))
}
