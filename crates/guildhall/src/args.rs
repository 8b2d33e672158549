//! The command line, declared; data only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod backup;
mod key;
mod mcp;
mod memory;
mod setup;
mod team;
mod transfer;

pub(crate) use self::{
    backup::{Backup, BackupVerb, Opener, Restore},
    key::{Key, KeyVerb},
    mcp::Mcp,
    memory::{Added, Memory, MemoryVerb},
    setup::Setup,
    team::{Team, TeamVerb},
    transfer::{Access, Export, Format, Import, Source},
};

/// The hall where a team of AI agents meets: shared memory over MCP and REST, with one gate in front.
#[derive(Debug, Parser)]
#[command(name = "guildhall", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Data directory [default: $GUILDHALL_DATA, $XDG_DATA_HOME/guildhall or ~/.local/share/guildhall]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server; on the first run initialise the directory and prove that it works
    Up {
        /// Address and port to listen on
        #[arg(long, value_name = "ADDR:PORT")]
        listen: Option<String>,
        /// Leave the terminal, and print no secret: how `guildhall mcp` starts a server
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Stop the server that holds the data directory, when its calls have ended
    Stop,
    /// Speak MCP on standard input and output for a local client; starts the server when none runs
    Mcp(Mcp),
    /// Initialise a data directory without serving
    Init,
    /// Call any operation: `guildhall reference operations` lists them
    Call(Call),
    /// Memories of the local operator
    Memory(Memory),
    /// Agents: machines that act for people
    Agent(Agent),
    /// Teams: principals that share
    Team(Team),
    /// API keys: make, list, replace and end them
    Key(Key),
    /// Workspaces: tenants that share nothing
    Workspace(Workspace),
    /// Bring memories in from another system, or from an export; doing it again creates nothing anew
    Import(Import),
    /// Write memories to a file or a directory
    Export(Export),
    /// The audit log
    Audit(Audit),
    /// Encrypted, signed backups of the whole installation
    Backup(Backup),
    /// Make a data directory out of a backup; its API keys stay suspended until they are resumed
    Restore(Restore),
    /// Connect an agent's client: its configuration, an agent of its own and a key
    Setup(Setup),
    /// What an error code means; without a code, all of them
    Explain {
        /// Such as `not_found`
        code: Option<String>,
    },
    /// The configuration
    Config {
        #[command(subcommand)]
        verb: ConfigVerb,
    },
    /// Say what is wrong with this installation and how to mend it; works while no server runs too
    Doctor,
    /// Print the reference of this binary
    Reference {
        /// Which page
        #[arg(value_enum)]
        page: Page,
    },
    /// Print a script that completes commands and flags in a shell
    Completions {
        /// The shell that reads it
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write the pages of all commands
    Man {
        /// Write one page for each command into this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print the version
    Version,
    /// Show the calls of a workspace as they end, until Ctrl-C
    Watch(Watch),
}

/// In which workspace.
#[derive(Debug, Args)]
pub(crate) struct In {
    /// Workspace [default: default]
    #[arg(long, global = true, value_name = "SLUG")]
    pub(crate) workspace: Option<String>,
}

/// A part of a list.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// At most so many, 1 to 200
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Where the page before ended
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// Such as `memory.search`
    pub(crate) operation: String,
    /// JSON, @FILE, or - for standard input
    #[arg(long, default_value = "{}", value_name = "JSON|@FILE|-")]
    pub(crate) input: String,
    /// Repeats with the same key and input do nothing again
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Args)]
pub(crate) struct Agent {
    #[command(subcommand)]
    pub(crate) verb: AgentVerb,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentVerb {
    /// List the agents
    List(Part),
    /// Make an agent; `guildhall key create NAME` gives it a key
    Add {
        /// Its name
        name: String,
        /// What runs behind it, such as `claude-code`
        #[arg(long = "type", value_name = "TYPE")]
        agent_type: Option<String>,
        /// reader, agent or operator
        #[arg(long)]
        role: Option<String>,
        /// Name for people
        #[arg(long)]
        display_name: Option<String>,
        /// A permission beside the role's; may be given again
        #[arg(long = "grant", value_name = "PERMISSION")]
        grants: Vec<String>,
    },
    /// Disable an agent: its keys are refused from the next call on
    Disable {
        /// Its name or id
        agent: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Workspace {
    #[command(subcommand)]
    pub(crate) verb: WorkspaceVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceVerb {
    /// List the workspaces
    List,
    /// Make a workspace
    Add {
        /// Its short name
        slug: String,
        /// Its name for people
        #[arg(long)]
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verb: AuditVerb,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Print the newest rows, oldest of them first
    Tail {
        /// How many, 1 to 200
        #[arg(short = 'n', long = "lines", default_value_t = 20, value_name = "N")]
        lines: u32,
    },
    /// Print the rows that fit, newest first
    Search {
        /// Only this principal's id, or `anonymous`
        #[arg(long)]
        actor: Option<String>,
        /// Only this action
        #[arg(long)]
        action: Option<String>,
        /// ok, denied or failed
        #[arg(long)]
        outcome: Option<String>,
        /// info, warning or critical
        #[arg(long)]
        severity: Option<String>,
        /// Only this object's id
        #[arg(long)]
        object: Option<String>,
        /// Not before this RFC 3339 time
        #[arg(long)]
        from: Option<String>,
        /// Before this RFC 3339 time
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        part: Part,
    },
    /// Check that no row was changed, removed or moved; works while no server runs too
    Verify,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only calls of this operation, such as `memory.search`
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Option<String>,
    /// Only calls of this principal, by id or name
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) principal: Option<String>,
    /// Only calls that were refused or failed
    #[arg(long)]
    pub(crate) errors: bool,
    /// Print what is there and end
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) r#in: In,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Say what is wrong with the configuration and the data directory
    Check,
    /// Print what applies
    Show,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Page {
    /// OpenAPI 3.1 of the REST interface
    Openapi,
    /// Every operation, in Markdown
    Operations,
    /// Every MCP tool, in JSON
    McpTools,
    /// Every permission and role, in Markdown
    Permissions,
    /// Every command and flag, in Markdown
    Cli,
    /// All of it, as one page for a browser
    Docs,
}
