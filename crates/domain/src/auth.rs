//! Who the caller is, as the server sees it.

pub mod whoami;
