//! Every operation's example is sent, over REST where there is a route: it succeeds, fits its schema, and answers the
//! members that the reference shows.

use domain::{
    access::Permission,
    catalogue::CATALOGUE,
    operation::{Access, Effect, Entry},
    reference,
};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use testkit::{Agent, Answer, TestApp};

use crate::{attacks::hall::requests, teams::team_of};

/// The place where every example works.
struct Hall {
    app: TestApp,
    builder: Agent,
    /// Ids as the examples name them, and the ids that stand for them here.
    ids: Vec<(String, String)>,
}

/// How the examples name the n-th object of a kind.
fn named(prefix: &str, n: u32) -> String {
    format!("{prefix}_01JCA4X4E8{n:016}")
}

impl Hall {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let builder = app.agent_in("default", "builder", "operator").await;
        let reviewer = app.agent("reviewer").await;
        let granted = json!({"id": builder.id, "grants": ["memory:manage", "import:run"]});
        assert_eq!(app.as_operator("default", "agent.update", &granted).await.status, 200);
        let store = async |content: &str| {
            let input = json!({"content": content, "kind": "fact", "tags": ["staging"], "access": "public"});
            app.call_as(&builder, "memory.create", &input).await.unwrap()["id"].as_str().unwrap().to_owned()
        };
        let memories = [
            store("The staging database is rebuilt every Sunday.").await,
            store("The staging database holds no customers.").await,
            store("The runbook of the staging database is in the wiki.").await,
            store("The old staging database is gone.").await,
        ];
        app.clock.advance(40 * 86_400);
        let [changed, _, shared, deleted] = &memories;
        let grants = json!([{"grantee": reviewer.id, "permission": "read"}]);
        for (operation, input) in [
            ("memory.update", json!({"id": changed, "content": "The staging database is rebuilt every Sunday night."})),
            ("memory.share", json!({"id": shared, "grants": grants})),
            ("memory.delete", json!({"id": deleted})),
        ] {
            app.call_as(&builder, operation, &input).await.unwrap();
        }
        let team = team_of(&app, "default", "builders", &reviewer).await;
        let begun = json!({"source": "mcp-memory", "text": "{\"type\":\"entity\",\"name\":\"billing\",\"entityType\":\"service\",\"observations\":[\"is paged\"]}"});
        let import = app.call_as(&builder, "import.run", &begun).await.unwrap()["id"].as_str().unwrap().to_owned();
        let mut ids = vec![
            (named("agt", 1), builder.id.clone()),
            (named("agt", 2), reviewer.id),
            (named("key", 1), builder.key_id.clone()),
            (named("tem", 1), team),
            (named("job", 1), import),
        ];
        ids.extend((1..).zip(memories).map(|(n, id)| (named("mem", n), id)));
        Self { app, builder, ids }
    }

    /// The example's input with the ids of this hall.
    fn input(&self, input: &Map<String, Value>) -> Map<String, Value> {
        let mut text = json!(input).to_string();
        for (name, id) in &self.ids {
            text = text.replace(name, id);
        }
        serde_json::from_str(&text).unwrap()
    }

    /// Sends an input as the agent would, or as the local operator where only people may.
    async fn call(&self, entry: &'static Entry, input: &Map<String, Value>) -> Answer {
        let is_personal = match entry.spec.access {
            Access::Interactive(_) | Access::LocalOperator => true,
            Access::Permission(needed) => entry.spec.effect != Effect::Read && needed == Permission::KeyOwn,
            Access::AnyPrincipal | Access::Open => false,
        };
        match requests(&self.app, entry, input).into_iter().next() {
            Some(request) if !is_personal => request.key(&self.builder.key).send().await,
            _ => self.app.as_operator("default", entry.spec.id, &json!(input)).await,
        }
    }
}

/// Checks that two values have the same members, all the way down; lists are compared by what stands in them first.
fn same_members(shown: &Value, answered: &Value, place: &str) {
    match (shown, answered) {
        (Value::Object(shown), Value::Object(answered)) => {
            let names = |map: &Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(shown), names(answered), "{place}");
            for (name, value) in shown {
                same_members(value, &answered[name], &format!("{place}.{name}"));
            }
        }
        (Value::Array(shown), Value::Array(answered)) => {
            assert_eq!(shown.is_empty(), answered.is_empty(), "{place}: {answered:?}");
            if let (Some(shown), Some(answered)) = (shown.first(), answered.first()) {
                same_members(shown, answered, &format!("{place}[0]"));
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(shown),
            std::mem::discriminant(answered),
            "{place}: {shown} is shown, {answered} is answered"
        ),
    }
}

fn fits(schema: &Value, value: &Value, what: &str) {
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{what}: {faults:#?} in {value:#}");
}

fn output_schema(entry: &Entry) -> Option<Value> {
    let mut names: SchemaGenerator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = (entry.output)(&mut names)?.to_value();
    schema["$defs"] = names.take_definitions(true).into();
    Some(schema)
}

#[tokio::test]
async fn every_example_succeeds_and_answers_what_the_reference_shows() {
    let shared = Hall::open().await;
    for entry in CATALOGUE {
        let id = entry.spec.id;
        let fresh;
        let hall = if entry.spec.effect == Effect::Read {
            &shared
        } else {
            fresh = Hall::open().await;
            &fresh
        };
        let example = reference::example(entry);
        let input = hall.input(&example.input);
        fits(&json!(reference::whole_schema(entry)), &json!(input), id);
        let answer = hall.call(entry, &input).await;
        assert!((200..300).contains(&answer.status), "{id}: {}", answer.text());
        let media = entry.media.unwrap_or_default();
        assert_eq!(answer.header("content-type"), media, "{id}");
        let Some(schema) = output_schema(entry) else { continue };
        let shown = example.output.unwrap();
        fits(&schema, &answer.json(), id);
        fits(&schema, &shown, id);
        same_members(&shown, &answer.json(), id);
    }
}
