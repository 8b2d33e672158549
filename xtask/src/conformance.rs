//! `cargo xtask conformance`: the public MCP conformance suite against a real server, through a proxy that adds the
//! credential which the suite cannot send (`conformance-proxy` runs that proxy alone).
//!
//! Everything happens on free ports over a directory that is removed again. The suite's results stay in the target
//! directory's `conformance` folder, beside the server's log.

mod proxy;
mod server;
mod suite;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::repo::Repo;
use crate::report::{Outcome, Result, say};
use proxy::Proxy;
use server::Server;
use suite::{Revision, Suite};

/// What the suite's tools and the product's own are listed under.
const TOOLSETS: &str = "conformance,core";

#[derive(Debug, Default)]
struct Options<'a> {
    suite: Option<&'a str>,
    node: Option<&'a str>,
    binary: Option<&'a str>,
    with_legacy: bool,
}

/// Builds, starts, runs the suite, and says what failed.
pub(crate) fn run(repo: &Repo, arguments: &[String]) -> Result<Outcome> {
    let options = Options::parse(arguments)?;
    let folder = target_directory(repo)?.join("conformance");
    let suite = match options.suite {
        Some(installed) => Suite::installed(Path::new(installed), options.node)?,
        None => Suite::install(repo, &folder, options.node)?,
    };
    let binary = match options.binary {
        Some(binary) => PathBuf::from(binary),
        None => server::build(repo)?,
    };
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let server = Server::start(&binary, &folder.join("server.log"))?;
    let proxy = Proxy { to: server.address, key: server.key.clone(), toolsets: TOOLSETS.to_owned() };
    let address = proxy.start(SocketAddr::from(([127, 0, 0, 1], 0)))?;

    let url = format!("http://{address}/mcp");
    let mut outcome = suite.run(&url, Revision::Modern, &folder)?;
    if options.with_legacy && suite.run(&url, Revision::Legacy, &folder)? == Outcome::Findings {
        outcome = Outcome::Findings;
    }
    if outcome == Outcome::Findings {
        say(&format!("the server's log is {}", folder.join("server.log").display()));
    }
    Ok(outcome)
}

/// Runs the proxy until it is killed.
pub(crate) fn run_proxy(_: &Repo, arguments: &[String]) -> Result<Outcome> {
    let (mut listen, mut to, mut key_from, mut toolsets) = (None, None, None, TOOLSETS);
    for [name, value] in pairs(arguments)? {
        match name {
            "--listen" => listen = Some(value),
            "--to" => to = Some(value),
            "--key-from" => key_from = Some(value),
            "--toolsets" => toolsets = value,
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    let path = key_from.ok_or("--key-from names the file with what `guildhall init --json` printed")?;
    let printed = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let proxy = Proxy {
        to: address("--to", to)?,
        key: key_in(&printed).ok_or_else(|| format!("{path} holds no agent.api_key"))?,
        toolsets: toolsets.to_owned(),
    };
    let listening = proxy.bind(address("--listen", listen)?)?;
    say(&format!("http://{}/mcp", listening.address));
    listening.serve();
    Ok(Outcome::Clean)
}

impl<'a> Options<'a> {
    fn parse(arguments: &'a [String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument {
                "--suite" => options.suite = Some(rest.next().ok_or("--suite needs a folder")?),
                "--node" => options.node = Some(rest.next().ok_or("--node needs a file")?),
                "--binary" => options.binary = Some(rest.next().ok_or("--binary needs a file")?),
                "--legacy" => options.with_legacy = true,
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        Ok(options)
    }
}

fn pairs(arguments: &[String]) -> Result<Vec<[&str; 2]>> {
    let (pairs, rest) = arguments.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[name, value]| [name.as_str(), value.as_str()]).collect()),
        _ => Err("every flag of the proxy takes one value".to_owned()),
    }
}

fn address(flag: &str, text: Option<&str>) -> Result<SocketAddr> {
    let text = text.ok_or_else(|| format!("{flag} is needed"))?;
    text.parse().map_err(|_| format!("{flag}: `{text}` is no address and port"))
}

/// The key in what `guildhall init --json` printed.
fn key_in(printed: &str) -> Option<String> {
    let printed: Value = serde_json::from_str(printed).ok()?;
    printed.pointer("/agent/api_key").and_then(Value::as_str).map(str::to_owned)
}

/// Where cargo builds, which the environment may have moved.
fn target_directory(repo: &Repo) -> Result<PathBuf> {
    let metadata = repo.output("cargo", &["metadata", "--no-deps", "--format-version", "1", "--offline"])?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata is not JSON: {error}"))?;
    let directory = metadata.get("target_directory").and_then(Value::as_str);
    Ok(PathBuf::from(directory.ok_or("cargo metadata names no target directory")?))
}
