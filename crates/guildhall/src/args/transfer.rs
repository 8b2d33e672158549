//! `guildhall import` and `guildhall export`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::In;

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Where it comes from
    #[arg(value_enum)]
    pub(crate) source: Source,
    /// A file, or - for standard input; for `guildhall`, the directory that an export made
    #[arg(value_name = "PATH|-")]
    pub(crate) path: PathBuf,
    /// Who owns the memories: an agent's name or a principal's id [default: the owner in the source, or the local operator]
    #[arg(long, value_name = "AGENT")]
    pub(crate) owner: Option<String>,
    /// Who may read them [default: as in the source, and private where that means nothing here]
    #[arg(long, value_enum)]
    pub(crate) access: Option<Access>,
    /// A TOML file with `owner` and `access` under the source's name
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Write nothing; say what would become of the rows
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What is done with memories that were imported before and were changed in the source
    #[arg(long, value_enum, default_value_t = Conflict::Skip)]
    pub(crate) on_conflict: Conflict,
    /// Exit 0 although rows were rejected
    #[arg(long)]
    pub(crate) allow_errors: bool,
    /// What is done with rows over a limit
    #[arg(long, value_enum, default_value_t = Oversize::Reject)]
    pub(crate) oversize: Oversize,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// The file of the reference MCP memory server
    McpMemory,
    /// An export of Guildhall
    Guildhall,
}

impl Source {
    /// The word in calls and in a map.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::McpMemory => "mcp-memory",
            Self::Guildhall => "guildhall",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// Only their owner
    Private,
    /// Everyone in the workspace
    Public,
}

impl Access {
    /// The word in calls.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflict {
    /// Leave them as they are
    Skip,
    /// Change them to what the source says; their history keeps what they were
    Update,
    /// End the import there
    Fail,
}

impl Conflict {
    /// The word in calls.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Update => "update",
            Self::Fail => "fail",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Oversize {
    /// Reject them
    Reject,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A new directory for `guildhall`, a new file for the other formats; - for standard output
    #[arg(value_name = "PATH|-")]
    pub(crate) path: PathBuf,
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Guildhall)]
    pub(crate) format: Format,
    /// Every live memory of the workspace, private ones of agents too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A directory that `guildhall import guildhall` reads
    Guildhall,
    /// The file of the reference MCP memory server
    McpMemory,
    /// A table
    Csv,
    /// A document
    Markdown,
}

impl Format {
    /// The word in calls.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Guildhall => "guildhall",
            Self::McpMemory => "mcp-memory",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
        }
    }
}
