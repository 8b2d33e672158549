//! `guildhall restore`

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use security::{seal::Key, sign::PublicKeys};
use serde_json::json;
use types::Timestamp;

use super::{Context, backup};
use crate::{
    archive::{
        Unfinished,
        header::{self, Header},
        keys,
        manifest::Manifest,
        open::{self, Fault, Request},
    },
    args,
    compose::{self, Hall},
    config::{self, Config},
    directory::{self, DATABASE},
    failure::{Failure, Result, exit},
    installation,
    interrupt::{self, Interrupt},
    output::{self, Form},
    posture, secrets,
};

/// Where everything is made and checked before it gets its place; within the new data directory, so that it is renamed
/// and not copied.
const STAGE: &str = "guildhall.restoring";

/// Makes a data directory out of a backup and says what to do next.
pub(super) fn run(context: &Context<'_>, restore: &args::Restore) -> Result<()> {
    let key = keys::key(&restore.opener)?;
    let into = std::path::absolute(&restore.into)
        .map_err(|error| Failure::usage(format!("{}: {error}", restore.into.display())))?;
    refuse_used(&into)?;
    let file = chosen(&restore.file, restore.at.as_deref())?;
    let job = Job { file, key, ours: backup::signer(context), into: into.clone() };
    let restored = interrupt::run(move |interrupt| job.run(interrupt))?;
    if context.form == Form::Json {
        return output::json(&json!({
            "data_dir": into, "backup": restored.header.id, "created_at": restored.header.created_at,
            "instance": restored.header.instance, "keys_suspended": restored.suspended,
            "workspaces": restored.workspaces,
        }));
    }
    output::data(&format!("{}  {}", restored.header.id, into.display()))?;
    output::words(&format!("signature: {}", restored.signature))?;
    output::say(&format!(
        "restored what was answered before {at}; all {count} API keys are suspended, because what was revoked after that \
         is not known here\nnext: guildhall up --data {into}\nthen: guildhall key list --data {into}, revoke what must \
         not live, and guildhall key resume ID --data {into}, or --all for the rest (in every workspace)\n",
        at = restored.header.created_at,
        count = restored.suspended,
        into = into.display(),
    ))
}

/// Refuses a directory that somebody uses, or that holds anything.
fn refuse_used(into: &Path) -> Result<()> {
    if directory::is_held(into) {
        return Err(Failure::new(exit::BUSY, format!("a server runs on {}", into.display()))
            .hint("restore into a new directory, then stop the old server and start the new one"));
    }
    let first = match fs::read_dir(into) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.and_then(|mut entries| entries.next().transpose()),
    };
    match first {
        Ok(None) => Ok(()),
        Ok(Some(entry)) => {
            Err(Failure::usage(format!("{} is not empty: it holds {}", into.display(), entry.file_name().display()))
                .hint("name an empty or a new directory with --into"))
        }
        Err(error) => Err(Failure::usage(format!("cannot look into {}: {error}", into.display()))),
    }
}

/// The file itself, or of a folder the newest backup that is not after a moment.
fn chosen(file: &Path, at: Option<&str>) -> Result<PathBuf> {
    let folder = file.display();
    match (file.is_dir(), at) {
        (false, None) => Ok(file.to_owned()),
        (false, Some(_)) => Err(Failure::usage("--at chooses within a folder of backups, and this is a file")
            .hint("leave --at out, or name the folder")),
        (true, None) => Err(Failure::usage(format!("{folder} is a folder: which backup is not said"))
            .hint("add --at TIME, or name a file; `guildhall backup list FOLDER` shows them")),
        (true, Some(text)) => {
            let at: Timestamp = text.parse().map_err(|_| {
                Failure::usage(format!("`{text}` is not an RFC 3339 time")).hint("such as 2026-01-31T12:00:00Z")
            })?;
            let newest = header::list(file)?.into_iter().rfind(|one| one.header.created_at <= at);
            newest.map(|one| one.path).ok_or_else(|| {
                Failure::new(exit::NOT_FOUND, format!("{folder} holds no backup that is not after {at}"))
                    .hint("`guildhall backup list FOLDER` shows what there is")
            })
        }
    }
}

/// What became of it.
struct Restored {
    header: Header,
    signature: String,
    suspended: u64,
    workspaces: usize,
}

/// Everything that is done on the working thread.
struct Job {
    file: PathBuf,
    key: Key,
    ours: Option<PublicKeys>,
    into: PathBuf,
}

impl Job {
    fn run(self, interrupt: &Interrupt) -> Result<Restored> {
        let is_new = !self.into.exists();
        let into = installation::private(&self.into)?;
        let emptied = is_new.then(|| Unfinished::at(&into));
        let stage = into.join(STAGE);
        open::private_folder(&stage)?;
        let staged = Unfinished::at(&stage);
        let mut passed = Vec::new();
        let request = Request { file: &self.file, key: &self.key, ours: self.ours.as_ref(), into: &stage };
        let (header, manifest) = match open::open(&request, &mut passed, interrupt) {
            Ok(opened) => opened,
            Err(Fault::Failed(failure)) => return Err(failure),
            Err(Fault::Damaged { part, what }) => {
                return Err(Failure::new(
                    exit::FINDING,
                    format!("{} cannot be trusted: {part}: {what}", self.file.display()),
                )
                .hint("nothing was restored; use another backup"));
            }
        };
        let suspended = suspend(&stage, &header)?;
        interrupt.check()?;
        settle(&stage, &into, &manifest)?;
        drop(staged);
        emptied.into_iter().for_each(Unfinished::keep);
        installation::sync(&into)?;
        let signature = passed.into_iter().find(|one| one.check == "signature").map(|one| one.detail);
        let signature = signature.unwrap_or_default();
        Ok(Restored { header, signature, suspended, workspaces: manifest.workspaces.len() })
    }
}

/// Suspends every key and notes the restore, before the directory can be served.
fn suspend(stage: &Path, header: &Header) -> Result<u64> {
    let hall: Hall = compose::open(stage, &Config::default(), posture::secrets(stage)?)?;
    let suspended = compose::small_runtime()?.block_on(domain::backups::restored(&hall.app, header.id));
    hall.close()?;
    Ok(suspended?)
}

/// Makes the files durable and gives them their places; the database comes last, so that what was cut off is no
/// installation.
fn settle(stage: &Path, into: &Path, manifest: &Manifest) -> Result<()> {
    let failed = |error: io::Error| Failure::internal(&format!("cannot put files into {}", into.display()), error);
    for part in &manifest.parts {
        File::open(stage.join(&part.name)).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    installation::sync(&stage.join(secrets::DIRECTORY))?;
    for name in [config::FILE, secrets::DIRECTORY, DATABASE] {
        if stage.join(name).exists() {
            fs::rename(stage.join(name), into.join(name)).map_err(failed)?;
        }
    }
    installation::sync(into)
}
