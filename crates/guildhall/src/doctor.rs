//! The checks of `guildhall doctor` that look at the machine: files, secrets, configuration, lock, disk, backups. Those of
//! the database are `domain::ops::doctor::database`.

use std::{fs, io, net::SocketAddr, os::unix::fs::MetadataExt as _, path::Path, time::Duration};

use bytes::Bytes;
use domain::ops::doctor::{Check, Finding, Seen, Severity, database};
use http::{Request, header};
use http_body_util::Full;
use serde_json::json;
use store::Inspection;
use tokio::net::TcpStream;
use types::{Clock, Timestamp};

use crate::{
    client::Client,
    compose,
    config::{self, Config, Flags},
    directory::{self, Holder},
    environment::Environment,
    exchange::exchange,
    failure::{Failure, Result},
    machine, posture, secrets,
};

/// Less free space than this is a warning: 1 GiB.
const LOW_FREE_BYTES: u64 = 1 << 30;
/// A newest backup older than this is named: 7 days.
const STALE_SECS: i64 = 7 * 86_400;
/// How long a server has to answer its health check.
const HEALTH_WAIT: Duration = Duration::from_secs(5);
const AGAIN: &str = "mend that, then run `guildhall doctor` again";

/// Looks at an installation from all sides, and changes nothing.
///
/// # Errors
/// Only what keeps every check from running, such as a path that is too long.
pub(crate) fn examine(directory: &Path, environment: &Environment, clock: &dyn Clock) -> Result<Vec<Finding>> {
    let (config, wrong) = config::load(directory, environment, &Flags::default());
    let client = Client::new(directory, None)?;
    let is_served = client.is_reachable();
    let holder = directory::holder(directory);
    let mut findings = vec![
        configuration(directory, &config, wrong),
        files(directory),
        of_secrets(directory),
        listen(&config),
        lock(is_served, holder.as_ref()),
    ];
    if is_served {
        let address = holder.ok().flatten().and_then(|holder| holder.address);
        findings.push(server(address)?);
    }
    findings.extend([disk(directory, config.store.min_free_bytes()), backups(directory, clock.now()), semantic()]);
    findings.extend(if is_served { asked(&client) } else { opened(directory, clock) });
    Ok(findings)
}

const fn check(id: &'static str, severity: Severity, why: &'static str) -> Check {
    Check { id, severity, why }
}

fn configuration(directory: &Path, config: &Config, mut wrong: Vec<config::Finding>) -> Finding {
    wrong.extend(posture::of_build(config));
    let path = directory.join(config::FILE);
    let good = if path.exists() {
        format!("every key of {} is known and its value allowed", path.display())
    } else {
        format!("there is no {}, so the defaults apply", path.display())
    };
    let why = "a server does not start with a configuration that it does not understand";
    judged(check("config", Severity::Error, why), wrong, good, "`guildhall config show` prints what applies")
}

fn files(directory: &Path) -> Finding {
    let why = "whoever else can read these files can act as anybody";
    let good = format!("{} and what lies in it belong to this user alone", directory.display());
    judged(check("files", Severity::Error, why), directory::check(directory), good, AGAIN)
}

fn of_secrets(directory: &Path) -> Finding {
    let why = "the audit chain and the cursors are as strong as these keys";
    let wrong = secrets::read(directory).err().unwrap_or_default();
    let good = format!("{} hold random bytes that differ", secrets::FILES.join(" and "));
    judged(check("secrets", Severity::Error, why), wrong, good, AGAIN)
}

/// What `config`, `directory` and `secrets` say, as one finding.
fn judged(check: Check, wrong: Vec<config::Finding>, good: String, otherwise: &str) -> Finding {
    if wrong.is_empty() {
        return check.found(Seen::Good(good));
    }
    let mut fixes: Vec<String> = Vec::new();
    for hint in wrong.iter().filter_map(|finding| finding.hint.clone()) {
        if !fixes.contains(&hint) {
            fixes.push(hint);
        }
    }
    let fix = if fixes.is_empty() { otherwise.to_owned() } else { fixes.join("; ") };
    let reasons: Vec<String> = wrong.into_iter().map(|finding| finding.reason).collect();
    check.found(Seen::Bad(reasons.join("; "), fix))
}

fn listen(config: &Config) -> Finding {
    let check = check("listen", Severity::Error, "beyond loopback everything would travel in the clear");
    match config.server.address() {
        None => check.unknown(format!("`{}` is not an address and a port", config.server.listen), AGAIN),
        Some(address) if address.ip().to_canonical().is_loopback() => {
            check.found(Seen::Good(format!("{address} is a loopback address")))
        }
        Some(address) => check.found(Seen::Bad(
            format!("{address} is beyond loopback and there is no TLS"),
            "set `server.listen` to 127.0.0.1 and put a proxy with TLS in front".to_owned(),
        )),
    }
}

fn lock(is_served: bool, holder: Result<&Option<Holder>, &io::Error>) -> Finding {
    let check = check("lock", Severity::Error, "two processes on one database would undo each other's work");
    let process = |holder: &Holder| match holder.pid {
        Some(pid) => format!("process {pid}"),
        None => "a process that has not said its number".to_owned(),
    };
    match (is_served, holder) {
        (_, Err(error)) => check.unknown(format!("the lock file cannot be read: {error}"), AGAIN),
        (true, Ok(Some(holder))) => check.found(Seen::Good(format!("held by the running server, {}", process(holder)))),
        (true, Ok(None)) => check.found(Seen::Bad(
            "a server answers on the socket, but nobody holds the lock".to_owned(),
            "stop that server and start it again; never remove guildhall.lock while one runs".to_owned(),
        )),
        (false, Ok(Some(holder))) => check.found(Seen::Bad(
            format!("held by {}, which does not answer on the socket", process(holder)),
            "wait until it has finished, or stop it".to_owned(),
        )),
        (false, Ok(None)) => check.found(Seen::Good("free: no server runs".to_owned())),
    }
}

fn server(address: Option<SocketAddr>) -> Result<Finding> {
    let check = check("server", Severity::Error, "agents reach the server at this address");
    let Some(address) = address else {
        return Ok(check.unknown("the lock file does not say where the running server listens", "start it again"));
    };
    let asked = compose::small_runtime()?
        .block_on(async { tokio::time::timeout(HEALTH_WAIT, health(address)).await })
        .unwrap_or_else(|_| Err(format!("no answer in {} s", HEALTH_WAIT.as_secs())));
    Ok(check.found(match asked {
        Ok(200) => Seen::Good(format!("http://{address}/health answers")),
        Ok(status) => Seen::Bad(format!("http://{address}/health answers {status}"), LOG.to_owned()),
        Err(reason) => Seen::Bad(format!("http://{address}/health: {reason}"), LOG.to_owned()),
    }))
}

const LOG: &str = "look into the server's log, then stop it and start it again";

async fn health(address: SocketAddr) -> Result<u16, String> {
    let request = Request::get("/health")
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Full::new(Bytes::new()))
        .map_err(|error| error.to_string())?;
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    exchange(stream, request).await.map(|answer| answer.status).map_err(|failure| failure.reasons.join("; "))
}

/// `least` must stay free: a server refuses what adds rows when it does not.
fn disk(directory: &Path, least: u64) -> Finding {
    let check = check("disk", Severity::Error, "without space left every write is refused");
    match machine::free_bytes(directory) {
        Ok(free) => space(check, (free, least), directory),
        Err(error) => check.unknown(format!("{} cannot be asked: {error}", directory.display()), AGAIN),
    }
}

fn space(check: Check, (free, least): (u64, u64), directory: &Path) -> Finding {
    let observed = format!("{} MiB are free in {}", free >> 20, directory.display());
    if free >= LOW_FREE_BYTES.max(least) {
        return check.found(Seen::Good(observed));
    }
    let (severity, observed) = if free < least {
        let refused = format!("{observed}, less than `store.min_free_megabytes`: calls that add rows are refused");
        (Severity::Error, refused)
    } else {
        (Severity::Warn, observed)
    };
    let fix = "make room there, or move the data directory to a larger file system";
    Check { severity, ..check }.found(Seen::Bad(observed, fix.to_owned()))
}

fn backups(directory: &Path, now: Timestamp) -> Finding {
    let check = check("backups", Severity::Warn, "what is not backed up is lost with the disk");
    let folder = directory.join("backups");
    let newest = match newest_file(&folder) {
        Ok(newest) => newest,
        Err(error) => return check.unknown(format!("{} cannot be read: {error}", folder.display()), AGAIN),
    };
    let fix = "`guildhall backup create --help` says how; do it every day, and keep copies on another machine";
    let Some(newest) = newest else {
        return check.found(Seen::Bad(format!("there is no backup in {}", folder.display()), fix.to_owned()));
    };
    let observed = format!("the newest backup in {} is of {newest}", folder.display());
    check.found(if now.secs_since(newest) > STALE_SECS {
        Seen::Bad(format!("{observed}, more than 7 days ago"), fix.to_owned())
    } else {
        Seen::Good(observed)
    })
}

/// What a migration copied holds neither keys nor configuration, so it is no backup.
const NO_BACKUPS: [&str; 2] = ["before-", "partial."];

/// When the newest backup of a folder was written; none when there is none, or no folder.
fn newest_file(folder: &Path) -> io::Result<Option<Timestamp>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut newest = None;
    for entry in entries {
        let entry = entry?;
        let (name, found) = (entry.file_name(), entry.metadata()?);
        let is_backup = !NO_BACKUPS.iter().any(|start| name.to_string_lossy().starts_with(start));
        if is_backup && found.is_file() {
            newest = newest.max(Some(Timestamp::from_micros(found.mtime().saturating_mul(1_000_000))));
        }
    }
    Ok(newest)
}

fn semantic() -> Finding {
    let why = "search by meaning needs a model";
    let observed = "no model is installed; search by word and by misspelling works";
    check("model", Severity::Info, why).found(Seen::Good(observed.to_owned()))
}

/// The database's findings from the server that has it open.
fn asked(client: &Client) -> Vec<Finding> {
    let answer = client.json("ops.doctor", &json!({})).and_then(|mut answer| {
        let findings = answer.get_mut("findings").map(serde_json::Value::take).unwrap_or_default();
        serde_json::from_value(findings).map_err(|error| Failure::internal("the server's findings", error))
    });
    answer.unwrap_or_else(|failure: Failure| {
        let reason = format!("the server was asked: {}", failure.reasons.join("; "));
        database::unexamined(&reason, "stop the server and run `guildhall doctor` again", false)
    })
}

/// The database's findings while no server runs, holding the lock.
fn opened(directory: &Path, clock: &dyn Clock) -> Vec<Finding> {
    let secrets = secrets::read(directory).ok();
    let audit = secrets.as_ref().map(|secrets| &secrets.audit);
    let patient = database::Patient { audit, clock, reach: compose::everything("doctor runs without a server") };
    let examined = Inspection::open(directory)
        .and_then(|inspection| inspection.read(|tx| Ok::<_, store::Error>(database::examine(&patient, tx))));
    examined.unwrap_or_else(|error| {
        let is_damaged = matches!(error, store::Error::Corrupt { .. });
        let reason = Failure::from(error).reasons.join("; ");
        database::unexamined(&format!("the database cannot be opened: {reason}"), AGAIN, is_damaged)
    })
}

#[cfg(test)]
mod tests {
    use domain::ops::doctor::Status;

    use super::*;

    const LEAST: u64 = 100 << 20;

    #[test]
    fn little_space_warns_and_hardly_any_is_an_error() {
        let disk = check("disk", Severity::Error, "");
        let of = |free| {
            let finding = space(disk, (free, LEAST), Path::new("data"));
            (finding.status, finding.severity)
        };
        assert_eq!(of(LOW_FREE_BYTES).0, Status::Pass);
        assert_eq!(of(LOW_FREE_BYTES - 1), (Status::Fail, Severity::Warn));
        assert_eq!(of(LEAST), (Status::Fail, Severity::Warn));
        assert_eq!(of(LEAST - 1), (Status::Fail, Severity::Error));
        assert_eq!(of(0), (Status::Fail, Severity::Error));
    }

    #[test]
    fn an_address_beyond_loopback_fails_and_none_at_all_is_unknown() {
        let of = |listen: &str| {
            let mut config = Config::default();
            config.server.listen = listen.to_owned();
            super::listen(&config).status
        };
        assert_eq!(of("127.0.0.1:1"), Status::Pass);
        assert_eq!(of("[::1]:1"), Status::Pass);
        assert_eq!(of("192.0.2.1:1"), Status::Fail);
        assert_eq!(of("nowhere"), Status::Unknown);
    }

    #[test]
    fn the_lock_tells_a_server_from_a_stranger() {
        let holder = Some(Holder { pid: Some(7), address: None });
        assert_eq!(lock(true, Ok(&holder)).status, Status::Pass);
        assert_eq!(lock(false, Ok(&None)).status, Status::Pass);
        assert_eq!(lock(true, Ok(&None)).status, Status::Fail);
        let stranger = lock(false, Ok(&holder));
        assert!(stranger.status == Status::Fail && stranger.observed.contains("process 7"), "{stranger:?}");
        assert_eq!(lock(false, Err(&io::Error::other("gone"))).status, Status::Unknown);
    }

    #[test]
    fn what_cannot_be_opened_is_unknown_in_every_check() {
        let findings = database::unexamined("nobody can look", "mend it", false);
        assert!(findings.len() >= 9);
        for finding in findings {
            assert_eq!((finding.status, finding.observed.as_str()), (Status::Unknown, "nobody can look"));
        }
    }
}
