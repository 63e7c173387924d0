//! Mounts: enabling, tuning, moving, removing, and what answers where nothing is mounted.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

#[tokio::test]
async fn the_mounts_of_a_new_server() {
    let vault = Unsealed::start().await;
    let shown = vault.read("sys/mounts").await.expect(200);
    let mut paths: Vec<&String> = shown.body["data"].as_object().unwrap().keys().collect();
    paths.sort();
    assert_eq!(paths, ["cubbyhole/", "identity/", "sys/"]);
    assert_eq!(shown.body["sys/"]["type"], "system", "repeated at the top");
    let mount = &shown.body["data"]["cubbyhole/"];
    assert_eq!((&mount["options"], &mount["local"]), (&Value::Null, &json!(true)));
    assert!(mount["accessor"].as_str().unwrap().starts_with("cubbyhole_"));
    assert_eq!(mount["config"]["default_lease_ttl"], 0);
    let auth = vault.read("sys/auth").await.expect(200);
    assert_eq!(
        auth.body["data"]["token/"]["config"]["token_type"],
        "default-service"
    );
}

#[tokio::test]
async fn a_mount_lives_and_goes_with_its_data() {
    let vault = Unsealed::start().await;
    let request = json!({"type": "kv", "description": "d", "options": {"version": "1"}, "config": {"max_lease_ttl": "48h"}});
    let _ = vault
        .write("sys/mounts/team/kv", request.clone())
        .await
        .expect(204);
    let _ = vault.write("team/kv/a", json!({"k": "v"})).await.expect(204);
    let shown = vault.read("sys/mounts/team/kv").await.expect(200);
    assert_eq!(
        (shown.data("type"), shown.data("options/version")),
        (&json!("kv"), &json!("1"))
    );
    assert_eq!(shown.data("config/max_lease_ttl"), 172_800);
    let again = vault
        .write("sys/mounts/team/kv", request.clone())
        .await
        .expect(400);
    assert_eq!(again.error(), "path is already in use at team/kv/");
    let inside = vault
        .write("sys/mounts/team/kv/x", request.clone())
        .await
        .expect(400);
    assert_eq!(inside.error(), "existing mount at team/kv/");
    let around = vault.write("sys/mounts/team", request.clone()).await.expect(400);
    assert!(
        around.error().starts_with("existing mount at team/"),
        "{}",
        around.error()
    );
    let _ = vault.delete("sys/mounts/team/kv").await.expect(204);
    let gone = vault.read("team/kv/a").await.expect(404);
    assert_eq!(
        gone.error(),
        "no handler for route \"team/kv/a\". route entry not found."
    );
    assert_eq!(
        vault
            .server
            .storage
            .scan("ns/root/data/", "", 10)
            .await
            .unwrap()
            .names,
        Vec::<String>::new()
    );
    let _ = vault.delete("sys/mounts/team/kv").await.expect(204);
    let _ = vault.write("sys/mounts/team/kv", request).await.expect(204);
    let _ = vault.read("team/kv/a").await.expect(404);
}

#[tokio::test]
async fn listings_of_mounts_come_in_pages_when_asked() {
    let vault = Unsealed::start().await;
    for path in ["b/inner", "a", "c"] {
        vault.mount(path, "kv").await;
    }
    let page = json!({"after": "a/", "limit": 2});
    let page = vault.query("sys/mounts", page).await.expect(200);
    let paths: Vec<&String> = page.body["data"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["b/inner/", "c/"]);
    let whole = vault.read("sys/mounts").await.expect(200);
    assert_eq!(whole.body["data"].as_object().unwrap().len(), 6);
    let wrong = vault.query("sys/mounts", json!({"limit": -2})).await.expect(400);
    assert_eq!(wrong.error(), "limit must be zero or positive");
}

#[tokio::test]
async fn refuses_what_cannot_be_mounted() {
    let vault = Unsealed::start().await;
    for (path, request, text) in [
        ("x", json!({}), "backend type must be specified as a string"),
        (
            "x",
            json!({"type": "zzz"}),
            "plugin not found in the catalog: zzz",
        ),
        (
            "x",
            json!({"type": "plugin", "plugin_name": "zzz"}),
            "plugin not found in the catalog: zzz",
        ),
        ("sys/x", json!({"type": "kv"}), "cannot mount \"sys/x/\""),
        ("auth/x", json!({"type": "kv"}), "cannot mount \"auth/x/\""),
        (
            "x",
            json!({"type": "identity"}),
            "mount type of \"identity\" is not mountable",
        ),
        (
            "x",
            json!({"type": "kv", "options": {"version": "3"}}),
            "options.version must be \"1\" or \"2\", not \"3\"",
        ),
        (
            "x",
            json!({"type": "kv", "config": {"default_lease_ttl": "2h", "max_lease_ttl": "1h"}}),
            "given default lease TTL greater than given max lease TTL",
        ),
        (
            "x",
            json!({"type": "kv", "config": {"default_lease_ttl": "soon"}}),
            "unable to parse default_lease_ttl: time: invalid duration \"soon\"",
        ),
        (
            "x",
            json!({"type": "kv", "config": {"listing_visibility": "all"}}),
            "invalid listing_visibility \"all\": use \"hidden\" or \"unauth\"",
        ),
        (
            "x",
            json!({"type": "kv", "config": "x"}),
            "config must be an object, not a string",
        ),
    ] {
        let refused = vault
            .write(&format!("sys/mounts/{path}"), request)
            .await
            .expect(400);
        assert_eq!(refused.error(), text);
    }
    let token = vault
        .write("sys/auth/x", json!({"type": "token"}))
        .await
        .expect(400);
    assert_eq!(token.error(), "token credential backend cannot be instantiated");
    for builtin in ["sys", "identity", "cubbyhole"] {
        let refused = vault.delete(&format!("sys/mounts/{builtin}")).await.expect(400);
        assert_eq!(refused.error(), format!("cannot unmount \"{builtin}/\""));
    }
    let deep = "a/".repeat(13);
    let _ = vault
        .write(
            &format!("sys/mounts/{}", deep.trim_end_matches('/')),
            json!({"type": "kv"}),
        )
        .await
        .expect(400);
}

#[tokio::test]
async fn tuning_changes_only_what_is_given() {
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let shown = vault.read("sys/mounts/kv/tune").await.expect(200);
    assert_eq!(
        (shown.data("default_lease_ttl"), shown.data("max_lease_ttl")),
        (&json!(2_764_800), &json!(2_764_800))
    );
    let request =
        json!({"default_lease_ttl": "1h", "description": "mine", "audit_non_hmac_request_keys": "a,b"});
    let _ = vault.write("sys/mounts/kv/tune", request).await.expect(204);
    let _ = vault
        .write("sys/mounts/kv/tune", json!({"max_lease_ttl": 7200}))
        .await
        .expect(204);
    let shown = vault.read("sys/mounts/kv/tune").await.expect(200);
    assert_eq!(
        (shown.data("default_lease_ttl"), shown.data("max_lease_ttl")),
        (&json!(3600), &json!(7200))
    );
    assert_eq!(
        (
            shown.data("description"),
            shown.data("audit_non_hmac_request_keys")
        ),
        (&json!("mine"), &json!(["a", "b"]))
    );
    let refused = vault
        .write("sys/mounts/kv/tune", json!({"default_lease_ttl": "3h"}))
        .await
        .expect(400);
    assert_eq!(
        refused.error(),
        "given default lease TTL greater than given max lease TTL"
    );
    let _ = vault
        .write("sys/mounts/kv/tune", json!({"default_lease_ttl": "system"}))
        .await
        .expect(204);
    let missing = vault.read("sys/mounts/none/tune").await.expect(400);
    assert_eq!(missing.error(), "cannot fetch sysview for path \"none/\"");
    let _ = vault.read("sys/mounts/auth/token/tune").await.expect(200);
}

#[tokio::test]
async fn a_move_keeps_the_data() {
    let vault = Unsealed::start().await;
    vault.mount("old", "kv").await;
    let _ = vault.write("old/a", json!({"k": "v"})).await.expect(204);
    let moved = vault
        .write("sys/remount", json!({"from": "old", "to": "new/place"}))
        .await
        .expect(200);
    let id = moved.data("migration_id").as_str().unwrap().to_owned();
    let status = vault.read(&format!("sys/remount/status/{id}")).await.expect(200);
    assert_eq!(status.data("migration_info/status"), "success");
    assert_eq!(vault.read("new/place/a").await.expect(200).data("k"), "v");
    let _ = vault.read("old/a").await.expect(404);
    let refused = vault
        .write("sys/remount", json!({"from": "old", "to": "x"}))
        .await
        .expect(400);
    assert_eq!(refused.error(), "no matching mount at \"old/\"");
}

#[tokio::test]
async fn what_is_not_there() {
    let vault = Unsealed::start().await;
    let unsupported = vault.read("sys/zzz").await.expect(404);
    assert_eq!(unsupported.error(), "1 error occurred:\n\t* unsupported path\n\n");
    let wrong = vault.delete("sys/policies/acl").await.expect(405);
    assert_eq!(wrong.error(), "1 error occurred:\n\t* unsupported operation\n\n");
    let missing = vault.read("nope/x").await.expect(404);
    assert_eq!(
        missing.error(),
        "no handler for route \"nope/x\". route entry not found."
    );
    let slash = vault.write("nope/x/", json!({})).await.expect(400);
    assert_eq!(slash.error(), "cannot write to a path ending in '/'");
    // Policies come first: who may not go there does not learn that there is nothing.
    let token = vault.token(&["default"]).await;
    let _ = vault.read_as(&token, "nope/x").await.expect(403);
}

#[tokio::test]
async fn unknown_fields_are_warned_about_with_the_likely_meaning() {
    let vault = Unsealed::start().await;
    let answer = vault
        .write("sys/mounts/kv", json!({"type": "kv", "descripton": "x"}))
        .await
        .expect(200);
    assert_eq!(
        answer.body["warnings"],
        json!([
            "Endpoint ignored these unrecognized parameters: [descripton]",
            "\"descripton\" is not a parameter of this endpoint; did you mean \"description\"?"
        ])
    );
    let answer = vault
        .write("auth/token/create", json!({"polices": "a"}))
        .await
        .expect(200);
    assert_eq!(
        answer.body["warnings"][0],
        "Endpoint ignored these unrecognized parameters: [polices]"
    );
    let wrong = vault
        .write("auth/token/create", json!({"num_uses": "many"}))
        .await
        .expect(400);
    assert_eq!(
        wrong.error(),
        "Field validation failed: error converting input for field \"num_uses\": expected a whole number, got a string"
    );
}

#[tokio::test]
async fn only_the_root_namespace_exists() {
    use arca_base::json::Object;
    use arca_base::{RequestPath, Secret};
    use arca_core::engine::ClientInfo;
    use arca_core::pipeline::Incoming;
    let vault = Unsealed::start().await;
    let ask = |namespace: &str| {
        let incoming = Incoming {
            operation: Operation::Read,
            path: RequestPath::parse("sys/mounts").unwrap(),
            namespace: namespace.to_owned(),
            token: Some(Secret::new(vault.root.clone())),
            inline_auth: None,
            wrap_ttl: None,
            factors: Vec::new(),
            data: Object::new(),
            headers: arca_core::web::RequestHeaders::default(),
            client: ClientInfo::unknown(),
        };
        vault.server.core.handle(incoming)
    };
    for root in ["", "/", "root", "root/"] {
        assert_eq!(ask(root).await.status, 200, "{root}");
    }
    let refused = ask("admin/").await;
    assert_eq!(
        (refused.status, &*refused.body.0),
        (404, "{\"errors\":[\"namespace not found\"]}\n")
    );
}

#[tokio::test]
async fn interfaces_see_what_their_token_may_touch() {
    let vault = Unsealed::start().await;
    vault.mount("open", "kv").await;
    vault.mount("closed", "kv").await;
    let _ = vault
        .write("sys/mounts/open/tune", json!({"listing_visibility": "unauth"}))
        .await
        .expect(204);
    let anonymous = vault
        .server
        .request(Operation::Read, "sys/internal/ui/mounts", None, Value::Null, None)
        .await;
    let anonymous = anonymous.expect(200);
    let shown: Vec<&String> = anonymous.body["data"]["secret"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(shown, ["open/"]);
    let invalid = vault
        .server
        .request(
            Operation::Read,
            "sys/internal/ui/mounts",
            Some("bad"),
            Value::Null,
            None,
        )
        .await;
    let _ = invalid.expect(403);
    vault
        .policy("reader", r#"path "closed/app/*" { capabilities = ["read"] }"#)
        .await;
    let token = vault.token(&["reader"]).await;
    let one = vault
        .read_as(&token, "sys/internal/ui/mounts/closed/app/db")
        .await
        .expect(200);
    assert_eq!(
        (one.data("path"), one.data("type")),
        (&json!("closed/"), &json!("kv"))
    );
    let other = vault
        .read_as(&token, "sys/internal/ui/mounts/open/x")
        .await
        .expect(403);
    assert!(
        other
            .error()
            .starts_with("preflight capability check returned 403"),
        "{}",
        other.error()
    );
    let none = vault
        .read_as(&token, "sys/internal/ui/mounts/nowhere")
        .await
        .expect(403);
    assert!(none.error().contains("\"nowhere/\""), "{}", none.error());
}
