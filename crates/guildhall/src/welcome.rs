//! What the first run and every start say.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use serde_json::{Value, json};
use types::workspace::Workspace;

use crate::{config::Config, setup::clients::Client};

/// Where a server is reached.
pub(crate) struct Addresses {
    listen: String,
    base: String,
}

impl Addresses {
    /// Of a server that listens there.
    pub(crate) fn of(config: &Config, address: Option<SocketAddr>) -> Self {
        let listen = address.map_or_else(|| config.server.listen.clone(), |address| address.to_string());
        let base = match &config.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{listen}"),
        };
        Self { listen, base }
    }

    /// Its MCP endpoint.
    pub(crate) fn mcp(&self) -> String {
        format!("{}/mcp", self.base)
    }

    /// Where its REST routes begin.
    pub(crate) fn rest(&self) -> String {
        format!("{}/api/v1", self.base)
    }
}

/// The one JSON object of `init` and `up`.
pub(crate) fn object(data: &Path, addresses: &Addresses, workspace: &Workspace, agent: &Value) -> Value {
    json!({
        "data_dir": data.display().to_string(),
        "listen": addresses.listen,
        "mcp_url": addresses.mcp(),
        "rest_url": addresses.rest(),
        "console_setup_url": null,
        "workspace": { "id": workspace.id, "name": workspace.slug },
        "agent": agent,
    })
}

/// The addresses, for people.
pub(crate) fn addresses(data: &Path, addresses: &Addresses) -> String {
    format!(
        "  data   {}\n  MCP    {}\n  REST   {}\n  memory search by word and misspelling: ready\n  semantic search: no model (it comes with a later version)\n",
        data.display(),
        addresses.mcp(),
        addresses.rest()
    )
}

/// The agent, its key, and how to connect a client, shown once.
pub(crate) fn key(agent: &str, api_key: &str, addresses: &Addresses) -> String {
    let mut text = format!(
        "\nThe first agent and its API key. The key is shown this once; `guildhall key create {agent}` makes another.\n\n  \
         agent    {agent}\n  API key  {api_key}\n\n\
         Connect a client: `guildhall setup CLIENT` does it, with an agent and a key of its own\n\
         (claude-code, cursor, vscode, codex, gemini, windsurf, claude-desktop).\n\n\
         Or by hand. Give it the key in its environment, not in a file that others read:\n\n  \
         export GUILDHALL_API_KEY={api_key}\n"
    );
    for (client, place, snippet) in clients(&addresses.mcp()) {
        let _ = write!(text, "\n{client} ({place}):\n");
        for line in snippet.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// Claude Code has a command of its own.
const CLAUDE_CODE: &str =
    r#"claude mcp add --transport http guildhall {URL} --header "Authorization: Bearer $GUILDHALL_API_KEY""#;

/// Name and place of the other clients' set-up.
const CLIENTS: [(Client, &str, &str); 4] = [
    (Client::Cursor, "Cursor", ".cursor/mcp.json or ~/.cursor/mcp.json"),
    (Client::Vscode, "VS Code", ".vscode/mcp.json"),
    (Client::Codex, "Codex", "~/.codex/config.toml"),
    (Client::Gemini, "Gemini CLI", "~/.gemini/settings.json"),
];

fn clients(url: &str) -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let first = ("Claude Code", "shell", CLAUDE_CODE.replace("{URL}", url));
    let others = CLIENTS.into_iter();
    std::iter::once(first)
        .chain(others.filter_map(move |(client, name, place)| Some((name, place, client.snippet(url)?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_snippet_parses_and_names_the_real_address() {
        assert_eq!(clients("http://127.0.0.1:9/mcp").count(), 5);
        for (client, _, snippet) in clients("http://127.0.0.1:9/mcp") {
            assert!(snippet.contains("http://127.0.0.1:9/mcp"), "{client}");
            if snippet.starts_with('{') {
                serde_json::from_str::<Value>(&snippet).unwrap();
            } else if snippet.starts_with('[') {
                toml::from_str::<toml::Table>(&snippet).unwrap();
            }
        }
    }

    #[test]
    fn a_public_url_is_what_clients_get() {
        let mut config = Config::default();
        config.server.public_url = Some("https://guild.example/".into());
        assert_eq!(Addresses::of(&config, None).mcp(), "https://guild.example/mcp");
    }
}
