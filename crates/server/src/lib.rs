//! How Guildhall is reached: HTTP, REST, MCP and the Unix socket. Renders the catalogue; holds no rule of the product.
//!
//! Every request passes `http/guard.rs` (Host, Origin, credentials in URLs), then becomes a caller, an entry of the
//! catalogue and bytes, and goes through the gate. Must never see the store, a key or a permission's name.
//!
//! Start at [`Faces`], then `http.rs`, `rest.rs` and `mcp.rs`.

use std::sync::Arc;

use domain::Gate;

mod http;
pub mod mcp;
mod rest;

pub use crate::http::{
    limits::Limits,
    listen::{serve_socket, serve_tcp},
    record::request_under_way,
};

/// The header of every answer on the Unix socket that says which version the server is.
pub const VERSION_HEADER: &str = "x-guildhall-version";
/// The header in which a peer of the Unix socket names the agent it calls `/mcp` as.
pub const AGENT_HEADER: &str = "x-guildhall-agent";
/// The header in which a peer of the Unix socket names the workspace by its slug.
pub const WORKSPACE_HEADER: &str = "x-guildhall-workspace";

/// What operators may set about the faces.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Hosts accepted beside the loopback names, exactly; with a port when one is given.
    pub allowed_hosts: Vec<String>,
    /// Browser origins accepted beside the loopback ones.
    pub allowed_origins: Vec<String>,
    /// The listener is bound to loopback only, so loopback names and origins are ours.
    pub loopback: bool,
    /// How long and how much a connection may.
    pub limits: Limits,
}

/// All faces in front of one gate.
pub struct Faces {
    gate: Gate,
    guard: http::guard::Guard,
    flood: http::record::Flood,
    limits: Limits,
    network: axum::Router,
    socket: axum::Router,
}

impl Faces {
    /// The faces of the product.
    #[must_use]
    pub fn new(gate: Gate, settings: Settings) -> Arc<Self> {
        Self::build(gate, settings, None)
    }

    /// The faces with further tools, prompts and resources, for test builds.
    #[must_use]
    pub fn with_extension(gate: Gate, settings: Settings, extension: Arc<dyn mcp::Extension>) -> Arc<Self> {
        Self::build(gate, settings, Some(extension))
    }

    fn build(gate: Gate, settings: Settings, extension: Option<Arc<dyn mcp::Extension>>) -> Arc<Self> {
        let mcp = mcp::router(gate.clone(), extension);
        let network = rest::router(&gate).merge(mcp);
        let socket = network.clone().merge(rest::calls(&gate));
        let finish = |router: axum::Router| http::fallbacks(router);
        Arc::new(Self {
            limits: settings.limits,
            guard: http::guard::Guard::new(settings),
            flood: http::record::Flood::new(),
            network: finish(network),
            socket: finish(socket),
            gate,
        })
    }
}
