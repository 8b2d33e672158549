//! What a request's `Accept` allows (RFC 9110 §12.5.1).

use ::http::{HeaderMap, header};

/// Whether an answer of this media type, named without parameters, may be sent.
///
/// The most specific range that fits decides. Several lines are one list, and a list without a range excludes nothing.
pub(crate) fn allows(headers: &HeaderMap, media: &str) -> bool {
    let group = media.split('/').next().unwrap_or_default();
    let (mut decided, mut is_empty) = (None, true);
    for line in headers.get_all(header::ACCEPT) {
        let line = String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase();
        for range in line.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            is_empty = false;
            let mut parts = range.split(';').map(str::trim);
            let precision = match parts.next().unwrap_or_default() {
                "*/*" => 0,
                range if range.strip_suffix("/*") == Some(group) => 1,
                range if range == media => 2,
                _ => continue,
            };
            decided = decided.max(Some((precision, !parts.any(is_refusal))));
        }
    }
    decided.map_or(is_empty, |(_, is_allowed)| is_allowed)
}

/// Whether a parameter is the weight 0.
fn is_refusal(parameter: &str) -> bool {
    parameter.strip_prefix("q=").and_then(|weight| weight.parse::<f64>().ok()).is_some_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use ::http::HeaderValue;

    use super::*;

    #[test]
    fn the_most_specific_range_of_all_lines_decides() {
        let allows = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| (header::ACCEPT, HeaderValue::from_static(line)));
            allows(&lines.collect(), "application/json")
        };
        for lines in [
            &[][..],
            &[""],
            &[" , "],
            &["*/*"],
            &["Application/*"],
            &["text/html, application/json;charset=utf-8;q=0.1"],
            &["text/html", "application/*"],
            &["*/*;q=0, application/json"],
            &["application/json;q=0.5, application/*;q=0"],
        ] {
            assert!(allows(lines), "{lines:?}");
        }
        for lines in [
            &["text/html"][..],
            &["text/*", "application/xml"],
            &["application/json;q=0"],
            &["*/*, application/json; Q=0.000"],
            &["application/*;q=0", "*/*"],
            &["application/json-seq"],
            &[";;;,,"],
        ] {
            assert!(!allows(lines), "{lines:?}");
        }
    }
}
