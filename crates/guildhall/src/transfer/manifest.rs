//! `manifest.json` of an export: what it holds, and the digests by which a change shows.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use security::digest::{Running, hex};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Failure, Result, exit, exit_of};

/// The file that says what an export holds.
pub(crate) const FILE: &str = "manifest.json";
/// The file of the memories.
pub(crate) const MEMORIES: &str = "memories.jsonl";
/// The noun whose count and content stand in the manifest.
pub(crate) const NOUN: &str = "memories";
const PRODUCT: &str = "guildhall";
const SCHEMA: u32 = 1;
const LARGEST_BYTES: u64 = 16 << 20;

/// A thing that lines name by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// Its id.
    pub(crate) id: String,
    /// Its name there.
    pub(crate) name: String,
}

/// What an export says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// `guildhall`.
    pub(crate) product: String,
    /// The version of the form of its files.
    pub(crate) schema: u32,
    /// When it was made.
    pub(crate) exported_at: String,
    /// Of which workspace.
    pub(crate) workspace: String,
    /// Rows of each noun.
    pub(crate) counts: BTreeMap<String, u64>,
    /// SHA-256 of each file.
    pub(crate) sha256: BTreeMap<String, String>,
    /// SHA-256 over the sorted digests of the rows' contents: equal for equal contents, in whatever order and place.
    pub(crate) content_sha256: BTreeMap<String, String>,
    /// Who owns the memories.
    pub(crate) owners: Vec<Named>,
    /// The teams that memories name.
    pub(crate) teams: Vec<Named>,
}

impl Manifest {
    /// Of this product, in the form of this version, with everything else to be filled in.
    pub(crate) fn new(exported_at: String, workspace: String) -> Self {
        Self {
            product: PRODUCT.to_owned(),
            schema: SCHEMA,
            exported_at,
            workspace,
            counts: BTreeMap::new(),
            sha256: BTreeMap::new(),
            content_sha256: BTreeMap::new(),
            owners: Vec::new(),
            teams: Vec::new(),
        }
    }
}

fn unrecognised(reason: String) -> Failure {
    Failure::new(exit_of("source_unrecognised"), reason)
        .hint("name the directory that `guildhall export` made; `guildhall explain source_unrecognised` tells more")
}

/// Checks that a directory is an export of a form we know, and that nothing in it was changed; the SHA-256 of its memories.
///
/// # Errors
/// When it is none, and [`exit::FINDING`] when a digest does not fit.
pub(crate) fn verify(directory: &Path) -> Result<String> {
    let path = directory.join(FILE);
    let text = File::open(&path).and_then(|file| {
        let mut text = String::new();
        file.take(LARGEST_BYTES).read_to_string(&mut text).map(|_| text)
    });
    let text = text.map_err(|error| unrecognised(format!("cannot read {}: {error}", path.display())))?;
    let read: Value =
        serde_json::from_str(&text).map_err(|_| unrecognised(format!("{} is not JSON", path.display())))?;
    if read.get("product").and_then(Value::as_str) != Some(PRODUCT) {
        return Err(unrecognised(format!("{} is no manifest of Guildhall", path.display())));
    }
    if read.get("schema").and_then(Value::as_u64) != Some(u64::from(SCHEMA)) {
        return Err(unrecognised(format!("{} has a schema that this version does not know", path.display())));
    }
    let manifest: Manifest = serde_json::from_value(read)
        .map_err(|error| unrecognised(format!("{} lacks something: {error}", path.display())))?;
    let Some(declared) = manifest.sha256.get(MEMORIES) else {
        return Err(unrecognised(format!("{} does not name {MEMORIES}", path.display())));
    };
    if let Some(other) = manifest.sha256.keys().find(|name| *name != MEMORIES) {
        return Err(unrecognised(format!("{} names `{other}`, which this version cannot read", path.display())));
    }
    let memories = directory.join(MEMORIES);
    let found = sha256_of_file(&memories)
        .map_err(|error| unrecognised(format!("cannot read {}: {error}", memories.display())))?;
    if found == *declared {
        return Ok(found);
    }
    Err(Failure::new(
        exit::FINDING,
        format!("{} is not what its manifest says: its SHA-256 is {found}", memories.display()),
    )
    .hint("nothing was imported; copy the export again from where it was made"))
}

/// The SHA-256 of a file, read piece by piece.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let (mut running, mut buffer) = (Running::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&running.finish())),
            Ok(count) => running.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
