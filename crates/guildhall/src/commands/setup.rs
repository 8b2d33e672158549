//! `guildhall setup`

use std::path::{Path, PathBuf};

use serde_json::json;
use similar::TextDiff;

use super::Context;
use crate::{
    args,
    config::{self, Flags},
    directory,
    failure::{Failure, Result, exit},
    output::{self, Form},
    posture,
    setup::{
        self, Config, Mode, Outcome, Plan,
        clients::{Client, Homes, Transport},
        key_file, project,
        rules::{self, Rules},
    },
    welcome::Addresses,
};

/// Sets a client up, or undoes it.
pub(super) fn run(context: &Context<'_>, args: &args::Setup) -> Result<()> {
    let plan = Wish { context, args, data: context.directory()? }.plan()?;
    let mode = if args.dry_run { Mode::Dry } else { Mode::Do };
    let outcome = if args.remove { setup::undo(&plan, mode)? } else { setup::apply(&plan, mode)? };
    show(context.form, args, &plan, &outcome)?;
    if outcome.is_changed {
        return Ok(());
    }
    let state = if args.remove { "is not set up here" } else { "is set up already" };
    Err(Failure::new(exit::ALREADY, format!("{} {state}; nothing was changed", plan.client.id())))
}

/// What was asked for.
struct Wish<'w> {
    context: &'w Context<'w>,
    args: &'w args::Setup,
    data: PathBuf,
}

impl<'w> Wish<'w> {
    fn plan(self) -> Result<Plan<'w>> {
        let client = self.args.client;
        let transport = if self.args.http { Transport::Http } else { Transport::Stdio };
        if self.args.http && client == Client::ClaudeDesktop {
            return Err(Failure::usage("claude-desktop starts its servers itself and takes no URL of one")
                .hint("leave --http out"));
        }
        let project = if self.args.project { Some(project_root()?) } else { None };
        // Names are the same in any case, and so is the file of their key.
        let agent = self.args.agent.as_deref().unwrap_or(client.id()).to_ascii_lowercase();
        let file = self.config_file(project.as_deref())?;
        let config = match file {
            None => None,
            Some(file) => Some(self.config(file, &agent, transport)?),
        };
        let rules = self.rules(project.as_deref())?;
        let has_key = config.is_some() && (transport == Transport::Http || project.is_none());
        Ok(Plan {
            environment: self.context.environment,
            data: self.data,
            client,
            project,
            agent,
            transport,
            config,
            rules,
            has_key,
        })
    }

    fn config_file(&self, project: Option<&Path>) -> Result<Option<PathBuf>> {
        let client = self.args.client;
        let Some(root) = project else { return Ok(Some(client.user_config(&self.homes()?))) };
        let file = client.project_config(root);
        let is_for_rules = client.project_rules(root).is_some() && (self.args.rules || self.args.remove);
        if file.is_none() && !is_for_rules {
            return Err(Failure::usage(format!("{} reads no configuration of a project", client.id()))
                .hint(format!("`guildhall setup {}` sets it up for all projects", client.id())));
        }
        Ok(file)
    }

    fn config(&self, file: PathBuf, agent: &str, transport: Transport) -> Result<Config> {
        let client = self.args.client;
        let by_command = self.by_command(agent)?;
        let by_url = match transport {
            Transport::Http => client.by_url(&self.url()?),
            // Only to recognise an entry as ours; without a usable address there is none.
            Transport::Stdio => self.url().ok().and_then(|url| client.by_url(&url)),
        };
        let entry = match (transport, &by_url) {
            (Transport::Http, Some(by_url)) => by_url.clone(),
            (Transport::Http, None) | (Transport::Stdio, _) => by_command.clone(),
        };
        let ours = [Some(by_command), by_url].into_iter().flatten().collect();
        Ok(Config { client, file, transport, entry, ours })
    }

    fn by_command(&self, agent: &str) -> Result<crate::setup::clients::Server> {
        let client = self.args.client;
        if self.args.project {
            return Ok(client.by_agent(agent));
        }
        let program = std::env::current_exe()
            .map_err(|error| Failure::internal("cannot find the path of this program", error))?;
        let mut args = vec!["mcp".to_owned(), "--key-file".into(), text(&key_file(&self.data, agent))?];
        if !self.context.environment.is_usual(&self.data) {
            args.extend(["--data".to_owned(), text(&self.data)?]);
        }
        Ok(client.by_command(&text(&program)?, args))
    }

    /// Where the server is reached, or will be when it is started as configured.
    fn url(&self) -> Result<String> {
        let (config, findings) = config::load(&self.data, self.context.environment, &Flags::default());
        posture::refuse(findings)?;
        let holder = directory::holder(&self.data).ok().flatten();
        let address = holder.and_then(|holder| holder.address);
        if address.is_none() && config.server.address().is_none_or(|address| address.port() == 0) {
            return Err(Failure::usage("the server's port is chosen anew at every start, and no server runs")
                .hint("start it with `guildhall up`, or give server.listen a port in guildhall.toml"));
        }
        Ok(Addresses::of(&config, address).mcp())
    }

    fn rules(&self, project: Option<&Path>) -> Result<Option<Rules>> {
        if !self.args.rules && !self.args.remove {
            return Ok(None);
        }
        let client = self.args.client;
        let found = match project {
            Some(root) => client.project_rules(root),
            None => client.user_rules(&self.homes()?),
        };
        let Some((file, page)) = found else {
            if self.args.remove {
                return Ok(None);
            }
            let hint = match (client, project) {
                (Client::Cursor | Client::Vscode, None) => "add --project: it reads a project's rules from a file",
                _ => "leave --rules out, and put the rules into the client's own settings",
            };
            return Err(Failure::usage(format!("{} keeps no such rules in a file", client.id())).hint(hint));
        };
        let paragraph = rules::paragraph(project.and_then(project::label).as_deref());
        Ok(Some(Rules { file, page, paragraph }))
    }

    fn homes(&self) -> Result<Homes> {
        Homes::of(self.context.environment)
    }
}

fn project_root() -> Result<PathBuf> {
    let here =
        std::env::current_dir().map_err(|error| Failure::usage(format!("cannot find this directory: {error}")))?;
    Ok(project::root(&here))
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(format!("{} is not UTF-8, and clients' files are", path.display()))
            .hint("move it, or name another data directory with --data")
    })
}

/// A line, or its members if it holds an object, each with a line end of its own.
fn pieces(line: &str) -> impl Iterator<Item = String> {
    let is_whole = !line.contains('{');
    line.split_inclusive(move |character| !is_whole && "{[,".contains(character))
        .chain(line.is_empty().then_some(""))
        .map(|piece| format!("{piece}\n"))
}

/// Says what changed: the difference and words on stderr, on stdout the file or one JSON object.
fn show(form: Form, args: &args::Setup, plan: &Plan<'_>, outcome: &Outcome) -> Result<()> {
    for file in &outcome.files {
        output::say(&difference(&file.path, file.before.as_deref().unwrap_or_default(), &file.after))?;
    }
    if outcome.is_changed {
        words(args, plan, outcome)?;
    }
    let file = plan.config.as_ref().map(|config| config.file.display().to_string());
    if form == Form::Text {
        return match file {
            Some(file) if outcome.is_changed => output::data(&file),
            _ => Ok(()),
        };
    }
    output::json(&json!({
        "client": plan.client,
        "file": file,
        "changed": outcome.is_changed,
        "backup": outcome.backup,
        "agent": { "id": outcome.agent_id, "name": outcome.agent },
        "key_file": plan.has_key.then(|| key_file(&plan.data, &outcome.agent)),
        "rules_file": plan.rules.as_ref().map(|rules| &rules.file),
        "transport": plan.transport,
    }))
}

fn words(args: &args::Setup, plan: &Plan<'_>, outcome: &Outcome) -> Result<()> {
    let client = plan.client.id();
    let agent = &outcome.agent;
    if args.dry_run {
        return output::words(&format!("{client}: nothing was changed, this was a dry run"));
    }
    if args.remove {
        return output::words(&format!("{client} no longer uses Guildhall; the agent `{agent}` and its memories stay"));
    }
    if plan.config.is_none() {
        return output::words(&format!("{client} has its rules; `guildhall setup {client}` also connects it"));
    }
    output::words(&format!("{client} is set up as the agent `{agent}`; restart it to connect"))?;
    if let Some(consent) = plan.client.consent(plan.project.as_deref()) {
        output::words(consent)?;
    }
    let quoted = |path: &Path| path.display().to_string().replace('\'', "'\\''");
    if plan.transport == Transport::Stdio {
        if plan.project.is_none() || plan.environment.is_usual(&plan.data) {
            return Ok(());
        }
        let data = quoted(&plan.data);
        return output::words(&format!(
            "a project's file names no directory: put this one into its environment: export GUILDHALL_DATA='{data}'"
        ));
    }
    let path = key_file(&plan.data, agent);
    if plan.client == Client::Vscode {
        let path = path.display();
        return output::words(&format!("VS Code asks for the key when it starts the server: it is in {path}"));
    }
    let path = quoted(&path);
    output::words(&format!("put the key into its environment: export GUILDHALL_API_KEY=\"$(cat '{path}')\""))
}

/// The lines that change, without those around them, which may hold secrets of the client's own. So that none of those
/// counts as changed, line ends do not count, and a line that holds an object counts as several.
fn difference(path: &Path, before: &str, after: &str) -> String {
    let [before, after] = [before, after].map(|text| text.lines().flat_map(pieces).collect::<String>());
    let diff = TextDiff::from_lines(&before, &after);
    format!("{}\n{}", path.display(), diff.unified_diff().context_radius(0))
}
