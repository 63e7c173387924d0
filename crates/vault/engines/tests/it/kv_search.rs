//! Finding secrets by name and custom metadata.

use arca_testkit::Unsealed;
use serde_json::{Value, json};

async fn put(vault: &Unsealed, path: &str, metadata: Value) {
    let value = json!({"data": {"password": "canary"}});
    let _ = vault.write(&format!("kv/data/{path}"), value).await.expect(200);
    let metadata = json!({"custom_metadata": metadata});
    let _ = vault
        .write(&format!("kv/metadata/{path}"), metadata)
        .await
        .expect(204);
}

async fn furnished() -> Unsealed {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv-v2").await;
    put(&vault, "app/db", json!({"owner": "team-a", "stage": "prod"})).await;
    put(&vault, "app/cache", json!({"owner": "team-a", "stage": "test"})).await;
    put(
        &vault,
        "shop/DB/main",
        json!({"owner": "team-b", "stage": "production"}),
    )
    .await;
    put(&vault, "db", json!({"owner": "team-b"})).await;
    vault
}

async fn found_by(vault: &Unsealed, token: &str, query: Value) -> Value {
    let read = arca_base::Operation::Read;
    let answer = vault
        .server
        .request(read, "kv/search", Some(token), query, None)
        .await
        .expect(200);
    assert!(!answer.body.to_string().contains("canary"), "no value is shown");
    answer.body["data"].clone()
}

async fn names(vault: &Unsealed, token: &str, query: Value) -> Value {
    found_by(vault, token, query).await["keys"].clone()
}

#[tokio::test]
async fn secrets_are_found_by_name_and_by_metadata() {
    let vault = furnished().await;
    for (query, expected) in [
        (json!({"pattern": "db"}), json!(["app/db", "db", "shop/DB/main"])),
        (json!({"pattern": "*/db"}), json!(["app/db"])),
        (
            json!({"pattern": "*"}),
            json!(["app/cache", "app/db", "db", "shop/DB/main"]),
        ),
        (json!({"pattern": "db", "folder": "app"}), json!(["app/db"])),
        (json!({"pattern": "db", "folder": "ap"}), json!([])),
        (
            json!({"custom_metadata": "owner=team-a"}),
            json!(["app/cache", "app/db"]),
        ),
        (
            json!({"custom_metadata": ["owner=team-a", "stage=prod"]}),
            json!(["app/db"]),
        ),
        (
            json!({"custom_metadata": {"stage": "prod*"}}),
            json!(["app/db", "shop/DB/main"]),
        ),
        (
            json!({"pattern": "db", "custom_metadata": "owner=team-b"}),
            json!(["db", "shop/DB/main"]),
        ),
        (
            json!({"custom_metadata": "stage=prod", "pattern": "cache"}),
            json!([]),
        ),
        // A value is no name.
        (json!({"pattern": "canary"}), json!([])),
    ] {
        assert_eq!(
            names(&vault, &vault.root, query.clone()).await,
            expected,
            "{query}"
        );
    }
    let one = found_by(&vault, &vault.root, json!({"pattern": "app/db"})).await;
    assert_eq!(one["next"], "");
    let info = &one["key_info"]["app/db"];
    assert_eq!(
        info["custom_metadata"],
        json!({"owner": "team-a", "stage": "prod"})
    );
    assert_eq!(info["current_version"], 1);
}

/// Nobody finds more than they could read or list.
#[tokio::test]
async fn only_what_the_caller_may_see_is_found() {
    let vault = furnished().await;
    let holder = |name: &'static str, rules: &'static str| {
        let vault = &vault;
        async move {
            let text = format!("path \"kv/search\" {{ capabilities = [\"read\"] }}\n{rules}");
            vault.policy(name, &text).await;
            vault.token(&[name]).await
        }
    };
    let blind = holder("blind", "").await;
    assert_eq!(names(&vault, &blind, json!({"pattern": "*"})).await, json!([]));
    let reader = holder("reader", "path \"kv/data/app/*\" { capabilities = [\"read\"] }").await;
    let found = found_by(&vault, &reader, json!({"pattern": "*"})).await;
    assert_eq!(found["keys"], json!(["app/cache", "app/db"]));
    assert_eq!(found["key_info"]["app/db"]["custom_metadata"]["owner"], "team-a");
    // Who lists sees names, and finds out nothing of the metadata.
    let lister = holder(
        "lister",
        "path \"kv/metadata/shop/DB/\" { capabilities = [\"list\"] }",
    )
    .await;
    let found = found_by(&vault, &lister, json!({"pattern": "*"})).await;
    assert_eq!(
        (&found["keys"], &found["key_info"]),
        (&json!(["shop/DB/main"]), &json!({}))
    );
    assert_eq!(
        names(&vault, &lister, json!({"custom_metadata": "owner=*"})).await,
        json!([])
    );
    // Writing is not reading.
    let writer = holder(
        "writer",
        "path \"kv/data/*\" { capabilities = [\"create\", \"update\"] }",
    )
    .await;
    assert_eq!(names(&vault, &writer, json!({"pattern": "*"})).await, json!([]));
    let excepted = "path \"kv/metadata/*\" { capabilities = [\"read\", \"list\"] }
        path \"kv/metadata/app/db\" { capabilities = [\"deny\"] }";
    let excepted = holder("excepted", excepted).await;
    let found = found_by(&vault, &excepted, json!({"pattern": "*"})).await;
    // The name of what is denied is in the listing of its folder, as elsewhere.
    assert_eq!(
        found["keys"],
        json!(["app/cache", "app/db", "db", "shop/DB/main"])
    );
    assert_eq!(found["key_info"]["app/db"], Value::Null);
    let without = vault.token(&["default"]).await;
    let _ = vault.read_as(&without, "kv/search").await.expect(403);
}

#[tokio::test]
async fn answers_come_in_pages() {
    let vault = furnished().await;
    let mut all = Vec::new();
    let mut after = Value::from("");
    loop {
        let query = json!({"pattern": "*", "limit": "1", "after": after});
        let page = found_by(&vault, &vault.root, query).await;
        all.extend(page["keys"].as_array().unwrap().clone());
        assert!(page["keys"].as_array().unwrap().len() <= 1);
        after = page["next"].clone();
        if after == "" {
            break;
        }
        // Where it stopped may be a name the caller may not see.
        assert!(!after.as_str().unwrap().contains("app"));
    }
    assert_eq!(all, ["app/cache", "app/db", "db", "shop/DB/main"]);
    for wrong in ["app/db", "AAAA", &"x".repeat(10_000)] {
        let refused = vault
            .query("kv/search", json!({"pattern": "*", "after": wrong}))
            .await
            .expect(400);
        assert!(
            refused.error().contains("next of an earlier answer"),
            "{}",
            refused.error()
        );
    }
    // A place in one mount is none in another.
    vault.mount("other", "kv-v2").await;
    let page = found_by(&vault, &vault.root, json!({"pattern": "*", "limit": 1})).await;
    let moved = vault
        .query("other/search", json!({"pattern": "*", "after": page["next"]}))
        .await;
    let _ = moved.expect(400);
}

/// However many secrets there are that do not fit, one request does a bounded amount of work.
#[tokio::test]
async fn a_request_looks_at_a_bounded_number_of_secrets() {
    let vault = furnished().await;
    for number in 0..1100 {
        let path = format!("kv/metadata/many/{number:04}");
        let _ = vault
            .write(&path, json!({"custom_metadata": {"n": number.to_string()}}))
            .await
            .expect(204);
    }
    let condition = json!({"custom_metadata": "n=1099"});
    let first = found_by(&vault, &vault.root, condition.clone()).await;
    assert_eq!(first["keys"], json!([]));
    let rest = json!({"custom_metadata": "n=1099", "after": first["next"]});
    let second = found_by(&vault, &vault.root, rest).await;
    assert_eq!(
        (&second["keys"], &second["next"]),
        (&json!(["many/1099"]), &json!(""))
    );
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let vault = furnished().await;
    for (query, says) in [
        (json!({}), "pattern or custom_metadata must be given"),
        (
            json!({"pattern": "x".repeat(513)}),
            "pattern may have at most 512 bytes",
        ),
        (
            json!({"pattern": "*", "limit": -1}),
            "limit must be zero or positive",
        ),
        (json!({"custom_metadata": "owner"}), "expected key=value pairs"),
    ] {
        let refused = vault.query("kv/search", query).await.expect(400);
        assert!(refused.error().contains(says), "{}", refused.error());
    }
    vault.mount("plain", "kv").await;
    let _ = vault
        .query("plain/search", json!({"pattern": "*"}))
        .await
        .expect(404);
}
