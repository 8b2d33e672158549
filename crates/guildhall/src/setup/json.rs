//! Editing a client's JSON in its text: one insertion that touches nothing around it, and its removal.
//!
//! Comments and trailing commas are read as clients read them. What is inserted becomes the first of its siblings, so
//! that no comma of the owner's has to change.

use std::collections::BTreeMap;

use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{Array, Object, Value as Node},
    common::{Range, Ranged as _},
    parse_to_ast,
};
use serde::Serialize;
use serde_json::{Value, ser::PrettyFormatter};

use super::edit::{Broken, Inserted};

/// Where a value goes: into this member of the root, as its member `name`, or without a name as an item of its list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// The root's member; made when it is missing.
    pub(crate) container: &'static str,
    /// The name within an object; none for a list.
    pub(crate) name: Option<&'static str>,
}

const BOM: char = '\u{feff}';

/// The document as a value; null when it holds none.
///
/// # Errors
/// When the text is no JSON with comments.
pub(crate) fn value(text: &str) -> Result<Value, Broken> {
    Ok(parse(body(text))?.map_or(Value::Null, Value::from))
}

/// Whether the text is JSON as strict parsers want it.
pub(crate) fn is_strict(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(body(text)).is_ok()
}

/// Inserts a value. Where a member of that name or the very item stands already, the caller has looked.
///
/// # Errors
/// When the text is no JSON, its root no object, or the container something else than it must be.
pub(crate) fn insert(text: &str, slot: Slot, value: &impl Serialize) -> Result<Inserted, Broken> {
    let body = body(text);
    let style = Style::of(body);
    let Some(root) = parse(body)? else { return fresh(text, &style, slot, value) };
    let root = object(&root)?;
    let (brackets, piece, made) = match container(root, slot)? {
        None => (Brackets::of_object(root), Piece::with_container(slot, value), true),
        Some(Container::Object(inner)) => (Brackets::of_object(inner), Piece::of(slot, value), false),
        Some(Container::Array(inner)) => (Brackets::of_array(inner), Piece::of(slot, value), false),
    };
    let (at, inserted) = brackets.insertion(body, &style, &piece);
    Ok(Inserted::new(text, text.len() - body.len() + at, inserted, made))
}

/// Removes what is in the slot, and with it the container when that was `made` for it and holds nothing else. An item
/// of a list is found by its value. A text without it stays as it is.
///
/// # Errors
/// When the text is no JSON, its root no object, or the container something else than it must be.
pub(crate) fn remove(text: &str, slot: Slot, item: &Value, made: bool) -> Result<String, Broken> {
    let body = body(text);
    let Some(root) = parse(body)? else { return Ok(text.to_owned()) };
    let root = object(&root)?;
    let (brackets, place) = match container(root, slot)? {
        None => return Ok(text.to_owned()),
        Some(Container::Object(inner)) => {
            let place = inner.properties.iter().position(|one| Some(one.name.as_str()) == slot.name);
            (Brackets::of_object(inner), place)
        }
        Some(Container::Array(inner)) => {
            let place = inner.elements.iter().position(|one| Value::from(one.clone()) == *item);
            (Brackets::of_array(inner), place)
        }
    };
    let Some(place) = place else { return Ok(text.to_owned()) };
    let alone = made && brackets.children.len() == 1;
    let whole = root.properties.iter().position(|one| one.name.as_str() == slot.container).filter(|_| alone);
    let wanted = without(body, slot, item, alone)?;
    let cuts = match whole {
        Some(place) => Brackets::of_object(root).removals(body, place),
        None => brackets.removals(body, place),
    };
    let head = text.get(..text.len() - body.len()).unwrap_or_default();
    let is_right = |text: &String| value(text).is_ok_and(|value| value == wanted);
    let found = cuts.into_iter().map(|ranges| cut(body, &ranges)).find(is_right);
    let rest = found.ok_or_else(|| Broken::new("our entry cannot be told from what stands around it"))?;
    Ok(format!("{head}{rest}"))
}

/// The document's value without what is in the slot.
fn without(body: &str, slot: Slot, item: &Value, alone: bool) -> Result<Value, Broken> {
    let mut wanted = value(body)?;
    if alone {
        wanted.as_object_mut().map(|root| root.remove(slot.container));
    } else if let Some(Value::Object(members)) = wanted.get_mut(slot.container) {
        slot.name.map(|name| members.remove(name));
    } else if let Some(Value::Array(items)) = wanted.get_mut(slot.container)
        && let Some(place) = items.iter().position(|one| one == item)
    {
        items.remove(place);
    }
    Ok(wanted)
}

fn body(text: &str) -> &str {
    text.strip_prefix(BOM).unwrap_or(text)
}

fn parse(body: &str) -> Result<Option<Node<'_>>, Broken> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(body, &CollectOptions::default(), &options) {
        Ok(parsed) => Ok(parsed.value),
        Err(error) => Err(Broken::at(error.kind().to_string(), error.line_display(), error.column_display())),
    }
}

fn object<'n, 'a>(node: &'n Node<'a>) -> Result<&'n Object<'a>, Broken> {
    node.as_object().ok_or_else(|| Broken::new("the document is not an object"))
}

enum Container<'n, 'a> {
    Object(&'n Object<'a>),
    Array(&'n Array<'a>),
}

fn container<'n, 'a>(root: &'n Object<'a>, slot: Slot) -> Result<Option<Container<'n, 'a>>, Broken> {
    let mut named = root.properties.iter().filter(|one| one.name.as_str() == slot.container);
    let Some(found) = named.next() else { return Ok(None) };
    if named.next().is_some() {
        return Err(Broken::new(format!("`{}` stands there twice", slot.container)));
    }
    match (&found.value, slot.name) {
        (Node::Object(inner), Some(name)) => {
            if inner.properties.iter().filter(|one| one.name.as_str() == name).count() > 1 {
                return Err(Broken::new(format!("`{}.{name}` stands there twice", slot.container)));
            }
            Ok(Some(Container::Object(inner)))
        }
        (Node::Array(inner), None) => Ok(Some(Container::Array(inner))),
        (_, Some(_)) => Err(Broken::new(format!("`{}` is not an object", slot.container))),
        (_, None) => Err(Broken::new(format!("`{}` is not a list", slot.container))),
    }
}

/// A whole document, behind what little the text holds.
fn fresh(text: &str, style: &Style, slot: Slot, value: &impl Serialize) -> Result<Inserted, Broken> {
    let empty = insert("{}", slot, value)?;
    let ends_line = body(text).is_empty() || text.ends_with('\n');
    let before = if ends_line { "" } else { style.newline };
    let document = empty.text.replace('\n', style.newline);
    Ok(Inserted::new(text, text.len(), format!("{before}{document}{}", style.newline), true))
}

/// How the document is written.
struct Style {
    unit: String,
    newline: &'static str,
    /// All of it on one line, so that more of it goes there too.
    is_one_line: bool,
}

impl Style {
    fn of(body: &str) -> Self {
        let newline = match body.find('\n') {
            Some(end) if body.get(..end).is_some_and(|line| line.ends_with('\r')) => "\r\n",
            _ => "\n",
        };
        let indent = body.lines().skip(1).map(blank_start).find(|blank| !blank.is_empty());
        let trimmed = body.trim();
        Self {
            unit: indent.unwrap_or("  ").to_owned(),
            newline,
            is_one_line: !trimmed.contains('\n') && trimmed.len() > 2,
        }
    }

    fn pretty(&self, value: &impl Serialize, indent: &str) -> String {
        let mut bytes = Vec::new();
        let mut writer =
            serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(self.unit.as_bytes()));
        // What is written here are our own texts and lists of them, into memory: it cannot fail.
        let _ = value.serialize(&mut writer);
        String::from_utf8_lossy(&bytes).replace('\n', &format!("{}{indent}", self.newline))
    }
}

fn blank_start(line: &str) -> &str {
    line.get(..line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or_default()
}

/// What is inserted: a name, if it becomes a member, and a value.
struct Piece<'v, V> {
    name: Option<&'static str>,
    value: Wrapped<'v, V>,
}

/// A value, or the container that is made for it.
#[derive(Serialize)]
#[serde(untagged)]
enum Wrapped<'v, V> {
    Bare(&'v V),
    Object(BTreeMap<&'static str, &'v V>),
    List([&'v V; 1]),
}

impl<'v, V: Serialize> Piece<'v, V> {
    fn of(slot: Slot, value: &'v V) -> Self {
        Self { name: slot.name, value: Wrapped::Bare(value) }
    }

    fn with_container(slot: Slot, value: &'v V) -> Self {
        let value = match slot.name {
            Some(name) => Wrapped::Object(BTreeMap::from([(name, value)])),
            None => Wrapped::List([value]),
        };
        Self { name: Some(slot.container), value }
    }

    fn on_lines(&self, style: &Style, indent: &str) -> String {
        let value = style.pretty(&self.value, indent);
        self.name.map_or_else(|| value.clone(), |name| format!("\"{name}\": {value}"))
    }

    fn on_one_line(&self, space: &str) -> String {
        let value = serde_json::to_string(&self.value).unwrap_or_default();
        self.name.map_or_else(|| value.clone(), |name| format!("\"{name}\":{space}{value}"))
    }
}

/// An object or a list in the text.
struct Brackets {
    /// Behind the opening bracket.
    open: usize,
    /// The closing bracket.
    close: usize,
    children: Vec<Range>,
}

impl Brackets {
    fn of_object(object: &Object<'_>) -> Self {
        Self::of(object.range, object.properties.iter().map(|one| one.range).collect())
    }

    fn of_array(array: &Array<'_>) -> Self {
        Self::of(array.range, array.elements.iter().map(|one| one.range()).collect())
    }

    fn of(range: Range, children: Vec<Range>) -> Self {
        Self { open: range.start + 1, close: range.end.saturating_sub(1), children }
    }

    /// Where the piece goes, and the text that makes it the first child.
    fn insertion<V: Serialize>(&self, body: &str, style: &Style, piece: &Piece<'_, V>) -> (usize, String) {
        let inner_end = self.children.first().map_or(self.close, |first| first.start);
        let before = part(body, self.open, inner_end);
        let comma = if self.children.is_empty() { "" } else { "," };
        let has_lines = before.contains('\n');
        if !has_lines && (!self.children.is_empty() || style.is_one_line) {
            let space = part(before, 0, before.len() - before.trim_start().len());
            let lead = if self.children.is_empty() { "" } else { space };
            return (self.open, format!("{lead}{}{comma}", piece.on_one_line(lead)));
        }
        let own = blank_start(line_of(body, self.open));
        let indent = match self.children.first() {
            Some(first) => blank_start(line_of(body, first.start)).to_owned(),
            None => format!("{own}{}", style.unit),
        };
        let end = if has_lines { String::new() } else { format!("{}{own}", style.newline) };
        let at = self.open + line_comment(before);
        (at, format!("{}{indent}{}{comma}{end}", style.newline, piece.on_lines(style, &indent)))
    }

    /// Ways to cut a child out with the one comma that goes with it, the tidiest first.
    fn removals(&self, body: &str, place: usize) -> Vec<Vec<Range>> {
        let Some(child) = self.children.get(place) else { return Vec::new() };
        let behind = skip(body, child.end);
        let own_comma = body.get(behind..).is_some_and(|rest| rest.starts_with(','));
        let end = if own_comma { behind + 1 } else { child.end };
        let start = self.open + part(body, self.open, child.start).trim_end().len();
        let mut ways = vec![vec![Range::new(start, end)], vec![Range::new(child.start, end)]];
        if !own_comma && let Some(previous) = place.checked_sub(1).and_then(|place| self.children.get(place)) {
            let comma = skip(body, previous.end);
            for way in &mut ways {
                way.insert(0, Range::new(comma, comma + 1));
            }
        }
        let is_alone = self.children.len() == 1;
        if is_alone && part(body, end, self.close).trim().is_empty() && start == self.open {
            ways.insert(0, vec![Range::new(self.open, self.close)]);
        }
        ways
    }
}

fn part(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

fn cut(text: &str, ranges: &[Range]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for range in ranges {
        rest.push_str(part(text, from, range.start));
        from = range.end;
    }
    rest.push_str(part(text, from, text.len()));
    rest
}

/// The line in which a place is, up to its end.
fn line_of(text: &str, at: usize) -> &str {
    let start = part(text, 0, at).rfind('\n').map_or(0, |end| end + 1);
    part(text, start, text.len()).lines().next().unwrap_or_default()
}

/// How long a line comment behind an opening bracket is, with the blanks before it.
fn line_comment(before: &str) -> usize {
    let comment = before.trim_start_matches([' ', '\t']);
    if !comment.starts_with("//") {
        return 0;
    }
    before.lines().next().map_or(0, str::len)
}

/// The next place from here that is neither blank nor in a comment.
fn skip(text: &str, mut at: usize) -> usize {
    loop {
        let rest = part(text, at, text.len());
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        let length = if trimmed.starts_with("//") {
            trimmed.find('\n').unwrap_or(trimmed.len())
        } else if trimmed.starts_with("/*") {
            trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
        } else {
            return at;
        };
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::{super::edit::cut, *};

    const SLOT: Slot = Slot { container: "mcpServers", name: Some("guildhall") };
    const LIST: Slot = Slot { container: "inputs", name: None };

    fn blank() -> impl Strategy<Value = String> {
        const PIECES: &[&str] = &["", "", " ", "\n", "\r\n  ", "\n\t", " // a, {\"b\"\n", "/* } */ ", "\n  // c\r\n  "];
        proptest::sample::select(PIECES).prop_map(str::to_owned)
    }

    fn container(
        items: impl Strategy<Value = Vec<(String, String)>>,
        brackets: (&'static str, &'static str),
    ) -> impl Strategy<Value = String> {
        (items, blank(), any::<bool>()).prop_map(move |(items, end, trails)| {
            let inner = items.iter().map(|(before, item)| format!("{before}{item}")).collect::<Vec<_>>().join(",");
            let comma = if trails && !items.is_empty() { "," } else { "" };
            format!("{}{inner}{comma}{end}{}", brackets.0, brackets.1)
        })
    }

    fn object(value: impl Strategy<Value = String>, names: &'static [&'static str]) -> impl Strategy<Value = String> {
        let members = vec((blank(), blank(), value, blank()), 0..names.len());
        let members = members.prop_map(move |members| {
            let named = members.into_iter().zip(names);
            named.map(|((a, b, value, c), name)| (a, format!("\"{name}\"{b}:{value}{c}"))).collect()
        });
        container(members, ("{", "}"))
    }

    fn document() -> impl Strategy<Value = String> {
        let leaf = proptest::sample::select(&["1", "-2.5e3", "\"x{,\\\"//\"", "true", "null", "\"ü 🙂\""][..]);
        let value = leaf.prop_map(str::to_owned).prop_recursive(3, 16, 4, |inner| {
            let list = vec((blank(), inner.clone()), 0..3);
            prop_oneof![object(inner, &["a", "b", "mcpServers"]), container(list, ("[", "]"))].boxed()
        });
        let servers = object(value.clone(), &["one", "two", "three"]);
        let root = (value, servers, blank(), blank(), any::<bool>(), any::<bool>());
        root.prop_map(|(value, servers, before, after, first, has)| {
            let ours = format!("{before}\"mcpServers\":{servers}");
            let other = format!("{after}\"other\":{value}");
            let inner = match (has, first) {
                (true, true) => format!("{ours},{other}"),
                (true, false) => format!("{other},{ours}"),
                (false, true) => other,
                (false, false) => before.clone(),
            };
            format!("{before}{{{inner}{after}}}{before}")
        })
    }

    fn check(text: &str, slot: Slot, entry: &Value) {
        let before = value(text).unwrap();
        let done = insert(text, slot, entry).unwrap();
        let after = value(&done.text).unwrap();
        let found = match slot.name {
            Some(name) => &after[slot.container][name],
            None => &after[slot.container][0],
        };
        assert_eq!(found, entry, "{}", done.text);
        assert_eq!(is_strict(&done.text), is_strict(text) || body(text).trim().is_empty(), "{}", done.text);
        assert_eq!(cut(&done.text, &[done.inserted]).unwrap(), text);
        let rest = remove(&done.text, slot, entry, done.made).unwrap();
        assert_eq!(value(&rest).unwrap(), if before.is_null() { json!({}) } else { before });
        assert!(is_strict(&rest) || !is_strict(&done.text), "{rest}");
        assert_eq!(remove(&rest, slot, entry, done.made).unwrap(), rest);
    }

    proptest! {
        #[test]
        fn any_document_is_the_same_after_an_insertion_and_its_undoing(text in document()) {
            check(&text, SLOT, &json!({ "command": "x", "args": ["mcp", "a\"b"] }));
            check(&format!("\u{feff}{text}"), LIST, &json!({ "id": "key" }));
        }

        #[test]
        fn no_text_makes_it_fail(text in "[\\[\\]{}\":,/* \\n\\\\a1ü]{0,24}") {
            if let Ok(done) = insert(&text, SLOT, &json!({})) {
                prop_assert_eq!(value(&done.text).unwrap()["mcpServers"]["guildhall"].clone(), json!({}));
                let _ = remove(&done.text, SLOT, &Value::Null, true).unwrap();
            }
        }
    }

    #[test]
    fn documents_that_hold_nothing_get_a_whole_one() {
        for text in ["", "\n", " ", "// only this", "\u{feff}", "{}", "{ }", "{\n}", "{ // c\n}"] {
            check(text, SLOT, &json!({ "command": "x" }));
        }
        let made = insert("", SLOT, &json!({ "a": [] })).unwrap().text;
        assert_eq!(made, "{\n  \"mcpServers\": {\n    \"guildhall\": {\n      \"a\": []\n    }\n  }\n}\n");
    }

    #[test]
    fn the_form_of_the_document_is_kept() {
        let entry = json!({ "a": 1 });
        for (before, after) in [
            ("{\"x\":1}", "{\"mcpServers\":{\"guildhall\":{\"a\":1}},\"x\":1}"),
            ("{ \"x\": 1 }", "{ \"mcpServers\": {\"guildhall\":{\"a\":1}}, \"x\": 1 }"),
            (
                "{\n\t\"mcpServers\": {\n\t}\n}",
                "{\n\t\"mcpServers\": {\n\t\t\"guildhall\": {\n\t\t\t\"a\": 1\n\t\t}\n\t}\n}",
            ),
        ] {
            assert_eq!(insert(before, SLOT, &entry).unwrap().text, after);
        }
    }
}
