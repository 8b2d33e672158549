//! The clients: where each keeps its configuration and its rules, and how it writes a server down (contract mcp.md §7).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{json::Slot, rules::Page, toml};
use crate::{
    environment::{self, Environment},
    failure::{Failure, Result},
};

/// What connects agents to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Client {
    /// Claude Code
    ClaudeCode,
    /// Cursor
    Cursor,
    /// VS Code
    Vscode,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Windsurf
    Windsurf,
    /// Claude Desktop
    ClaudeDesktop,
}

/// How the client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    /// By starting `guildhall mcp`.
    Stdio,
    /// By the server's URL, with the key from the environment or the client's own secret input.
    Http,
}

/// The directories from which clients find their per-user files.
pub(crate) struct Homes {
    home: PathBuf,
    applications: PathBuf,
    claude: Option<PathBuf>,
    codex: PathBuf,
}

impl Homes {
    /// As the environment says.
    ///
    /// # Errors
    /// When there is no home directory.
    pub(crate) fn of(environment: &Environment) -> Result<Self> {
        let home = environment.home().ok_or_else(|| {
            Failure::usage("no home directory: HOME is not set to an absolute path")
                .hint("set HOME, or use --project to set up the project's file")
        })?;
        let applications = if cfg!(target_os = "macos") {
            home.join("Library/Application Support")
        } else {
            environment.client_directory("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"))
        };
        let claude = environment.client_directory("CLAUDE_CONFIG_DIR");
        let codex = environment.client_directory("CODEX_HOME").unwrap_or_else(|| home.join(".codex"));
        Ok(Self { home, applications, claude, codex })
    }
}

impl Client {
    /// Its name on the command line, which its agent has too.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Cursor => "cursor",
            Self::Vscode => "vscode",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Windsurf => "windsurf",
            Self::ClaudeDesktop => "claude-desktop",
        }
    }

    /// Its configuration for every project of the user.
    pub(crate) fn user_config(self, homes: &Homes) -> PathBuf {
        match self {
            Self::ClaudeCode => homes.claude.as_ref().unwrap_or(&homes.home).join(".claude.json"),
            Self::Cursor => homes.home.join(".cursor/mcp.json"),
            Self::Vscode => homes.applications.join("Code/User/mcp.json"),
            Self::Codex => homes.codex.join("config.toml"),
            Self::Gemini => homes.home.join(".gemini/settings.json"),
            Self::Windsurf => homes.home.join(".codeium/windsurf/mcp_config.json"),
            Self::ClaudeDesktop => homes.applications.join("Claude/claude_desktop_config.json"),
        }
    }

    /// Its configuration for one project; none of a client that reads none.
    pub(crate) fn project_config(self, project: &Path) -> Option<PathBuf> {
        let name = match self {
            Self::ClaudeCode => ".mcp.json",
            Self::Cursor => ".cursor/mcp.json",
            Self::Vscode => ".vscode/mcp.json",
            Self::Codex => ".codex/config.toml",
            Self::Gemini => ".gemini/settings.json",
            Self::Windsurf | Self::ClaudeDesktop => return None,
        };
        Some(project.join(name))
    }

    /// Its rules for every project of the user; none of a client that keeps them elsewhere than in a file.
    pub(crate) fn user_rules(self, homes: &Homes) -> Option<(PathBuf, Page)> {
        let path = match self {
            Self::ClaudeCode => homes.claude.clone().unwrap_or_else(|| homes.home.join(".claude")).join("CLAUDE.md"),
            Self::Codex => homes.codex.join("AGENTS.md"),
            Self::Gemini => homes.home.join(".gemini/GEMINI.md"),
            Self::Windsurf => homes.home.join(".codeium/windsurf/memories/global_rules.md"),
            Self::Cursor | Self::Vscode | Self::ClaudeDesktop => return None,
        };
        Some((path, Page::Shared))
    }

    /// Its rules for one project; none of a client that reads none.
    pub(crate) fn project_rules(self, project: &Path) -> Option<(PathBuf, Page)> {
        let (name, page) = match self {
            Self::ClaudeCode => ("CLAUDE.md", Page::Shared),
            Self::Cursor => (".cursor/rules/guildhall.mdc", Page::Own(CURSOR_HEAD)),
            Self::Vscode => (".github/copilot-instructions.md", Page::Shared),
            Self::Codex => ("AGENTS.md", Page::Shared),
            Self::Gemini => ("GEMINI.md", Page::Shared),
            Self::Windsurf => (".windsurf/rules/guildhall.md", Page::Own(WINDSURF_HEAD)),
            Self::ClaudeDesktop => return None,
        };
        Some((project.join(name), page))
    }

    /// Whether its configuration is TOML; the others' is JSON with comments.
    pub(crate) const fn is_toml(self) -> bool {
        matches!(self, Self::Codex)
    }

    /// Where the server's entry goes in a JSON configuration.
    pub(crate) const fn slot(self) -> Slot {
        let container = if matches!(self, Self::Vscode) { "servers" } else { "mcpServers" };
        Slot { container, name: Some("guildhall") }
    }

    /// What VS Code asks its user for; the other clients take the key from the environment.
    pub(crate) const fn input(self, transport: Transport) -> Option<Input> {
        match (self, transport) {
            (Self::Vscode, Transport::Http) => Some(Input::KEY),
            _ => None,
        }
    }

    /// The entry of a server that the client starts.
    pub(crate) fn by_command(self, command: &str, args: Vec<String>) -> Server {
        let names_kind = matches!(self, Self::ClaudeCode | Self::Cursor | Self::Vscode);
        Server {
            kind: names_kind.then_some("stdio"),
            command: Some(command.to_owned()),
            args: Some(args),
            ..Server::default()
        }
    }

    /// The entry of a project's file, which is shared: it names no path of this machine, and the agent instead of its key.
    pub(crate) fn by_agent(self, agent: &str) -> Server {
        let entry = self.by_command("guildhall", vec!["mcp".to_owned(), "--agent".to_owned(), agent.to_owned()]);
        // Codex passes on only the variables that it knows, or that an entry names.
        let env_vars = matches!(self, Self::Codex).then_some(environment::DATA_VARIABLES);
        Server { env_vars, ..entry }
    }

    /// The entry of a server at a URL; none of Claude Desktop, which starts its servers.
    pub(crate) fn by_url(self, url: &str) -> Option<Server> {
        let url = Some(url.to_owned());
        let bearer = |key: &str| Some(Headers { authorization: format!("Bearer {key}") });
        let blank = Server::default();
        Some(match self {
            Self::ClaudeCode => Server { kind: Some("http"), url, headers: bearer("${GUILDHALL_API_KEY}"), ..blank },
            Self::Cursor => Server { url, headers: bearer("${env:GUILDHALL_API_KEY}"), ..blank },
            Self::Vscode => Server { kind: Some("http"), url, headers: bearer("${input:key}"), ..blank },
            Self::Codex => Server { url, bearer_token_env_var: Some("GUILDHALL_API_KEY"), ..blank },
            Self::Gemini => Server { http_url: url, headers: bearer("$GUILDHALL_API_KEY"), ..blank },
            Self::Windsurf => Server { server_url: url, headers: bearer("${env:GUILDHALL_API_KEY}"), ..blank },
            Self::ClaudeDesktop => return None,
        })
    }

    /// What its user has to agree to before it starts or asks the server; none of a client that asks nothing, or asks
    /// when it comes to that.
    pub(crate) const fn consent(self, project: Option<&Path>) -> Option<&'static str> {
        match (self, project) {
            (Self::ClaudeCode, Some(_)) => Some("Claude Code asks once per project: run `claude` there and agree"),
            (Self::Codex, Some(_)) => Some("Codex reads it in trusted projects only: run `codex` there and agree"),
            (Self::Gemini, _) => Some("Gemini CLI connects in trusted folders only: run `gemini` there and agree"),
            _ => None,
        }
    }

    /// The least configuration with a server at a URL, to be pasted; none of Claude Desktop.
    pub(crate) fn snippet(self, url: &str) -> Option<String> {
        let entry = self.by_url(url)?;
        if self.is_toml() {
            return toml::insert("", &entry).ok().map(|document| document.text.trim_end().to_owned());
        }
        let slot = self.slot();
        let servers = serde_json::to_string(&BTreeMap::from([(slot.name?, &entry)])).ok()?;
        let inputs = match self.input(Transport::Http) {
            Some(input) => format!("\"{}\":{},", Input::SLOT.container, serde_json::to_string(&[input]).ok()?),
            None => String::new(),
        };
        Some(format!("{{{inputs}\"{}\":{servers}}}", slot.container))
    }
}

const CURSOR_HEAD: &str = "---\ndescription: Shared memory in Guildhall\nalwaysApply: true\n---\n\n";
const WINDSURF_HEAD: &str = "---\ntrigger: always_on\n---\n\n";

/// A server as clients write it down. Each client uses some of the members, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Server {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    env_vars: Option<[&'static str; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(rename = "httpUrl", skip_serializing_if = "Option::is_none")]
    http_url: Option<String>,
    #[serde(rename = "serverUrl", skip_serializing_if = "Option::is_none")]
    server_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer_token_env_var: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Headers {
    #[serde(rename = "Authorization")]
    authorization: String,
}

/// Something VS Code asks for and keeps with its secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Input {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'static str,
    description: &'static str,
    password: bool,
}

impl Input {
    const KEY: Self = Self { kind: "promptString", id: "key", description: "Guildhall key", password: true };

    /// Where it goes.
    pub(crate) const SLOT: Slot = Slot { container: "inputs", name: None };

    /// What the entry calls it.
    pub(crate) const fn id(self) -> &'static str {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_are_those_of_the_contract() {
        let url = "http://127.0.0.1:8640/mcp";
        for (client, wanted) in [
            (
                Client::ClaudeCode,
                r#"{"mcpServers":{"guildhall":{"type":"http","url":"http://127.0.0.1:8640/mcp","headers":{"Authorization":"Bearer ${GUILDHALL_API_KEY}"}}}}"#,
            ),
            (
                Client::Cursor,
                r#"{"mcpServers":{"guildhall":{"url":"http://127.0.0.1:8640/mcp","headers":{"Authorization":"Bearer ${env:GUILDHALL_API_KEY}"}}}}"#,
            ),
            (
                Client::Vscode,
                r#"{"inputs":[{"type":"promptString","id":"key","description":"Guildhall key","password":true}],"servers":{"guildhall":{"type":"http","url":"http://127.0.0.1:8640/mcp","headers":{"Authorization":"Bearer ${input:key}"}}}}"#,
            ),
            (
                Client::Codex,
                "[mcp_servers.guildhall]\nurl = \"http://127.0.0.1:8640/mcp\"\nbearer_token_env_var = \"GUILDHALL_API_KEY\"",
            ),
            (
                Client::Gemini,
                r#"{"mcpServers":{"guildhall":{"httpUrl":"http://127.0.0.1:8640/mcp","headers":{"Authorization":"Bearer $GUILDHALL_API_KEY"}}}}"#,
            ),
            (
                Client::Windsurf,
                r#"{"mcpServers":{"guildhall":{"serverUrl":"http://127.0.0.1:8640/mcp","headers":{"Authorization":"Bearer ${env:GUILDHALL_API_KEY}"}}}}"#,
            ),
        ] {
            assert_eq!(client.snippet(url).as_deref(), Some(wanted), "{client:?}");
        }
        assert_eq!(Client::ClaudeDesktop.snippet(url), None);
    }
}
