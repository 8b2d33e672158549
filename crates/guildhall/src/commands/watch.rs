//! `guildhall watch`: the calls of a workspace as they end.

use std::time::Duration;

use serde_json::Value;

use super::{Context, Input, cell};
use crate::{
    args::Watch,
    failure::{Result, exit},
    output::{self, Form, Reader, Tint},
};

/// Calls shown of what was before.
const BEFORE: u32 = 20;
/// Calls in one answer.
const MOST: u32 = 200;
/// How long one question waits for a call.
const WAIT_SECS: u32 = 50;
/// Between two questions, so that watching a busy server stays within the limit on calls.
const PACE: Duration = Duration::from_millis(200);
/// Between two attempts to find a server again.
const AGAIN: Duration = Duration::from_millis(500);

/// Where the watching stands.
#[derive(Debug, Default)]
struct Place {
    after: Option<u64>,
    /// Which start of the server `after` belongs to.
    started_at: Option<Value>,
    /// Whether the server was gone when it was last asked. The next answer is not waited for: it says whether the server
    /// was started anew.
    is_lost: bool,
}

/// Prints calls until the reader goes or the process is ended.
pub(super) fn run(context: &Context<'_>, watch: &Watch) -> Result<()> {
    let client = context.client(watch.r#in.workspace.as_deref())?;
    let colours = context.environment.wants_colours();
    let mut place = Place::default();
    loop {
        let page = match client.json("ops.calls", &question(watch, &place)) {
            Ok(page) => page,
            // Only a server that was seen before is waited for.
            Err(failure) if is_away(failure.exit) && place.started_at.is_some() && !watch.once => {
                if !std::mem::replace(&mut place.is_lost, true) {
                    output::words("the server is gone; waiting until it is back")?;
                }
                client.pause(AGAIN);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        place.is_lost = false;
        if !place.moved(&page)? {
            continue;
        }
        for call in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            if show(context.form, call, colours)? == Reader::Gone {
                return Ok(());
            }
        }
        if watch.once {
            return Ok(());
        }
        client.pause(PACE);
    }
}

const fn is_away(code: u8) -> bool {
    matches!(code, exit::UNREACHABLE | exit::BUSY)
}

fn question(watch: &Watch, place: &Place) -> Value {
    let waits = !watch.once && place.started_at.is_some() && !place.is_lost;
    let limit = if place.after.is_none() && !watch.once { BEFORE } else { MOST };
    Input::default()
        .with("limit", limit)
        .maybe("after", place.after)
        .maybe("wait_seconds", waits.then_some(WAIT_SECS))
        .maybe("operation", watch.operation.as_deref())
        .maybe("principal", watch.principal.as_deref())
        .maybe("outcome", watch.errors.then_some("error"))
        .value()
}

impl Place {
    /// Goes on behind a page; false when the page belongs to another start of the server and is to be asked for anew.
    fn moved(&mut self, page: &Value) -> Result<bool> {
        let started_at = page.get("started_at").cloned();
        let is_another = self.started_at.is_some() && self.started_at != started_at;
        self.started_at = started_at;
        if is_another {
            self.after = Some(0);
            output::words("the server was started anew; what was called while it was away is not known")?;
            return Ok(false);
        }
        let missed = page.get("missed").and_then(Value::as_u64).unwrap_or_default();
        if missed > 0 {
            output::words(&format!("{missed} calls came faster than they were read and are no longer kept"))?;
        }
        self.after = page.get("next").and_then(Value::as_u64);
        Ok(true)
    }
}

fn show(form: Form, call: &Value, colours: bool) -> Result<Reader> {
    if form == Form::Json {
        return output::live(&call.to_string(), Tint::Plain);
    }
    let outcome = cell(call, "/outcome");
    let tint = match outcome.as_str() {
        _ if !colours => Tint::Plain,
        "ok" => Tint::Plain,
        "internal" | "unavailable" | "overloaded" | "storage_full" => Tint::Red,
        _ => Tint::Yellow,
    };
    output::live(&line(call, &outcome), tint)
}

/// Time of day, outcome, milliseconds, face, operation, who, and the object it touched.
fn line(call: &Value, outcome: &str) -> String {
    let time = cell(call, "/ended_at");
    let time = time.split_once('T').map_or(time.as_str(), |(_, time)| time.get(..12).unwrap_or(time));
    let took = call.get("took_ms").and_then(Value::as_f64).unwrap_or_default();
    let object = call.get("object").and_then(Value::as_str).unwrap_or_default();
    let text = format!(
        "{time:<12}  {outcome:<18}  {took:>9.1} ms  {:<6}  {:<20}  {:<16}  {object}",
        cell(call, "/face"),
        cell(call, "/operation"),
        cell(call, "/principal_name"),
    );
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::args;

    #[test]
    fn columns_stand_under_each_other() {
        let call = |outcome: &str, object: Value| {
            json!({
                "ended_at": "2026-01-01T10:00:00.123456Z", "outcome": outcome, "took_ms": 1.25, "face": "mcp",
                "operation": "memory.get", "principal_name": "otto", "object": object,
            })
        };
        let (good, bad) = (call("ok", json!("mem_1")), call("permission_denied", Value::Null));
        let (good, bad) = (line(&good, "ok"), line(&bad, "permission_denied"));
        assert!(good.starts_with("10:00:00.123  ok "), "{good}");
        assert!(good.ends_with("otto              mem_1"), "{good}");
        assert_eq!(good.find("mcp"), bad.find("mcp"));
        assert!(bad.ends_with("otto"), "{bad:?}");
    }

    #[test]
    fn a_server_that_is_back_is_asked_without_waiting() {
        let part = args::In { workspace: None };
        let watch = Watch { operation: None, principal: None, errors: false, once: false, r#in: part };
        let mut place = Place { after: Some(7), started_at: Some("a".into()), is_lost: false };
        assert_eq!(question(&watch, &place)["wait_seconds"], WAIT_SECS);
        place.is_lost = true;
        assert_eq!(question(&watch, &place).get("wait_seconds"), None);
    }

    #[test]
    fn another_start_of_the_server_begins_anew() {
        let page = |start: &str, next: u64| json!({ "items": [], "next": next, "missed": 0, "started_at": start });
        let mut place = Place::default();
        assert!(place.moved(&page("a", 7)).unwrap());
        assert_eq!(place.after, Some(7));
        assert!(!place.moved(&page("b", 3)).unwrap());
        assert_eq!(place.after, Some(0));
        assert!(place.moved(&page("b", 3)).unwrap());
        assert_eq!(place.after, Some(3));
    }
}
