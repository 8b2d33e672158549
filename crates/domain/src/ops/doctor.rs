//! `ops.doctor`

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    Call, Result,
    access::Known,
    operation::{Access, Effect, Empty, Json, Operation, Rate, Replay, Spec},
};

pub mod database;
pub mod finding;

pub use self::finding::{Check, Finding, Seen, Severity, Status};

/// Checks the database of the installation.
pub struct Doctor;

/// What the checks saw.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Examined {
    /// One for each check, in their order.
    findings: Vec<Finding>,
}

impl Operation for Doctor {
    const SPEC: Spec = Spec {
        id: "ops.doctor",
        summary: "Check the database: schema, pages, references, audit chains, clock, counters and keys; it changes nothing.",
        access: Access::LocalOperator,
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("doctor.json"),
        tool: None,
        routes: &[],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Json<Examined>;

    async fn run(call: Call<Known>, _: Empty) -> Result<Json<Examined>> {
        let reach = call.who().everything("the local operator checks the database")?;
        let app = Arc::clone(&call.app);
        let findings = call
            .read(move |tx| {
                let patient = database::Patient { audit: Some(&app.secrets.audit), clock: &*app.clock, reach };
                Ok(database::examine(&patient, tx))
            })
            .await?;
        Ok(Json(Examined { findings }))
    }
}
