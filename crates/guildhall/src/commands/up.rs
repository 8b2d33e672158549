//! `guildhall up`: the server.

use std::{path::Path, sync::Arc, time::Instant};

use domain::audit::verify::verify_all;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Context, init};
use crate::{
    compose::{self, Hall},
    config::{self, Config, Flags},
    directory,
    failure::{Failure, Result, exit},
    installation::{self, First, FirstKey},
    log,
    notify::Notifier,
    output::{self, Form},
    posture, proof, secrets,
    serving::{Port, Serving, Signals},
    welcome::{self, Addresses},
};

/// Audit rows that are verified at every start; more would delay it, and are left to `guildhall audit verify`.
const VERIFIED_ROWS: i64 = 2_000;

/// Initialises when needed, and serves until a signal.
pub(super) fn run(context: &Context<'_>, listen: Option<String>, place: Place) -> Result<()> {
    let started = Instant::now();
    if place == Place::Background {
        // Fails only for one who leads a session or a group already, and so has nothing to leave.
        let _ = rustix::process::setsid();
    }
    let directory = context.directory()?;
    let (config, mut findings) = config::load(&directory, context.environment, &Flags { listen });
    let is_new = installation::is_needed(&directory)?;
    findings.extend(posture::of_build(&config));
    findings.extend(posture::of_directory(&directory, is_new));
    posture::refuse(findings)?;
    directory::socket(&directory)?;
    log::start(&config.log);
    let port = if is_new { Some(Port::bind(&config)?) } else { None };
    let first = if is_new { Some(installation::init(&directory, &config, place.first_key())?) } else { None };
    let directory =
        directory.canonicalize().map_err(|error| Failure::internal("cannot find the data directory", error))?;
    let hall = compose::open(&directory, &config, posture::secrets(&directory)?)?;
    secrets::signing(&directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal("cannot start the runtime", error))?;
    check_chains(&runtime, &hall)?;
    let port = port.map_or_else(|| Port::bind(&config), Ok)?;
    let notifier = Notifier::to(context.environment.notify_socket());
    let start = Start { directory: &directory, config: &config, form: context.form, place, first, started };
    let ended = runtime.block_on(start.serve(&hall, port, notifier));
    runtime.shutdown_background();
    ended.and(hall.close())
}

/// Where a server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where somebody reads what it prints.
    Foreground,
    /// Without a terminal: what it prints lies in a file, which must not hold a secret.
    Background,
}

impl Place {
    /// In the background when it was asked for.
    pub(super) const fn of(background: bool) -> Self {
        if background { Self::Background } else { Self::Foreground }
    }

    const fn stopper(self) -> &'static str {
        match self {
            Self::Foreground => "Ctrl-C",
            Self::Background => "`guildhall stop`",
        }
    }

    const fn first_key(self) -> FirstKey {
        match self {
            Self::Foreground => FirstKey::Make,
            Self::Background => FirstKey::None,
        }
    }
}

/// Refuses to go on writing to an audit log that was tampered with.
fn check_chains(runtime: &Runtime, hall: &Hall) -> Result<()> {
    if hall.audit_rows()? > VERIFIED_ROWS {
        return Ok(());
    }
    let broken: Vec<String> = runtime
        .block_on(verify_all(&hall.app))?
        .into_iter()
        .filter(|(_, verdict)| !verdict.ok)
        .map(|(slug, verdict)| {
            format!("the audit log of workspace `{slug}` is broken at row {}", verdict.first_bad.unwrap_or_default())
        })
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    let hint = "`guildhall audit verify` tells more; put back a database and an audit key that belong together";
    Err(Failure { exit: exit::UNSAFE, reasons: broken, hints: vec![hint.to_owned()] })
}

/// One start of a server.
struct Start<'s> {
    directory: &'s Path,
    config: &'s Config,
    form: Form,
    place: Place,
    first: Option<First>,
    started: Instant,
}

impl Start<'_> {
    async fn serve(&self, hall: &Hall, port: Port, notifier: Notifier) -> Result<()> {
        let signals = Signals::new()?;
        let mut serving = Serving::begin(hall, self.config, self.directory, port).await?;
        let addresses = Addresses::of(self.config, Some(serving.address()));
        let greeted = self.greet(hall, &addresses, &serving).await;
        // A server that could not prove itself stops in the same orderly way.
        match greeted {
            Ok(()) => {
                serving.announce(notifier);
                serving.until(signals, Arc::clone(&hall.app)).await
            }
            Err(failure) => serving.stop(signals, Arc::clone(&hall.app)).await.and(Err(failure)),
        }
    }

    async fn greet(&self, hall: &Hall, addresses: &Addresses, serving: &Serving) -> Result<()> {
        let agent = match &self.first {
            Some(first) => init::agent(first),
            None => oldest_agent(hall).await?,
        };
        if self.form == Form::Json {
            let proved = match self.first.as_ref().and_then(|first| first.api_key.as_ref()) {
                Some(api_key) => proof::run(serving.address(), api_key).await.map(drop),
                None => Ok(()),
            };
            // The key is shown this once, whatever became of the proof.
            output::json(&welcome::object(self.directory, addresses, &hall.home, &agent))?;
            return proved;
        }
        let ready = self.started.elapsed();
        output::document(&format!(
            "Guildhall {} is ready ({} ms). {} stops it.\n\n{}",
            env!("CARGO_PKG_VERSION"),
            ready.as_millis(),
            self.place.stopper(),
            welcome::addresses(self.directory, addresses)
        ))?;
        let Some(first) = &self.first else { return Ok(()) };
        let Some(api_key) = &first.api_key else {
            return output::document(&format!(
                "\nMade the agent `{0}` without a key; `guildhall key create {0}` makes one.",
                first.agent_name
            ));
        };
        output::document(&welcome::key(&first.agent_name, api_key.reveal(), addresses))?;
        let took = proof::run(serving.address(), api_key).await?;
        output::document(&format!(
            "\nProved on this machine: stored a memory through the MCP endpoint with that key and found it again by search, in {:.1} ms.\n",
            took.as_secs_f64() * 1_000.0
        ))
    }
}

/// The installation's first agent, without a key: it was shown once.
async fn oldest_agent(hall: &Hall) -> Result<Value> {
    let caller = installation::local_operator(&hall.gate, "start").await?;
    let agents = installation::run(&hall.gate, &caller, "agent.list", &json!({ "limit": 1 })).await?;
    let member = |name: &str| agents.pointer(&format!("/items/0/{name}")).cloned().unwrap_or_default();
    Ok(json!({ "id": member("id"), "name": member("name") }))
}
