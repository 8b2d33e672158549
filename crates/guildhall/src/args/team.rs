//! `guildhall team …`

use clap::{Args, Subcommand};

use super::{In, Part};

#[derive(Debug, Args)]
pub(crate) struct Team {
    #[command(subcommand)]
    pub(crate) verb: TeamVerb,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamVerb {
    /// List the teams; `--json` also says who belongs to them
    List(Part),
    /// Make a team; `guildhall team join NAME PRINCIPAL` puts somebody into it
    Add {
        /// Its name
        name: String,
    },
    /// Delete a team; who was in it stays
    Remove {
        /// Its name or id
        team: String,
    },
    /// Put a principal into a team
    Join {
        /// The team's name or id
        team: String,
        /// An agent's name, or a principal's id
        principal: String,
    },
    /// Take a principal out of a team
    Leave {
        /// The team's name or id
        team: String,
        /// An agent's name, or a principal's id
        principal: String,
    },
}
