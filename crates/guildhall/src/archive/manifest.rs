//! What a backup holds, as its signatures bind it.

use std::collections::BTreeMap;

use security::{
    digest,
    sign::{ALGORITHM, PublicKeys, Signatures},
};
use serde::{Deserialize, Serialize};
use types::{BackupId, Timestamp, WorkspaceId};

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The backup.
    pub(crate) id: BackupId,
    /// Everything answered before is in it.
    pub(crate) created_at: Timestamp,
    /// The version of the program that made it.
    pub(crate) product: String,
    /// The number of the database's newest migration.
    pub(crate) schema: i64,
    /// The SHA-256 of the file's first line, line end included.
    pub(crate) header: String,
    /// How it is signed.
    pub(crate) alg: String,
    /// Whose signatures these are.
    pub(crate) signer: Pair,
    /// Where each workspace's audit chain ends.
    pub(crate) workspaces: Vec<Chain>,
    /// Rows of every table.
    pub(crate) rows: BTreeMap<String, i64>,
    /// The files that follow, in this order.
    pub(crate) parts: Vec<Part>,
}

/// The end of a workspace's audit chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chain {
    /// The workspace.
    pub(crate) id: WorkspaceId,
    /// Its short name.
    pub(crate) slug: String,
    /// The number of its newest audit row.
    pub(crate) audit_seq: i64,
    /// That row's MAC.
    pub(crate) audit_mac: String,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Its place in a data directory.
    pub(crate) name: String,
    /// How large it is.
    pub(crate) size_bytes: u64,
    /// Its SHA-256.
    pub(crate) sha256: String,
}

/// Something of both algorithms, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    ed25519: String,
    ml_dsa_65: String,
}

/// The signatures, and how they were made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signed {
    alg: String,
    ed25519: String,
    ml_dsa_65: String,
}

impl Pair {
    /// The public keys as they are written.
    pub(crate) fn of_keys(keys: &PublicKeys) -> Self {
        Self { ed25519: digest::hex(&keys.ed25519), ml_dsa_65: digest::hex(&keys.ml_dsa_65) }
    }

    /// The public keys that were written.
    pub(crate) fn keys(&self) -> Option<PublicKeys> {
        Some(PublicKeys { ed25519: digest::from_hex(&self.ed25519)?, ml_dsa_65: digest::from_hex(&self.ml_dsa_65)? })
    }
}

impl Signed {
    /// As they are written.
    pub(crate) fn of(made: &Signatures) -> Self {
        Self { alg: ALGORITHM.to_owned(), ed25519: digest::hex(&made.ed25519), ml_dsa_65: digest::hex(&made.ml_dsa_65) }
    }

    /// As they were made; none when they were made otherwise.
    pub(crate) fn signatures(&self) -> Option<Signatures> {
        let made =
            Signatures { ed25519: digest::from_hex(&self.ed25519)?, ml_dsa_65: digest::from_hex(&self.ml_dsa_65)? };
        (self.alg == ALGORITHM).then_some(made)
    }
}

/// What an installation is called in its backups.
pub(crate) fn instance(keys: &PublicKeys) -> String {
    digest::hex(keys.fingerprint().get(..8).unwrap_or_default())
}
