//! Values that go into a statement.

use std::borrow::Cow;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

/// One argument of a statement; made by [`args!`](crate::args) from ordinary Rust values.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `BIGINT`; also booleans, as 0 and 1.
    Int(i64),
    /// `DOUBLE PRECISION`. SQLite stores a NaN as NULL.
    Real(f64),
    /// `TEXT`.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// `NULL`.
    Null,
}

/// The arguments of one statement: `tx.change(INSERT, args![id, &name, 3, None::<i64>])` binds `$1`, `$2`, … by position.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { (&[$($crate::Value::from($value)),*] as &[$crate::Value<'_>]) };
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Null => ValueRef::Null,
        }))
    }
}

macro_rules! from {
    ($($source:ty => |$value:ident| $made:expr;)*) => { $(
        impl<'a> From<$source> for Value<'a> {
            fn from($value: $source) -> Self { $made }
        }
    )* };
}

from! {
    i64 => |value| Self::Int(value);
    i32 => |value| Self::Int(i64::from(value));
    i16 => |value| Self::Int(i64::from(value));
    u32 => |value| Self::Int(i64::from(value));
    u16 => |value| Self::Int(i64::from(value));
    u8 => |value| Self::Int(i64::from(value));
    bool => |value| Self::Int(i64::from(value));
    f64 => |value| Self::Real(value);
    f32 => |value| Self::Real(f64::from(value));
    String => |value| Self::Text(Cow::Owned(value));
    &'a String => |value| Self::Text(Cow::Borrowed(value));
    &'a str => |value| Self::Text(Cow::Borrowed(value));
    Cow<'a, str> => |value| Self::Text(value);
    Vec<u8> => |value| Self::Bytes(Cow::Owned(value));
    &'a Vec<u8> => |value| Self::Bytes(Cow::Borrowed(value));
    &'a [u8] => |value| Self::Bytes(Cow::Borrowed(value));
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Bytes(Cow::Borrowed(value))
    }
}

impl<'a, T: Into<Self>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}
