//! What the database says of its own state. Every function only reads; one that cannot answer fails and never answers 0.

use std::collections::BTreeMap;

use crate::{Everything, Migration, Result, Tx, args, migrate};

const DAMAGE: &str = "SELECT quick_check FROM pragma_quick_check LIMIT $1";
const DANGLING: &str = "SELECT \"table\", COUNT(*) FROM pragma_foreign_key_check GROUP BY \"table\" ORDER BY \"table\"";
/// What each counter has too much or too little, once the rows themselves are taken from it.
const MISCOUNTED: &str = "SELECT COUNT(*) FROM (SELECT workspace_id FROM (\
     SELECT workspace_id, owner, kind, access, team_id, trust, layer, live, bytes FROM memory_counts \
     UNION ALL SELECT workspace_id, owner, kind, access, COALESCE(team_id, ''), trust, COALESCE(layer, ''), \
     CAST(-COUNT(*) AS BIGINT), CAST(-SUM(size_bytes) AS BIGINT) FROM memories WHERE deleted_at IS NULL \
     GROUP BY workspace_id, owner, kind, access, COALESCE(team_id, ''), trust, COALESCE(layer, '')) AS counted \
     GROUP BY workspace_id, owner, kind, access, team_id, trust, layer \
     HAVING SUM(live) <> 0 OR SUM(bytes) <> 0) AS off";
const MEMORIES: &str = "SELECT COUNT(*) FROM memories WHERE deleted_at IS NULL";

/// Which schema the database has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// The number of the newest migration in it.
    pub number: i64,
    /// How many migrations of this binary are not in it yet.
    pub pending: usize,
}

/// How far a table of counters is from what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Undeleted memories.
    pub memories: i64,
    /// Counters that are wrong, missing, or count nothing.
    pub wrong: i64,
}

/// Which schema the database has, its migrations checked against those of this binary.
///
/// # Errors
/// [`Error::NewerSchema`](crate::Error::NewerSchema), [`Error::MigrationChanged`](crate::Error::MigrationChanged), and
/// those of the store.
pub fn schema(tx: &Tx<'_>, migrations: &[Migration]) -> Result<Schema> {
    migrate::state(tx, migrations).map(|(number, pending)| Schema { number, pending })
}

/// Tables and indexes that differ from what the migrations in the database make: each with `is missing`, `was changed` or
/// `is not ours`, by name.
///
/// # Errors
/// Those of the store.
pub fn strays(tx: &Tx<'_>, migrations: &[Migration]) -> Result<Vec<(String, &'static str)>> {
    let (number, _) = migrate::state(tx, migrations)?;
    let applied: Vec<Migration> = migrations.iter().copied().filter(|one| one.number <= number).collect();
    let mut strays = BTreeMap::new();
    let mut found: BTreeMap<String, String> = migrate::made(tx)?.into_iter().collect();
    for (name, made) in migrate::made_by(&applied)? {
        match found.remove(&name) {
            None => drop(strays.insert(name, "is missing")),
            Some(is) if is != made => drop(strays.insert(name, "was changed")),
            Some(_) => {}
        }
    }
    strays.extend(found.into_keys().map(|name| (name, "is not ours")));
    Ok(strays.into_iter().collect())
}

/// What is broken in the pages of the database, in the engine's words, at most `most` of it. Reads the whole file.
///
/// # Errors
/// [`Error::Corrupt`](crate::Error::Corrupt) when the damage ends the reading, and those of the store.
pub fn damage(tx: &Tx<'_>, most: usize) -> Result<Vec<String>> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut said: Vec<String> = tx.rows(DAMAGE, args![most], |row| row.text(0))?;
    said.retain(|line| line != "ok");
    Ok(said)
}

/// Tables with rows that refer to a row that does not exist, and how many.
///
/// # Errors
/// Those of the store.
pub fn dangling(tx: &Tx<'_>) -> Result<Vec<(String, i64)>> {
    tx.rows(DANGLING, args![], |row| Ok((row.text(0)?, row.int(1)?)))
}

/// Compares the counters of memories with the memories.
///
/// # Errors
/// Those of the store.
pub fn counted(tx: &Tx<'_>, _: Everything) -> Result<Counted> {
    let one = |sql| tx.row(sql, args![], |row| row.int(0))?.ok_or(crate::Error::internal("a count has no row"));
    Ok(Counted { memories: one(MEMORIES)?, wrong: one(MISCOUNTED)? })
}
