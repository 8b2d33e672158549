//! Files on their way in and out: lines cut into calls, directories of an export, files that appear whole or not at all.

pub(crate) mod chunks;
pub(crate) mod graph;
pub(crate) mod manifest;
pub(crate) mod whole;
