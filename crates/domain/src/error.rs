//! One error for every face: a stable code, a text that says what failed for what, and a hint that says what to do.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use serde_json::{Map, Value};

/// The result of everything an operation does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($variant:ident = $name:literal, $http:literal, $exit:literal, $title:literal;)*) => {
        /// Error codes; one meaning, one HTTP status and one exit code each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $title] $variant,)*
        }

        impl Code {
            /// Every code, in the order of the reference table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name clients match on.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn http(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }

            /// The command line's exit code.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$variant => $exit,)* }
            }

            /// A few words for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The page that explains it, in Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../../docs/errors/", $name, ".md")),)* }
            }

            /// The code of this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    InvalidInput = "invalid_input", 400, 2, "a field is unknown, missing, malformed or out of range";
    CredentialInUrl = "credential_in_url", 400, 2, "a credential came as a query parameter";
    InvalidCursor = "invalid_cursor", 400, 2, "the cursor is altered, foreign or not ours";
    NameNotAllowed = "name_not_allowed", 400, 2, "the name is reserved or unsafe";
    SourceUnrecognised = "source_unrecognised", 400, 2, "the import source or its schema version is unknown";
    GranteeNotFound = "grantee_not_found", 400, 2, "the grantee is unknown, or invisible to the caller";
    Unauthenticated = "unauthenticated", 401, 6, "no valid credential";
    PermissionDenied = "permission_denied", 403, 6, "the permission is missing";
    OriginNotAllowed = "origin_not_allowed", 403, 6, "the browser origin is not allowed";
    NotFound = "not_found", 404, 5, "absent, or not for this caller to know";
    MethodNotAllowed = "method_not_allowed", 405, 2, "the method is not declared here";
    NotAcceptable = "not_acceptable", 406, 2, "`Accept` excludes what is served";
    RequestTimeout = "request_timeout", 408, 7, "the client was too slow";
    VersionConflict = "version_conflict", 409, 1, "`expected_version` is not the current one";
    IdempotencyConflict = "idempotency_conflict", 409, 1, "the same Idempotency-Key with another input";
    AlreadyDone = "already_done", 409, 3, "a repeat of a call whose answer held a secret";
    AlreadyExists = "already_exists", 409, 3, "the name is taken";
    KeyExists = "key_exists", 409, 3, "a live memory has this key";
    QuotaExceeded = "quota_exceeded", 409, 6, "a quota of stored rows or sizes is full";
    Quarantined = "quarantined", 409, 6, "a quarantined memory cannot be shared or consolidated";
    BadTransition = "bad_transition", 409, 1, "not possible from this state";
    RestoreExpired = "restore_expired", 410, 5, "deleted more than 30 days ago";
    TooLarge = "too_large", 413, 2, "over its size limit";
    UnsupportedMediaType = "unsupported_media_type", 415, 2, "wrong content type, or a compressed body";
    HostNotAllowed = "host_not_allowed", 421, 6, "`Host` is not one of ours";
    SecretDetected = "secret_detected", 422, 6, "the text holds a credential";
    UnknownPrincipal = "unknown_principal", 422, 2, "no such principal here";
    RateLimited = "rate_limited", 429, 6, "too many calls";
    HeadersTooLarge = "headers_too_large", 431, 2, "the request head is over 64 KiB";
    Internal = "internal", 500, 70, "a fault of ours";
    Overloaded = "overloaded", 503, 4, "a queue is full";
    Unavailable = "unavailable", 503, 4, "the store is away; nothing changed";
    SemanticUnavailable = "semantic_unavailable", 503, 1, "no embedding model is installed";
    StorageFull = "storage_full", 507, 6, "no space left; reads go on";
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Its path in the input, such as `metadata.a[0]`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A limit that was met, for the `RateLimit` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Which one.
    pub name: &'static str,
    /// Calls per window.
    pub quota: u32,
    /// The window.
    pub window_secs: u32,
}

/// Why a call was refused or failed. Its text is public; its cause goes to the log only.
#[derive(Debug)]
pub struct Error(Box<Fault>);

/// What an [`Error`] carries.
#[derive(Debug)]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// What failed for what, in lower case.
    pub detail: Cow<'static, str>,
    /// What to do about it.
    pub hint: Option<Cow<'static, str>>,
    /// Which fields are wrong, for `invalid_input` and `too_large`.
    pub fields: Vec<FieldError>,
    /// When to try again.
    pub retry_after_secs: Option<u64>,
    /// The limit that was met.
    pub limit: Option<Limit>,
    /// Further facts for the client, such as `required` or `current_version`.
    pub facts: Map<String, Value>,
    /// For the log.
    pub cause: Option<String>,
    /// Not an error at all: the kept answer of the first call with the same idempotency key.
    pub(crate) replayed: Option<Value>,
}

impl Error {
    /// An error of this code.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Fault {
            code,
            detail: detail.into(),
            hint: None,
            fields: Vec::new(),
            retry_after_secs: None,
            limit: None,
            facts: Map::new(),
            cause: None,
            replayed: None,
        }))
    }

    /// The one answer to whatever the caller may not know exists.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "there is no such thing here for this caller")
    }

    /// One wrong field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(Code::InvalidInput, vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// Several wrong fields.
    #[must_use]
    pub fn fields(code: Code, fields: Vec<FieldError>) -> Self {
        let detail = fields
            .iter()
            .map(|fault| {
                if fault.field.is_empty() {
                    fault.message.clone()
                } else {
                    format!("{}: {}", fault.field, fault.message)
                }
            })
            .collect::<Vec<_>>()
            .join("; ");
        let mut error = Self::new(code, detail);
        error.0.fields = fields;
        error
    }

    /// With advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.0.retry_after_secs = Some(secs);
        self
    }

    /// With the limit that was met.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.0.limit = Some(limit);
        self
    }

    /// With a fact for the client.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.facts.insert(name.to_owned(), value.into());
        self
    }

    /// With a cause for the log.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn replayed(answer: Value) -> Self {
        let mut error = Self::new(Code::AlreadyDone, "answered before");
        error.0.replayed = Some(answer);
        error
    }

    /// What it carries.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.0
    }

    /// What it carries, to keep.
    #[must_use]
    pub fn into_fault(self) -> Fault {
        *self.0
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Error {}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let cause = match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let public = match &error {
            store::Error::Overloaded { retry_after } => {
                Self::new(Code::Overloaded, "too much work is queued").retry_after(retry_after.as_secs().max(1))
            }
            store::Error::StorageFull { .. } => Self::new(Code::StorageFull, "no space left to write; nothing changed")
                .hint("free space on the server's disk; reads go on"),
            store::Error::Unavailable { .. } | store::Error::Locked { .. } => {
                Self::new(Code::Unavailable, "the store is away; nothing changed").retry_after(1)
            }
            store::Error::Conflict { .. } => Self::new(Code::AlreadyExists, "it exists already"),
            store::Error::NewerSchema { .. }
            | store::Error::MigrationChanged { .. }
            | store::Error::Unsafe { .. }
            | store::Error::Corrupt { .. }
            | store::Error::Internal { .. } => Self::internal(),
        };
        public.cause(cause)
    }
}

impl Error {
    /// A fault of ours; say why with [`cause`](Self::cause).
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::Internal, "the server failed at this call").hint("quote the request id to the operator")
    }
}

impl From<security::random::NoEntropy> for Error {
    fn from(error: security::random::NoEntropy) -> Self {
        Self::internal().cause(error)
    }
}
