//! `guildhall backup …` and `guildhall restore`

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) verb: BackupVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupVerb {
    /// Back the installation up into one encrypted file, whether a server runs or not
    Create {
        /// The file to make; one that exists is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Seal it with the passphrase in the first line of this file, at least 12 characters
        #[arg(long, value_name = "FILE", conflicts_with = "recipients")]
        passphrase_file: Option<PathBuf>,
        /// Seal it for this age recipient; may be given again
        #[arg(long = "recipient", value_name = "age1…")]
        recipients: Vec<String>,
    },
    /// List the backups in a folder, by what they say of themselves
    List {
        /// The folder [default: `backups` in the data directory]
        folder: Option<PathBuf>,
    },
    /// Check a backup: that it opens, who signed it, that nothing in it was changed, and that its database is whole
    Verify {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        opener: Opener,
    },
    /// Make an identity that opens backups, and print the recipient to seal them for
    Keygen {
        /// The file for the identity; one that exists is never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// What opens a backup.
#[derive(Debug, Args)]
pub(crate) struct Opener {
    /// The passphrase is in the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Identities are in this file, one in a line, as `age-keygen` writes them
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup, or with --at a folder of them
    pub(crate) file: PathBuf,
    /// The data directory to make; empty or not there yet
    #[arg(long, value_name = "DIR")]
    pub(crate) into: PathBuf,
    /// Of a folder: the newest backup that is not after this RFC 3339 time
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) opener: Opener,
}
