//! One test for each row of contract attacks.md §2 that has something to attack.

mod access;
mod bodies;
mod export;
pub(crate) mod hall;
mod http;
mod limits;
mod memories;
mod queries;
mod secrets;
mod slow;
mod smuggling;
mod tools;
