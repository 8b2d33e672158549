//! Clients that are slow on purpose, heads that are too large, and many of them: A28.

use std::time::{Duration, Instant};

use server::Limits;
use testkit::{Client, TestApp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The product's limits are tens of seconds; the rules are the same with these.
fn short() -> Limits {
    Limits {
        head: Duration::from_millis(300),
        pause: Duration::from_millis(300),
        request: Duration::from_secs(1),
        answer: Duration::from_millis(300),
        idle: Duration::from_millis(600),
        ..Limits::default()
    }
}

async fn connect(app: &TestApp) -> TcpStream {
    let Client::Network(address) = app.network() else { panic!("a slow client needs the network") };
    TcpStream::connect(address).await.unwrap()
}

/// Sends a piece each 100 ms until the server closes; what it answered.
async fn drip(stream: TcpStream, piece: &'static [u8]) -> String {
    let (mut reader, mut writer) = stream.into_split();
    let dripping = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            if writer.write_all(piece).await.is_err() {
                return;
            }
        }
    });
    let answer = rest(&mut reader).await;
    dripping.abort();
    answer
}

/// What the server sends until it closes, which it must within ten seconds.
async fn rest(reader: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), reader.read_to_end(&mut all)).await;
    let text = String::from_utf8_lossy(&all).into_owned();
    // A reset behind the answer is an end too.
    drop(end.unwrap_or_else(|_| panic!("still open: {text}")));
    text
}

fn is_too_slow(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 408 ")
        && answer.contains("application/problem+json")
        && answer.contains("\"code\":\"request_timeout\"")
}

#[test]
fn attack_a28_the_product_waits_as_long_as_the_contract_says() {
    let limits = Limits::default();
    assert_eq!((limits.head.as_secs(), limits.pause.as_secs()), (10, 30));
    assert!((60..=65).contains(&limits.request.as_secs()));
    assert_eq!((limits.answer.as_secs(), limits.idle.as_secs(), limits.connections), (60, 60, 4096));
}

#[tokio::test]
async fn attack_a28_a_slow_head_is_told_so_and_cut_off() {
    let app = TestApp::start_within(short()).await;
    let mut stream = connect(&app).await;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n").await.unwrap();
    let begun = Instant::now();
    let answer = drip(stream, b"x: y\r\n").await;
    assert!(is_too_slow(&answer), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    // On a connection that had a request the time begins with the head's first byte.
    let mut stream = connect(&app).await;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nG").await.unwrap();
    let answer = drip(stream, b"E").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("HTTP/1.1 408 "), "{answer}");
    // One that sends nothing is closed without a word, and so is one that rests after a request.
    assert_eq!(rest(&mut connect(&app).await).await, "");
    let mut stream = connect(&app).await;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
}

#[tokio::test]
async fn attack_a28_a_body_that_pauses_or_never_ends_is_cut_off() {
    let app = TestApp::start_within(short()).await;
    let key = app.agent("alice").await.key;
    let head = |path: &str, framing: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    for path in ["/api/v1/memories", "/mcp"] {
        for (framing, start, drop) in [
            ("content-length: 1000", "{", b" ".as_slice()),
            ("transfer-encoding: chunked", "1\r\n{\r\n", b"1\r\n \r\n"),
        ] {
            let mut paused = connect(&app).await;
            paused.write_all(format!("{}{start}", head(path, framing)).as_bytes()).await.unwrap();
            let answer = rest(&mut paused).await;
            assert!(is_too_slow(&answer) && answer.contains("no byte of the body"), "{path} {framing}: {answer}");
            // A byte now and then keeps the pause short, but not the request.
            let mut endless = connect(&app).await;
            endless.write_all(format!("{}{start}", head(path, framing)).as_bytes()).await.unwrap();
            let begun = Instant::now();
            let answer = drip(endless, drop).await;
            assert!(is_too_slow(&answer), "{path} {framing}: {answer}");
            assert!(begun.elapsed() > Duration::from_millis(700), "{:?}", begun.elapsed());
        }
    }
    let total = app.rest("GET", "/api/v1/memories?count=true").key(&key).send().await.json();
    assert_eq!(total["total"], 0);
}

#[tokio::test]
async fn attack_a28_a_client_that_does_not_read_loses_its_connection() {
    let limits = Limits { connections: 1, ..short() };
    let app = TestApp::start_within(limits).await;
    let key = app.agent("alice").await.key;
    let Client::Network(address) = app.network() else { panic!("a slow client needs the network") };
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request =
        format!("GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n");
    // More answers than the kernel keeps; it takes the requests as long as the server reads them.
    let asking = tokio::time::timeout(Duration::from_secs(5), async {
        while stream.write_all(request.as_bytes()).await.is_ok() {}
    });
    let refused = asking.await;
    // The one place there is comes free again, or this would wait for ever.
    let health = tokio::time::timeout(Duration::from_secs(10), app.rest("GET", "/health").send()).await;
    assert_eq!(health.expect("the place is free again").status, 200);
    assert!(refused.is_ok(), "the connection is still open");
}

#[tokio::test]
async fn attack_a28_a_head_over_its_limits_is_431() {
    let app = TestApp::start().await;
    let key = app.agent("alice").await.key;
    let head = |fill: &str| {
        format!("GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n{fill}\r\n")
    };
    let fits = head("connection: close\r\n").len();
    let wide = |bytes: usize| head(&format!("connection: close\r\nx: {}\r\n", "y".repeat(bytes - fits - 5)));
    let many = |lines: usize| head(&format!("connection: close\r\n{}", "x: y\r\n".repeat(lines)));
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000));
    for (bytes, status) in [
        (wide(64 * 1024), 200),
        (wide(64 * 1024 + 1), 431),
        (wide(1024 * 1024), 431),
        (many(97), 200),
        (many(98), 431),
        (many(10_000), 431),
        (path, 431),
    ] {
        let mut stream = connect(&app).await;
        // A refusal may come before all is sent.
        let _ = stream.write_all(bytes.as_bytes()).await;
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{} {status}: {answer}", bytes.len());
        assert_eq!(answer.contains("headers_too_large"), status == 431);
    }
}

#[tokio::test]
async fn attack_a28_five_hundred_slow_clients_keep_nobody_waiting() {
    let app = TestApp::start().await;
    let key = app.agent("alice").await.key;
    let body = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: 900\r\n\r\n{{"
    );
    let kinds = ["GET /health HTTP/1.1\r\nhost: localhost\r\nx:", body.as_str(), ""];
    let mut slow = Vec::new();
    for start in kinds.iter().cycle().take(500) {
        let mut stream = connect(&app).await;
        stream.write_all(start.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let mut micros = Vec::new();
    for _ in 0..200 {
        let (answer, took) = app.timed(app.rest("GET", "/api/v1/whoami").key(&key).send()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        micros.push(took);
        app.clock.advance(2);
    }
    micros.sort_unstable();
    // The 99th of a hundred is measured by scripts/slow, on a server built for release.
    assert!(micros[100] < 200_000, "{micros:?}");
    drop(slow);
}
