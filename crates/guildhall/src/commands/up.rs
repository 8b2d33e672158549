//! `guildhall up`: the server.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc, time::Duration};

use domain::{App, Finish};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{Context, cell, init};
use crate::{
    compose::{self, Hall},
    config::{self, Config, Finding, Flags},
    directory,
    failure::{Failure, Result, exit},
    installation::{self, First},
    log, output,
    output::Form,
    posture, proof, secrets,
    welcome::{self, Addresses},
};

const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Audit rows that are verified at every start; more would delay it, and are left to `guildhall audit verify`.
const VERIFIED_ROWS: i64 = 10_000;

/// Serves until a signal.
pub(super) fn run(context: &Context<'_>, listen: Option<String>) -> Result<()> {
    let directory = context.directory()?;
    let (config, mut findings) = config::load(&directory, context.environment, &Flags { listen });
    findings.extend(posture::of_build(&config));
    findings.extend(directory::check(&directory).into_iter().filter(|_| !installation::is_needed(&directory).unwrap_or(true)));
    posture::refuse(findings)?;
    log::start(&config.log);
    directory::socket(&directory)?;
    let first = installation::is_needed(&directory)?.then(|| installation::init(&directory, &config)).transpose()?;
    let directory = directory.canonicalize().map_err(|error| Failure::internal("cannot find the data directory", error))?;
    posture::refuse(posture::of_files(&directory))?;
    let secrets = secrets::read(&directory).map_err(|findings| refusal(findings))?;
    let hall = compose::open(&directory, &config, secrets)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal("cannot start the runtime", error))?;
    let serving = Serving { hall: &hall, config: &config, directory: &directory, form: context.form };
    let ended = runtime.block_on(serving.run(first.as_ref()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended.and(hall.close())
}

fn refusal(findings: Vec<Finding>) -> Failure {
    posture::refuse(findings).err().unwrap_or_else(|| Failure::new(exit::UNSAFE, "refused to start"))
}
