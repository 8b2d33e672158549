//! Whatever a test sends over REST: a refusal must be one that the reference names for the operation.

use std::{collections::HashMap, sync::OnceLock};

use domain::{
    Code,
    catalogue::CATALOGUE,
    operation::{Entry, Route},
    reference,
};

use crate::Answer;

/// How many parts of a route's path are named in a request's path as they stand; nothing when it is another path.
fn fit(route: &Route, method: &str, path: &str) -> Option<usize> {
    let parts = |path: &'static str| path.split('/').collect::<Vec<_>>();
    let (wanted, given) = (parts(route.path), path.split('/').collect::<Vec<_>>());
    let is_input = |part: &str| part.starts_with('{');
    let fits = route.method == method
        && wanted.len() == given.len()
        && wanted.iter().zip(&given).all(|(want, give)| want == give || (is_input(want) && !give.is_empty()));
    fits.then(|| wanted.iter().filter(|part| !is_input(part)).count())
}

fn operation(method: &str, path: &str) -> Option<&'static Entry> {
    let path = path.split('?').next().unwrap_or_default();
    let method = if method == "HEAD" { "GET" } else { method };
    let fitting = CATALOGUE.iter().flat_map(|entry| {
        entry.spec.routes.iter().filter_map(move |route| fit(route, method, path).map(|parts| (parts, entry)))
    });
    fitting.max_by_key(|(parts, _)| *parts).map(|(_, entry)| entry)
}

fn declared(entry: &Entry) -> &'static [Code] {
    static ALL: OnceLock<HashMap<&'static str, Vec<Code>>> = OnceLock::new();
    let all = ALL.get_or_init(|| CATALOGUE.iter().map(|one| (one.spec.id, reference::refusals(one))).collect());
    &all[entry.spec.id]
}

/// Checks an answer of the network face.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let (Some(entry), Some(code)) = (operation(method, path), Code::parse(&answer.code())) else { return };
    if answer.header("content-type") == "application/problem+json" {
        assert!(
            declared(entry).contains(&code),
            "{} refuses with {}, which its specification does not declare: {}",
            entry.spec.id,
            code.as_str(),
            answer.text()
        );
    }
}
