//! Looking at a database that nobody serves.

use std::{collections::BTreeMap, fs, path::Path};

use store::{Error, Inspection, Store, args};

use crate::{
    conformance::{ITEMS, ids, insert},
    options, tempdir,
};

fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = directory.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let others = entries.filter(|path| !path.ends_with("guildhall.lock"));
    others.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect()
}

fn count(inspection: &Inspection) -> i64 {
    let counted: Result<_, Error> =
        inspection.read(|tx| tx.row("SELECT COUNT(*) FROM items", args![], |row| row.int(0)));
    counted.unwrap().unwrap()
}

#[test]
fn an_inspection_sees_what_was_committed_and_changes_nothing() {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), ITEMS).unwrap();
    insert(&store, 1).unwrap();
    insert(&store, 2).unwrap();
    assert_eq!(ids(&store).len(), 2);
    store.close().unwrap();
    let before = contents(directory.path());
    let inspection = Inspection::open(directory.path()).unwrap();
    assert_eq!(count(&inspection), 2);
    let change: Result<u64, Error> = inspection.read(|tx| tx.change("DELETE FROM items", args![]));
    assert!(change.is_err(), "{change:?}");
    assert_eq!(count(&inspection), 2);
    drop(inspection);
    assert!(contents(directory.path()) == before);
}

#[test]
fn an_inspection_holds_the_lock_and_yields_to_whoever_has_it() {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), ITEMS).unwrap();
    // A server writes its address behind its number.
    let lock = directory.path().join("guildhall.lock");
    fs::write(&lock, fs::read_to_string(&lock).unwrap() + "127.0.0.1:8640\n").unwrap();
    let refused = Inspection::open(directory.path());
    let own = std::process::id();
    assert!(matches!(refused, Err(Error::Locked { pid: Some(pid) }) if pid == own), "{refused:?}");
    store.close().unwrap();
    let inspection = Inspection::open(directory.path()).unwrap();
    assert!(matches!(Store::open(options(directory.path()), ITEMS), Err(Error::Locked { .. })));
    drop(inspection);
    Store::open(options(directory.path()), ITEMS).unwrap().close().unwrap();
}

#[test]
fn what_is_no_database_is_not_opened_and_none_is_made() {
    let directory = tempdir();
    let missing = Inspection::open(directory.path());
    assert!(matches!(missing, Err(Error::Unavailable { .. })), "{missing:?}");
    let path = directory.path().join("guildhall.db");
    assert!(!path.exists());
    fs::write(&path, [7; 8_192]).unwrap();
    let opened = Inspection::open(directory.path())
        .and_then(|inspection| inspection.read(|tx| tx.row("SELECT 1 FROM items", args![], |row| row.int(0))));
    assert!(matches!(opened, Err(Error::Corrupt { .. })), "{opened:?}");
}
