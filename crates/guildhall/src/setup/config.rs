//! Our entry in a client's configuration: put in, and taken out again.

use std::path::PathBuf;

use serde_json::Value;

use super::{
    clients::{Client, Input, Server, Transport},
    edit::{self, Broken, Edit, Inserted},
    file::Target,
    json,
    record::{Change, Setup},
    toml,
};
use crate::failure::{Failure, Result, exit};

/// What a client's configuration should say.
pub(crate) struct Wanted {
    /// The client.
    pub(crate) client: Client,
    /// Its configuration.
    pub(crate) file: PathBuf,
    /// How it reaches the server.
    pub(crate) transport: Transport,
    /// Our entry.
    pub(crate) entry: Server,
    /// Every entry that a setup with the same agent and data directory would have written: without a record, an entry
    /// is ours when it is one of these.
    pub(crate) ours: Vec<Server>,
}

impl Wanted {
    /// The configuration with our entry, in the place of one that an earlier setup made.
    ///
    /// # Errors
    /// [`exit::USAGE`] when the file does not parse, [`exit::FINDING`] when it holds an entry of that name that is not
    /// ours, or that somebody changed.
    pub(crate) fn put(&self, before: Option<&Setup>) -> Result<Edit> {
        let target = Target::read(&self.file)?;
        let text = target.text().unwrap_or_default().to_owned();
        let old = before.and_then(|setup| setup.config.as_ref()).filter(|change| change.file == self.file);
        let entry = as_value(&self.entry);
        let found = self.found(&text).map_err(|broken| self.refuse(&broken))?;
        if found.as_ref() == Some(&entry) {
            let change = old.cloned().unwrap_or_else(|| Change { entry, ..Change::of(self.file.clone()) });
            return Ok(Edit::unchanged(target, change));
        }
        let base = match found {
            None => text,
            Some(found) => {
                self.check_ours(&found, old)?;
                let transport = before.map_or(self.transport, |setup| setup.transport);
                self.taken_out(&text, old, transport).map_err(|broken| self.refuse(&broken))?
            }
        };
        let mut change = Change { entry, ..Change::anew(&self.file, &target, old) };
        let text = self.inserted(&base, &mut change).map_err(|broken| self.refuse(&broken))?;
        Ok(Edit::changed(target, (text, &base), change))
    }

    /// The configuration without our entry: to the byte as it was, unless somebody changed it since.
    ///
    /// # Errors
    /// Those of [`put`](Self::put).
    pub(crate) fn take_out(&self, before: Option<&Setup>) -> Result<Option<Edit>> {
        let old = before.and_then(|setup| setup.config.as_ref());
        let target = Target::read(old.map_or(&self.file, |old| &old.file))?;
        let Some(text) = target.text() else { return Ok(None) };
        let Some(found) = self.found(text).map_err(|broken| self.refuse(&broken))? else { return Ok(None) };
        if old.is_none() {
            self.check_ours(&found, None)?;
        }
        let transport = before.map_or(Transport::Http, |setup| setup.transport);
        let rest = self.taken_out(text, old, transport).map_err(|broken| self.refuse(&broken))?;
        let change = old.cloned().unwrap_or_else(|| Change::of(self.file.clone()));
        Ok(Some(Edit::changed(target, (rest.clone(), &rest), change)))
    }

    fn check_ours(&self, found: &Value, old: Option<&Change>) -> Result<()> {
        let shown = self.file.display();
        match old {
            Some(old) if old.entry == *found => Ok(()),
            Some(_) => {
                Err(Failure::new(exit::FINDING, format!("the entry `guildhall` in {shown} was changed by hand")).hint(
                    format!(
                        "`guildhall setup {} --remove` takes it out, changes and all; then set it up again",
                        self.client.id()
                    ),
                ))
            }
            None if self.ours.iter().any(|ours| as_value(ours) == *found) => Ok(()),
            None => Err(Failure::new(
                exit::FINDING,
                format!("{shown} has an entry `guildhall` that this command did not make"),
            )
            .hint("rename or remove that entry by hand, then run the command again")),
        }
    }

    fn found(&self, text: &str) -> Result<Option<Value>, Broken> {
        if self.client.is_toml() {
            return toml::entry(text);
        }
        let slot = self.client.slot();
        let root = json::value(text)?;
        Ok(root.get(slot.container).zip(slot.name).and_then(|(servers, name)| servers.get(name)).cloned())
    }

    fn inserted(&self, base: &str, change: &mut Change) -> Result<String, Broken> {
        let mut text = base.to_owned();
        let mut keep = |done: Inserted| {
            change.inserted.push(done.inserted);
            change.made.push(done.made);
            done.text
        };
        if self.client.is_toml() {
            return toml::insert(&text, &self.entry).map(keep);
        }
        text = keep(json::insert(&text, self.client.slot(), &self.entry)?);
        let Some(input) = self.client.input(self.transport) else { return Ok(text) };
        match asked(&text, input)? {
            Some(other) if other == as_value(&input) => Ok(text),
            Some(_) => Err(Broken::new(format!("`inputs` holds another `{}`", input.id()))),
            None => json::insert(&text, Input::SLOT, &input).map(keep),
        }
    }

    /// Without our entry: by cutting out the very texts that were put in, otherwise by what the document means.
    fn taken_out(&self, text: &str, old: Option<&Change>, transport: Transport) -> Result<String, Broken> {
        let made = |place: usize| old.is_some_and(|old| old.made.get(place).copied().unwrap_or_default());
        let cut = old.filter(|old| !old.inserted.is_empty()).and_then(|old| edit::cut(text, &old.inserted));
        if self.client.is_toml() {
            let is_right = |cut: &String| toml::is_same_beside(cut, text) && matches!(toml::entry(cut), Ok(None));
            return cut.filter(is_right).map_or_else(|| toml::remove(text), Ok);
        }
        let mut rest = json::remove(text, self.client.slot(), &Value::Null, made(0))?;
        let input = self.client.input(transport).filter(|_| old.is_none_or(|old| old.inserted.len() > 1));
        if let Some(input) = input {
            rest = json::remove(&rest, Input::SLOT, &as_value(&input), made(1))?;
        }
        let wanted = json::value(&rest)?;
        let is_right = |cut: &String| {
            let is_empty = cut.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty();
            // A document of comments alone says as little as an empty object.
            let says_nothing = |value: &Value| value.is_null() && wanted == Value::Object(serde_json::Map::new());
            let is_same = json::value(cut).is_ok_and(|value| value == wanted || says_nothing(&value));
            is_same && (is_empty || json::is_strict(cut) || !json::is_strict(text))
        };
        Ok(cut.filter(is_right).unwrap_or(rest))
    }

    fn refuse(&self, broken: &Broken) -> Failure {
        broken.refuse(&self.file)
    }
}

/// What VS Code already asks for under this name.
fn asked(text: &str, input: Input) -> Result<Option<Value>, Broken> {
    let root = json::value(text)?;
    let all = root.get(Input::SLOT.container).and_then(Value::as_array);
    Ok(all.into_iter().flatten().find(|one| one.get("id").and_then(Value::as_str) == Some(input.id())).cloned())
}

fn as_value(entry: &impl serde::Serialize) -> Value {
    serde_json::to_value(entry).unwrap_or_default()
}
