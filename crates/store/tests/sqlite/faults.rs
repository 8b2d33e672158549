//! System calls watched, and made to fail, from outside: `strace` is required, and installed by `scripts/test`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
    path::Path,
    process::Command,
};

use store::Store;

use crate::{
    child::{Role, SERIAL, SOME, command, parse},
    conformance::{ITEMS, ids, insert},
    options, tempdir,
};

/// Runs a child to its end and returns what it wrote, line by line.
fn lines(mut command: Command) -> Vec<String> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("strace is missing: run scripts/test, or `apt-get install strace`")
        }
        Err(error) => panic!("strace does not start: {error}"),
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the traced child failed:\n{out}\n{err}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn no_answer_leaves_before_the_log_is_synced() {
    let (directory, traces) = (tempdir(), tempdir());
    let trace = traces.path().join("trace");
    let wrapper = ["strace", "-f", "-y", "-s", "16", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o"];
    let wrapper: Vec<&str> = wrapper.into_iter().chain([trace.to_str().unwrap(), "--"]).collect();
    drop(lines(command(&wrapper, Role::Serial, directory.path(), 0)));
    let trace = std::fs::read_to_string(trace).unwrap();
    assert_eq!(synced_answers(&trace), SERIAL);
}

/// How many answers the trace shows, each of them after a write of the log and a completed sync of it.
fn synced_answers(trace: &str) -> i64 {
    let mut answers = 0;
    let (mut is_written, mut is_synced) = (false, false);
    let mut syncing = BTreeSet::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if call.starts_with("pwrite64(") && call.contains("guildhall.db-wal>") {
            (is_written, is_synced) = (true, false);
        } else if is_sync && call.contains("guildhall.db-wal>") {
            is_synced = call.ends_with("= 0");
            if call.ends_with("<unfinished ...>") {
                syncing.insert(thread);
            }
        } else if call.contains("sync resumed>") && syncing.remove(thread) {
            is_synced = call.ends_with("= 0");
        } else if call.starts_with("write(1<") && call.contains("\"ack ") {
            assert!(is_written && is_synced, "answered too early: {line}\nin\n{trace}");
            (is_written, is_synced) = (false, false);
            answers += 1;
        }
    }
    answers
}

/// Runs 16 writers while a system call fails as `inject` says, and checks that every answer was the truth.
fn true_answers_under(inject: &str) -> BTreeMap<String, usize> {
    let directory = tempdir();
    drop(open(directory.path()));
    let call = inject.split(':').next().unwrap();
    let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
    let wrapper = ["strace", "-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, "--"];
    let output = lines(command(&wrapper, Role::Some, directory.path(), 0));
    let answers: Vec<_> = output.iter().filter_map(|line| parse(line)).collect();
    assert_eq!(answers.len(), usize::try_from(SOME).unwrap(), "everybody is answered");

    let store = open(directory.path());
    let acknowledged: BTreeSet<i64> = answers.iter().filter(|(word, _)| *word == "ack").map(|(_, id)| *id).collect();
    assert_eq!(acknowledged, ids(&store).into_iter().collect(), "what is there is exactly what was acknowledged");
    let Some(last_failure) = answers.iter().rposition(|(word, _)| *word != "ack") else { panic!("nothing failed") };
    assert!(last_failure + 1 < answers.len(), "the store must recover");
    insert(&store, SOME).unwrap();

    let mut counts = BTreeMap::new();
    for (word, _) in answers {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    counts
}

fn open(directory: &Path) -> Store {
    Store::open(options(directory), ITEMS).unwrap()
}

#[test]
fn a_full_disk_loses_nothing_acknowledged() {
    let counts = true_answers_under("pwrite64:error=ENOSPC:when=60..75");
    assert!(counts.contains_key("full") && !counts.contains_key("unavailable"), "{counts:?}");
}

#[test]
fn a_failing_sync_answers_everybody_in_the_group() {
    let counts = true_answers_under("fsync,fdatasync:error=EIO:when=8..10");
    assert!(counts.contains_key("unavailable") && !counts.contains_key("full"), "{counts:?}");
}
