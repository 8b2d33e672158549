//! The search index against the database: the same rows under every filter, and in step with every commit.

use std::sync::Arc;

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};
use testkit::{Agent, TestApp};

#[derive(Debug, Clone)]
enum Step {
    Create { who: usize, kind: usize, tag: usize, project: usize, public: bool, expires: bool },
    Delete { which: usize },
    Publish { which: usize },
    Wait,
}

const KINDS: [&str; 3] = ["note", "fact", "decision"];
const TAGS: [&str; 3] = ["red", "green", "blue"];
const PROJECTS: [&str; 2] = ["north", "south"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let create = (0..3usize, 0..3usize, 0..3usize, 0..2usize, any::<bool>(), any::<bool>()).prop_map(
        |(who, kind, tag, project, public, expires)| Step::Create { who, kind, tag, project, public, expires },
    );
    let step = prop_oneof![
        6 => create,
        1 => any::<usize>().prop_map(|which| Step::Delete { which }),
        1 => any::<usize>().prop_map(|which| Step::Publish { which }),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..25)
}

struct World {
    app: TestApp,
    agents: Vec<Agent>,
}

impl World {
    async fn apply(&self, steps: &[Step]) {
        let mut made: Vec<(usize, String)> = Vec::new();
        for step in steps {
            match step {
                Step::Create { who, kind, tag, project, public, expires } => {
                    let body = json!({
                        "content": "common word", "kind": KINDS[*kind], "tags": [TAGS[*tag]], "project": PROJECTS[*project],
                        "access": if *public { "public" } else { "private" }, "expires_in": if *expires { 100 } else { 0 },
                    });
                    let made_one =
                        self.app.rest("POST", "/api/v1/memories").key(&self.agents[*who].key).json(&body).send().await;
                    made.push((*who, made_one.json()["id"].as_str().unwrap().to_owned()));
                }
                Step::Delete { .. } | Step::Publish { .. } if made.is_empty() => {}
                Step::Delete { which } => {
                    let (who, id) = &made[which % made.len()];
                    self.app.rest("DELETE", format!("/api/v1/memories/{id}")).key(&self.agents[*who].key).send().await;
                }
                Step::Publish { which } => {
                    let (who, id) = &made[which % made.len()];
                    let path = format!("/api/v1/memories/{id}");
                    let body = json!({"access": "public", "tags": ["red", "blue"]});
                    self.app.rest("PATCH", path).key(&self.agents[*who].key).json(&body).send().await;
                }
                Step::Wait => self.app.clock.advance(60),
            }
        }
    }

    async fn listed(&self, who: &Agent, filter: &str) -> Vec<String> {
        let path = format!("/api/v1/memories?limit=200{filter}");
        let page = self.app.rest("GET", path).key(&who.key).send().await.json();
        sorted(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()))
    }

    async fn found(&self, who: &Agent, filter: Value) -> Vec<String> {
        let mut question = json!({"query": "common", "limit": 100, "typo": false});
        question.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        let found = self.app.rest("POST", "/api/v1/memories/search").key(&who.key).json(&question).send().await.json();
        sorted(found["items"].as_array().unwrap().iter().map(|item| item["memory"]["id"].clone()))
    }
}

fn sorted(ids: impl Iterator<Item = Value>) -> Vec<String> {
    let mut ids: Vec<String> = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn search_and_list_see_the_same_rows_under_every_filter() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            runtime.block_on(async {
                let app = TestApp::start().await;
                let agents = vec![app.agent("a").await, app.agent("b").await, app.agent("c").await];
                let world = World { app, agents };
                // Loaded before, so that every step is followed.
                assert!(world.found(&world.agents[0], json!({})).await.is_empty());
                world.apply(&steps).await;
                for who in &world.agents {
                    for (query, filter) in [
                        (String::new(), json!({})),
                        ("&kind=fact".into(), json!({"kinds": ["fact"]})),
                        ("&tags_all=red,blue".into(), json!({"tags_all": ["red", "blue"]})),
                        ("&tags_any=green".into(), json!({"tags_any": ["green"]})),
                        ("&project=north".into(), json!({"project": "north"})),
                        ("&access=public".into(), json!({"access": "public"})),
                        (format!("&owner={}", world.agents[1].id), json!({"owners": [world.agents[1].id]})),
                    ] {
                        assert_eq!(world.found(who, filter.clone()).await, world.listed(who, &query).await, "{filter}");
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_loaded_under_writers_misses_nothing() {
    let app = Arc::new(TestApp::start().await);
    let alice = app.agent("alice").await;
    let create = |n: usize| {
        app.rest("POST", "/api/v1/memories").key(&alice.key).json(&json!({"content": format!("word number{n}")})).send()
    };
    for n in 0..50 {
        create(n).await;
    }
    let writers: Vec<_> = (50..100).map(|n| tokio::spawn(create(n))).collect();
    let question = json!({"query": "word", "limit": 100});
    let search = || app.rest("POST", "/api/v1/memories/search").key(&alice.key).json(&question).send();
    let first = search().await;
    assert_eq!(first.status, 200, "{}", first.text());
    for writer in writers {
        assert_eq!(writer.await.unwrap().status, 201);
    }
    assert_eq!(search().await.json()["items"].as_array().unwrap().len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_found_at_once() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for n in 0..50 {
        let word = format!("unique{n}word");
        app.rest("POST", "/api/v1/memories").key(&alice.key).json(&json!({"content": word})).send().await;
        let question = json!({"query": word, "typo": false});
        let found = app.rest("POST", "/api/v1/memories/search").key(&alice.key).json(&question).send().await.json();
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{word}");
    }
}
