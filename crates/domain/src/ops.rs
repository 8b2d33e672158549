//! What operators and machines ask of the server itself.

pub mod calls;
pub mod docs;
pub mod docs_style;
pub mod doctor;
pub mod health;
pub mod metrics;
pub mod openapi;
