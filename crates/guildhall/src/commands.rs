//! One file per command or noun; what they share.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{
    args::{Cli, Command, Part},
    client::Client,
    environment::Environment,
    failure::{Failure, Result},
    output::{self, Form},
};

mod agent;
mod audit;
mod backup;
mod call;
mod completions;
mod config;
mod doctor;
mod explain;
mod export;
mod import;
mod init;
mod key;
mod man;
mod mcp;
mod memory;
mod reference;
mod restore;
mod setup;
mod stop;
mod team;
mod up;
mod version;
mod watch;
mod workspace;

/// What every command gets to know.
pub(crate) struct Context<'e> {
    environment: &'e Environment,
    data: Option<PathBuf>,
    form: Form,
}

/// Runs the command.
///
/// # Errors
/// The command's own.
pub(crate) fn run(environment: &Environment, cli: Cli) -> Result<()> {
    let context = Context { environment, data: cli.data, form: Form::of(cli.json) };
    match cli.command {
        Command::Up { listen, background } => up::run(&context, listen, up::Place::of(background)),
        Command::Stop => stop::run(&context),
        Command::Mcp(mcp) => mcp::run(&context, mcp),
        Command::Init => init::run(&context),
        Command::Call(call) => call::run(&context, &call),
        Command::Memory(memory) => memory::run(&context, memory),
        Command::Agent(agent) => agent::run(&context, agent),
        Command::Team(team) => team::run(&context, team),
        Command::Key(key) => key::run(&context, key),
        Command::Workspace(workspace) => workspace::run(&context, workspace),
        Command::Import(import) => import::run(&context, import),
        Command::Export(export) => export::run(&context, &export),
        Command::Audit(audit) => audit::run(&context, audit),
        Command::Backup(backup) => backup::run(&context, backup.verb),
        Command::Restore(restore) => restore::run(&context, &restore),
        Command::Setup(setup) => setup::run(&context, &setup),
        Command::Explain { code } => explain::run(&context, code.as_deref()),
        Command::Config { verb } => config::run(&context, &verb),
        Command::Doctor => doctor::run(&context),
        Command::Reference { page } => reference::run(page),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { out } => man::run(out.as_deref()),
        Command::Version => version::run(&context),
        Command::Watch(watch) => watch::run(&context, &watch),
    }
}

impl Context<'_> {
    /// The data directory.
    fn directory(&self) -> Result<PathBuf> {
        let named = self.data.clone().filter(|path| !path.as_os_str().is_empty());
        let path = named.or_else(|| self.environment.data_directory()).ok_or_else(|| {
            Failure::usage("no data directory: neither --data nor GUILDHALL_DATA, XDG_DATA_HOME or HOME is set")
        })?;
        std::path::absolute(&path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    }

    fn client(&self, workspace: Option<&str>) -> Result<Client> {
        Client::new(&self.directory()?, workspace)
    }
}

/// Builds an input out of what was given; absent members stay absent.
#[derive(Debug, Default)]
struct Input(Map<String, Value>);

impl Input {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    fn list(self, name: &str, values: Vec<String>) -> Self {
        if values.is_empty() { self } else { self.with(name, values) }
    }

    fn part(self, part: Part) -> Self {
        self.maybe("limit", part.limit).maybe("cursor", part.cursor)
    }

    fn value(self) -> Value {
        Value::Object(self.0)
    }
}

/// A member of an answer as a short text.
fn cell(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}

/// Prints a page of a list: JSON as it came, or aligned columns of the members named.
fn page(form: Form, answer: &Value, columns: &[(&str, &str)]) -> Result<()> {
    if form == Form::Json {
        return output::json(answer);
    }
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| columns.iter().map(|(_, pointer)| cell(item, pointer)).collect()).collect();
    output::table(&columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), &rows)?;
    match answer.get("next_cursor").and_then(Value::as_str) {
        Some(cursor) => output::words(&format!("there are more: --cursor {cursor}")),
        None => Ok(()),
    }
}

/// Prints one thing: JSON as it came, or a line of the members named.
fn one(form: Form, answer: &Value, line: &str) -> Result<()> {
    match form {
        Form::Json => output::json(answer),
        Form::Text => output::data(line),
    }
}

/// A text given as itself, as `@FILE`, or as `-` for standard input.
fn given(text: &str) -> Result<String> {
    use std::io::Read as _;
    const LARGEST_BYTES: u64 = 4 << 20;
    let mut read = String::new();
    let result = match (text, text.strip_prefix('@')) {
        ("-", _) => std::io::stdin().lock().take(LARGEST_BYTES).read_to_string(&mut read),
        (_, Some(path)) => {
            std::fs::File::open(Path::new(path)).and_then(|file| file.take(LARGEST_BYTES).read_to_string(&mut read))
        }
        _ => return Ok(text.to_owned()),
    };
    match result {
        Ok(_) => Ok(read),
        Err(error) => Err(Failure::usage(format!("cannot read {text}: {error}"))),
    }
}
