//! Opening the file of a backup: every check there is, in order, and its parts in a private folder.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, BufReader, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use security::{
    digest::{self, Running},
    seal::{self, Head, Key, Opening},
    sign::{ALGORITHM, PublicKeys},
};
use store::{Offline, Report};

use super::{
    MANIFEST, PIECE, PURPOSE, Progress, SIGNATURES,
    header::Header,
    is_part,
    manifest::{Manifest, Part, Signed, instance},
    write::chains,
};
use crate::{
    directory::DATABASE,
    failure::{Failure, Result, exit},
    interrupt::Interrupt,
    secrets,
};

/// A larger manifest is not one of ours.
const LARGEST_TEXT: u64 = 16 << 20;

/// Why a backup cannot be trusted or opened.
pub(crate) enum Fault {
    /// This part of it is not what was written.
    Damaged {
        /// `header`, `envelope`, the name of a part, `end`.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// It could not even be looked at.
    Failed(Failure),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A check that passed.
pub(crate) struct Passed {
    /// What was checked.
    pub(crate) check: &'static str,
    /// What was found.
    pub(crate) detail: String,
}

/// How a backup is to be opened.
pub(crate) struct Request<'r> {
    /// The backup.
    pub(crate) file: &'r Path,
    /// What opens it.
    pub(crate) key: &'r Key,
    /// The signing keys of the installation here, if there is one.
    pub(crate) ours: Option<&'r PublicKeys>,
    /// An empty private folder for its parts.
    pub(crate) into: &'r Path,
}

fn damaged(part: impl Into<String>, what: impl Into<String>) -> Fault {
    Fault::Damaged { part: part.into(), what: what.into() }
}

/// Opens and checks a backup. What passed before a fault is in `passed`.
///
/// # Errors
/// The first fault.
pub(crate) fn open(
    request: &Request<'_>,
    passed: &mut Vec<Passed>,
    interrupt: &Interrupt,
) -> Result<(Header, Manifest), Fault> {
    let mut pass = |check, detail| passed.push(Passed { check, detail });
    let unreadable = |error: io::Error| {
        let exit = if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::USAGE };
        Failure::new(exit, format!("cannot read {}: {error}", request.file.display()))
    };
    let file = File::open(request.file).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut from = BufReader::with_capacity(PIECE, file);
    let (header, line) = Header::read(&mut from)
        .map_err(unreadable)?
        .ok_or_else(|| damaged("header", "the first line is not that of a backup, or is damaged"))?;
    pass("header", format!("{} of {}, schema {}", header.id, header.created_at, header.schema));
    let head = Head::read(&mut from).map_err(|error| damaged("envelope", error.to_string()))?;
    if digest::hex(&head.digest()) != header.envelope {
        return Err(damaged("envelope", "it is not the one the first line names"));
    }
    let opening = head.open(request.key, from).map_err(|error| refused(request.file, error))?;
    pass("envelope", "opens".to_owned());

    let mut tar = tar::Archive::new(opening);
    let mut entries = tar.entries().map_err(|error| broken(MANIFEST, &error))?;
    let manifest = manifest(&mut entries, request.ours, &mut pass)?;
    if manifest.header != digest::hex(&digest::sha256_of(&line)) {
        return Err(damaged("header", "the first line is not the one that was signed"));
    }
    let mut progress = Progress::of("checked", size, interrupt);
    for part in &manifest.parts {
        extract(next(&mut entries, &part.name)?, part, request.into, &mut progress)?;
    }
    nothing_more(entries)?;
    end(tar)?;
    pass("parts", format!("{} with the digests that were signed", manifest.parts.len()));
    database(request.into, &manifest, &mut pass)?;
    Ok((header, manifest))
}

fn refused(file: &Path, error: seal::Error) -> Fault {
    match error {
        seal::Error::WrongKey => Fault::Failed(
            Failure::new(exit::REFUSED, format!("the passphrase or identity does not open {}", file.display()))
                .hint("the backup is undamaged so far: name the passphrase or identity it was sealed with"),
        ),
        other => damaged("envelope", other.to_string()),
    }
}

type Plain = Opening<BufReader<File>>;
type Entry<'a> = tar::Entry<'a, Plain>;
type Entries<'a> = tar::Entries<'a, Plain>;

/// What a failed read of the envelope means: its blocks are checked, so nothing that was changed comes out of it.
fn broken(part: &str, error: &io::Error) -> Fault {
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
        _ => format!("it was changed or is cut off: {error}"),
    };
    damaged(part, what)
}

/// The next entry, which must have this name.
fn next<'a>(entries: &mut Entries<'a>, name: &str) -> Result<Entry<'a>, Fault> {
    match entries.next() {
        None => Err(damaged(name, "it is missing")),
        Some(Err(error)) => Err(broken(name, &error)),
        Some(Ok(entry)) if *entry.path_bytes() == *name.as_bytes() && entry.header().entry_type().is_file() => {
            Ok(entry)
        }
        Some(Ok(_)) => Err(damaged(name, "something else is in its place")),
    }
}

fn text(entries: &mut Entries<'_>, name: &str) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    next(entries, name)?.take(LARGEST_TEXT).read_to_end(&mut text).map_err(|error| broken(name, &error))?;
    Ok(text)
}

/// Reads the manifest and checks both signatures. They bind it to whoever holds the signing key, and that this is the
/// installation here can only be told where there is one.
fn manifest(
    entries: &mut Entries<'_>,
    ours: Option<&PublicKeys>,
    pass: &mut impl FnMut(&'static str, String),
) -> Result<Manifest, Fault> {
    let (bytes, signed) = (text(entries, MANIFEST)?, text(entries, SIGNATURES)?);
    let unread = |name| move |error: serde_json::Error| damaged(name, format!("it cannot be read: {error}"));
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(unread(MANIFEST))?;
    let signed: Signed = serde_json::from_slice(&signed).map_err(unread(SIGNATURES))?;
    let (keys, signatures) = manifest
        .signer
        .keys()
        .zip(signed.signatures())
        .filter(|_| manifest.alg == ALGORITHM)
        .ok_or_else(|| damaged(SIGNATURES, "it is not signed in a way this program knows"))?;
    if !keys.verify(PURPOSE, &bytes, &signatures) {
        return Err(damaged(SIGNATURES, "a signature does not hold"));
    }
    let name = instance(&keys);
    pass(
        "signature",
        match ours {
            Some(ours) if *ours == keys => format!("{ALGORITHM}, by this installation ({name})"),
            Some(ours) => {
                format!("{ALGORITHM}, by another installation ({name}), not by the one here ({})", instance(ours))
            }
            None => format!("{ALGORITHM}, by the installation {name}"),
        },
    );
    Ok(manifest)
}

fn extract(mut entry: Entry<'_>, part: &Part, into: &Path, progress: &mut Progress<'_>) -> Result<(), Fault> {
    if !is_part(&part.name) {
        return Err(damaged(&part.name, "this is not the name of a file of a data directory"));
    }
    let failed = |error: io::Error| Failure::internal(&format!("cannot write {}", part.name), error);
    let path = into.join(&part.name);
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        DirBuilder::new().mode(0o700).create(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
    let (mut running, mut size_bytes, mut piece) = (Running::new(), 0, vec![0; PIECE]);
    loop {
        let count = entry.read(&mut piece).map_err(|error| broken(&part.name, &error))?;
        if count == 0 {
            break;
        }
        let read = piece.get(..count).unwrap_or_default();
        running.update(read);
        file.write_all(read).map_err(failed)?;
        size_bytes += count as u64;
        progress.more(count as u64)?;
    }
    if size_bytes != part.size_bytes || digest::hex(&running.finish()) != part.sha256 {
        return Err(damaged(&part.name, "its size or digest is not the one that was signed"));
    }
    Ok(())
}

/// What stands behind the last part, in messages.
const END: &str = "end";

fn nothing_more(mut entries: Entries<'_>) -> Result<(), Fault> {
    match entries.next() {
        None => Ok(()),
        Some(Err(error)) => Err(broken(END, &error)),
        Some(Ok(_)) => Err(damaged(END, "there is more than was signed")),
    }
}

/// Reads to the envelope's last block: a file that was cut off right behind a part is found here.
fn end(tar: tar::Archive<Plain>) -> Result<(), Fault> {
    let mut rest = Vec::new();
    tar.into_inner().take(LARGEST_TEXT).read_to_end(&mut rest).map_err(|error| broken(END, &error))?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(damaged(END, "there is more than was signed"));
    }
    Ok(())
}

/// Checks the database that was taken out: the file, its references, its rows, and every audit chain with its own key.
fn database(folder: &Path, manifest: &Manifest, pass: &mut impl FnMut(&'static str, String)) -> Result<(), Fault> {
    let unusable = |error: store::Error| damaged(DATABASE, error.to_string());
    let copy = Offline::open(&folder.join(DATABASE)).map_err(unusable)?;
    let report = copy.report().map_err(unusable)?;
    judge(&report, manifest, pass)?;
    let chains = chains(&copy).map_err(unusable)?;
    if chains != manifest.workspaces {
        return Err(damaged(DATABASE, "its audit logs do not end where the manifest says"));
    }
    let keys = secrets::read(folder).map_err(|findings| {
        let reasons: Vec<_> = findings.into_iter().map(|finding| finding.reason).collect();
        damaged(secrets::DIRECTORY, reasons.join("; "))
    })?;
    let mut rows = 0;
    for chain in &chains {
        let verdict =
            copy.read(|tx| domain::audit::verify::verify(&keys.audit, tx, chain.id)).map_err(Failure::from)?;
        if !verdict.ok {
            let first = verdict.first_bad.unwrap_or_default();
            return Err(damaged(
                DATABASE,
                format!("the audit log of workspace `{}` is broken at row {first}", chain.slug),
            ));
        }
        rows += verdict.rows;
    }
    pass("audit chain", format!("{rows} rows in {} workspaces, whole", chains.len()));
    Ok(())
}

fn judge(report: &Report, manifest: &Manifest, pass: &mut impl FnMut(&'static str, String)) -> Result<(), Fault> {
    let findings = |what: &str, lines: &[String]| match lines.first() {
        None => Ok(()),
        Some(first) => Err(damaged(DATABASE, format!("{what}: {first} ({} findings)", lines.len()))),
    };
    findings("integrity check", &report.damage)?;
    pass("integrity", "the database file is whole".to_owned());
    findings("missing rows are referred to", &report.dangling)?;
    pass("foreign keys", "no row refers to a missing one".to_owned());
    if let Some(error) = &report.unknown {
        return Err(damaged(DATABASE, error.to_string()));
    }
    if report.schema != manifest.schema {
        return Err(damaged(DATABASE, "its schema is not the one that was signed"));
    }
    pass("migrations", format!("{}, all known", report.schema));
    for (table, rows) in &manifest.rows {
        let found = report.counts.get(table.as_str());
        if found != Some(rows) {
            let found = found.map_or("unknown".to_owned(), i64::to_string);
            return Err(damaged(DATABASE, format!("table {table} has {found} rows, {rows} were signed")));
        }
    }
    let rows: i64 = manifest.rows.values().sum();
    pass("rows", format!("{rows} in {} tables, as many as were signed", manifest.rows.len()));
    Ok(())
}

/// Makes a new private folder.
///
/// # Errors
/// Those of the file system.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(path).map_err(|error| {
        Failure::internal(&format!("cannot make the folder {}", path.display()), error)
            .hint("is there something of this name already, and may you write there?")
    })
}
