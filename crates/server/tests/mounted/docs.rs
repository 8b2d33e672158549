//! The reference as pages.

use domain::{
    Code,
    catalogue::CATALOGUE,
    reference::{self, Form},
};
use testkit::TestApp;

const CSP: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Elements without an end.
const VOID: [&str; 3] = ["meta", "link", "br"];

/// Checks that what is opened is closed in turn; the values of an attribute, in their order.
fn values(page: &str, wanted: &str) -> Vec<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{tag}> in {open:?}");
            continue;
        }
        if name != "!doctype" && !VOID.contains(&name) {
            open.push(name);
        }
        let attribute = tag.split_once(&format!(" {wanted}=\"")).map(|(_, rest)| rest.split_once('"').unwrap().0);
        found.extend(attribute.map(str::to_owned));
    }
    assert!(open.is_empty(), "{open:?} stay open");
    found
}

/// Checks that no heading is more than one level below the one before.
fn headings_are_in_order(page: &str) {
    let mut last = 0;
    for part in page.split("<h").skip(1) {
        let Some(level) =
            part.strip_suffix('>').unwrap_or(part).split(['>', ' ']).next().and_then(|one| one.parse().ok())
        else {
            continue;
        };
        assert!(level <= last + 1, "h{level} after h{last}: {part:.60}");
        last = level;
    }
}

fn is_plain(page: &str) {
    for forbidden in ["<script", " style=", " onclick", "javascript:", " src="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn pages_are_well_formed_and_every_link_leads_somewhere() {
    let app = TestApp::start().await;
    let reader = app.agent_in("default", "reader", "reader").await;
    let get = async |path: &str| app.rest("GET", path).key(&reader.key).header("accept", "text/html").send().await;
    let page = get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("content-security-policy"), CSP);
    let page = page.text();
    is_plain(&page);
    headings_are_in_order(&page);
    let ids = values(&page, "id");
    for id in CATALOGUE.iter().map(|entry| entry.spec.id.to_owned()) {
        assert!(ids.contains(&id), "{id} has no place");
    }
    for code in Code::ALL {
        let path = format!("/docs/errors/{}", code.as_str());
        assert!(page.contains(&format!("href=\"{path}\"")), "no link to {path}");
        let explained = get(&path).await;
        assert_eq!((explained.status, explained.header("content-security-policy")), (200, CSP), "{path}");
        let explained = explained.text();
        is_plain(&explained);
        headings_are_in_order(&explained);
        assert!(explained.contains(&format!("<h1>{}</h1>", code.as_str())), "{explained}");
        for link in values(&explained, "href") {
            assert!(["#main", "/docs/style.css", "/docs#errors"].contains(&link.as_str()), "{path}: {link}");
        }
    }
    let known = |link: &String| {
        link == "/docs/style.css"
            || link.strip_prefix('#').is_some_and(|id| ids.iter().any(|known| known == id))
            || link.strip_prefix("/docs/errors/").is_some_and(|code| Code::parse(code).is_some())
    };
    let dead: Vec<String> = values(&page, "href").into_iter().filter(|link| !known(link)).collect();
    assert!(dead.is_empty(), "{dead:?}");
    assert_eq!(get("/docs/errors/no_such_code").await.status, 404);
    let style = app.rest("GET", "/docs/style.css").key(&reader.key).header("accept", "text/css,*/*;q=0.1").send().await;
    assert_eq!((style.status, style.header("content-type")), (200, "text/css; charset=utf-8"));
    assert!(style.text().contains("prefers-color-scheme: dark"));
    let refused = app.rest("GET", "/docs").key(&reader.key).header("accept", "application/json").send().await;
    assert_eq!((refused.status, refused.code().as_str()), (406, "not_acceptable"));
    assert!(refused.json()["hint"].as_str().unwrap().contains("text/html"));
}

#[tokio::test]
async fn pages_are_closed_to_strangers() {
    let app = TestApp::start().await;
    for path in ["/docs", "/docs/errors/not_found", "/docs/errors/nothing", "/docs/style.css"] {
        let answer = app.rest("GET", path).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthenticated"), "{path}");
        assert_ne!(answer.header("content-security-policy"), CSP, "{path}");
    }
}

#[test]
fn the_page_for_a_file_holds_everything_it_refers_to() {
    let page = reference::docs(Form::Alone);
    assert!(page.contains("<style>") && !page.contains("rel=\"stylesheet\""));
    headings_are_in_order(&page);
    let (head, body) = page.split_once("</style>").unwrap();
    is_plain(body);
    let body = format!("{}</style>{body}", head.split_once("<style>").unwrap().0.to_owned() + "<style>");
    let ids = values(&body, "id");
    for link in values(&body, "href") {
        let id = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads out of the file"));
        assert!(ids.iter().any(|known| known == id), "{link}");
    }
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "an id stands twice");
}
