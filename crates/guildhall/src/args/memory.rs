//! `guildhall memory …`

use clap::{Args, Subcommand};

use super::{In, Part};

#[derive(Debug, Args)]
pub(crate) struct Memory {
    #[command(subcommand)]
    pub(crate) verb: MemoryVerb,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryVerb {
    /// Store a memory
    Add(Added),
    /// Print a memory, by id or key
    Get {
        /// Its id, or the key it is kept under
        which: String,
        /// Whose key
        #[arg(long, value_name = "PRINCIPAL")]
        owner: Option<String>,
    },
    /// Find memories by word and misspelling
    Search {
        /// The question
        #[arg(required = true)]
        query: Vec<String>,
        /// Only with this tag; may be given again
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Only of this kind; may be given again
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// At most so many, 1 to 100
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// List memories, newest change first
    List {
        /// Only keys that begin so
        #[arg(long)]
        prefix: Option<String>,
        /// Only with this tag; may be given again
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Only of this kind
        #[arg(long)]
        kind: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Delete a memory
    Forget {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Added {
    /// The text, @FILE, or - for standard input
    #[arg(value_name = "TEXT|@FILE|-", required_unless_present = "value")]
    pub(crate) text: Option<String>,
    /// A JSON value instead of a text
    #[arg(long, value_name = "JSON", conflicts_with = "text")]
    pub(crate) value: Option<String>,
    /// A name to find it by
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// note, fact, decision, procedure, observation, summary or value
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// A label; may be given again
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// private or public
    #[arg(long)]
    pub(crate) access: Option<String>,
    /// A project label
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// A short form
    #[arg(long)]
    pub(crate) summary: Option<String>,
    /// Seconds to live
    #[arg(long, value_name = "SECONDS")]
    pub(crate) expires_in: Option<i64>,
}
