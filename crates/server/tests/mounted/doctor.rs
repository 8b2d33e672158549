//! `ops.doctor`: each defect of the database is found by its own check, and what cannot be checked is unknown.

use serde_json::{Value, json};
use testkit::TestApp;

async fn findings(app: &TestApp) -> Vec<Value> {
    let answer = app.as_operator("default", "ops.doctor", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["findings"].as_array().unwrap().clone()
}

async fn finding(app: &TestApp, id: &str) -> Value {
    let all = findings(app).await;
    all.iter().find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id} in {all:?}")).clone()
}

/// The checks that do not pass.
async fn wrong(app: &TestApp) -> Vec<(String, String)> {
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let all = findings(app).await;
    let wrong = all.iter().filter(|finding| finding["status"] != "pass");
    wrong.map(|finding| (text(finding, "id"), text(finding, "status"))).collect()
}

fn failed(id: &str) -> (String, String) {
    (id.to_owned(), "fail".to_owned())
}

fn unknown(id: &str) -> (String, String) {
    (id.to_owned(), "unknown".to_owned())
}

#[tokio::test]
async fn a_sound_database_passes_every_check_and_is_left_as_it_is() {
    let app = TestApp::start().await;
    app.workspace("other").await;
    app.agent("alice").await;
    let rows = app.audit("default", json!({})).await.len();
    let all = findings(&app).await;
    assert!(all.len() >= 9, "{all:?}");
    for finding in &all {
        assert_eq!((&finding["status"], &finding["fix"]), (&json!("pass"), &Value::Null), "{finding}");
        for member in ["id", "severity", "observed", "why"] {
            assert!(finding[member].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
        }
    }
    assert_eq!(app.audit("default", json!({})).await.len(), rows);
}

#[tokio::test]
async fn a_changed_audit_row_is_named() {
    let app = TestApp::start().await;
    app.agent("alice").await;
    assert_eq!(app.tamper("UPDATE audit SET action = 'nothing' WHERE seq = 2").await, 1);
    assert_eq!(wrong(&app).await, [failed("audit.chain")]);
    let chain = finding(&app, "audit.chain").await;
    assert!(chain["observed"].as_str().unwrap().contains("workspace `default` is broken at row 2"), "{chain}");
}

#[tokio::test]
async fn a_cut_off_audit_log_is_named() {
    let app = TestApp::start().await;
    app.agent("alice").await;
    assert_eq!(app.tamper("DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)").await, 1);
    assert_eq!(wrong(&app).await, [failed("audit.chain")]);
}

#[tokio::test]
async fn only_the_newest_rows_of_a_long_audit_log_are_walked_and_it_says_how_many() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    for number in 0..2_010 {
        let input = json!({"id": alice.id, "display_name": format!("alice {number}")});
        assert_eq!(app.as_operator("default", "agent.update", &input).await.status, 200);
    }
    let observed = async || finding(&app, "audit.chain").await["observed"].as_str().unwrap().to_owned();
    let said = observed().await;
    assert!(said.starts_with("2000 of ") && said.contains("in 1 workspaces verified"), "{said}");
    app.tamper("UPDATE audit SET action = 'nothing' WHERE seq = 1").await;
    assert_eq!(observed().await, said, "row 1 is not among the newest");
    app.tamper("UPDATE audit SET prev = mac WHERE seq = (SELECT MAX(seq) - 1999 FROM audit)").await;
    assert!(observed().await.contains("is broken at row"), "the first row walked is judged too");
}

#[tokio::test]
async fn a_counter_that_is_wrong_is_an_error() {
    let app = TestApp::start().await;
    let extra = "INSERT INTO memory_counts (workspace_id, owner, kind, access, team_id, trust, layer, live, bytes) \
         VALUES ('wsp_x', 'agt_x', 'note', 'private', '', 'unreviewed', '', 0, 0)";
    app.tamper(extra).await;
    assert_eq!(wrong(&app).await, [], "a counter of nothing is right when there is nothing");
    app.tamper("UPDATE memory_counts SET bytes = 1").await;
    assert_eq!(wrong(&app).await, [failed("memory.counts")]);
    app.tamper("UPDATE memory_counts SET bytes = 0, live = 3").await;
    let counts = finding(&app, "memory.counts").await;
    assert_eq!((&counts["severity"], &counts["status"]), (&json!("error"), &json!("fail")));
    assert!(counts["fix"].is_string(), "{counts}");
}

#[tokio::test]
async fn what_cannot_be_counted_is_unknown_and_not_nothing() {
    let app = TestApp::start().await;
    app.tamper("DROP TABLE memory_counts").await;
    assert_eq!(wrong(&app).await, [failed("database.schema"), unknown("memory.counts")]);
    let counts = finding(&app, "memory.counts").await;
    assert!(counts["observed"].as_str().unwrap().starts_with("could not be checked"), "{counts}");
}

#[tokio::test]
async fn a_missing_or_foreign_index_is_named() {
    let app = TestApp::start().await;
    app.tamper("DROP INDEX memories_by_key").await;
    app.tamper("CREATE INDEX sneaky ON memories (id)").await;
    assert_eq!(wrong(&app).await, [failed("database.schema")]);
    let schema = finding(&app, "database.schema").await;
    assert_eq!(schema["observed"], "`memories_by_key` is missing, `sneaky` is not ours");
}

#[tokio::test]
async fn migrations_that_are_not_this_binarys_are_named() {
    let app = TestApp::start().await;
    app.tamper("UPDATE migrations SET checksum = 'x' WHERE number = 1").await;
    let found = finding(&app, "database.migrations").await;
    assert!(found["status"] == "fail" && found["observed"].as_str().unwrap().starts_with("migration 1"), "{found}");
    app.tamper("INSERT INTO migrations (number, name, checksum, applied_at) VALUES (9999, 'later', 'x', 0)").await;
    let found = finding(&app, "database.migrations").await;
    assert!(found["observed"].as_str().unwrap().contains("schema 9999"), "{found}");
    app.tamper("DELETE FROM migrations WHERE number > 1").await;
    app.tamper("UPDATE migrations SET checksum = 'x'").await;
    assert_eq!(finding(&app, "database.migrations").await["status"], "fail");
    app.tamper("DELETE FROM migrations").await;
    let found = finding(&app, "database.migrations").await;
    assert!(found["observed"].as_str().unwrap().contains("are not applied"), "{found}");
    app.tamper("DROP TABLE migrations").await;
    assert_eq!(finding(&app, "database.migrations").await["status"], "unknown");
}

#[tokio::test]
async fn a_clock_before_the_newest_audit_row_is_an_error() {
    let app = TestApp::start().await;
    app.clock.advance(3_600);
    app.agent("alice").await;
    assert_eq!(wrong(&app).await, []);
    app.clock.advance(-1);
    assert_eq!(wrong(&app).await, [failed("clock")]);
}

#[tokio::test]
async fn keys_that_end_soon_and_keys_that_nobody_uses_are_named() {
    let app = TestApp::start().await;
    let alice = app.agent("alice").await;
    let month = json!({"label": "month", "principal": alice.id, "expires_in": 30 * 86_400});
    let (_, short) = app.key_in("default", month.clone()).await;
    let (_, revoked) = app.key_in("default", month).await;
    app.as_operator("default", "key.revoke", &json!({"id": revoked})).await;
    app.clock.advance(16 * 86_400 - 60);
    assert_eq!(wrong(&app).await, []);
    app.clock.advance(120);
    assert_eq!(wrong(&app).await, [failed("keys.expiring")]);
    let expiring = finding(&app, "keys.expiring").await;
    assert_eq!(expiring["severity"], "warn");
    let named = expiring["observed"].as_str().unwrap();
    assert!(named.contains(&short) && !named.contains(&revoked) && !named.contains(&alice.key_id), "{expiring}");
    app.clock.advance(45 * 86_400);
    let idle = finding(&app, "keys.idle").await;
    assert_eq!((&idle["severity"], &idle["status"]), (&json!("info"), &json!("fail")));
    let named = idle["observed"].as_str().unwrap();
    assert!(named.contains(&alice.key_id) && !named.contains(&short), "an ended key is nobody's concern: {idle}");
}
