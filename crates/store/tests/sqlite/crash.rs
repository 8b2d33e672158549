//! What a killed process had acknowledged is there.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    io::{BufRead as _, BufReader},
};

use store::{Store, args};

use crate::{
    child::{Role, command, parse},
    conformance::{ITEMS, ids},
    options, tempdir,
};

#[test]
fn a_killed_process_loses_nothing_it_acknowledged() {
    let directory = tempdir();
    let mut acknowledged = HashSet::new();
    for round in 0..20 {
        let before_kill = 1 + RandomState::new().hash_one(round) % 1500;
        let first = i64::from(round) * 100_000_000;
        let mut child = command(&[], Role::Forever, directory.path(), first).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = 0;
        while let Some(line) = lines.next().map(Result::unwrap) {
            let Some((word, id)) = parse(&line) else { continue };
            assert_eq!(word, "ack");
            acknowledged.insert(id);
            read += 1;
            if read == before_kill {
                child.kill().unwrap();
            }
        }
        assert!(read >= before_kill, "the child ended by itself after {read} answers");
        child.wait().unwrap();

        let store = Store::open(options(directory.path()), ITEMS).unwrap();
        let found: HashSet<i64> = ids(&store).into_iter().collect();
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "round {round}, killed after {before_kill} answers, lost {lost:?}");
        let check = store.read_blocking(|tx| tx.rows("PRAGMA integrity_check", args![], |row| row.text(0)));
        assert_eq!(check.unwrap(), ["ok"]);
    }
}
