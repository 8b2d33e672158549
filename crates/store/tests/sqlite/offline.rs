//! Copies of the database, and what a file without a store is found to be.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use store::{Error, MIGRATIONS, Store, Verdict, args};

use crate::{options, tempdir};

fn snapshot(store: &Store, path: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let taken = runtime.block_on(store.snapshot(path.to_owned())).unwrap();
    assert_eq!(taken.size_bytes(), path.metadata().unwrap().len());
    assert_eq!(taken.keep(), path);
}

fn write(store: &Store, sql: &'static str) {
    let written: Result<(), Error> = store.write_blocking(move |tx| {
        tx.change(sql, args![])?;
        Ok(Verdict::Done(()))
    });
    written.unwrap();
}

const WORKSPACE: &str =
    "INSERT INTO workspaces (id, slug, name, status, created_at) VALUES ('w', 'w', 'w', 'active', 0)";

#[test]
fn a_snapshot_is_one_private_file_that_verifies() {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    write(&store, WORKSPACE);
    let path = directory.path().join("copy.db");
    snapshot(&store, &path);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let report = store::verify(&path).unwrap();
    assert!(report.damage.is_empty() && report.dangling.is_empty() && report.unknown.is_none(), "{report:?}");
    assert_eq!(report.schema, MIGRATIONS.last().unwrap().number);
    assert_eq!((report.counts["workspaces"], report.counts["memories"]), (1, 0));
    for beside in ["copy.db-wal", "copy.db-shm", "copy.db-journal"] {
        assert!(!directory.path().join(beside).exists(), "{beside}");
    }
}

#[test]
fn damage_dangling_rows_and_foreign_migrations_are_found() {
    let directory = tempdir();
    let store = Store::open(options(directory.path()), MIGRATIONS).unwrap();
    write(&store, WORKSPACE);
    for number in 0..200 {
        let insert: Result<(), Error> = store.write_blocking(move |tx| {
            tx.change(
                "INSERT INTO outbox (workspace_id, seq, at, kind, object) VALUES ('w', $1, 0, $2, 'o')",
                args![number, "k".repeat(300)],
            )?;
            Ok(Verdict::Done(()))
        });
        insert.unwrap();
    }
    let path = directory.path().join("copy.db");
    snapshot(&store, &path);
    drop(store);

    let edit = rusqlite::Connection::open(&path).unwrap();
    edit.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM workspaces; UPDATE migrations SET checksum = 'x'")
        .unwrap();
    edit.execute_batch(
        "INSERT INTO workspace_heads (workspace_id, audit_seq, audit_mac, outbox_seq) VALUES ('gone', 0, x'00', 0)",
    )
    .unwrap();
    drop(edit);
    let report = store::verify(&path).unwrap();
    assert_eq!(report.dangling.len(), 1, "{report:?}");
    assert!(report.dangling[0].starts_with("workspace_heads "), "{report:?}");
    assert!(matches!(report.unknown, Some(Error::MigrationChanged { number: 1 })), "{report:?}");

    let mut bytes = std::fs::read(&path).unwrap();
    let from = bytes.len() - 3 * 4_096;
    for byte in &mut bytes[from..from + 2_000] {
        *byte = 0xa5;
    }
    std::fs::write(&path, &bytes).unwrap();
    // Damage is a line of the report, or so bad that the file cannot be asked at all.
    match store::verify(&path) {
        Ok(report) => assert!(!report.damage.is_empty(), "{report:?}"),
        Err(error) => assert!(matches!(error, Error::Corrupt { .. }), "{error:?}"),
    }
    std::fs::write(&path, "no database".repeat(500)).unwrap();
    assert!(matches!(store::verify(&path), Err(Error::Corrupt { .. })));
}
