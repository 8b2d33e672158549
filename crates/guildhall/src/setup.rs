//! `guildhall setup`: a client's configuration is made to use this installation, and put back as it was.
//!
//! Start at `apply` and `undo` here. `setup/clients.rs` knows the clients, `setup/config.rs` our entry in their files,
//! `setup/rules.rs` the paragraph for agents, `setup/identity.rs` agent and key, `setup/record.rs` what was done.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use types::SystemClock;

use self::{
    clients::{Client, Transport},
    config::Wanted,
    edit::{Difference, Edit},
    file::Audience,
    record::{Held, Record, Setup},
    rules::Rules,
};
use crate::{
    environment::Environment,
    failure::Result,
    operator::{self, Operator},
};

pub(crate) mod clients;
mod config;
mod edit;
mod file;
mod identity;
mod json;
pub(crate) mod project;
mod record;
pub(crate) mod rules;
mod toml;

pub(crate) use self::{config::Wanted as Config, record::key_file};

/// What is to be set up, or undone.
pub(crate) struct Plan<'p> {
    /// The environment, to reach the installation.
    pub(crate) environment: &'p Environment,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The client.
    pub(crate) client: Client,
    /// The project's root; none for all of the user's projects.
    pub(crate) project: Option<PathBuf>,
    /// The agent's name.
    pub(crate) agent: String,
    /// How the client reaches the server.
    pub(crate) transport: Transport,
    /// The client's configuration; none where it reads none and only rules are set up.
    pub(crate) config: Option<Wanted>,
    /// The paragraph in its rules; none when it has no such file, or when it is not asked for.
    pub(crate) rules: Option<Rules>,
    /// Whether the entry needs the agent's key in a file.
    pub(crate) has_key: bool,
}

/// What was done, or with a dry run would be.
pub(crate) struct Outcome {
    /// Whether anything is different now.
    pub(crate) is_changed: bool,
    /// Each file before and after; none where there is no file.
    pub(crate) files: Vec<Difference>,
    /// The copy of the configuration as it was.
    pub(crate) backup: Option<PathBuf>,
    /// The agent's name.
    pub(crate) agent: String,
    /// The agent's id, as far as it is known.
    pub(crate) agent_id: Option<String>,
}

/// Whether anything may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Change it.
    Do,
    /// Only say what would change.
    Dry,
}

/// Sets the client up. What cannot be edited is found out before anything is made.
///
/// # Errors
/// Those of the files, of the record and of the installation.
pub(crate) fn apply(plan: &Plan<'_>, mode: Mode) -> Result<Outcome> {
    let record = Record::read(&plan.data)?;
    let known = record.of(plan.client, plan.project.as_deref());
    let edits = plan.edits(known)?;
    if mode == Mode::Dry {
        return Ok(plan.outcome(&edits, known.and_then(|setup| setup.agent_id.clone())));
    }
    if !operator::is_installed(&plan.data)? {
        operator::install(&plan.data, plan.environment)?;
    }
    let held = Held::take(&plan.data)?;
    let operator = Operator::reach(&plan.data, plan.environment)?;
    let done = apply_held(plan, &held, &operator);
    operator.close()?;
    done
}

fn apply_held(plan: &Plan<'_>, held: &Held, operator: &Operator) -> Result<Outcome> {
    let key_file = plan.has_key.then(|| record::key_file(&plan.data, &plan.agent));
    let names = (plan.agent.as_str(), plan.client.id());
    let agent = match plan.config {
        Some(_) => Some(identity::ensure(operator, names, key_file.as_deref(), &SystemClock)?),
        None => None,
    };
    let mut record = Record::read(&plan.data)?;
    let known = record.of(plan.client, plan.project.as_deref()).cloned();
    let edits = plan.edits(known.as_ref())?;
    let mut outcome = plan.outcome(&edits, agent.as_ref().map(|agent| agent.id.clone()));
    outcome.is_changed |= agent.is_some_and(|agent| agent.is_new);
    // Before the files: a kill in between must not leave an entry that nobody knows to be ours.
    record.put(plan.setup(&edits, known.as_ref(), outcome.agent_id.clone()));
    held.save(&record)?;
    edits.iter().try_for_each(|edit| edit.write(plan.audience()))?;
    if let Some(left) = known.filter(|known| known.agent != plan.agent || known.has_key && !plan.has_key) {
        retire(operator, &plan.data, &record, &left.agent)?;
    }
    Ok(outcome)
}

/// Puts everything back: the files, and the key. The agent stays, because its memories need an owner.
///
/// # Errors
/// Those of the files, of the record and of the installation.
pub(crate) fn undo(plan: &Plan<'_>, mode: Mode) -> Result<Outcome> {
    let is_installed = operator::is_installed(&plan.data)?;
    let held = if is_installed && mode == Mode::Do { Some(Held::take(&plan.data)?) } else { None };
    let mut record = Record::read(&plan.data)?;
    let known = record.of(plan.client, plan.project.as_deref()).cloned();
    let edits = plan.removals(known.as_ref())?;
    let mut outcome = plan.outcome(&edits, known.as_ref().and_then(|setup| setup.agent_id.clone()));
    if let Some(known) = &known {
        outcome.agent.clone_from(&known.agent);
    }
    record.take(plan.client, plan.project.as_deref());
    let key_goes = record::key_file(&plan.data, &outcome.agent).exists() && !record.needs_key(&outcome.agent);
    outcome.is_changed |= known.is_some() || key_goes;
    if mode == Mode::Dry {
        return Ok(outcome);
    }
    edits.iter().try_for_each(Edit::take_back)?;
    let Some(held) = held else { return Ok(outcome) };
    if key_goes {
        let operator = Operator::reach(&plan.data, plan.environment)?;
        let retired = retire(&operator, &plan.data, &record, &outcome.agent);
        operator.close()?;
        retired?;
    }
    held.save(&record)?;
    Ok(outcome)
}

/// Ends the key of an agent, unless another setup still needs it.
fn retire(operator: &Operator, data: &Path, record: &Record, agent: &str) -> Result<()> {
    if record.needs_key(agent) {
        return Ok(());
    }
    let found = operator.json("agent.list", &json!({ "name": agent }))?;
    if let Some(id) = found.pointer("/items/0/id").and_then(Value::as_str) {
        identity::revoke(operator, id)?;
    }
    record::remove_key_file(&record::key_file(data, agent))
}

impl Plan<'_> {
    /// What setting up does to each file.
    fn edits(&self, known: Option<&Setup>) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        if let Some(config) = &self.config {
            edits.push(config.put(known)?);
        }
        if let Some(rules) = &self.rules {
            edits.push(rules.put(known.and_then(|setup| setup.rules.as_ref()))?);
        }
        Ok(edits)
    }

    /// What undoing does to each file that holds something of ours.
    fn removals(&self, known: Option<&Setup>) -> Result<Vec<Edit>> {
        let config = self.config.as_ref().map(|config| config.take_out(known)).transpose()?;
        let rules = self.rules.as_ref().map(|rules| rules.take_out(known.and_then(|setup| setup.rules.as_ref())));
        Ok(config.into_iter().chain(rules.transpose()?).flatten().collect())
    }

    fn setup(&self, edits: &[Edit], known: Option<&Setup>, agent_id: Option<String>) -> Setup {
        let mut changes = edits.iter().map(|edit| edit.change.clone());
        let config = if self.config.is_some() { changes.next() } else { None };
        Setup {
            client: self.client,
            project: self.project.clone(),
            agent: self.agent.clone(),
            agent_id,
            has_key: self.has_key,
            transport: self.transport,
            config,
            rules: changes.next().or_else(|| known.and_then(|known| known.rules.clone())),
        }
    }

    fn outcome(&self, edits: &[Edit], agent_id: Option<String>) -> Outcome {
        let config = edits.first().filter(|_| self.config.is_some());
        Outcome {
            is_changed: edits.iter().any(|edit| edit.text.is_some()),
            backup: config.and_then(|edit| edit.backup.clone()),
            files: edits.iter().filter_map(Edit::difference).collect(),
            agent: self.agent.clone(),
            agent_id,
        }
    }

    /// A project's files are for everybody who has the project.
    const fn audience(&self) -> Audience {
        if self.project.is_some() { Audience::Everybody } else { Audience::Owner }
    }
}
