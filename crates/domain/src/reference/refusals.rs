//! Which codes an operation can be refused with over HTTP.

use crate::{
    error::Code,
    operation::{Access, Effect, Entry, Rate, Replay},
};

/// What any request can meet: its head, its credential, its input, the store that knows the credential, a fault of ours.
const ALWAYS: &[Code] = &[
    Code::InvalidInput,
    Code::CredentialInUrl,
    Code::Unauthenticated,
    Code::OriginNotAllowed,
    Code::NotAcceptable,
    Code::RequestTimeout,
    Code::HostNotAllowed,
    Code::RateLimited,
    Code::HeadersTooLarge,
    Code::Internal,
    Code::Overloaded,
    Code::Unavailable,
];

/// Whether an operation has a route that carries a body.
fn has_body(entry: &Entry) -> bool {
    entry.spec.routes.iter().any(|route| route.method != "GET")
}

/// The codes an operation can be refused with, in the order of the table: its own, and those that follow from what it is.
/// The first refused credential of an address in a minute leaves an audit row, so even a read can find the disk full.
#[must_use]
pub fn refusals(entry: &Entry) -> Vec<Code> {
    let spec = entry.spec;
    let inputs = super::whole_schema(entry);
    let takes = |name: &str| inputs.get("properties").is_some_and(|all| all.get(name).is_some());
    let is_guarded = !matches!(spec.access, Access::Open | Access::AnyPrincipal);
    let writes = spec.effect != Effect::Read || spec.rate == Rate::Default;
    let of_kind: [(bool, &[Code]); 6] = [
        (is_guarded, &[Code::PermissionDenied]),
        (takes("cursor"), &[Code::InvalidCursor]),
        (takes("expected_version"), &[Code::VersionConflict]),
        // An answer that held a secret is not kept, and one that was purged is kept no longer.
        (spec.replay != Replay::Never, &[Code::IdempotencyConflict, Code::AlreadyDone]),
        (has_body(entry), &[Code::TooLarge, Code::UnsupportedMediaType]),
        (writes, &[Code::StorageFull]),
    ];
    let derived = of_kind.iter().filter(|(holds, _)| *holds).flat_map(|(_, codes)| *codes);
    let mut all: Vec<Code> = ALWAYS.iter().chain(spec.refusals).chain(derived).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}
