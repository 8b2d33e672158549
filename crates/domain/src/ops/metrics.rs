//! `ops.metrics`

use crate::{
    Call, Result,
    access::{Known, Permission},
    metrics::page,
    operation::{Access, Document, Effect, Empty, Operation, Rate, Replay, Spec, media::Prometheus, route},
};

/// Shows the counters.
pub struct Metrics;

impl Operation for Metrics {
    const SPEC: Spec = Spec {
        id: "ops.metrics",
        summary: "Show the server's counters in the Prometheus text format.",
        access: Access::Permission(Permission::StatsRead),
        effect: Effect::Read,
        rate: Rate::Default,
        replay: Replay::Never,
        refusals: &[],
        example: include_str!("metrics.json"),
        tool: None,
        routes: &[route("GET", "/metrics")],
    };
    type Who = Known;
    type Input = Empty;
    type Output = Document<Prometheus>;

    async fn run(call: Call<Known>, _: Empty) -> Result<Document<Prometheus>> {
        let body = page::render(&call.app, &page::Sources::ask(&call.app).await?);
        Ok(Document { body, media: Prometheus })
    }
}
