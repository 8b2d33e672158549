//! One message on its way to the server, and its answers on their way back.

use std::{sync::PoisonError, time::Duration};

use bytes::Bytes;
use domain::{Code, Error};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use server::mcp::rpc;
use tokio::time::Instant;

use super::{
    Shim,
    events::Events,
    message::{Message, Part},
    way::{Backoff, Gone, LONGEST_PAUSE, Wait},
};
use crate::exchange::LARGEST_BYTES;

/// Longer than the server lets any call take.
const LONGEST: Duration = Duration::from_secs(75);
/// How often a call is sent at most, however often the server goes away.
const ATTEMPTS: u32 = 3;

/// What has become of a stream of notifications.
#[derive(Debug, Default)]
struct Stream {
    is_acknowledged: bool,
}

/// Carries a message to the server and every answer back to the client.
pub(super) async fn carry(shim: &Shim, message: &Message) {
    if message.is_listen() {
        return listen(shim, message).await;
    }
    let mut stream = Stream::default();
    let gone = tokio::time::timeout(LONGEST, async {
        let mut backoff = Backoff::default();
        for _ in 1..ATTEMPTS {
            match attempt(shim, message, Wait::Start, &mut stream).await {
                Err(Gone::Lost) if message.may_repeat() => backoff.pause().await,
                ended => return ended,
            }
        }
        attempt(shim, message, Wait::Start, &mut stream).await
    });
    match gone.await {
        Ok(Ok(())) => {}
        Ok(Err(Gone::Unreached(error))) => unavailable(shim, message, &error).await,
        Ok(Err(Gone::Lost)) | Err(_) => unavailable(shim, message, &lost(message)).await,
    }
}

/// Keeps a stream of notifications open until the client ends it, whatever becomes of the server.
async fn listen(shim: &Shim, message: &Message) {
    let (mut stream, mut backoff, mut how) = (Stream::default(), Backoff::default(), Wait::Start);
    loop {
        let began = Instant::now();
        match attempt(shim, message, how, &mut stream).await {
            Ok(()) => return,
            Err(Gone::Unreached(error)) => return unavailable(shim, message, &error).await,
            Err(Gone::Lost) => {}
        }
        if stream.is_acknowledged {
            how = Wait::Ever;
        }
        if began.elapsed() > LONGEST_PAUSE {
            backoff = Backoff::default();
        }
        backoff.pause().await;
    }
}

fn lost(message: &Message) -> Error {
    let error = Error::new(Code::Unavailable, "the server went away before it answered");
    let hint = if message.is_call() {
        "it is not known whether the call was executed: look before you repeat it, or give calls an `idempotency_key`"
    } else {
        "ask again"
    };
    error.retry_after(1).hint(hint)
}

/// Sends a message once and passes on what comes back.
async fn attempt(shim: &Shim, message: &Message, how: Wait, stream: &mut Stream) -> Result<(), Gone> {
    let negotiated = shim.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let about = message.headers(negotiated.as_deref());
    let request = || shim.way.door().request(message.bytes.clone(), about.clone());
    let (response, connection) = shim.way.send(request, how).await?;
    let said = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(version) = said(server::VERSION_HEADER) {
        shim.saw_version(version);
    }
    shim.saw_credential(response.status() == StatusCode::UNAUTHORIZED);
    let is_stream = said(header::CONTENT_TYPE.as_str()).is_some_and(|media| media.starts_with("text/event-stream"));
    if is_stream {
        events(shim, message, response.into_body(), stream).await?;
        // A stream is not always read to its end, and few calls have one.
        return Ok(());
    }
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST_BYTES).collect().await;
    let body = body.map_err(|_| Gone::Lost)?.to_bytes();
    shim.way.give_back(connection);
    if message.is_notification() {
        return Ok(());
    }
    if status == StatusCode::OK {
        remember(shim, message, &body);
        shim.output.line(body).await;
    } else {
        let advice = (status == StatusCode::UNAUTHORIZED).then(|| shim.way.door().advice());
        shim.output.line(refusal(message, status, &body, advice)).await;
    }
    Ok(())
}

/// A legacy client's later messages name the revision that was agreed on.
fn remember(shim: &Shim, message: &Message, body: &Bytes) {
    if message.method != "initialize" {
        return;
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(version) = answer.pointer("/result/protocolVersion").and_then(Value::as_str) {
        *shim.negotiated.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.to_owned());
    }
}

/// Passes on events until the answer is among them.
async fn events(shim: &Shim, message: &Message, mut body: Incoming, stream: &mut Stream) -> Result<(), Gone> {
    let mut events = Events::default();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| Gone::Lost)?.into_data() else { continue };
        for event in events.take(&piece) {
            let part = Part::of(&event);
            match part {
                // A stream that was opened anew is the same one to the client.
                Part::Acknowledged if std::mem::replace(&mut stream.is_acknowledged, true) => continue,
                // The server ends it when it stops, and the client goes on listening.
                Part::Result if message.is_listen() => return Err(Gone::Lost),
                Part::Acknowledged | Part::Result | Part::Error | Part::Other => shim.output.line(event).await,
            }
            if matches!(part, Part::Result | Part::Error) {
                return Ok(());
            }
        }
        if events.waiting() > LARGEST_BYTES {
            return Err(Gone::Lost);
        }
    }
    Err(Gone::Lost)
}

/// An answer with another status than 200 as an error of JSON-RPC, with the id that the server may have left out.
fn refusal(message: &Message, status: StatusCode, body: &Bytes, advice: Option<&str>) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let id = message.id.as_deref().filter(|_| !message.method.is_empty());
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(error) = answer.get("error") {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or(rpc::INTERNAL_ERROR);
        return rpc::error(id, code, &text(error, "message").unwrap_or_default(), error.get("data").cloned());
    }
    let detail = text(&answer, "detail").unwrap_or_else(|| format!("the server answered {status} without a reason"));
    let mut data = Map::from_iter([("message".to_owned(), Value::from(detail.clone()))]);
    for name in ["code", "hint", "request_id", "retry_after", "errors"] {
        if let Some(member) = answer.get(name) {
            data.insert(name.to_owned(), member.clone());
        }
    }
    if let Some(advice) = advice {
        data.insert("hint".to_owned(), advice.into());
    }
    rpc::error(id, rpc::INTERNAL_ERROR, &detail, Some(Value::Object(data)))
}

/// Tells the client that there is no answer; nobody waits for that of a notification.
async fn unavailable(shim: &Shim, message: &Message, error: &Error) {
    let Some(id) = &message.id else { return };
    let line = if message.is_call() {
        server::mcp::failed_call((id, message.is_modern()), error)
    } else {
        let fault = error.fault();
        let data = json!({
            "code": fault.code.as_str(),
            "message": fault.detail,
            "hint": fault.hint,
            "retry_after": fault.retry_after_secs,
        });
        rpc::error(Some(id), rpc::INTERNAL_ERROR, &fault.detail, Some(data))
    };
    shim.output.line(line).await;
}
