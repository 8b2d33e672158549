//! Calls through the gate, without a connection: the same credentials, limits and audit as over the network.

use domain::{
    Meta, Result,
    access::{Origin, Via},
    catalogue,
    gate::Presented,
    operation::Reply,
};
use serde_json::Value;

use crate::{Agent, TestApp};

impl TestApp {
    /// Calls an operation with an agent's key.
    ///
    /// # Errors
    /// Those of the gate and of the operation.
    ///
    /// # Panics
    /// When there is no such operation.
    pub async fn call_as(&self, agent: &Agent, operation: &str, input: &Value) -> Result<Value> {
        self.present(Presented::Bearer(&agent.key), Via::Rest, (operation, input)).await
    }

    /// Calls an operation as the owner of the data directory, in a workspace.
    ///
    /// # Errors
    /// Those of the gate and of the operation.
    ///
    /// # Panics
    /// When there is no such operation.
    pub async fn call_as_owner(&self, workspace: &str, operation: &str, input: &Value) -> Result<Value> {
        let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(self.directory()).unwrap());
        let socket = Presented::Socket { uid, workspace: Some(workspace) };
        self.present(socket, Via::Socket, (operation, input)).await
    }

    async fn present(&self, shown: Presented<'_>, via: Via, (operation, input): (&str, &Value)) -> Result<Value> {
        let entry = catalogue::by_id(operation).unwrap_or_else(|| panic!("there is no operation {operation}"));
        let origin = Origin { via, address: None, user_agent: None, request_id: "req_kit".into() };
        let caller = self.gate.identify(shown, origin).await?;
        let body = input.to_string().into();
        match self.gate.run(&caller, entry, Meta::default(), async { Ok(body) }).await? {
            Reply::Json(answer) => Ok(answer),
            Reply::Document { body, .. } => Ok(Value::String(body)),
            Reply::Nothing => Ok(Value::Null),
        }
    }
}
