//! `guildhall backup verify`

use std::path::{Path, PathBuf};

use security::{Random as _, SystemRandom, digest, seal::Key, sign::PublicKeys};
use serde_json::{Value, json};

use super::super::Context;
use crate::{
    archive::{
        Unfinished, keys,
        open::{self, Fault, Passed, Request},
    },
    args::Opener,
    failure::{Failure, Result, exit},
    interrupt::{self, Interrupt},
    output::{self, Form},
    secrets,
};

/// What was found.
struct Verdict {
    passed: Vec<Passed>,
    damage: Option<(String, String)>,
}

/// Checks a backup and prints each check.
pub(super) fn run(context: &Context<'_>, file: &Path, opener: &Opener) -> Result<()> {
    let key = keys::key(opener)?;
    let ours = signer(context);
    let temporary = temporary(context)?;
    let path = file.to_owned();
    let verdict = interrupt::run(move |interrupt| examine(&path, &key, ours.as_ref(), &temporary, interrupt))?;
    print(context.form, file, &verdict)?;
    match verdict.damage {
        None => Ok(()),
        Some((part, what)) => {
            Err(Failure::new(exit::FINDING, format!("{} cannot be trusted: {part}: {what}", file.display()))
                .hint("keep it for an examination and use another backup"))
        }
    }
}

/// The signing keys of the installation here, if there is one whose keys can be read.
pub(in crate::commands) fn signer(context: &Context<'_>) -> Option<PublicKeys> {
    let directory = context.directory().ok()?;
    secrets::signing_if_any(&directory).ok().flatten().map(|key| key.public())
}

fn temporary(context: &Context<'_>) -> Result<PathBuf> {
    let mut name = [0; 8];
    SystemRandom::new().fill(&mut name).map_err(|error| Failure::internal("cannot name a folder", error))?;
    Ok(context.environment.temporary_directory().join(format!("guildhall-verify-{}", digest::hex(&name))))
}

fn examine(
    file: &Path,
    key: &Key,
    ours: Option<&PublicKeys>,
    temporary: &Path,
    interrupt: &Interrupt,
) -> Result<Verdict> {
    open::private_folder(temporary)?;
    let _removed = Unfinished::at(temporary);
    let mut passed = Vec::new();
    match open::open(&Request { file, key, ours, into: temporary }, &mut passed, interrupt) {
        Ok(_) => Ok(Verdict { passed, damage: None }),
        Err(Fault::Damaged { part, what }) => Ok(Verdict { passed, damage: Some((part, what)) }),
        Err(Fault::Failed(failure)) => Err(failure),
    }
}

fn print(form: Form, file: &Path, verdict: &Verdict) -> Result<()> {
    if form == Form::Json {
        let checks: Vec<Value> = verdict
            .passed
            .iter()
            .map(|one| json!({ "check": one.check, "ok": true, "detail": one.detail }))
            .chain(verdict.damage.iter().map(|(part, what)| json!({ "check": part, "ok": false, "detail": what })))
            .collect();
        let bad = verdict.damage.as_ref().map(|(part, _)| part);
        return output::json(&json!({ "ok": bad.is_none(), "file": file, "first_bad": bad, "checks": checks }));
    }
    for one in &verdict.passed {
        output::data(&format!("ok    {}: {}", one.check, one.detail))?;
    }
    verdict.damage.iter().try_for_each(|(part, what)| output::data(&format!("BAD   {part}: {what}")))
}
