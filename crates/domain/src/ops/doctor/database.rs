//! The checks of the database: the one list of them, run by `ops.doctor` in a server and by the command line without one.

use security::chain::AuditKey;
use store::{Everything, MIGRATIONS, Tx};
use types::Clock;

use super::finding::{Check, Finding, Seen, Severity};
use crate::{Error, Result, audit::verify};

/// Newest rows of each workspace's audit log that are verified; `guildhall audit verify` takes all of them.
pub const CHAIN_ROWS: i64 = 2_000;
/// A key that expires within so many seconds is named: 14 days.
const EXPIRING_SECS: i64 = 14 * 86_400;
/// A key that was not used for so many seconds is named: 60 days.
const IDLE_SECS: i64 = 60 * 86_400;
/// Things that one finding names; it says that there are more.
const NAMED: usize = 5;

/// What is examined, and with what.
pub struct Patient<'a> {
    /// The key of the audit chains; none when it cannot be read.
    pub audit: Option<&'a AuditKey>,
    /// The machine's clock.
    pub clock: &'a dyn Clock,
    /// Every workspace.
    pub reach: Everything,
}

type Look = fn(&Patient<'_>, &Tx<'_>) -> Result<Seen>;

const fn check(id: &'static str, severity: Severity, why: &'static str) -> Check {
    Check { id, severity, why }
}

static CHECKS: [(Check, Look); 9] = [
    (
        check("database.migrations", Severity::Error, "this binary reads and writes the schema it was built for"),
        migrations,
    ),
    (
        check("database.schema", Severity::Error, "an index that is missing makes calls slow, or lets rows repeat"),
        schema,
    ),
    (check("database.pages", Severity::Error, "a damaged page loses what stands on it"), pages),
    (check("database.references", Severity::Error, "a row that refers to nothing belongs to nobody"), references),
    (check("audit.chain", Severity::Error, "a changed audit row hides what was done"), chain),
    (check("clock", Severity::Error, "keys and memories expire by the machine's clock"), clock),
    (check("memory.counts", Severity::Error, "statistics and quotas read these counters"), counts),
    (check("keys.expiring", Severity::Warn, "an agent whose key expires is refused from then on"), expiring),
    (check("keys.idle", Severity::Info, "a key that nobody uses can only be misused"), idle),
];

/// Runs every check of the database. One that cannot run is `unknown` and keeps no other from running.
#[must_use]
pub fn examine(patient: &Patient<'_>, tx: &Tx<'_>) -> Vec<Finding> {
    CHECKS
        .iter()
        .map(|(check, look)| match look(patient, tx) {
            Ok(seen) => check.found(seen),
            Err(error) => {
                let fault = error.into_fault();
                let reason = match &fault.cause {
                    Some(cause) => format!("could not be checked: {cause}"),
                    None => format!("could not be checked: {}", fault.detail),
                };
                check.unknown(reason, "mend what the other findings name, then run `guildhall doctor` again")
            }
        })
        .collect()
}

/// The findings when the database as a whole cannot be examined. `damaged`: the file is not one that can be read.
#[must_use]
pub fn unexamined(reason: &str, fix: &str, damaged: bool) -> Vec<Finding> {
    let broken = |check: &Check| damaged && check.id == "database.pages";
    CHECKS
        .iter()
        .map(|(check, _)| match broken(check) {
            true => check.found(Seen::Bad(reason.to_owned(), RESTORE.to_owned())),
            false => check.unknown(reason, fix),
        })
        .collect()
}

const RESTORE: &str = "stop the server, keep a copy of the data directory, and put a backup back";

fn migrations(_: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    Ok(match store::doctor::schema(tx, MIGRATIONS) {
        Ok(schema) if schema.pending == 0 => {
            Seen::Good(format!("schema {}, the newest of this binary, as it was applied", schema.number))
        }
        Ok(schema) => Seen::Bad(
            format!("schema {}; {} migrations of this binary are not applied", schema.number, schema.pending),
            "`guildhall up` applies them, after a copy into the folder `backups`".to_owned(),
        ),
        Err(error @ store::Error::NewerSchema { .. }) => {
            Seen::Bad(error.to_string(), "run the binary that wrote this database, or a newer one".to_owned())
        }
        Err(error @ store::Error::MigrationChanged { .. }) => {
            Seen::Bad(error.to_string(), "run the binary that wrote this database".to_owned())
        }
        Err(error) => return Err(Error::from(error)),
    })
}

fn schema(_: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let strays = store::doctor::strays(tx, MIGRATIONS)?;
    if strays.is_empty() {
        return Ok(Seen::Good("every table and index is as the migrations made it".to_owned()));
    }
    let named = listed(strays.iter().map(|(name, how)| format!("`{name}` {how}")));
    Ok(Seen::Bad(named, RESTORE.to_owned()))
}

fn pages(_: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let said = match store::doctor::damage(tx, NAMED + 1) {
        Ok(said) => said,
        Err(store::Error::Corrupt { cause }) => {
            vec![cause.map_or_else(|| "the file cannot be read to its end".to_owned(), |cause| cause.to_string())]
        }
        Err(error) => return Err(Error::from(error)),
    };
    if said.is_empty() {
        return Ok(Seen::Good("every page of the database was read and is sound".to_owned()));
    }
    Ok(Seen::Bad(format!("the database file is damaged: {}", listed(said.into_iter())), RESTORE.to_owned()))
}

fn references(_: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let dangling = store::doctor::dangling(tx)?;
    if dangling.is_empty() {
        return Ok(Seen::Good("every reference has its row".to_owned()));
    }
    let named = listed(dangling.iter().map(|(table, rows)| format!("{rows} rows of `{table}` refer to no row")));
    Ok(Seen::Bad(named, RESTORE.to_owned()))
}

fn chain(patient: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let Some(key) = patient.audit else {
        return Err(Error::internal().cause("the key of the audit chain cannot be read"));
    };
    let workspaces = store::workspaces::list(tx, patient.reach)?;
    let (mut looked, mut all, mut broken) = (0, 0, Vec::new());
    for workspace in &workspaces {
        let verdict = verify::walk(key, tx, workspace.id, CHAIN_ROWS)?;
        looked += verdict.rows;
        all += store::audit::head(tx, workspace.id)?.audit_seq;
        if let Some(row) = verdict.first_bad {
            broken.push(format!("the audit log of workspace `{}` is broken at row {row}", workspace.slug));
        }
    }
    if broken.is_empty() {
        let count = workspaces.len();
        return Ok(Seen::Good(format!("{looked} of {all} rows in {count} workspaces verified, none changed")));
    }
    Ok(Seen::Bad(
        listed(broken.into_iter()),
        "`guildhall audit verify` tells more; compare with a backup, and put back what belongs together".to_owned(),
    ))
}

fn clock(patient: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let newest = store::audit::newest(tx, patient.reach)?;
    // Read after the row, so that a server at work is never ahead of it.
    let now = patient.clock.now();
    Ok(match newest {
        Some(newest) if newest > now => Seen::Bad(
            format!("it is {now}, which is before the newest audit row ({newest})"),
            "set the machine's clock and keep it set, such as with NTP".to_owned(),
        ),
        Some(newest) => Seen::Good(format!("it is {now}, not before the newest audit row ({newest})")),
        None => Seen::Good(format!("it is {now}; there is no audit row yet")),
    })
}

fn counts(patient: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let counted = store::doctor::counted(tx, patient.reach)?;
    if counted.wrong == 0 {
        return Ok(Seen::Good(format!("the counters agree with {} memories", counted.memories)));
    }
    Ok(Seen::Bad(
        format!("{} counters disagree with the {} memories they count", counted.wrong, counted.memories),
        "the memories are whole, statistics and quotas are wrong: put a backup back, or report it as a fault"
            .to_owned(),
    ))
}

fn expiring(patient: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let now = patient.clock.now();
    let keys = store::keys::expiring(tx, patient.reach, (now, now.plus_secs(EXPIRING_SECS)), NAMED + 1)?;
    if keys.is_empty() {
        return Ok(Seen::Good("no key expires within 14 days".to_owned()));
    }
    let named = listed(keys.iter().map(ToString::to_string));
    Ok(Seen::Bad(
        format!("keys that expire within 14 days: {named}"),
        "`guildhall key rotate ID` makes the next one, or let it end".to_owned(),
    ))
}

fn idle(patient: &Patient<'_>, tx: &Tx<'_>) -> Result<Seen> {
    let now = patient.clock.now();
    let keys = store::keys::idle(tx, patient.reach, (now, now.plus_secs(-IDLE_SECS)), NAMED + 1)?;
    if keys.is_empty() {
        return Ok(Seen::Good("every key was used or made within 60 days".to_owned()));
    }
    let named = listed(keys.iter().map(ToString::to_string));
    Ok(Seen::Bad(
        format!("keys that nobody used for 60 days: {named}"),
        "`guildhall key revoke ID`, unless it is kept for a reason".to_owned(),
    ))
}

/// The first few, and whether there are more.
fn listed(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let mut text = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        text.push_str(", and more");
    }
    text
}
