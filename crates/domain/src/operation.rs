//! An operation, written once: its specification, its input and output, and one `async fn run`.
//!
//! MCP tools, REST routes, OpenAPI, `guildhall call`, the permission table, audit actions, metric labels and the
//! reference page are rendered from it. Adding one means one file and one line in [`crate::catalogue`].

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    App, Call, Code, Meta, Result,
    access::{Caller, Party, Permission},
    input,
};

/// What is declared of an operation; data only.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// `noun.verb`: audit action, metric label, name for `guildhall call`.
    pub id: &'static str,
    /// What it does, for people and agents; at most 240 characters.
    pub summary: &'static str,
    /// Who may call it.
    pub access: Access,
    /// What it does to the world.
    pub effect: Effect,
    /// Which limit counts it.
    pub rate: Rate,
    /// What a repeat with the same idempotency key gets.
    pub replay: Replay,
    /// The codes it refuses with by its own rules; [`crate::reference::refusals`] adds those of the gate and of the faces.
    pub refusals: &'static [Code],
    /// One call that succeeds, as a JSON object: `input`, and `output` where the answer is JSON.
    pub example: &'static str,
    /// Its MCP tool, if it has one.
    pub tool: Option<Tool>,
    /// Its REST routes.
    pub routes: &'static [Route],
}

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Holders of a permission.
    Permission(Permission),
    /// Holders of a permission who are there in person: a login or the local operator, never an API key.
    Interactive(Permission),
    /// Anybody with a credential.
    AnyPrincipal,
    /// The owner of the data directory, over its Unix socket.
    LocalOperator,
    /// Anybody at all.
    Open,
}

/// What an operation does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Makes a new object; answers 201.
    Create,
    /// Changes state by key or version; repeating it changes nothing more.
    Upsert,
    /// Takes something away.
    Destroy,
    /// Takes a right back, or ends a piece of work; repeating it changes nothing more.
    Withdraw,
}

impl Effect {
    /// Whether it may leave more in the database than before; such operations stop while the disk is nearly full.
    #[must_use]
    pub const fn needs_space(self) -> bool {
        match self {
            Self::Create | Self::Upsert => true,
            Self::Read | Self::Destroy | Self::Withdraw => false,
        }
    }
}

/// Which limit counts a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Calls of the principal per minute.
    Default,
    /// Not counted: health checks of the machine itself.
    Free,
}

/// What a repeat with the same idempotency key gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The first answer again.
    Answer,
    /// `already_done` with the object's id, for the answer held a secret.
    IdOnly,
    /// Nothing is kept: the operation changes nothing.
    Never,
}

/// An operation's MCP tool.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// Its name: verb first, at most 40 characters.
    pub name: &'static str,
    /// The toolset that lists it.
    pub set: &'static str,
    /// The properties its schema lists, at most 12; the rest is accepted too. Empty lists all.
    pub listed: &'static [&'static str],
}

/// A REST route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, …
    pub method: &'static str,
    /// Absolute, with `{name}` for the parts that are inputs.
    pub path: &'static str,
}

/// Shorthand for a route.
pub(crate) const fn route(method: &'static str, path: &'static str) -> Route {
    Route { method, path }
}

/// Something a caller can do.
pub trait Operation: Send + Sync + 'static {
    /// What is declared of it.
    const SPEC: Spec;
    /// Who reaches `run`.
    type Who: Party;
    /// One flat object; path, query and body form it together.
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it answers.
    type Output: Answer;
    /// Does it.
    fn run(call: Call<Self::Who>, input: Self::Input) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// An input without members.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// What leaves the gate.
#[derive(Debug)]
pub enum Reply {
    /// A JSON value.
    Json(Value),
    /// A document of another type.
    Document {
        /// Its media type.
        media_type: &'static str,
        /// The whole of it.
        body: String,
    },
    /// Nothing to say.
    Nothing,
}

/// An output that can leave the gate.
pub trait Answer: Send + 'static {
    /// Its media type, when it says anything.
    const MEDIA: Option<&'static str>;
    /// Its schema, when it is a JSON value.
    fn schema(names: &mut SchemaGenerator) -> Option<Schema>;
    /// As a reply.
    ///
    /// # Errors
    /// `internal` when it cannot be written.
    fn reply(self) -> Result<Reply>;
}

/// A JSON answer.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// An answer without content.
#[derive(Debug)]
pub struct Nothing;

/// A document that is no JSON value of ours.
#[derive(Debug)]
pub struct Document<M> {
    /// The whole of it.
    pub body: String,
    /// Of which type.
    pub media: M,
}

/// The type of a document.
pub trait Media: Send + 'static {
    /// As `Content-Type` names it.
    const TYPE: &'static str;
}

/// The media types of documents.
pub mod media {
    use super::Media;

    /// A page for browsers.
    #[derive(Debug)]
    pub struct Html;
    /// How a page looks.
    #[derive(Debug)]
    pub struct Css;
    /// A JSON document of somebody else's form.
    #[derive(Debug)]
    pub struct JsonText;
    /// Counters in the Prometheus text format.
    #[derive(Debug)]
    pub struct Prometheus;

    impl Media for Html {
        const TYPE: &'static str = "text/html; charset=utf-8";
    }
    impl Media for Css {
        const TYPE: &'static str = "text/css; charset=utf-8";
    }
    impl Media for JsonText {
        const TYPE: &'static str = "application/json";
    }
    impl Media for Prometheus {
        const TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Answer for Json<T> {
    const MEDIA: Option<&'static str> = Some("application/json");
    fn schema(names: &mut SchemaGenerator) -> Option<Schema> {
        Some(names.subschema_for::<T>())
    }
    fn reply(self) -> Result<Reply> {
        serde_json::to_value(self.0).map(Reply::Json).map_err(|error| crate::Error::internal().cause(error))
    }
}

impl Answer for Nothing {
    const MEDIA: Option<&'static str> = None;
    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
    fn reply(self) -> Result<Reply> {
        Ok(Reply::Nothing)
    }
}

impl<M: Media> Answer for Document<M> {
    const MEDIA: Option<&'static str> = Some(M::TYPE);
    fn schema(_: &mut SchemaGenerator) -> Option<Schema> {
        None
    }
    fn reply(self) -> Result<Reply> {
        Ok(Reply::Document { media_type: M::TYPE, body: self.body })
    }
}

type Running = Pin<Box<dyn Future<Output = Result<Reply>> + Send>>;

/// A catalogue entry: an operation with its types erased.
#[derive(Debug)]
pub struct Entry {
    /// What is declared of it.
    pub spec: &'static Spec,
    /// Its input's JSON Schema (draft 2020-12, without references).
    pub input: fn() -> Schema,
    /// Its answer's JSON Schema, when that is a JSON value; the generator keeps the named types in it. Made anew each
    /// time: not for a call's own path.
    pub output: fn(&mut SchemaGenerator) -> Option<Schema>,
    /// Its answer's media type, when it says anything.
    pub media: Option<&'static str>,
    pub(crate) run: fn(Arc<App>, &Caller, Meta, Bytes) -> Running,
}

/// Erases an operation's types.
#[must_use]
pub const fn entry<O: Operation>() -> Entry {
    Entry {
        spec: const { &O::SPEC },
        input: schema_of::<O::Input>,
        output: O::Output::schema,
        media: O::Output::MEDIA,
        run: start::<O>,
    }
}

fn start<O: Operation>(app: Arc<App>, caller: &Caller, meta: Meta, json: Bytes) -> Running {
    let prepared = O::Who::admit(caller, &O::SPEC).and_then(|who| {
        input::parse::<O::Input>(&json).map(|input| (Call::new(app, who, &O::SPEC, meta, json), input))
    });
    Box::pin(async move {
        let (call, input) = prepared?;
        O::run(call, input).await?.reply()
    })
}

fn schema_of<T: JsonSchema>() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>()
}
