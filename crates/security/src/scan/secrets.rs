//! Credentials, sought in a text and in its decoded forms.

mod certain;
mod forms;
mod generic;
mod view;

use super::Report;
use view::View;

pub(super) fn search(text: &str, report: &mut Report) {
    let given = View::of(text);
    both_forms(&given, report);
    if let Some(decoded) = View::percent_decoded(&given) {
        both_forms(&decoded, report);
    }
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    forms::CERTAIN.iter().map(|form| form.kind).chain(generic::KINDS.iter().copied())
}

/// A view as it is, decoded, and without whitespace.
fn both_forms(view: &View<'_>, report: &mut Report) {
    certain::search(view, report);
    generic::search(view, report);
    if let Some(decoded) = View::base64_decoded(view) {
        certain::search(&decoded, report);
        generic::search(&decoded, report);
    }
    // Without its spaces any prose looks like the value of something, so only the forms with a prefix are sought here.
    if let Some(compact) = View::compact(view) {
        certain::search(&compact, report);
        if let Some(decoded) = View::base64_decoded(&compact) {
            certain::search(&decoded, report);
        }
    }
}
