//! One page of a list.

use schemars::JsonSchema;
use serde::Serialize;

/// Items in order, and where to go on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// At most `limit` items.
    pub items: Vec<T>,
    /// Give it back as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many there are in all; only when `count=true` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
}
