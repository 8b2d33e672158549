//! What operators and machines ask of the server itself.

pub mod calls;
pub mod doctor;
pub mod health;
pub mod metrics;
pub mod openapi;
