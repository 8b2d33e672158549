//! Requests in a row, as the wire passes them on, as the parser behind takes them, and as RFC 9112 has them.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, OnceLock},
};

use ::http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    framing::{HEAD_BYTES, Refusal},
    limits::Limits,
    wire::Wire,
};

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// It came whole.
    Whole { method: String, target: Uri, body: Vec<u8> },
    /// Its head came, and its body broke off.
    Broken { method: String, target: Uri },
    /// Its head is refused, and nothing after it is looked at.
    Refused,
}

// ---- the reference: whole texts, one rule of RFC 9112 after the other

struct Head<'b> {
    method: String,
    target: Uri,
    is_kept: bool,
    length: Option<&'b str>,
    is_chunked: bool,
}

fn token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let text = bytes.strip_suffix(b"\r\n\r\n")?;
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    if lines.iter().any(|line| line.contains(&b'\n')) {
        return None;
    }
    let [method, target, version] = lines[0].split(|byte| *byte == b' ').collect::<Vec<_>>()[..] else { return None };
    if !token(method) || !method[0].is_ascii_alphabetic() || method == b"CONNECT" {
        return None;
    }
    let is_new = version == b"HTTP/1.1";
    if !is_new && version != b"HTTP/1.0" {
        return None;
    }
    let (mut lengths, mut codings, mut connection) = (Vec::new(), Vec::new(), String::new());
    for line in &lines[1..] {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if !token(name) || value.iter().any(|byte| *byte < 0x20 && *byte != b'\t' || *byte == 0x7f) {
            return None;
        }
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" => lengths.push(std::str::from_utf8(value).ok()?.trim_matches([' ', '\t'])),
            b"transfer-encoding" => codings.push(String::from_utf8(value.to_vec()).ok()?.to_ascii_lowercase()),
            b"connection" => connection += &(String::from_utf8_lossy(value).to_ascii_lowercase() + ","),
            _ => {}
        }
    }
    let says = |word: &str| connection.split(',').any(|one| one.trim_matches([' ', '\t']) == word);
    let (is_chunked, length) = match (&codings[..], &lengths[..]) {
        ([], []) => (false, None),
        ([], [one]) if !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_digit()) => (false, Some(*one)),
        ([one], []) if is_new && one.trim_matches([' ', '\t']) == "chunked" => (true, None),
        _ => return None,
    };
    Some(Head {
        method: String::from_utf8(method.to_vec()).ok()?,
        target: Uri::try_from(target).ok()?,
        is_kept: !says("close") && (is_new || says("keep-alive")),
        length,
        is_chunked,
    })
}

/// The decoded body and what is behind it.
fn chunked(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let digits = std::str::from_utf8(&rest[..end]).ok()?;
        if digits.len() > 16 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::from_str_radix(digits, 16).ok()?;
        rest = &rest[end + 2..];
        if rest.get(size..size.checked_add(2)?)? != b"\r\n" {
            return None;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
        if size == 0 {
            return Some((body, rest));
        }
    }
}

fn expected(mut rest: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let Some((head, behind)) = end.and_then(|end| Some((head(&rest[..end])?, &rest[end..]))) else {
            seen.push(Seen::Refused);
            break;
        };
        let whole = match (head.is_chunked, head.length) {
            (true, _) => chunked(behind),
            (false, length) => length
                .unwrap_or("0")
                .parse()
                .ok()
                .and_then(|length: usize| Some((behind.get(..length)?.to_vec(), behind.get(length..)?))),
        };
        let (method, target) = (head.method, head.target);
        let Some((body, next)) = whole else {
            seen.push(Seen::Broken { method, target });
            break;
        };
        seen.push(Seen::Whole { method, target, body });
        if !head.is_kept {
            break;
        }
        rest = next;
    }
    seen
}

// ---- what the parser behind the wire takes

async fn received(bytes: &[u8], pieces: &[usize]) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (client, server) = tokio::io::duplex(1024 * 1024);
    let refused = Arc::new(OnceLock::<Refusal>::new());
    let wire = Wire::new(server, Limits::default(), Arc::clone(&refused));
    let service = hyper::service::service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<Incoming>| {
            let (seen, is_refused) = (Arc::clone(&seen), refused.get().is_some());
            async move {
                let (method, target) = (request.method().to_string(), request.uri().clone());
                let became = match request.into_body().collect().await {
                    _ if is_refused => Seen::Refused,
                    Ok(body) => Seen::Whole { method, target, body: body.to_bytes().to_vec() },
                    Err(_) => Seen::Broken { method, target },
                };
                seen.lock().unwrap().push(became);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Limits::default().idle)
        .max_buf_size(2 * HEAD_BYTES)
        .serve_connection(TokioIo::new(wire), service);
    let (mut answers, mut requests) = tokio::io::split(client);
    let send = async {
        let (mut rest, mut pieces) = (bytes, pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
            // The server may close before all has come.
            if requests.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
            rest = behind;
        }
    };
    let mut answered = Vec::new();
    // The clock stands still while anything happens, so that what is awaited in vain ends at once.
    let _ = tokio::join!(connection, send, answers.read_to_end(&mut answered));
    std::mem::take(&mut *seen.lock().unwrap())
}

// ---- generated requests

fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bytes = || prop::collection::vec(prop::sample::select(b"GETP /\r\n0a:".to_vec()), 0..30);
    prop_oneof![
        3 => Just((String::new(), Vec::new())),
        3 => bytes().prop_map(|bytes| (format!("Content-Length: {}\r\n", bytes.len()), bytes)),
        3 => (prop::collection::vec(bytes(), 0..4), 1_usize..18, prop::bool::weighted(0.1)).prop_map(
            |(chunks, width, trailer)| {
                let mut body = Vec::new();
                for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                    body.extend(format!("{:0width$X}\r\n", chunk.len()).into_bytes());
                    body.extend(chunk);
                    body.extend(b"\r\n");
                }
                body.extend(if trailer { &b"0\r\nx: y\r\n\r\n"[..] } else { b"0\r\n\r\n" });
                ("transfer-encoding:\tChunked \r\n".to_owned(), body)
            },
        ),
    ]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "patch", "CONNECT"]);
    let version = prop::sample::select(vec!["1.1", "1.1", "1.1", "1.0"]);
    let header = prop::sample::select(vec![
        "Host: x\r\n",
        "Expect: 100-continue\r\n",
        "Connection: keep-alive\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "connection: close\r\n",
        "empty:\r\n",
        "x: caf\u{e9}\r\n",
        "Content-Length: 3\r\n",
        "Transfer-Encoding: identity\r\n",
    ]);
    (method, version, prop::collection::vec(header, 0..3), body()).prop_map(|(method, version, headers, body)| {
        let head = format!("{method} /a?b=c HTTP/{version}\r\n{}{}\r\n", headers.concat(), body.0);
        [head.into_bytes(), body.1].concat()
    })
}

/// Puts a byte in, takes one out, or puts one in another's place.
fn spoilt(mut bytes: Vec<u8>, faults: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    for (place, kind, byte) in faults.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
        let place = place.index(bytes.len().max(1));
        match kind {
            0 => bytes.insert(place, *byte),
            1 if bytes.len() > 1 => drop(bytes.remove(place)),
            _ => bytes[place] = *byte,
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn the_parser_takes_what_the_rules_say_and_nothing_else(
        requests in prop::collection::vec(request(), 1..5),
        faults in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_u8..3, prop::sample::select(b" \t\r\n\0:+,;0f\x80\x7f\"(H".to_vec())), 0..3,
        ),
        pieces in prop::collection::vec(1_usize..60, 1..10),
    ) {
        let bytes = spoilt(requests.concat(), &faults);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let received = runtime.block_on(received(&bytes, &pieces));
        prop_assert_eq!(received, expected(&bytes), "{}", bytes.escape_ascii());
    }
}
