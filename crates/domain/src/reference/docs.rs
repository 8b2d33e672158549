//! The reference as HTML: one page about everything, and a page for each error code.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{example, openapi::NOUNS, pages, refusals, tools};
use crate::{
    access::{Permission, Role},
    catalogue::{CATALOGUE, TOOLSETS},
    error::Code,
    operation::{Entry, Rate},
};

mod html;

use html::{attribute, inline, markdown, text};

/// How the pages look.
pub const STYLE: &str = include_str!("docs/style.css");

/// Where a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// From the server: the style and the error codes are pages of their own.
    Served,
    /// From a file: everything is in it.
    Alone,
}

/// The page about everything.
#[must_use]
pub fn docs(form: Form) -> String {
    let mut page = head("Guildhall reference", form);
    contents(&mut page);
    page.push_str("<main id=\"main\">\n<section id=\"calls\">\n<h2>Calls</h2>\n");
    page.push_str(&markdown(super::openapi::DESCRIPTION, 2));
    page.push_str("</section>\n");
    operations(&mut page, form);
    permissions(&mut page);
    mcp_tools(&mut page);
    errors(&mut page, form);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// The page of one error code.
#[must_use]
pub fn error_page(code: Code) -> String {
    let mut page = head(code.as_str(), Form::Served);
    let _ = write!(
        page,
        "<nav aria-label=\"Reference\"><a href=\"/docs#errors\">All error codes</a></nav>\n<main id=\"main\">\n{}</main>\n</body>\n</html>\n",
        markdown(code.page(), 0)
    );
    page
}

fn head(title: &str, form: Form) -> String {
    let style = match form {
        Form::Served => "<link rel=\"stylesheet\" href=\"/docs/style.css\">".to_owned(),
        Form::Alone => format!("<style>\n{STYLE}</style>"),
    };
    let heading = match form {
        Form::Served if title != "Guildhall reference" => String::new(),
        Form::Served | Form::Alone => format!("<header>\n<h1>{}</h1>\n</header>\n", text(title)),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n{style}\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the text</a>\n{heading}",
        text(title)
    )
}

/// The catalogue by noun, each with the description of its tag where it has one.
fn nouns() -> Vec<(&'static str, &'static str, Vec<&'static Entry>)> {
    let mut all: Vec<(&str, &str, Vec<&Entry>)> = Vec::new();
    for entry in CATALOGUE {
        let noun = entry.spec.id.split('.').next().unwrap_or_default();
        match all.last_mut() {
            Some((last, _, entries)) if *last == noun => entries.push(entry),
            _ => {
                let about = NOUNS.iter().find(|(name, _)| *name == noun).map_or("", |(_, about)| *about);
                all.push((noun, about, vec![entry]));
            }
        }
    }
    all
}

fn contents(page: &mut String) {
    page.push_str("<nav aria-label=\"Contents\">\n<ul>\n<li><a href=\"#calls\">Calls</a></li>\n");
    page.push_str("<li><a href=\"#operations\">Operations</a>\n<ul>\n");
    for (noun, _, entries) in nouns() {
        let _ = writeln!(page, "<li><a href=\"#noun-{0}\">{0}</a>:", attribute(noun));
        for entry in entries {
            let verb = entry.spec.id.split_once('.').map_or(entry.spec.id, |(_, verb)| verb);
            let _ = writeln!(page, "<a href=\"#{}\">{}</a>", attribute(entry.spec.id), text(verb));
        }
        page.push_str("</li>\n");
    }
    page.push_str("</ul>\n</li>\n");
    for (id, title) in [("permissions", "Permissions and roles"), ("tools", "MCP tools"), ("errors", "Error codes")] {
        let _ = writeln!(page, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    page.push_str("</ul>\n</nav>\n");
}

fn operations(page: &mut String, form: Form) {
    page.push_str("<section id=\"operations\">\n<h2>Operations</h2>\n");
    page.push_str(
        "<p>The id is the audit action, the metric label and the name for <code>guildhall call</code>.</p>\n",
    );
    for (noun, about, entries) in nouns() {
        let _ = writeln!(page, "<section id=\"noun-{0}\">\n<h3>{0}</h3>\n<p>{1}</p>", attribute(noun), inline(about));
        for entry in entries {
            operation(page, entry, form);
        }
        page.push_str("</section>\n");
    }
    page.push_str("</section>\n");
}

fn operation(page: &mut String, entry: &Entry, form: Form) {
    let spec = entry.spec;
    let _ = writeln!(
        page,
        "<article id=\"{0}\">\n<h4>{0}</h4>\n<p>{1}</p>\n<dl>",
        attribute(spec.id),
        inline(spec.summary)
    );
    let routes: Vec<String> = spec.routes.iter().map(|route| format!("`{} {}`", route.method, route.path)).collect();
    let limit = match spec.rate {
        Rate::Default => "counted",
        Rate::Free => "not counted",
    };
    for (name, value) in [
        ("Needs", pages::access(spec.access)),
        ("REST", if routes.is_empty() { "only on the Unix socket".into() } else { routes.join(", ") }),
        ("MCP tool", spec.tool.map_or("none".into(), |tool| format!("`{}` ({})", tool.name, tool.set))),
        ("Effect", pages::effect(spec.effect).to_owned()),
        ("Repeat", pages::replay(spec.replay).to_owned()),
        ("Limit of calls", limit.to_owned()),
    ] {
        let _ = writeln!(page, "<dt>{name}</dt><dd>{}</dd>", inline(&value));
    }
    page.push_str("</dl>\n");
    members(page, (&format!("Input of {}", spec.id), "required"), &tools::whole(entry));
    members(page, (&format!("Answer of {}", spec.id), "always"), &tools::answer(entry));
    page.push_str("<h5>Refusals</h5>\n<p>");
    for code in refusals(entry) {
        let _ = writeln!(page, "<a href=\"{}\">{}</a>", place(code, form), code.as_str());
    }
    page.push_str("</p>\n");
    let example = example(entry);
    listing(page, "Example", &Value::Object(example.input));
    if let Some(output) = &example.output {
        listing(page, "Its answer", output);
    }
    page.push_str("</article>\n");
}

/// Where a code is explained.
fn place(code: Code, form: Form) -> String {
    match form {
        Form::Served => format!("/docs/errors/{}", code.as_str()),
        Form::Alone => format!("#error-{}", code.as_str()),
    }
}

fn listing(page: &mut String, title: &str, value: &Value) {
    let shown = serde_json::to_string_pretty(value).unwrap_or_default();
    let _ = writeln!(page, "<h5>{title}</h5>\n<pre tabindex=\"0\"><code>{}</code></pre>", text(&shown));
}

/// A table of an object's members; nothing when it has none. The mark stands at those that are never left out.
fn members(page: &mut String, (caption, mark): (&str, &str), schema: &Map<String, Value>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty()) else {
        return;
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    table(page, caption, &["Member", "Type", "Meaning"]);
    for (name, property) in properties {
        let mark = if required.contains(&name.as_str()) { format!(" ({mark})") } else { String::new() };
        let meaning = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\"><code>{}</code>{mark}</th><td>{}</td><td>{}</td></tr>",
            text(name),
            inline(&pages::kind(property)),
            inline(meaning)
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
}

/// The head of a table, which can be scrolled on narrow screens.
fn table(page: &mut String, caption: &str, columns: &[&str]) {
    let columns: Vec<String> =
        columns.iter().map(|column| format!("<th scope=\"col\">{}</th>", text(column))).collect();
    let _ = writeln!(
        page,
        "<div class=\"wide\" role=\"region\" aria-label=\"{}\" tabindex=\"0\"><table>\n<caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>",
        attribute(caption),
        text(caption),
        columns.concat()
    );
}

fn permissions(page: &mut String) {
    page.push_str("<section id=\"permissions\">\n<h2>Permissions and roles</h2>\n");
    let roles = Role::ALL.iter().map(|role| role.as_str());
    let columns: Vec<&str> = ["Permission"].into_iter().chain(roles).collect();
    table(page, "Which role may do what", &columns);
    for permission in Permission::ALL {
        let _ = write!(page, "<tr><th scope=\"row\"><code>{}</code></th>", permission.as_str());
        for role in Role::ALL {
            let _ = write!(page, "<td>{}</td>", if role.permissions().has(*permission) { "yes" } else { "no" });
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn mcp_tools(page: &mut String) {
    page.push_str("<section id=\"tools\">\n<h2>MCP tools</h2>\n");
    table(page, "Which tool calls which operation", &["Tool", "Toolset", "Operation"]);
    for set in TOOLSETS {
        for entry in CATALOGUE {
            let Some(tool) = entry.spec.tool.filter(|tool| tool.set == *set) else { continue };
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\"><code>{}</code></th><td>{set}</td><td><a href=\"#{1}\">{1}</a></td></tr>",
                text(tool.name),
                attribute(entry.spec.id)
            );
        }
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn errors(page: &mut String, form: Form) {
    page.push_str("<section id=\"errors\">\n<h2>Error codes</h2>\n");
    table(page, "What each code means", &["Code", "HTTP", "Exit", "Meaning"]);
    for code in Code::ALL {
        let anchor = match form {
            Form::Served => format!(" id=\"error-{}\"", code.as_str()),
            Form::Alone => String::new(),
        };
        let _ = writeln!(
            page,
            "<tr{anchor}><th scope=\"row\"><a href=\"{}\">{}</a></th><td>{}</td><td>{}</td><td>{}</td></tr>",
            place(*code, form),
            code.as_str(),
            code.http(),
            code.exit(),
            inline(code.title())
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
    if form == Form::Alone {
        for code in Code::ALL {
            let _ = write!(page, "<article id=\"error-{}\">\n{}</article>\n", code.as_str(), markdown(code.page(), 2));
        }
    }
    page.push_str("</section>\n");
}
