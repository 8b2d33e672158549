//! `guildhall stop`

use std::{path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    net::UnixStream,
    time::{Instant, interval},
};

use super::Context;
use crate::{
    compose,
    directory::{self, Holder},
    failure::{Failure, Result, exit},
    output,
};

/// How long a server may take to stop: its calls have ten seconds.
const LONGEST: Duration = Duration::from_secs(15);
/// How often the lock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// When it is said that it takes a while, and how often again.
const SAY_EVERY: Duration = Duration::from_secs(2);

/// Ends the server that holds the directory and waits until it has let go.
pub(super) fn run(context: &Context<'_>) -> Result<()> {
    let directory = context.directory()?;
    compose::small_runtime()?.block_on(stop(&directory))
}

async fn stop(directory: &Path) -> Result<()> {
    let began = Instant::now();
    let pid = loop {
        match holder(directory)? {
            None => {
                return Err(Failure::new(exit::ALREADY, format!("no server runs on {}", directory.display()))
                    .hint("`guildhall up` starts one; name another directory with --data"));
            }
            Some(Holder { pid: Some(pid), address: Some(_) }) => break pid,
            // A server that starts has no address yet.
            Some(Holder { pid, .. }) if began.elapsed() > SAY_EVERY => return Err(no_server(pid)),
            Some(_) => interval_tick().await,
        }
    };
    signal(directory, pid).await?;
    let mut said = Instant::now();
    while holder(directory)?.is_some_and(|holder| holder.pid == Some(pid)) {
        if began.elapsed() > LONGEST {
            return Err(Failure::new(exit::BUSY, format!("process {pid} has not stopped after {LONGEST:?}"))
                .hint(format!("its calls are cut off with: kill {pid}")));
        }
        if said.elapsed() > SAY_EVERY {
            said = Instant::now();
            output::words(&format!("process {pid} finishes its calls ({} s)", began.elapsed().as_secs()))?;
        }
        interval_tick().await;
    }
    output::words(&format!("stopped process {pid}"))
}

/// Sends the signal to the process that the lock names, if it is the one at the other end of the socket: in another
/// container the same number is somebody else's.
async fn signal(directory: &Path, pid: u32) -> Result<()> {
    let Ok(stream) = UnixStream::connect(directory::socket(directory)?).await else {
        // It stops already; a second signal would cut off its calls.
        return Ok(());
    };
    let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
    if peer.is_some_and(|peer| u32::try_from(peer) != Ok(pid)) {
        return Err(Failure::new(exit::REFUSED, format!("the server is process {pid} of another container"))
            .hint("run `guildhall stop` there"));
    }
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| Failure::internal("the lock file names no process", pid))?;
    kill_process(process, Signal::TERM)
        .map_err(|error| Failure::new(exit::REFUSED, format!("cannot stop process {pid}: {error}")))
}

async fn interval_tick() {
    let mut ticks = interval(LOOK_EVERY);
    // The first one comes at once.
    ticks.tick().await;
    ticks.tick().await;
}

fn holder(directory: &Path) -> Result<Option<Holder>> {
    directory::holder(directory).map_err(|error| {
        Failure::new(exit::REFUSED, format!("cannot look at the lock of {}: {error}", directory.display()))
    })
}

fn no_server(pid: Option<u32>) -> Failure {
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Failure::new(exit::BUSY, format!("{who} holds the directory and is no server"))
        .hint("wait until that command has ended")
}
