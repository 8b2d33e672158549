//! Pages and their cursors: a place in a list that the client carries for us, bound to the caller, the operation and the
//! list's filters.

use std::fmt::Debug;

use security::tag;
use types::Page;

use crate::{App, Call, Code, Error, Result, access::Known, operation::Spec};

/// One page of a list that was asked for.
#[derive(Debug)]
pub(crate) struct Paging {
    spec: &'static Spec,
    filters: String,
    limit: usize,
}

impl Paging {
    /// A page of at most `limit` items of the list that `filters` describes, and the place it begins after.
    pub(crate) fn open(
        call: &Call<Known>,
        spec: &'static Spec,
        filters: &impl Debug,
        (limit, cursor): (u32, Option<&str>),
    ) -> Result<(Self, Option<String>)> {
        let filters = format!("{filters:?}");
        let place = cursor.map(|cursor| open(&call.app, call.who(), spec, &filters, cursor)).transpose()?;
        Ok((Self { spec, filters, limit: usize::try_from(limit).unwrap_or(1) }, place))
    }

    /// How many rows to fetch: one more than the page holds tells whether there is another page.
    pub(crate) const fn rows(&self) -> usize {
        self.limit + 1
    }

    /// The cursor of the page that begins after a place.
    pub(crate) fn after(&self, app: &App, who: &Known, place: &str) -> String {
        seal(app, who, self.spec, &self.filters, place)
    }

    /// The page out of the rows fetched.
    pub(crate) fn close<T>(
        &self,
        call: &Call<Known>,
        mut items: Vec<T>,
        total: Option<i64>,
        place: impl Fn(&T) -> String,
    ) -> Page<T> {
        let has_more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| has_more);
        let next_cursor = last.map(|last| self.after(&call.app, call.who(), &place(last)));
        Page { items, next_cursor, total }
    }
}

fn wrong() -> Error {
    Error::new(Code::InvalidCursor, "the cursor is altered, foreign or not of this list")
        .hint("start again without `cursor`, with the same filters on every page")
}

fn context(who: &Known, spec: &Spec, filters: &str) -> [Vec<u8>; 4] {
    let identity = who.identity();
    [
        identity.workspace.to_string().into_bytes(),
        identity.principal.to_string().into_bytes(),
        spec.id.as_bytes().to_vec(),
        filters.as_bytes().to_vec(),
    ]
}

fn tagged(app: &App, context: &[Vec<u8>; 4], place: &[u8]) -> [u8; tag::LENGTH] {
    let [workspace, principal, operation, filters] = context;
    app.secrets.cursor.tag(&[workspace, principal, operation, filters, place])
}

/// The cursor for a place.
fn seal(app: &App, who: &Known, spec: &Spec, filters: &str, place: &str) -> String {
    let mut bytes = tagged(app, &context(who, spec, filters), place.as_bytes()).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    security::digest::hex(&bytes)
}

/// The place in a cursor.
fn open(app: &App, who: &Known, spec: &Spec, filters: &str, cursor: &str) -> Result<String> {
    let bytes = unhex(cursor).ok_or_else(wrong)?;
    let (tag, place) = bytes.split_at_checked(tag::LENGTH).ok_or_else(wrong)?;
    if !security::digest::equal(&tagged(app, &context(who, spec, filters), place), tag) {
        return Err(wrong());
    }
    String::from_utf8(place.to_vec()).map_err(|_| wrong())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > 4_096 || text.len() % 2 == 1 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
    Some(
        text.as_bytes()
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |value, byte| value << 4 | digit(*byte)))
            .collect(),
    )
}
