//! What was set up: kept in the data directory, so that it can be undone to the byte.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    clients::{Client, Transport},
    file::{Audience, Target},
};
use crate::{
    failure::{Failure, Result},
    installation::failed,
};

/// Inside the data directory: the record, and a key file for each client's agent.
const DIRECTORY: &str = "clients";
const FILE: &str = "set-up.json";

/// Everything that was set up from this data directory.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    setups: Vec<Setup>,
}

/// One client that was set up, for its user or for a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    /// The client.
    pub(crate) client: Client,
    /// The project's directory; none for all of the user's projects.
    pub(crate) project: Option<PathBuf>,
    /// Its agent's name.
    pub(crate) agent: String,
    /// Its agent's id; none when only rules were set up.
    pub(crate) agent_id: Option<String>,
    /// Whether it needs the agent's key file.
    pub(crate) has_key: bool,
    /// How it reaches the server.
    pub(crate) transport: Transport,
    /// What was done to its configuration.
    pub(crate) config: Option<Change>,
    /// What was done to its rules.
    pub(crate) rules: Option<Change>,
}

/// What was done to a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The file, as it was named.
    pub(crate) file: PathBuf,
    /// Whether it was made.
    pub(crate) created: bool,
    /// Directories that were made for it, the outermost first.
    pub(crate) directories: Vec<PathBuf>,
    /// The texts that were put in, in this order.
    pub(crate) inserted: Vec<String>,
    /// Whether the first of them made the container of our entry, the second the list of inputs.
    pub(crate) made: Vec<bool>,
    /// Our entry, to tell whether somebody changed it.
    pub(crate) entry: Value,
    /// The copy of the file as it was before.
    pub(crate) backup: Option<PathBuf>,
}

impl Change {
    /// Of a file in which nothing was done.
    pub(crate) fn of(file: PathBuf) -> Self {
        Self {
            file,
            created: false,
            directories: Vec::new(),
            inserted: Vec::new(),
            made: Vec::new(),
            entry: Value::Null,
            backup: None,
        }
    }

    /// Of a file in which something is put, in the place of what an earlier change put there.
    pub(crate) fn anew(file: &Path, target: &Target, before: Option<&Self>) -> Self {
        match before {
            Some(before) => Self { inserted: Vec::new(), made: Vec::new(), ..before.clone() },
            None => Self {
                created: target.text().is_none(),
                directories: target.missing_directories(),
                backup: target.free_backup(),
                ..Self::of(file.to_owned())
            },
        }
    }
}

impl Record {
    /// Reads the record of a data directory; an empty one when nothing was set up yet.
    ///
    /// # Errors
    /// When it does not read.
    pub(crate) fn read(data: &Path) -> Result<Self> {
        let path = data.join(DIRECTORY).join(FILE);
        match Target::read(&path)?.text() {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(text).map_err(|error| {
                Failure::usage(format!("{} does not read: {error}", path.display()))
                    .hint("move it away; entries that it knew of are then removed by hand")
            }),
        }
    }

    /// The setup of a client for a project, or for all of them.
    pub(crate) fn of(&self, client: Client, project: Option<&Path>) -> Option<&Setup> {
        self.setups.iter().find(|one| one.client == client && one.project.as_deref() == project)
    }

    /// Puts a setup in the place of the one before it.
    pub(crate) fn put(&mut self, setup: Setup) {
        self.take(setup.client, setup.project.as_deref());
        self.setups.push(setup);
    }

    /// Takes a setup out.
    pub(crate) fn take(&mut self, client: Client, project: Option<&Path>) {
        self.setups.retain(|one| one.client != client || one.project.as_deref() != project);
    }

    /// Whether a setup needs this agent's key.
    pub(crate) fn needs_key(&self, agent: &str) -> bool {
        self.setups.iter().any(|one| one.has_key && one.agent == agent)
    }
}

/// The right to change the record: nobody else does while it is held.
pub(crate) struct Held {
    data: PathBuf,
    _lock: File,
}

impl Held {
    /// Waits for the record of an initialised data directory.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn take(data: &Path) -> Result<Self> {
        let directory = data.join(DIRECTORY);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|error| failed(&format!("make {}", directory.display()), &error))?;
        let lock = File::open(&directory).and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.map_err(|error| failed(&format!("lock {}", directory.display()), &error))?;
        Ok(Self { data: data.to_owned(), _lock: lock })
    }

    /// Writes the record; one without setups is removed.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn save(&self, record: &Record) -> Result<()> {
        let directory = self.data.join(DIRECTORY);
        let target = Target::read(&directory.join(FILE))?;
        if !record.setups.is_empty() {
            let text = serde_json::to_string_pretty(record)
                .map_err(|error| Failure::internal("cannot write what was set up", error))?;
            return target.write(&format!("{text}\n"), Audience::Owner);
        }
        if target.text().is_some() {
            target.delete(&[])?;
        }
        // Only an empty one goes.
        let _ = fs::remove_dir(&directory);
        Ok(())
    }
}

/// Where an agent's key is.
pub(crate) fn key_file(data: &Path, agent: &str) -> PathBuf {
    data.join(DIRECTORY).join(format!("{agent}.key"))
}

/// Removes an agent's key file, if there is one.
///
/// # Errors
/// Those of the file system.
pub(crate) fn remove_key_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed(&format!("remove {}", path.display()), &error))
        }
        _ => Ok(()),
    }
}
