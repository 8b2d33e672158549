use serde_json::json;

use super::hall::{Hall, remember};

#[tokio::test]
async fn attack_a70_an_export_holds_no_credential() {
    let hall = Hall::open().await;
    let canary = "5d1c7e0b9a8f4e3d";
    remember(&hall.app, &hall.alice, json!({"content": format!("a memory with {canary}"), "access": "public"})).await;
    let keys = [&hall.alice, &hall.bob, &hall.rita, &hall.otto].map(|who| who.key.clone());
    let mut whole = String::new();
    for format in ["guildhall", "mcp-memory", "csv", "markdown"] {
        let input = json!({"format": format, "all": true});
        let page = hall.app.as_operator("default", "export.run", &input).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.json()["next_cursor"].is_null());
        assert!(page.text().contains(canary), "{format} exports memories");
        whole.push_str(&page.text());
    }
    for key in &keys {
        // The secret part, and what the database keeps of it.
        for part in [key.as_str(), &key[4..], &key[4..20], &key[20..44]] {
            assert!(!whole.contains(part), "an export holds {part}");
        }
    }
    assert!(!whole.contains("ghk_") && !whole.contains(&hall.eve.id) && !whole.contains(&hall.eves));
    for who in [&hall.alice, &hall.otto, &hall.bob] {
        assert!(!whole.contains(&who.key_id));
    }
    // Nobody but the local operator has a way to another's private rows.
    for who in [&hall.alice, &hall.rita, &hall.otto] {
        let asked = hall.app.rest("POST", "/api/v1/exports").key(&who.key).json(&json!({"all": true}));
        assert_eq!(hall.probe(asked).await.status, 403);
    }
    let visible = hall.app.rest("POST", "/api/v1/exports").key(&hall.otto.key).json(&json!({}));
    let visible = hall.probe(visible).await.text();
    assert!(visible.contains(canary) && !visible.contains("cobalt ledger"), "{visible}");
}
