//! Texts as HTML. Nothing reaches a page unescaped.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A text between tags.
pub(super) fn text(plain: &str) -> String {
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text within quotes.
pub(super) fn attribute(plain: &str) -> String {
    text(plain).replace('"', "&quot;")
}

/// A text with code between backticks.
pub(super) fn inline(plain: &str) -> String {
    let mut shown = String::new();
    for (place, part) in plain.split('`').enumerate() {
        if place % 2 == 1 {
            shown.push_str("<code>");
            shown.push_str(&text(part));
            shown.push_str("</code>");
        } else {
            shown.push_str(&text(part));
        }
    }
    shown
}

/// Markdown of ours; its headings stand so many levels deeper, and raw HTML in it is shown as text.
pub(super) fn markdown(source: &str, deeper: u8) -> String {
    let lower = |level: HeadingLevel| HeadingLevel::try_from(level as usize + usize::from(deeper)).unwrap_or(level);
    let events = Parser::new_ext(source, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: lower(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level))),
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        other => other,
    });
    let mut shown = String::new();
    html::push_html(&mut shown, events);
    shown
        .replace("<th>", "<th scope=\"col\">")
        .replace("<table>", "<div class=\"wide\" role=\"region\" aria-label=\"Table\" tabindex=\"0\"><table>")
        .replace("</table>", "</table></div>")
        .replace("<pre>", "<pre tabindex=\"0\">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_page_unescaped() {
        let hostile = "a <script>&\"x\"</script> `<b>` c";
        assert_eq!(inline(hostile), "a &lt;script&gt;&amp;\"x\"&lt;/script&gt; <code>&lt;b&gt;</code> c");
        assert_eq!(attribute("\"<"), "&quot;&lt;");
        let shown = markdown("# <b>x</b>\n\n<script>alert(1)</script>\n\n| a |\n|---|\n| `<i>` |\n", 2);
        assert!(!shown.contains("<script") && !shown.contains("<b>") && !shown.contains("<i>"), "{shown}");
        assert!(shown.contains("<h3>") && shown.contains("<th scope=\"col\">a</th>"), "{shown}");
    }
}
