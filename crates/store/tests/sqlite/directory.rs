//! Who may read the data directory and who holds it; the copy made before a migration.

use std::{
    fs::{Permissions, set_permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use store::{Error, Migration, Store, args};

use crate::{
    conformance::{ITEMS, ids, insert},
    options, tempdir,
};

fn open(directory: &Path) -> Result<Store, Error> {
    Store::open(options(directory), ITEMS)
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_new_directory_and_everything_in_it_is_private() {
    let parent = tempdir();
    let directory = parent.path().join("new");
    let store = open(&directory).unwrap();
    insert(&store, 1).unwrap();
    assert_eq!(mode(&directory), 0o700);
    let names: Vec<_> = files(&directory).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["guildhall.db", "guildhall.db-shm", "guildhall.db-wal", "guildhall.lock"]);
    for path in files(&directory) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    for loose in [0o755, 0o750, 0o701] {
        let directory = tempdir();
        set_mode(directory.path(), loose);
        let refused = open(directory.path());
        assert!(matches!(&refused, Err(Error::Unsafe { path, .. }) if path.ends_with(directory.path())), "{refused:?}");
        assert_eq!(mode(directory.path()), loose, "it must not be repaired silently");
        assert_eq!(files(directory.path()), [""; 0].map(PathBuf::from));
    }
}

#[test]
fn files_that_others_can_read_are_refused() {
    let directory = tempdir();
    let store = open(directory.path()).unwrap();
    insert(&store, 1).unwrap();
    store.close().unwrap();
    std::fs::write(directory.path().join("guildhall.db-wal"), "").unwrap();
    for name in ["guildhall.db", "guildhall.db-wal", "guildhall.lock"] {
        let path = directory.path().join(name);
        for file in files(directory.path()) {
            set_mode(&file, 0o600);
        }
        set_mode(&path, 0o644);
        let refused = open(directory.path());
        assert!(matches!(&refused, Err(Error::Unsafe { path, .. }) if path.ends_with(name)), "{refused:?}");
        assert_eq!(mode(&path), 0o644);
        set_mode(&path, 0o600);
    }
    assert_eq!(ids(&open(directory.path()).unwrap()), [1]);
}

#[test]
fn a_linked_database_is_refused() {
    let (elsewhere, directory) = (tempdir(), tempdir());
    drop(open(elsewhere.path()).unwrap());
    symlink(elsewhere.path().join("guildhall.db"), directory.path().join("guildhall.db")).unwrap();
    assert!(matches!(open(directory.path()), Err(Error::Unsafe { .. })));
}

#[test]
fn a_second_store_is_told_who_holds_the_directory() {
    let directory = tempdir();
    let first = open(directory.path()).unwrap();
    let second = open(directory.path());
    assert!(matches!(second, Err(Error::Locked { pid: Some(pid) }) if pid == std::process::id()), "{second:?}");
    first.close().unwrap();
    open(directory.path()).unwrap();
}

#[test]
fn a_file_that_is_no_database_is_corrupt() {
    let directory = tempdir();
    let path = directory.path().join("guildhall.db");
    std::fs::write(&path, "not a database, whatever its name says".repeat(100)).unwrap();
    set_mode(&path, 0o600);
    assert!(matches!(open(directory.path()), Err(Error::Corrupt { .. })));
}

#[test]
fn closing_leaves_one_complete_file() {
    let directory = tempdir();
    let store = open(directory.path()).unwrap();
    insert(&store, 1).unwrap();
    store.close().unwrap();
    assert!(!directory.path().join("guildhall.db-wal").exists());
}

#[test]
fn a_database_is_backed_up_before_it_is_migrated() {
    const NEXT: &[Migration] =
        &[ITEMS[0], Migration { number: 12, name: "more", sql: "CREATE TABLE more (id BIGINT NOT NULL PRIMARY KEY)" }];
    let directory = tempdir();
    let backups = directory.path().join("backups");
    let store = open(directory.path()).unwrap();
    insert(&store, 7).unwrap();
    drop(store);
    assert!(!backups.exists(), "an empty database needs no backup");
    for _ in 0..2 {
        drop(Store::open(options(directory.path()), NEXT).unwrap());
        assert_eq!(files(&backups), [backups.join("before-0012-20260921T141320Z.db")]);
    }
    assert_eq!((mode(&backups), mode(&files(&backups)[0])), (0o700, 0o600));

    let restored = tempdir();
    std::fs::copy(&files(&backups)[0], restored.path().join("guildhall.db")).unwrap();
    let store = open(restored.path()).unwrap();
    assert_eq!(ids(&store), [7]);
    let check = store.read_blocking(|tx| tx.rows("PRAGMA integrity_check", args![], |row| row.text(0)));
    assert_eq!(check.unwrap(), ["ok"]);
}
