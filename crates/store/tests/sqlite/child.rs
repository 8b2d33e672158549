//! A second process over the same directory: this test binary, started again by another test.

use std::{
    io::{Write as _, stdout},
    path::Path,
    process::{Command, Stdio},
};

use store::{Error, Store};

use crate::{
    conformance::{Failure, ITEMS, insert},
    options,
};

const ROLE: &str = "GUILDHALL_TEST_STORE_ROLE";
const DIRECTORY: &str = "GUILDHALL_TEST_STORE_DIRECTORY";
const FIRST: &str = "GUILDHALL_TEST_STORE_FIRST_ID";

/// What the other process does. Each answer becomes a line on its output: `ack 7`, `full 7` or `unavailable 7`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    /// 32 writers, until it is killed.
    Forever,
    /// 16 writers, 60 items each.
    Some,
    /// One writer, 25 items.
    Serial,
}

/// The items of [`Role::Some`].
pub(crate) const SOME: i64 = 16 * 60;
/// The items of [`Role::Serial`].
pub(crate) const SERIAL: i64 = 25;

/// The command that plays `role`, started through `wrapper` (a program and its arguments) if there is one.
pub(crate) fn command(wrapper: &[&str], role: Role, directory: &Path, first: i64) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match wrapper.split_first() {
        None => Command::new(this),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(this);
            command
        }
    };
    command
        .args(["child::plays_its_role", "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{role:?}"))
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped());
    command
}

/// Splits a line of the child into its word and its id; other lines are the test harness's.
pub(crate) fn parse(line: &str) -> Option<(&str, i64)> {
    let (word, id) = line.trim_end().split_once(' ')?;
    ["ack", "full", "unavailable"].contains(&word).then_some(())?;
    Some((word, id.parse().ok()?))
}

/// Not a test by itself: does nothing unless another test started this process.
#[test]
#[expect(clippy::disallowed_methods, reason = "the arguments of a test binary belong to the harness")]
fn plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let directory = std::env::var_os(DIRECTORY).unwrap();
    let first: i64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = Store::open(options(directory.as_ref()), ITEMS).unwrap();
    // The harness has begun a line of its own.
    stdout().lock().write_all(b"\n").unwrap();
    match role.as_str() {
        "Forever" => write(&store, 32, first, 1_000_000),
        "Some" => write(&store, 16, first, 60),
        "Serial" => write(&store, 1, first, SERIAL),
        other => panic!("no such role: {other}"),
    }
    drop(store.close());
}

fn write(store: &Store, writers: i64, first: i64, each: i64) {
    std::thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || {
                for number in 0..each {
                    let id = first + number * writers + writer;
                    let word = match insert(store, id) {
                        Ok(()) => "ack",
                        Err(Failure::Store(Error::StorageFull { .. })) => "full",
                        Err(Failure::Store(Error::Unavailable { .. })) => "unavailable",
                        Err(other) => panic!("{id}: {other:?}"),
                    };
                    // One write per line, past the capture of the test harness.
                    stdout().lock().write_all(format!("{word} {id}\n").as_bytes()).unwrap();
                }
            });
        }
    });
}
