//! Hostile questions: A34, A35.

use serde_json::{Value, json};

use super::hall::{Hall, remember};

#[tokio::test]
async fn attack_a34_operators_of_query_languages_are_words() {
    let hall = Hall::open().await;
    for (who, text) in [(&hall.bob, "bob's own cobalt note"), (&hall.otto, "otto's own cobalt note")] {
        remember(&hall.app, who, json!({"content": text, "access": "private"})).await;
    }
    let shared = remember(&hall.app, &hall.otto, json!({"content": "a shared cobalt note", "access": "public"})).await;
    let mine = remember(&hall.app, &hall.alice, json!({"content": "NEAR OR NOT AND owner eve"})).await;
    let visible = [json!(shared), json!(mine), json!(hall.hers)];
    let words = vec!["cobalt"; 140].join(" ");
    let many = vec!["w"; 10_000].join(" ");
    let hostile = [
        "\" OR *",
        "NEAR(a b)",
        "NEAR(cobalt note, 5)",
        "owner:eve",
        "owner:bob cobalt",
        "a*",
        "cob*",
        "*",
        "\"",
        "\"cobalt",
        "-",
        "-cobalt",
        "(",
        ")",
        "((((",
        "cobalt)",
        "'",
        "' OR '1'='1",
        "\\",
        "%",
        "_",
        "cobalt; DROP TABLE memories",
        "cobalt AND NOT note",
        "{content owner}: cobalt",
        "^cobalt",
        "cobalt + note",
        "\u{0}",
        "cobalt\u{0}note",
        "🦀",
        "🦀🦀 cobalt",
        "\u{202E}tlaboc",
        "𝒸ℴ𝒷𝒶𝓁𝓉",
        "a\u{300}\u{300}\u{300}",
        words.as_str(),
        many.as_str(),
        "workspace_id",
        "rowid",
        "rank",
        "cobalt\" UNION SELECT",
        "ﷺ",
        "İ",
        "ß",
        "\t\n",
        " ",
        "",
    ];
    for query in hostile {
        let question = json!({"query": query, "limit": 100, "explain": true});
        let request = hall.app.rest("POST", "/api/v1/memories/search").key(&hall.alice.key).json(&question);
        let (answer, micros) = hall.app.timed(hall.probe(request)).await;
        assert!([200, 400].contains(&answer.status), "{query:?}: {}", answer.text());
        assert!(micros < 100_000, "{query:?} took {micros} µs");
        let by_tool = hall.app.mcp(&hall.alice.key).call("search_memories", question).await;
        assert_eq!(by_tool.is_error, answer.status == 400, "{query:?}");
        for content in [answer.json(), by_tool.content] {
            for item in content["items"].as_array().into_iter().flatten() {
                assert!(visible.contains(&item["memory"]["id"]), "{query:?} shows {item}");
            }
        }
    }
    assert_eq!(hall.row().await["version"], 1);
}

#[tokio::test]
async fn attack_a34_names_and_filters_of_lists_are_values_not_sql() {
    let hall = Hall::open().await;
    for text in [
        "' OR 1=1 --",
        "\" OR \"\"=\"",
        "%25",
        "_",
        "x' UNION SELECT * FROM api_keys --",
        "a%00b",
        "*",
        "?1",
        "$2",
        ":now",
    ] {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for filter in ["prefix", "project", "tags_all", "tags_any"] {
            let path = format!("/api/v1/memories?count=true&{filter}={encoded}");
            let page = hall.probe(hall.app.rest("GET", path).key(&hall.bob.key)).await;
            assert!(page.status == 400 || page.json()["total"] == 0, "{filter} {text}: {}", page.text());
        }
        let by_key =
            hall.probe(hall.app.rest("GET", format!("/api/v1/memories/by-key/{encoded}")).key(&hall.bob.key)).await;
        assert!([400, 404].contains(&by_key.status), "{text}");
        for filter in ["actor", "action", "object"] {
            let path = format!("/api/v1/audit?count=true&{filter}={encoded}");
            let page = hall.probe(hall.app.rest("GET", path).key(&hall.otto.key)).await;
            assert!(page.status == 400 || page.json()["total"] == 0, "{filter} {text}: {}", page.text());
        }
    }
}

#[tokio::test]
async fn attack_a35_numbers_out_of_range_are_refused() {
    let hall = Hall::open().await;
    let numbers = [
        "0",
        "-1",
        "201",
        "1e9",
        "1.5",
        "NaN",
        "Infinity",
        "9223372036854775808",
        "4294967297",
        "0x10",
        "",
        "١",
        "+5 ",
        "null",
    ];
    for path in ["/api/v1/memories", "/api/v1/agents", "/api/v1/keys", "/api/v1/audit"] {
        for limit in numbers {
            let encoded: String = form_urlencoded::byte_serialize(limit.as_bytes()).collect();
            let answer = hall.probe(hall.app.rest("GET", format!("{path}?limit={encoded}")).key(&hall.otto.key)).await;
            assert_eq!(
                (answer.status, answer.json()["errors"][0]["field"].clone()),
                (400, json!("limit")),
                "{path} {limit}"
            );
        }
        for limit in ["1", "200"] {
            let answer = hall.probe(hall.app.rest("GET", format!("{path}?limit={limit}")).key(&hall.otto.key)).await;
            assert_eq!(answer.status, 200);
        }
    }
    for (member, value) in [
        ("limit", json!(0)),
        ("limit", json!(-1)),
        ("limit", json!(101)),
        ("limit", json!(1e9)),
        ("min_importance", json!(1.01)),
        ("min_importance", json!(-0.0001)),
        ("min_similarity", json!("NaN")),
        ("content_chars", json!(100_001)),
        ("content_chars", json!(i64::MAX)),
        ("owners", json!(vec![&hall.bob.id; 33])),
        ("tags_any", json!(vec!["t"; 33])),
        ("vector", json!([0.1, 0.2])),
        ("created_after", json!("tomorrow")),
        ("created_after", json!("99999-01-01T00:00:00Z")),
        ("created_after", json!(1e300)),
    ] {
        let mut question = json!({"query": "cobalt"});
        question[member] = value.clone();
        let request = hall.app.rest("POST", "/api/v1/memories/search").key(&hall.alice.key).json(&question);
        assert_eq!(hall.probe(request).await.status, 400, "{member}={value}");
        let by_tool = hall.app.mcp(&hall.alice.key).call("search_memories", question).await;
        assert_eq!(by_tool.code(), "invalid_input", "{member}={value}");
    }
}

#[tokio::test]
async fn attack_a35_a_pattern_is_matched_as_text_in_linear_time() {
    let hall = Hall::open().await;
    remember(&hall.app, &hall.alice, json!({"content": "a".repeat(100_000)})).await;
    for query in ["(a+)+$", "(a|a)*b", "a{1,1000}{1,1000}", ".*.*.*.*=.*", "^(([a-z])+.)+[A-Z]([a-z])+$"] {
        let question = json!({"query": query});
        let request = hall.app.rest("POST", "/api/v1/memories/search").key(&hall.alice.key).json(&question);
        let (answer, micros) = hall.app.timed(hall.probe(request)).await;
        // A test build is some ten times slower than what the 50 ms are for.
        assert!([200, 400].contains(&answer.status) && micros < 500_000, "{query}: {micros} µs {}", answer.status);
    }
}

#[tokio::test]
async fn attack_a35_a_cursor_serves_only_whom_and_what_it_was_made_for() {
    let hall = Hall::open().await;
    for n in 0..3 {
        for who in [&hall.alice, &hall.bob, &hall.eve] {
            let text = format!("shared row {n}");
            remember(&hall.app, who, json!({"content": text, "access": "public"})).await;
        }
    }
    let first = async |path: &str, key: &str| {
        let page = hall.probe(hall.app.rest("GET", path.to_owned()).key(key)).await.json();
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let memories = first("/api/v1/memories?limit=1", &hall.alice.key).await;
    let agents = first("/api/v1/agents?limit=1", &hall.alice.key).await;
    let audit = first("/api/v1/audit?limit=1", &hall.otto.key).await;
    let mut broken: Vec<String> = (0..memories.len().min(60))
        .map(|place| {
            let mut text = memories.clone().into_bytes();
            text[place] = if text[place] == b'0' { b'1' } else { b'0' };
            String::from_utf8(text).unwrap()
        })
        .collect();
    broken.extend(["x".into(), "00".repeat(16), "ff".repeat(4_000), memories.to_uppercase(), format!("{memories}00")]);
    let last = memories.len() - 2;
    broken.push(memories[..last].to_owned());
    let refused = async |path: String, key: &str| {
        let answer = hall.probe(hall.app.rest("GET", path.clone()).key(key)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_cursor"), "{path}: {}", answer.text());
    };
    for cursor in broken {
        refused(format!("/api/v1/memories?limit=1&cursor={cursor}"), &hall.alice.key).await;
    }
    for other in [&hall.bob, &hall.rita, &hall.otto, &hall.eve] {
        refused(format!("/api/v1/memories?limit=1&cursor={memories}"), &other.key).await;
    }
    refused(format!("/api/v1/memories?limit=1&cursor={agents}"), &hall.alice.key).await;
    refused(format!("/api/v1/agents?limit=1&cursor={memories}"), &hall.alice.key).await;
    refused(format!("/api/v1/memories?limit=1&access=public&cursor={memories}"), &hall.alice.key).await;
    refused(format!("/api/v1/memories?limit=1&sort=key&cursor={memories}"), &hall.alice.key).await;
    refused(format!("/api/v1/audit?limit=1&actor=system&cursor={audit}"), &hall.otto.key).await;
    let by_tool = hall.app.mcp(&hall.bob.key).call("list_agents", json!({"limit": 1, "cursor": agents})).await;
    assert_eq!(by_tool.code(), "invalid_cursor");
    let next =
        hall.probe(hall.app.rest("GET", format!("/api/v1/memories?limit=2&cursor={memories}")).key(&hall.alice.key));
    assert_eq!(next.await.json()["items"].as_array().map(Vec::len), Some(2));
    assert_ne!(hall.row().await, Value::Null);
}
