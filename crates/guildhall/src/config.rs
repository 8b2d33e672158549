//! Configuration: `guildhall.toml`, then `GUILDHALL__SECTION__KEY`, then flags. Unknown keys are refused.
//!
//! There is no key that switches authentication, a limit or a check off.

use std::{io, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use crate::environment::{Environment, PREFIX};

mod limits;
mod log;
mod mcp;
mod memory;
mod server;
mod store;

pub(crate) use self::{
    limits::Limits,
    log::{Format, Level, Log, TARGETS},
    mcp::Mcp,
    memory::Memory,
    server::Server,
    store::Store,
};

/// Name of the file in the data directory.
pub(crate) const FILE: &str = "guildhall.toml";

/// What `init` writes: every key with its default, as comments.
pub(crate) const DEFAULTS: &str = include_str!("config/default.toml");

/// Everything operators may set.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Config {
    /// Where it listens and for whom.
    pub(crate) server: Server,
    /// How many calls it answers.
    pub(crate) limits: Limits,
    /// What MCP clients see.
    pub(crate) mcp: Mcp,
    /// How much is kept, and what is hidden.
    pub(crate) memory: Memory,
    /// What it writes down for its operators.
    pub(crate) log: Log,
    /// The database.
    pub(crate) store: Store,
}

/// Something that is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What is wrong, on one line.
    pub(crate) reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Finding {
    /// Something wrong without more to say.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    /// With advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What flags set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--listen`
    pub(crate) listen: Option<String>,
}

trait Section: DeserializeOwned + Default {
    /// Its name in the file.
    const NAME: &'static str;
    /// The keys it knows.
    const KEYS: &'static [&'static str];
    /// What is wrong with its values.
    fn check(&self, findings: &mut Vec<Finding>);
}

/// Reads the configuration of a data directory and judges its values; the findings say what keeps a server from starting.
pub(crate) fn load(directory: &Path, environment: &Environment, flags: &Flags) -> (Config, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut table = file(&directory.join(FILE), &mut findings);
    for (name, value) in environment.settings() {
        overlay(&mut table, &name, value, &mut findings);
    }
    if let Some(listen) = &flags.listen {
        put(&mut table, "server", "listen", Value::String(listen.clone()));
    }
    let config = Config {
        server: section(&mut table, &mut findings),
        limits: section(&mut table, &mut findings),
        mcp: section(&mut table, &mut findings),
        memory: section(&mut table, &mut findings),
        log: section(&mut table, &mut findings),
        store: section(&mut table, &mut findings),
    };
    for name in table.keys() {
        findings.push(unknown(&format!("configuration section `{name}`")));
    }
    (config, findings)
}

fn unknown(what: &str) -> Finding {
    Finding::new(format!("unknown {what}")).hint("`guildhall config show` lists the keys there are")
}

fn file(path: &Path, findings: &mut Vec<Finding>) -> Table {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Table::new(),
        Err(error) => {
            findings.push(Finding::new(format!("cannot read {}: {error}", path.display())));
            return Table::new();
        }
    };
    toml::from_str(&text).unwrap_or_else(|error: toml::de::Error| {
        let line =
            error.span().map_or(0, |span| text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1);
        findings.push(Finding::new(format!("{} line {line}: {}", path.display(), error.message().replace('\n', ", "))));
        Table::new()
    })
}

/// A variable's value: TOML where it reads as TOML, otherwise a text.
fn overlay(table: &mut Table, name: &str, value: Option<&str>, findings: &mut Vec<Finding>) {
    let Some(value) = value else {
        findings.push(Finding::new(format!("{PREFIX}{name} is not Unicode")));
        return;
    };
    let known = name.split_once("__").map(|(section, key)| (section.to_ascii_lowercase(), key.to_ascii_lowercase()));
    let Some((section, key)) = known.filter(|(section, key)| is_known(section, key)) else {
        findings.push(unknown(&format!("variable {PREFIX}{name}")));
        return;
    };
    let read = toml::from_str::<Table>(&format!("value = {value}")).ok().filter(|read| read.len() == 1);
    let value = read.and_then(|mut read| read.remove("value")).unwrap_or_else(|| Value::String(value.to_owned()));
    put(table, &section, &key, value);
}

fn put(table: &mut Table, section: &str, key: &str, value: Value) {
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = section {
        section.insert(key.to_owned(), value);
    }
}

fn is_known(section: &str, key: &str) -> bool {
    fn has<S: Section>(section: &str, key: &str) -> bool {
        S::NAME == section && S::KEYS.contains(&key)
    }
    has::<Server>(section, key)
        || has::<Limits>(section, key)
        || has::<Mcp>(section, key)
        || has::<Memory>(section, key)
        || has::<Log>(section, key)
        || has::<Store>(section, key)
}

fn section<S: Section>(table: &mut Table, findings: &mut Vec<Finding>) -> S {
    let Some(found) = table.remove(S::NAME) else { return checked(S::default(), findings) };
    let Value::Table(mut found) = found else {
        findings.push(Finding::new(format!("`{}` must be a section: `[{}]`", S::NAME, S::NAME)));
        return S::default();
    };
    found.retain(|key, _| {
        let is_known = S::KEYS.contains(&key);
        if !is_known {
            findings.push(unknown(&format!("configuration key `{}.{key}`", S::NAME)));
        }
        is_known
    });
    // One key at a time, so that each wrong one is named.
    let mut sound = Table::new();
    for (key, value) in found {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        match Value::Table(alone).try_into::<S>() {
            Ok(_) => drop(sound.insert(key, value)),
            Err(error) => {
                findings.push(Finding::new(format!("`{}.{key}`: {}", S::NAME, error.message().replace('\n', ", "))));
            }
        }
    }
    checked(Value::Table(sound).try_into().unwrap_or_default(), findings)
}

fn checked<S: Section>(section: S, findings: &mut Vec<Finding>) -> S {
    section.check(findings);
    section
}

/// A number that must lie between two others.
fn within(findings: &mut Vec<Finding>, key: &str, value: u32, (least, most): (u32, u32)) {
    if !(least..=most).contains(&value) {
        findings.push(Finding::new(format!("`{key}` must be from {least} to {most}, not {value}")));
    }
}

impl Config {
    /// What the domain wants to know of it.
    pub(crate) fn settings(&self) -> domain::Settings {
        domain::Settings {
            agents_per_minute: self.limits.agents_per_minute,
            users_per_minute: self.limits.users_per_minute,
            key_per_minute: self.limits.key_per_minute,
            default_toolsets: self.mcp.default_toolsets.clone(),
            memory: self.memory.settings(),
            min_free_bytes: self.store.min_free_bytes(),
        }
    }
}

/// A configuration as TOML, for `config show` and for tests.
pub(crate) fn shown(config: &impl Serialize) -> String {
    toml::to_string(config).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str, variables: &[(&str, &str)]) -> (Config, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE), text).unwrap();
        let (config, findings) = load(directory.path(), &Environment::of(variables), &Flags::default());
        (config, findings.into_iter().map(|finding| finding.reason).collect())
    }

    #[test]
    fn the_written_defaults_are_the_defaults() {
        assert_eq!(loaded(DEFAULTS, &[]), (Config::default(), vec![]));
        let uncommented: String = DEFAULTS
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let (config, findings) = loaded(&uncommented, &[]);
        assert_eq!((config, findings), (Config::default(), vec![]), "{uncommented}");
    }

    #[test]
    fn every_key_that_is_shown_is_known() {
        let all = Config {
            server: Server { public_url: Some("https://guild.example".into()), ..Server::default() },
            store: Store { readers: Some(3), ..Store::default() },
            log: Log { format: Some(Format::Text), ..Log::default() },
            ..Config::default()
        };
        let (read, findings) = loaded(&shown(&all), &[]);
        assert_eq!((read, findings), (all.clone(), vec![]));
        let shown: Table = toml::from_str(&shown(&all)).unwrap();
        let keys: usize = shown.values().map(|section| section.as_table().unwrap().len()).sum();
        let known = [Server::KEYS, Limits::KEYS, Mcp::KEYS, Memory::KEYS, Log::KEYS, Store::KEYS];
        assert_eq!(keys, known.iter().map(|keys| keys.len()).sum::<usize>());
    }

    #[test]
    fn unknown_keys_sections_and_variables_are_named() {
        let (_, findings) = loaded(
            "[server]\nhttps_only = false\n[limits]\nagents_per_minute = 0\n[auth]\nenabled = false\n",
            &[("GUILDHALL__AUTH__ENABLED", "false"), ("GUILDHALL__DEBUG", "1")],
        );
        assert_eq!(findings.len(), 5, "{findings:?}");
        for named in ["server.https_only", "limits.agents_per_minute", "section `auth`", "AUTH__ENABLED", "__DEBUG"] {
            assert!(findings.iter().any(|finding| finding.contains(named)), "{named}: {findings:?}");
        }
    }

    #[test]
    fn variables_win_over_the_file() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\nallowed_hosts = []\n";
        let variables = [
            ("GUILDHALL__SERVER__LISTEN", "127.0.0.1:2"),
            ("GUILDHALL__SERVER__ALLOWED_HOSTS", r#"["guild.example"]"#),
            ("GUILDHALL__LIMITS__USERS_PER_MINUTE", "7"),
        ];
        let (config, findings) = loaded(text, &variables);
        assert_eq!(findings, Vec::<String>::new());
        assert_eq!(config.server.listen, "127.0.0.1:2");
        assert_eq!(
            (config.server.allowed_hosts, config.limits.users_per_minute),
            (vec!["guild.example".to_owned()], 7)
        );
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        let (_, findings) = loaded("[server]\nlisten = \n", &[]);
        assert!(findings[0].contains("line 2"), "{findings:?}");
    }

    #[test]
    fn origins_and_addresses_that_open_the_door_are_refused() {
        for text in [
            "[server]\nallowed_origins = [\"*\"]",
            "[server]\nallowed_hosts = [\"*\"]",
            "[server]\nlisten = \"0.0.0.0:8640\"",
            "[server]\nlisten = \"[::]:8640\"",
            "[server]\nlisten = \"192.0.2.7:8640\"",
            "[server]\npublic_url = \"http://guild.example\"",
            "[server]\npublic_url = \"\"",
            "[mcp]\ndefault_toolsets = [\"none\"]",
            "[log]\nlevel = \"off\"",
        ] {
            assert_eq!(loaded(text, &[]).1.len(), 1, "{text}: {:?}", loaded(text, &[]).1);
        }
        assert_eq!(loaded("[server]\nlisten = \"[::1]:8640\"\npublic_url = \"http://localhost:8640\"", &[]).1.len(), 0);
    }
}
