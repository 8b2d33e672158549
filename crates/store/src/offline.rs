//! A database file that no store holds, such as one taken out of a backup: what it holds, and whether it is whole.

use std::{collections::BTreeMap, path::Path};

use rusqlite::Connection;

use crate::{Error, MIGRATIONS, Result, Tx, args, engine, migrate, tx::Access};

/// Findings of one kind that are listed at most.
const MOST_FINDINGS: usize = 100;

const BEGIN: &str = "BEGIN";
const INTEGRITY: &str = "PRAGMA integrity_check(100)";
const DANGLING: &str = "SELECT \"table\", COALESCE(rowid, 0), parent FROM pragma_foreign_key_check LIMIT 100";

/// A table, the migration that makes it, and how its rows are counted.
struct Table {
    name: &'static str,
    since: i64,
    count: &'static str,
}

/// Every table of the newest schema, by name.
const TABLES: &[Table] = &[
    Table { name: "agents", since: 1, count: "SELECT COUNT(*) FROM agents" },
    Table { name: "api_keys", since: 1, count: "SELECT COUNT(*) FROM api_keys" },
    Table { name: "audit", since: 1, count: "SELECT COUNT(*) FROM audit" },
    Table { name: "jobs", since: 2, count: "SELECT COUNT(*) FROM jobs" },
    Table { name: "memories", since: 1, count: "SELECT COUNT(*) FROM memories" },
    Table { name: "memory_counts", since: 2, count: "SELECT COUNT(*) FROM memory_counts" },
    Table { name: "memory_grants", since: 2, count: "SELECT COUNT(*) FROM memory_grants" },
    Table { name: "memory_tags", since: 3, count: "SELECT COUNT(*) FROM memory_tags" },
    Table { name: "memory_terms", since: 1, count: "SELECT COUNT(*) FROM memory_terms" },
    Table { name: "memory_tombstones", since: 2, count: "SELECT COUNT(*) FROM memory_tombstones" },
    Table { name: "memory_versions", since: 2, count: "SELECT COUNT(*) FROM memory_versions" },
    Table { name: "migrations", since: 1, count: "SELECT COUNT(*) FROM migrations" },
    Table { name: "origins", since: 2, count: "SELECT COUNT(*) FROM origins" },
    Table { name: "outbox", since: 1, count: "SELECT COUNT(*) FROM outbox" },
    Table { name: "replays", since: 1, count: "SELECT COUNT(*) FROM replays" },
    Table { name: "team_members", since: 2, count: "SELECT COUNT(*) FROM team_members" },
    Table { name: "teams", since: 2, count: "SELECT COUNT(*) FROM teams" },
    Table { name: "workspace_heads", since: 1, count: "SELECT COUNT(*) FROM workspace_heads" },
    Table { name: "workspaces", since: 1, count: "SELECT COUNT(*) FROM workspaces" },
];

/// What [`verify`] found. A whole database has no damage, nothing dangling and known migrations.
#[derive(Debug)]
pub struct Report {
    /// The number of the newest migration in it; 0 when there is none.
    pub schema: i64,
    /// What the engine's own check of the file says; at most 100 lines.
    pub damage: Vec<String>,
    /// Rows that refer to missing ones, as `table row -> table`; at most 100.
    pub dangling: Vec<String>,
    /// Why its migrations are not those of this binary.
    pub unknown: Option<Error>,
    /// Rows of every table that its schema has.
    pub counts: BTreeMap<&'static str, i64>,
}

/// A database file, opened for reading only.
#[derive(Debug)]
pub struct Offline {
    connection: Connection,
}

impl Offline {
    /// Opens the file, and begins the one transaction that all reads see.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = engine::open_for_reading(path)?;
        connection.execute_batch(BEGIN).map_err(failed)?;
        Ok(Self { connection })
    }

    /// Reads.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn read<T, E: From<Error>>(&self, f: impl FnOnce(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        f(&Tx::new(&self.connection, Access::Read))
    }

    /// The number of the newest migration in it; 0 when there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub fn schema(&self) -> Result<i64> {
        Ok(migrate::applied(&self.connection)?.last().map_or(0, |(number, _)| *number))
    }

    /// Rows of every table that its schema has, by the table's name.
    ///
    /// # Errors
    /// Those of the database: a table that cannot be counted is never counted as empty.
    pub fn counts(&self) -> Result<BTreeMap<&'static str, i64>> {
        let schema = self.schema()?;
        self.read(|tx| {
            let there = TABLES.iter().filter(|table| table.since <= schema);
            there.map(|table| Ok((table.name, count(tx, table)?))).collect()
        })
    }

    /// Everything there is to check without a key.
    ///
    /// # Errors
    /// Those of the database, when it cannot even be asked.
    pub fn report(&self) -> Result<Report> {
        let unknown = migrate::pending(&migrate::applied(&self.connection)?, MIGRATIONS).err();
        let damage = self.read(|tx| tx.rows(INTEGRITY, args![], |row| row.text(0)))?;
        let dangling = self.read(|tx| {
            tx.rows(DANGLING, args![], |row| {
                Ok::<_, Error>(format!("{} {} -> {}", row.text(0)?, row.int(1)?, row.text(2)?))
            })
        })?;
        Ok(Report {
            schema: self.schema()?,
            damage: damage.into_iter().filter(|line| line != "ok").take(MOST_FINDINGS).collect(),
            dangling,
            unknown,
            counts: self.counts()?,
        })
    }
}

/// Checks a database file that no store holds: the file itself, its references, its migrations; counts its rows.
///
/// # Errors
/// [`Error::Corrupt`] when it is no database, and those of reading it.
pub fn verify(path: &Path) -> Result<Report> {
    Offline::open(path)?.report()
}

fn count(tx: &Tx<'_>, table: &Table) -> Result<i64> {
    tx.row(table.count, args![], |row| row.int(0))?.ok_or(Error::internal("a count answers no row"))
}

fn failed(error: rusqlite::Error) -> Error {
    Error::sqlite("open a copy of the database", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_every_migration_is_counted() {
        let connection = Connection::open_in_memory().unwrap();
        let mut known = vec!["migrations".to_owned()];
        for migration in MIGRATIONS {
            connection.execute_batch(migration.sql).unwrap();
            let mut names = connection
                .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
                .unwrap();
            let names: Vec<String> =
                names.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap();
            known.extend(names.into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>());
            let mut listed: Vec<_> =
                TABLES.iter().filter(|table| table.since <= migration.number).map(|table| table.name).collect();
            listed.sort_unstable();
            known.sort_unstable();
            assert_eq!(listed, known, "a table is missing in TABLES, or too much there");
        }
        for table in TABLES {
            assert!(table.count.ends_with(&format!(" {}", table.name)), "{}", table.name);
        }
    }
}
