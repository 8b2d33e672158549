//! What a change of the schema promises.

use store::{Error, Migration, Options, Store, args};

use super::Engine;

const fn migration(number: i64, sql: &'static str) -> Migration {
    Migration { number, name: "test", sql }
}

const ONE: Migration = migration(1, "CREATE TABLE notes (text TEXT NOT NULL); INSERT INTO notes VALUES ('one')");
const TWO: Migration = migration(2, "INSERT INTO notes VALUES ('two')");
const THREE: Migration = migration(3, "INSERT INTO notes VALUES ('three')");
const BROKEN: Migration = migration(4, "INSERT INTO notes VALUES ('four'); INSERT INTO nowhere VALUES (1)");

fn as_it_is(_: &mut Options) {}

fn notes(store: &Store) -> Vec<String> {
    store.read_blocking(|tx| tx.rows("SELECT text FROM notes", args![], |row| row.text(0))).unwrap()
}

pub(crate) fn migrations_are_applied_once_and_in_order(engine: &impl Engine) {
    const STEPS: [&[Migration]; 4] = [&[ONE], &[ONE], &[ONE, TWO, THREE], &[ONE, TWO, THREE]];
    for step in STEPS {
        let store = engine.open_with(as_it_is, step).unwrap();
        assert_eq!(notes(&store), ["one", "two", "three"].get(..step.len()).unwrap());
        let recorded: Vec<i64> =
            store.read_blocking(|tx| tx.rows("SELECT number FROM migrations", args![], |row| row.int(0))).unwrap();
        assert_eq!(recorded, step.iter().map(|migration| migration.number).collect::<Vec<_>>());
    }
}

pub(crate) fn a_changed_migration_is_refused(engine: &impl Engine) {
    const CHANGED: &[Migration] = &[ONE, migration(2, "INSERT INTO notes VALUES ('zwei')"), THREE];
    drop(engine.open_with(as_it_is, &[ONE, TWO]).unwrap());
    let refused = engine.open_with(as_it_is, CHANGED);
    assert!(matches!(refused, Err(Error::MigrationChanged { number: 2 })), "{refused:?}");
    assert_eq!(notes(&engine.open_with(as_it_is, &[ONE, TWO]).unwrap()), ["one", "two"]);
}

pub(crate) fn a_migration_before_the_last_is_refused(engine: &impl Engine) {
    drop(engine.open_with(as_it_is, &[ONE, THREE]).unwrap());
    let refused = engine.open_with(as_it_is, &[ONE, TWO, THREE]);
    assert!(matches!(refused, Err(Error::MigrationChanged { number: 2 })), "{refused:?}");
    let growing = engine.open_with(as_it_is, &[ONE, THREE, TWO]);
    assert!(matches!(growing, Err(Error::Internal { .. })), "{growing:?}");
}

pub(crate) fn a_newer_database_is_refused(engine: &impl Engine) {
    drop(engine.open_with(as_it_is, &[ONE, TWO, THREE]).unwrap());
    let refused = engine.open_with(as_it_is, &[ONE, TWO]);
    assert!(matches!(refused, Err(Error::NewerSchema { found: 3, known: 2 })), "{refused:?}");
}

pub(crate) fn a_failing_migration_keeps_the_ones_before_it(engine: &impl Engine) {
    drop(engine.open_with(as_it_is, &[ONE]).unwrap());
    let failed = engine.open_with(as_it_is, &[ONE, TWO, THREE, BROKEN]);
    assert!(matches!(failed, Err(Error::Internal { .. })), "{failed:?}");
    assert_eq!(notes(&engine.open_with(as_it_is, &[ONE, TWO, THREE]).unwrap()), ["one", "two", "three"]);
}

pub(crate) fn a_migration_cannot_leave_a_dangling_reference(engine: &impl Engine) {
    const TABLES: Migration = migration(
        1,
        "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY);
         CREATE TABLE parts (item BIGINT NOT NULL REFERENCES items (id));
         INSERT INTO items VALUES (1); INSERT INTO parts VALUES (1);",
    );
    drop(engine.open_with(as_it_is, &[TABLES]).unwrap());
    let failed = engine.open_with(as_it_is, &[TABLES, migration(2, "DELETE FROM items")]);
    assert!(matches!(failed, Err(Error::Internal { .. })), "{failed:?}");
    let left = engine.open_with(as_it_is, &[TABLES]).unwrap();
    let count = left.read_blocking(|tx| tx.row("SELECT COUNT(*) FROM items", args![], |row| row.int(0)));
    assert_eq!(count.unwrap(), Some(1));
}
