//! One transaction, seen from inside a closure.

use rusqlite::{CachedStatement, Connection, types::ValueRef};

use crate::{Error, Result, Value};

/// How a write ends when it does not fail. Both commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T, E> {
    /// The change was made.
    Done(T),
    /// The answer is an error, but what was written (a failure counter, a refusal row) is kept.
    Refused(E),
}

/// An outbox row made durable by this transaction; handed to the [`Observer`](crate::Observer) after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The workspace whose outbox holds the row.
    pub workspace: String,
    /// The row's number in that outbox.
    pub sequence: i64,
    /// The kind of event, such as `memory.created`.
    pub kind: &'static str,
    /// The id of the object it is about.
    pub object: String,
}

/// A transaction. Statements are prepared once per connection and kept; `$1`, `$2`, … are bound by position.
///
/// Once the engine has given the transaction up (a full disk, an I/O error), every further statement fails with
/// [`Error::Unavailable`]: nothing can slip out of the transaction.
#[derive(Debug)]
pub struct Tx<'c> {
    connection: &'c Connection,
    access: Access,
    aftermath: Aftermath,
}

/// What a transaction leaves to be done once it is durable.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    pub(crate) announcements: Vec<Announcement>,
    /// What was removed must not stay in the log either.
    pub(crate) scrub: bool,
}

impl Aftermath {
    pub(crate) fn add(&mut self, other: Self) {
        self.announcements.extend(other.announcements);
        self.scrub |= other.scrub;
    }
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl<'c> Tx<'c> {
    /// For the engine: a view of the transaction that is open on `connection`.
    pub(crate) const fn new(connection: &'c Connection, access: Access) -> Self {
        Self { connection, access, aftermath: Aftermath { announcements: Vec::new(), scrub: false } }
    }

    /// For the engine: what the closure announced and asked for.
    pub(crate) fn into_aftermath(self) -> Aftermath {
        self.aftermath
    }

    /// Every row of the answer, mapped by `f`. Bound the statement with `LIMIT`: the rows are held in memory.
    ///
    /// # Errors
    /// Of the database, and the first one of `f`.
    pub fn rows<T, E: From<Error>>(
        &self,
        sql: &'static str,
        args: &[Value<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let mut all = Vec::new();
        self.each(sql, args, |row| {
            all.push(f(row)?);
            Ok::<(), E>(())
        })?;
        Ok(all)
    }

    /// The first row of the answer, mapped by `f`, or `None`.
    ///
    /// # Errors
    /// Of the database and of `f`.
    pub fn row<T, E: From<Error>>(
        &self,
        sql: &'static str,
        args: &[Value<'_>],
        f: impl FnOnce(&Row<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(args)).map_err(query)?;
        match rows.next().map_err(query)? {
            Some(row) => f(&Row { row }).map(Some),
            None => Ok(None),
        }
    }

    /// Hands every row of the answer to `f` without keeping them: for loading an index.
    ///
    /// # Errors
    /// Of the database, and the first one of `f`, which ends the reading.
    pub fn each<E: From<Error>>(
        &self,
        sql: &'static str,
        args: &[Value<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut statement = self.prepare(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(args)).map_err(query)?;
        while let Some(row) = rows.next().map_err(query)? {
            f(&Row { row })?;
        }
        Ok(())
    }

    /// Runs a statement that answers no rows; returns how many rows it changed. Use [`rows`](Self::rows) for `RETURNING`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a unique constraint refuses the change, and those of the database.
    pub fn change(&self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let mut statement = self.prepare(sql)?;
        let changed =
            statement.execute(rusqlite::params_from_iter(args)).map_err(|error| Error::sqlite("change", error))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    /// Announces an outbox row. Dropped if the closure ends with an error or its transaction is lost.
    pub fn announce(&mut self, announcement: Announcement) {
        self.aftermath.announcements.push(announcement);
    }

    /// Asks that nothing of what this transaction removes stays in the database's files, before the writer is answered.
    /// Readers of an older state delay it; then the log is emptied by a later checkpoint.
    pub fn scrub(&mut self) {
        self.aftermath.scrub = true;
    }

    fn prepare(&self, sql: &'static str) -> Result<CachedStatement<'c>> {
        // Outside a transaction SQLite would commit each statement by itself.
        if self.connection.is_autocommit() {
            return Err(Error::unavailable("the transaction was lost"));
        }
        // Its arguments are not logged: they are what callers store.
        tracing::trace!(sql, "statement");
        let statement =
            self.connection.prepare_cached(sql).map_err(|error| Error::sqlite("prepare a statement", error))?;
        if self.access == Access::Read && !statement.readonly() {
            return Err(Error::internal("a change inside a read"));
        }
        Ok(statement)
    }
}

fn query(error: rusqlite::Error) -> Error {
    Error::sqlite("query", error)
}

/// One row of an answer; columns are counted from 0. A getter fails with [`Error::Internal`] if the column does not
/// exist or holds another type.
#[derive(Debug)]
pub struct Row<'r> {
    row: &'r rusqlite::Row<'r>,
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident, $optional:ident -> $made:ty, |$value:ident| $read:expr;)*) => { $(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Internal`] if the column is missing, `NULL` or of another type.
        pub fn $name(&self, column: usize) -> Result<$made> {
            self.$optional(column)?.ok_or(Error::internal("a column is null"))
        }

        /// Like the getter without `opt_`; `None` for `NULL`.
        ///
        /// # Errors
        /// [`Error::Internal`] if the column is missing or of another type.
        pub fn $optional(&self, column: usize) -> Result<Option<$made>> {
            match self.value(column)? {
                ValueRef::Null => Ok(None),
                $value => $read.map(Some),
            }
        }
    )* };
}

impl Row<'_> {
    getters! {
        /// An integer.
        int, opt_int -> i64, |value| integer(value);
        /// A number; an integer is taken as one.
        real, opt_real -> f64, |value| number(value);
        /// A boolean, stored as 0 or 1.
        flag, opt_flag -> bool, |value| integer(value).map(|value| value != 0);
        /// A text.
        text, opt_text -> String, |value| text(value).map(str::to_owned);
        /// Bytes.
        bytes, opt_bytes -> Vec<u8>, |value| bytes(value).map(<[u8]>::to_vec);
        /// A text, borrowed from the row: for hot paths.
        text_ref, opt_text_ref -> &str, |value| text(value);
        /// Bytes, borrowed from the row: for hot paths.
        bytes_ref, opt_bytes_ref -> &[u8], |value| bytes(value);
    }

    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        self.row.get_ref(column).map_err(|error| Error::sqlite("read a column", error))
    }
}

fn integer(value: ValueRef<'_>) -> Result<i64> {
    value.as_i64().map_err(|_| Error::internal("a column is not an integer"))
}

fn number(value: ValueRef<'_>) -> Result<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "what SQLite itself does with an integer in a real column")]
        ValueRef::Integer(value) => Ok(value as f64),
        value => value.as_f64().map_err(|_| Error::internal("a column is not a number")),
    }
}

fn text(value: ValueRef<'_>) -> Result<&str> {
    value.as_str().map_err(|_| Error::internal("a column is not a text"))
}

fn bytes(value: ValueRef<'_>) -> Result<&[u8]> {
    value.as_blob().map_err(|_| Error::internal("a column holds no bytes"))
}
