//! The built binary, used as an operator uses it.

mod binary;
mod commands;
mod first_run;
mod refusals;
mod serving;
