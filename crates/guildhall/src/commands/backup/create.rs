//! `guildhall backup create`

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use domain::backups::UNSEALED;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use security::seal::Lock;
use serde_json::{Value, json};
use types::{BackupId, Clock as _, SystemClock, Timestamp};

use super::{
    super::{Context, Input, one},
    FOLDER,
};
use crate::{
    archive::{Unfinished, header::Header, keys, write},
    client::Client,
    compose,
    config::{self, Config, Flags},
    directory,
    failure::{Failure, Result, exit},
    installation,
    interrupt::{self, Interrupt},
    output, posture, secrets,
};

/// A copy that is older than this was left behind by a process that was killed.
const STALE_SECS: i64 = 24 * 60 * 60;

/// How far behind a server's own work sealing stands in line for the processor.
const PATIENCE: i32 = 10;

/// Makes a backup and prints what it is.
pub(super) fn run(context: &Context<'_>, out: &Path, lock: (Option<&Path>, &[String])) -> Result<()> {
    let lock = keys::lock(lock.0, lock.1)?;
    let data = context.directory()?;
    if !directory::has_database(&data) {
        return Err(Failure::new(exit::NOT_FOUND, format!("{} holds no installation", data.display()))
            .hint("name its directory with --data"));
    }
    let out = std::path::absolute(out).map_err(|error| Failure::usage(format!("{}: {error}", out.display())))?;
    if fs::symlink_metadata(&out).is_ok() {
        return Err(exists(&out));
    }
    let (config, findings) = config::load(&data, context.environment, &Flags::default());
    let started = Instant::now();
    let target = out.clone();
    let (header, size_bytes) = interrupt::run(move |interrupt| {
        let job = Job { data, config, findings, lock, out: target };
        job.run(interrupt)
    })?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    output::words("keep the passphrase or identity somewhere else; `guildhall backup verify` checks the file")?;
    let answer = json!({
        "id": header.id, "file": out, "created_at": header.created_at, "size_bytes": size_bytes,
        "schema": header.schema, "instance": header.instance, "took_ms": took_ms,
    });
    one(context.form, &answer, &format!("{}  {}", header.id, out.display()))
}

fn exists(out: &Path) -> Failure {
    Failure::new(exit::ALREADY, format!("{} exists already; nothing was changed", out.display()))
        .hint("name another file with --out; a backup never replaces one")
}

/// Everything that is done on the working thread.
struct Job {
    data: PathBuf,
    config: Config,
    findings: Vec<config::Finding>,
    lock: Lock,
    out: PathBuf,
}

impl Job {
    fn run(self, interrupt: &Interrupt) -> Result<(Header, u64)> {
        // Callers of a server on this machine come first. Without it they are only slower.
        let _ = rustix::process::nice(PATIENCE);
        remove_stale(&self.data.join(FOLDER))?;
        let signer = secrets::signing(&self.data)?;
        let partial = self.partial()?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
        let file = file.map_err(|error| {
            Failure::usage(format!("cannot write beside {}: {error}", self.out.display()))
                .hint("name a file in a folder that exists and that you may write to")
        })?;
        let unfinished = Unfinished::at(&partial);
        let (id, taken_at, snapshot) = self.snapshot()?;
        let copied = Unfinished::at(&snapshot);
        interrupt.check()?;
        let source = write::Source { id, taken_at, snapshot: &snapshot, data: &self.data, signer: &signer };
        let header = write::write(&source, &self.lock, &file, interrupt)?;
        drop(copied);
        let size_bytes = file.metadata().map_err(|error| self.unnamed(&error))?.len();
        name(&partial, &self.out).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.out),
            _ => self.unnamed(&error),
        })?;
        unfinished.keep();
        self.out.parent().map_or(Ok(()), installation::sync)?;
        Ok((header, size_bytes))
    }

    fn unnamed(&self, error: &io::Error) -> Failure {
        Failure::internal(&format!("cannot name {}", self.out.display()), error)
    }

    fn partial(&self) -> Result<PathBuf> {
        let name = self.out.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| Failure::usage(format!("{} names no file", self.out.display())))?;
        Ok(self.out.with_file_name(format!(".{name}.partial-{}", std::process::id())))
    }

    /// Asks the running server for a copy of the database, or makes one while holding the lock.
    fn snapshot(&self) -> Result<(BackupId, Timestamp, PathBuf)> {
        let client = Client::new(&self.data, None)?;
        let taken = if client.is_reachable() {
            client.json("backup.snapshot", &Input::default().value())?
        } else {
            self.offline()?
        };
        let text = |name: &str| taken.get(name).and_then(Value::as_str).unwrap_or_default();
        let wrong = |_| Failure::internal("cannot use the copy of the database", "the answer names none");
        let id: BackupId = text("id").parse().map_err(wrong)?;
        let taken_at = text("taken_at").parse().map_err(|error| Failure::internal("cannot read a time", error))?;
        // Its name is known: a path out of an answer would be one more thing to trust.
        Ok((id, taken_at, self.data.join(FOLDER).join(format!("{UNSEALED}{id}.db"))))
    }

    fn offline(&self) -> Result<Value> {
        posture::refuse(self.findings.clone())?;
        let hall = compose::open(&self.data, &self.config, posture::secrets(&self.data)?)?;
        let taken = compose::small_runtime()?.block_on(async {
            let caller = installation::local_operator(&hall.gate, "backup").await?;
            installation::run(&hall.gate, &caller, "backup.snapshot", &json!({})).await
        });
        hall.close()?;
        taken
    }
}

/// Gives the finished file its name, unless something has that name by now.
fn name(partial: &Path, out: &Path) -> io::Result<()> {
    match renameat_with(CWD, partial, CWD, out, RenameFlags::NOREPLACE) {
        // Not every file system can do both at once.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            if fs::symlink_metadata(out).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(partial, out)
        }
        renamed => renamed.map_err(io::Error::from),
    }
}

/// Removes copies that nobody is going to seal any more.
fn remove_stale(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|error| Failure::internal("cannot look into the folder for copies", error))?,
    };
    let oldest = SystemClock.now().plus_secs(-STALE_SECS);
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_copy = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNSEALED));
        let changed = File::open(&path).and_then(|file| file.metadata()?.modified());
        let changed = changed.ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let is_stale = changed.is_some_and(|at| i64::try_from(at.as_micros()).is_ok_and(|at| at < oldest.micros()));
        if is_copy && is_stale {
            fs::remove_file(&path).map_err(|error| Failure::internal("cannot remove an old copy", error))?;
        }
    }
    Ok(())
}
