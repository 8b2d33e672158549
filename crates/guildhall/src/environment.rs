//! The environment: read once, here, and passed on.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use security::Secret;

/// What begins the name of every variable that sets a configuration key.
pub(crate) const PREFIX: &str = "GUILDHALL__";

/// The variable that holds an agent's key.
pub(crate) const API_KEY: &str = "GUILDHALL_API_KEY";

/// The variables that say where the data is kept.
pub(crate) const DATA_VARIABLES: [&str; 2] = ["GUILDHALL_DATA", "XDG_DATA_HOME"];
/// The variable by which a service manager says where it wants to hear from its service.
pub(crate) const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// A copy of the variables this program looks at.
#[derive(Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    api_key: Option<Secret<String>>,
}

impl Environment {
    /// The process's own.
    pub(crate) fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let all = std::env::vars_os();
        let (mut variables, mut api_key) = (BTreeMap::new(), None);
        for (name, value) in all {
            if name == OsStr::new(API_KEY) {
                api_key = value.into_string().ok().filter(|key| !key.is_empty()).map(Secret::new);
            } else if is_ours(&name) {
                variables.insert(name, value);
            }
        }
        Self { variables, api_key }
    }

    /// A made-up one.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        Self { variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(), api_key: None }
    }

    /// The agent's key, if there is one.
    pub(crate) fn api_key(&self) -> Option<Secret<String>> {
        self.api_key.as_ref().map(|key| Secret::new(key.reveal().clone()))
    }

    /// A variable that names a directory; empty is absent.
    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Where the data is kept when no flag says so.
    pub(crate) fn data_directory(&self) -> Option<PathBuf> {
        let [own, shared] = DATA_VARIABLES;
        let xdg = || self.path(shared).filter(|path| path.is_absolute()).map(|path| path.join("guildhall"));
        let home = || self.path("HOME").map(|path| path.join(".local/share/guildhall"));
        self.path(own).or_else(xdg).or_else(home)
    }

    /// Whether a client finds a data directory without being told, and without variables that it may not have.
    pub(crate) fn is_usual(&self, directory: &Path) -> bool {
        let usual = self.home().map(|home| home.join(".local/share/guildhall"));
        [usual, self.data_directory()].iter().all(|one| one.as_deref() == Some(directory))
    }

    /// The home directory.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.path("HOME").filter(|path| path.is_absolute())
    }

    /// A directory that a client's own variable names; relative is absent.
    pub(crate) fn client_directory(&self, variable: &str) -> Option<PathBuf> {
        self.path(variable).filter(|path| path.is_absolute())
    }

    /// Where files go that are gone when the command ends.
    pub(crate) fn temporary_directory(&self) -> PathBuf {
        self.path("TMPDIR").filter(|path| path.is_absolute()).unwrap_or_else(|| PathBuf::from("/tmp"))
    }

    /// Where the service manager wants to hear that the server is ready.
    pub(crate) fn notify_socket(&self) -> Option<&OsStr> {
        self.variables.get(OsStr::new(NOTIFY_SOCKET)).filter(|value| !value.is_empty()).map(OsString::as_os_str)
    }

    /// Whether a terminal may be sent colours (no-color.org).
    pub(crate) fn wants_colours(&self) -> bool {
        self.variables.get(OsStr::new("NO_COLOR")).is_none_or(|value| value.is_empty())
    }

    /// `GUILDHALL__…` variables: the name behind the prefix, and the value if it is Unicode.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (String, Option<&str>)> {
        self.variables.iter().filter_map(|(name, value)| {
            let rest = name.to_string_lossy().strip_prefix(PREFIX)?.to_owned();
            Some((rest, value.to_str()))
        })
    }
}

/// Variables beside the configuration's: our own, the system's, and those by which clients are told where their files are.
const NAMES: [&str; 9] = [
    "GUILDHALL_DATA",
    "XDG_DATA_HOME",
    "HOME",
    "TMPDIR",
    NOTIFY_SOCKET,
    "NO_COLOR",
    "XDG_CONFIG_HOME",
    "CLAUDE_CONFIG_DIR",
    "CODEX_HOME",
];

fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(PREFIX) || NAMES.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_is_found_in_order() {
        let all = [("GUILDHALL_DATA", "/a"), ("XDG_DATA_HOME", "/b"), ("HOME", "/c")];
        assert_eq!(Environment::of(&all).data_directory(), Some("/a".into()));
        assert_eq!(Environment::of(&all[1..]).data_directory(), Some("/b/guildhall".into()));
        assert_eq!(Environment::of(&all[2..]).data_directory(), Some("/c/.local/share/guildhall".into()));
        assert_eq!(Environment::of(&[("GUILDHALL_DATA", ""), ("XDG_DATA_HOME", "b")]).data_directory(), None);
    }
}
