//! API keys: guessing, timing, leaking: A14, A15.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use domain::{
    access::{Origin, Via},
    catalogue::CATALOGUE,
    gate::Presented,
};
use serde_json::{Value, json};
use testkit::{TestApp, sha256_hex};

use super::hall::{Hall, Ids, body, requests, sample};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// A key of the right shape around these 43 digits (contract identity §1): anybody can make one.
fn well_formed(digits: &str) -> String {
    let head = format!("ghk_{digits}");
    let mut number = crc32(head.as_bytes());
    let mut check = [b'0'; 6];
    for place in check.iter_mut().rev() {
        *place = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    format!("{head}_{}", String::from_utf8_lossy(&check))
}

/// Numbers that differ from run to run for nobody: a 64-bit linear congruential generator (Knuth, MMIX).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(DIGITS[(self.next() % 62) as usize])).collect()
    }
}

fn from(address: Option<std::net::IpAddr>) -> Origin {
    Origin { via: Via::Rest, address, user_agent: None, request_id: "req_test".into() }
}

#[tokio::test]
async fn attack_a14_a_wrong_checksum_is_refused_without_a_database_read() {
    let hall = Hall::open().await;
    let key = &hall.alice.key;
    assert_eq!(well_formed(&key[4..47]), *key, "the checksum is the contract's");
    let reads = hall.app.metric("guildhall_credential_reads_total").await;
    let mut wrong: Vec<String> = [0, 4, 20, 46, 47, 48, 53]
        .into_iter()
        .map(|place| {
            let mut text = key.clone().into_bytes();
            text[place] = if text[place] == b'x' { b'y' } else { b'x' };
            String::from_utf8(text).unwrap()
        })
        .collect();
    wrong.extend([
        String::new(),
        "ghk_".into(),
        key[..53].to_owned(),
        format!("{key}0"),
        key.to_lowercase(),
        key.replace("ghk_", "ghp_"),
        format!("ghk_{}_{}", "!".repeat(43), &key[48..]),
        "e30.e30.".into(),
        "' OR 1=1 --".into(),
        hall.alice.key_id.clone(),
        hall.alice.id.clone(),
        key[..12].to_owned(),
        sha256_hex(key),
    ]);
    let mut bodies = std::collections::BTreeSet::new();
    for text in &wrong {
        let bearer = hall.app.rest("GET", "/api/v1/whoami").header("authorization", format!("Bearer {text}"));
        let header = hall.app.rest("GET", "/api/v1/whoami").header("x-api-key", text);
        let by_mcp = hall.app.mcp(text).request("tools/list", None, json!({}));
        for request in [bearer, header, by_mcp] {
            hall.app.clock.advance(2);
            let answer = hall.probe(request).await;
            assert_eq!(answer.status, 401, "{text}");
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guildhall\"");
            assert!(text.len() < 5 || !answer.text().contains(text.as_str()));
            bodies.insert(body(&answer).to_string());
        }
    }
    assert_eq!(hall.app.metric("guildhall_credential_reads_total").await, reads);
    // A right shape costs exactly one read, the same answer, and one more when asked again: nothing is kept of strangers.
    let guess = well_formed(&"0".repeat(43));
    for n in 1..=2 {
        let answer = hall.probe(hall.app.rest("GET", "/api/v1/whoami").key(&guess)).await;
        bodies.insert(body(&answer).to_string());
        assert_eq!(hall.app.metric("guildhall_credential_reads_total").await, reads + n);
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn attack_a14_another_scheme_or_a_second_credential_lets_nobody_in() {
    let hall = Hall::open().await;
    let (key, whoami) = (&hall.alice.key, || hall.app.rest("GET", "/api/v1/whoami"));
    for text in [format!("Basic {key}"), key.clone(), format!("Bearer{key}"), format!("Token {key}"), "Bearer".into()] {
        let answer = hall.probe(whoami().header("authorization", &text)).await;
        assert_eq!(answer.status, 401, "{text}");
    }
    for (one, other) in [(key, &hall.bob.key), (&hall.bob.key, key)] {
        let both = hall.probe(whoami().key(one).header("x-api-key", other)).await;
        assert_eq!((both.status, both.code().as_str()), (400, "invalid_input"));
        let twice = hall.probe(whoami().key(one).key(other)).await;
        assert_eq!((twice.status, twice.code().as_str()), (400, "invalid_input"));
        for answer in [both, twice] {
            assert!(!answer.text().contains(&one[..16]) && !answer.text().contains(&other[..16]));
        }
    }
    let empty = hall.probe(whoami().key(key).header("x-api-key", "")).await;
    assert_eq!(empty.status, 400);
    assert_eq!(hall.probe(whoami().key(key).header("x-api-key", key)).await.status, 200);
}

/// The two-sample Kolmogorov–Smirnov test; ties are stepped over together. The asymptotic p value.
fn kolmogorov_smirnov(left: &[u64], right: &[u64]) -> f64 {
    let (mut left, mut right) = (left.to_vec(), right.to_vec());
    left.sort_unstable();
    right.sort_unstable();
    let (n, m) = (left.len() as f64, right.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
    while i < left.len() && j < right.len() {
        let at = left[i].min(right[j]);
        while i < left.len() && left[i] == at {
            i += 1;
        }
        while j < right.len() && right[j] == at {
            j += 1;
        }
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    let root = (n * m / (n + m)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |k: f64| (-2.0 * k * k * lambda * lambda).exp();
    let sum: f64 = (1..=100).map(|k| if k % 2 == 1 { term(f64::from(k)) } else { -term(f64::from(k)) }).sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

#[test]
fn the_kolmogorov_smirnov_test_tells_distributions_apart() {
    let mut numbers = Numbers(7);
    let mut sample = |shift: u64| -> Vec<u64> { (0..1_000).map(|_| numbers.next() % 1_000 + shift).collect() };
    let (one, other, shifted) = (sample(0), sample(0), sample(100));
    assert!(kolmogorov_smirnov(&one, &one) > 0.999);
    assert!(kolmogorov_smirnov(&one, &other) > 0.01);
    assert!(kolmogorov_smirnov(&one, &shifted) < 1e-3);
}

#[tokio::test]
async fn attack_a14_a_right_prefix_takes_as_long_as_a_random_key() {
    const ROUNDS: usize = 5;
    const PAIRS: usize = 1_000;
    let app = TestApp::start().await;
    let digits = app.agent("alice").await.key[4..47].to_owned();
    let mut numbers = Numbers(99);
    let refuse = async |key: &str| {
        let start = std::time::Instant::now();
        // Without an address the limiter does not count, so that every guess is looked up.
        let result = app.gate.identify(Presented::Bearer(key), from(None)).await;
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap();
        assert_eq!(result.unwrap_err().code(), domain::Code::Unauthenticated);
        nanos
    };
    for _ in 0..200 {
        refuse(&well_formed(&numbers.digits(43))).await;
    }
    let mut values = Vec::new();
    for _ in 0..ROUNDS {
        // What a guesser compares is one prefix with another; how often each is repeated must not tell them apart.
        let wrong = numbers.digits(38);
        let mut guesses: Vec<(usize, String)> = (0..2 * PAIRS)
            .map(|n| {
                let prefix = if n % 2 == 0 { &digits[..38] } else { wrong.as_str() };
                (n % 2, well_formed(&format!("{prefix}{}", numbers.digits(5))))
            })
            .collect();
        // In an order by lot: what else the machine does falls on both kinds alike, whatever its rhythm.
        for last in (1..guesses.len()).rev() {
            let other = usize::try_from(numbers.next() >> 8).unwrap() % (last + 1);
            guesses.swap(last, other);
        }
        let mut times = [Vec::new(), Vec::new()];
        for (kind, key) in &guesses {
            times[*kind].push(refuse(key).await);
        }
        values.push(kolmogorov_smirnov(&times[0], &times[1]));
    }
    // Under equal times one p in a hundred is below 0.01; the median of five is so once in a hundred thousand runs.
    values.sort_by(f64::total_cmp);
    assert!(values[ROUNDS / 2] > 0.01, "{values:?}");
}

/// Everything logged on this thread, one line an event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl tracing::field::Visit for Line<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        // The log of the product goes no deeper; what HTTP libraries trace is bytes.
        *metadata.level() <= tracing::Level::INFO
            || ["domain", "server", "store"].iter().any(|ours| metadata.target().starts_with(ours))
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Line(&mut self.0.lock().unwrap()));
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

// contract: identity §5.20
#[tokio::test]
async fn attack_a15_a_key_is_shown_once_and_never_again() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    tracing::warn!("the log is caught");
    let hall = Hall::open().await;
    let canary = "CANARY7Q2XK9ZPLM4T6VB8NDRW3HJFCY";
    let input = json!({"label": canary, "principal": hall.otto.id, "self_rotate": true});
    let issued = hall.app.as_operator("default", "key.create", &input).await;
    assert_eq!(issued.header("cache-control"), "no-store");
    let (key, id) = (issued.json()["api_key"].as_str().unwrap().to_owned(), issued.json()["key"]["id"].clone());
    assert!(issued.json()["key"].to_string().matches(&key[..12]).count() == 1);
    let rotated = hall.app.rest("POST", "/api/v1/keys/self/rotate").key(&key).json(&json!({})).send().await;
    assert_eq!((rotated.status, rotated.header("cache-control")), (200, "no-store"), "{}", rotated.text());
    let successor = rotated.json()["api_key"].as_str().unwrap().to_owned();
    let secrets = [
        key.clone(),
        successor.clone(),
        key[12..].to_owned(),
        successor[12..].to_owned(),
        sha256_hex(&key),
        sha256_hex(&successor),
    ];

    let mut seen = String::new();
    let memory = super::hall::remember(&hall.app, &hall.otto, json!({"content": "x", "key": "k"})).await;
    for entry in CATALOGUE {
        let ids = Ids { memory: &memory, agent: &hall.otto.id, key: id.as_str().unwrap(), team: &hall.team };
        // Last of all what would end the calling keys.
        if ["key.revoke", "agent.disable", "key.rotate"].contains(&entry.spec.id) {
            continue;
        }
        let input = sample(entry, &ids);
        for who in [&key, &successor] {
            for request in requests(&hall.app, entry, &input) {
                seen.push_str(&hall.probe(request.key(who)).await.text());
            }
            if let Some(tool) = entry.spec.tool {
                seen.push_str(&hall.app.mcp(who).call(tool.name, input.clone().into()).await.content.to_string());
            }
        }
        if entry.spec.id != "key.create" {
            seen.push_str(&hall.app.as_operator("default", entry.spec.id, &input.into()).await.text());
        }
    }
    for wrong in
        [format!("{key}x"), key.replace("ghk_", "ghp_"), well_formed(&key[4..47].chars().rev().collect::<String>())]
    {
        seen.push_str(&hall.probe(hall.app.rest("GET", format!("/api/v1/memories/{wrong}")).key(&wrong)).await.text());
    }
    let repeat =
        hall.app.rest("POST", "/api/v1/keys/self/rotate").key(&key).header("idempotency-key", "r").json(&json!({}));
    seen.push_str(&hall.probe(repeat).await.text());
    hall.app.gate.app().sweep(domain::Finish::Yes).await.unwrap();
    for filter in [json!({}), json!({"action": "key.create"}), json!({"action": "key.rotate"})] {
        seen.push_str(&Value::from(hall.app.audit("default", filter).await).to_string());
    }
    seen.push_str(&hall.app.as_operator("default", "ops.metrics", &json!({})).await.text());
    seen.push_str(&hall.app.as_operator("default", "key.list", &json!({})).await.text());
    assert!(seen.contains(canary) && seen.contains(&key[..12]) && seen.len() > 20_000, "{}", seen.len());
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.contains("the log is caught"));
    for secret in &secrets {
        assert!(!seen.contains(secret.as_str()), "an answer holds {secret}");
        assert!(!logged.contains(secret.as_str()), "the log holds {secret}");
        assert!(!hall.app.on_disk(secret), "a file holds {secret}");
    }
    assert!(hall.app.on_disk(canary), "the search of the files finds what is there");
    assert!(hall.app.metric("guildhall_credential_reads_total").await > 0);
}

#[tokio::test]
async fn attack_a15_a_credential_in_a_url_is_refused_on_every_path() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let hall = Hall::open().await;
    let mut paths: Vec<String> =
        ["/", "/mcp", "/nothing/here", "/health/", "//"].into_iter().map(str::to_owned).collect();
    paths.extend(
        CATALOGUE
            .iter()
            .flat_map(|entry| entry.spec.routes)
            .map(|route| route.path.replace("{id}", &hall.hers).replace("{key}", "k")),
    );
    let (key, canary) = (&hall.bob.key, "URLCANARY55K2");
    for path in &paths {
        for name in ["api_key", "token", "access_token", "API_KEY", "Token", "%61pi_key", "apikey"] {
            for method in ["GET", "POST"] {
                hall.app.clock.advance(1);
                let request = hall.app.rest(method, format!("{path}?a=b&{name}={canary}{key}"));
                let answer = hall.probe(request.key(&hall.alice.key)).await;
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (400, "credential_in_url"),
                    "{method} {path} {name}"
                );
                assert!(!answer.text().contains(canary));
            }
        }
    }
    hall.app.gate.app().sweep(domain::Finish::Yes).await.unwrap();
    let refused = hall.app.audit("default", json!({"outcome": "denied"})).await;
    assert!(refused.iter().any(|row| row["code"] == "credential_in_url"), "{refused:?}");
    assert!(!Value::from(refused).to_string().contains(canary));
    assert!(!log.0.lock().unwrap().contains(canary) && !hall.app.on_disk(canary));
}
