//! Reading what rows hold back into the project's types.

use std::str::FromStr;

use serde_json::Value;
use types::Timestamp;

use crate::{Error, Result};

/// A column that holds the printed form of something.
pub(crate) fn parsed<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::internal("a column does not hold what was written to it"))
}

/// A column that may hold the printed form of something.
pub(crate) fn opt_parsed<T: FromStr>(text: Option<&str>) -> Result<Option<T>> {
    text.map(parsed).transpose()
}

/// A column that holds JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| Error::internal("a column does not hold the JSON that was written to it"))
}

/// JSON for a column.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::internal("a value cannot be written as JSON"))
}

/// A column that may hold JSON.
pub(crate) fn opt_json(text: Option<String>) -> Result<Option<Value>> {
    text.as_deref().map(json).transpose()
}

/// A column that may hold a moment.
pub(crate) fn moment(micros: Option<i64>) -> Option<Timestamp> {
    micros.map(Timestamp::from_micros)
}
