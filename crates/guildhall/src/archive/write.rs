//! Making the file of a backup.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use security::{
    digest::{self, Running},
    seal::{self, Lock, Sealing},
    sign::{ALGORITHM, SigningKey},
};
use store::Offline;
use types::{BackupId, Timestamp};

use super::{
    MANIFEST, PIECE, PURPOSE, Progress, SIGNATURES,
    header::{FORMAT, Header},
    is_part,
    manifest::{Chain, Manifest, Pair, Part, Signed, instance},
};
use crate::{
    compose, config,
    directory::DATABASE,
    failure::{Failure, Result},
    interrupt::Interrupt,
    secrets,
};

/// What a backup is made of.
pub(crate) struct Source<'s> {
    /// The backup.
    pub(crate) id: BackupId,
    /// When the copy was begun.
    pub(crate) taken_at: Timestamp,
    /// The copy of the database.
    pub(crate) snapshot: &'s Path,
    /// The data directory, for the configuration and the keys.
    pub(crate) data: &'s Path,
    /// Who signs.
    pub(crate) signer: &'s SigningKey,
}

/// Seals a backup into `file`, and makes it durable.
///
/// # Errors
/// Those of the files and of the database, and of being interrupted.
pub(crate) fn write(source: &Source<'_>, lock: &Lock, file: &File, interrupt: &Interrupt) -> Result<Header> {
    let found = parts(source)?;
    let total = found.iter().map(|(_, path)| size(path)).sum::<Result<u64>>()?;
    let mut progress = Progress::of("read", total, interrupt);
    let parts = found
        .iter()
        .map(|(name, path)| {
            let (size_bytes, sha256) = measure(path, &mut progress)?;
            Ok(Part { name: name.clone(), size_bytes, sha256 })
        })
        .collect::<Result<Vec<_>>>()?;
    let facts = Facts::of(source)?;
    let line = Arc::new(OnceLock::new());
    let written = (Arc::clone(&line), facts.header(source));
    let sealing = seal::seal(lock, BufWriter::with_capacity(PIECE, file), move |envelope| {
        let header = Header { envelope: digest::hex(envelope), ..written.1 };
        let line = header.line();
        let _ = written.0.set((header, line.clone()));
        line
    })
    .map_err(|error| Failure::internal("cannot seal the backup", error))?;
    let Some((header, line)) = line.get() else {
        return Err(Failure::internal("cannot seal the backup", "its envelope has no head"));
    };
    let manifest = facts.manifest(source, digest::hex(&digest::sha256_of(line)), parts);
    let mut progress = Progress::of("sealed", total, interrupt);
    let sealing = fill(sealing, source, &manifest, (&found, &mut progress))?;
    let mut rest = sealing.finish().map_err(|error| unwritable(&error))?;
    rest.flush().and_then(|()| file.sync_all()).map_err(|error| unwritable(&error))?;
    Ok(header.clone())
}

/// The files of a data directory that make an installation: the copy of the database, the configuration, the keys.
fn parts(source: &Source<'_>) -> Result<Vec<(String, PathBuf)>> {
    let folder = source.data.join(secrets::DIRECTORY);
    let failed = |error: io::Error| Failure::internal("cannot list the keys", error);
    let mut keys = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = format!("{}/{name}", secrets::DIRECTORY);
        if path.is_file() && is_part(&name) {
            keys.push((name, path));
        }
    }
    keys.sort();
    let config = source.data.join(config::FILE);
    if config.is_file() {
        keys.push((config::FILE.to_owned(), config));
    }
    keys.push((DATABASE.to_owned(), source.snapshot.to_owned()));
    Ok(keys)
}

fn size(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|found| found.len()).map_err(|error| unreadable(path, &error))
}

fn measure(path: &Path, progress: &mut Progress<'_>) -> Result<(u64, String)> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let (mut running, mut size_bytes, mut piece) = (Running::new(), 0, vec![0; PIECE]);
    loop {
        let count = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        if count == 0 {
            return Ok((size_bytes, digest::hex(&running.finish())));
        }
        running.update(piece.get(..count).unwrap_or_default());
        size_bytes += count as u64;
        progress.more(count as u64)?;
    }
}

/// What the copy of the database says.
struct Facts {
    schema: i64,
    workspaces: Vec<Chain>,
    rows: BTreeMap<String, i64>,
}

impl Facts {
    fn of(source: &Source<'_>) -> Result<Self> {
        let copy = Offline::open(source.snapshot)?;
        let rows = copy.counts()?.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect();
        Ok(Self { schema: copy.schema()?, workspaces: chains(&copy)?, rows })
    }

    fn header(&self, source: &Source<'_>) -> Header {
        Header {
            guildhall_backup: FORMAT,
            id: source.id,
            created_at: source.taken_at,
            product: env!("CARGO_PKG_VERSION").to_owned(),
            schema: self.schema,
            instance: instance(&source.signer.public()),
            envelope: String::new(),
        }
    }

    fn manifest(self, source: &Source<'_>, header: String, parts: Vec<Part>) -> Manifest {
        Manifest {
            id: source.id,
            created_at: source.taken_at,
            product: env!("CARGO_PKG_VERSION").to_owned(),
            schema: self.schema,
            header,
            alg: ALGORITHM.to_owned(),
            signer: Pair::of_keys(&source.signer.public()),
            workspaces: self.workspaces,
            rows: self.rows,
            parts,
        }
    }
}

/// Where the audit chain of each workspace of a database ends.
///
/// # Errors
/// Those of the database.
pub(super) fn chains(database: &Offline) -> Result<Vec<Chain>, store::Error> {
    database.read(|tx| {
        let all = store::workspaces::list(tx, compose::everything("a backup names the end of every audit chain"))?;
        all.into_iter()
            .map(|workspace| {
                let head = store::audit::head(tx, workspace.id)?;
                Ok(Chain {
                    id: workspace.id,
                    slug: workspace.slug,
                    audit_seq: head.audit_seq,
                    audit_mac: digest::hex(&head.audit_mac),
                })
            })
            .collect()
    })
}

fn fill<W: Write>(
    sealing: Sealing<W>,
    source: &Source<'_>,
    manifest: &Manifest,
    (parts, progress): (&[(String, PathBuf)], &mut Progress<'_>),
) -> Result<Sealing<W>> {
    let json = |error: serde_json::Error| Failure::internal("cannot write the manifest", error);
    let text = serde_json::to_vec_pretty(manifest).map_err(json)?;
    let made =
        source.signer.sign(PURPOSE, &text).map_err(|error| Failure::internal("cannot sign the manifest", error))?;
    let signed = serde_json::to_vec_pretty(&Signed::of(&made)).map_err(json)?;
    let mut tar = tar::Builder::new(sealing);
    for (name, bytes) in [(MANIFEST, &text), (SIGNATURES, &signed)] {
        append(&mut tar, source, (name, bytes.len() as u64), &bytes[..]).map_err(|error| unwritable(&error))?;
    }
    for (part, (_, path)) in manifest.parts.iter().zip(parts) {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut counted = Counted { from: file, progress: &mut *progress, stopped: None };
        let added = append(&mut tar, source, (&part.name, part.size_bytes), &mut counted);
        counted.stopped.map_or(Ok(()), Err)?;
        added.map_err(|error| unwritable(&error))?;
    }
    tar.into_inner().map_err(|error| unwritable(&error))
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    source: &Source<'_>,
    (name, size_bytes): (&str, u64),
    from: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size_bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(source.taken_at.micros() / 1_000_000).unwrap_or_default());
    tar.append_data(&mut header, name, io::BufReader::with_capacity(PIECE, from).take(size_bytes))
}

/// A reader that says how far it is.
struct Counted<'c, 'p> {
    from: File,
    progress: &'c mut Progress<'p>,
    stopped: Option<Failure>,
}

impl Read for Counted<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        if let Err(failure) = self.progress.more(count as u64) {
            self.stopped = Some(failure);
            return Err(io::Error::other("stopped"));
        }
        Ok(count)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::internal(&format!("cannot read {}", path.display()), error)
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::internal("cannot write the backup", error).hint("is there room for it, and may you write there?")
}
