//! Namespaces: making, finding and deleting them, and whose requests reach what.

use arca_base::Operation;
use arca_testkit::{Response, Unsealed};
use serde_json::{Value, json};

/// A server as one token sees it in one namespace.
pub(crate) struct In<'a> {
    pub(crate) vault: &'a Unsealed,
    pub(crate) namespace: &'a str,
    pub(crate) token: String,
}

impl<'a> In<'a> {
    /// The root token of the server, in a namespace.
    pub(crate) fn root(vault: &'a Unsealed, namespace: &'a str) -> Self {
        Self {
            vault,
            namespace,
            token: vault.root.clone(),
        }
    }

    pub(crate) fn with(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..*self
        }
    }

    pub(crate) async fn ask(&self, operation: Operation, path: &str, data: Value) -> Response {
        self.vault
            .server
            .request_in(self.namespace, operation, path, Some(&self.token), data, None)
            .await
    }

    pub(crate) async fn read(&self, path: &str) -> Response {
        self.ask(Operation::Read, path, Value::Null).await
    }

    pub(crate) async fn write(&self, path: &str, data: Value) -> Response {
        self.ask(Operation::Update, path, data).await
    }

    pub(crate) async fn list(&self, path: &str) -> Response {
        self.ask(Operation::List, path, Value::Null).await
    }

    /// A token of the namespace with these policies.
    pub(crate) async fn token(&self, policies: &[&str]) -> String {
        let data = json!({ "policies": policies, "no_default_policy": true });
        self.write("auth/token/create", data).await.expect(200).token()
    }

    pub(crate) async fn policy(&self, name: &str, text: &str) {
        let path = format!("sys/policies/acl/{name}");
        let _ = self.write(&path, json!({ "policy": text })).await.expect(204);
    }
}

/// Makes a namespace and gives its identifier.
pub(crate) async fn make(vault: &Unsealed, path: &str) -> String {
    let made = vault
        .write(&format!("sys/namespaces/{path}"), json!({}))
        .await
        .expect(200);
    made.data("id").as_str().unwrap().to_owned()
}

/// Makes a namespace with a secret engine in it.
pub(crate) async fn furnish(vault: &Unsealed, path: &str) -> String {
    let id = make(vault, path).await;
    let _ = In::root(vault, path)
        .write("sys/mounts/secret", json!({"type": "kv"}))
        .await
        .expect(204);
    id
}

/// How many keys are stored that hold `text`.
pub(crate) async fn keys_with(vault: &Unsealed, text: &str) -> Vec<String> {
    let page = vault.server.storage.scan("", "", 1_000_000).await.unwrap();
    assert!(!page.more);
    page.names
        .into_iter()
        .filter(|name| name.contains(text))
        .collect()
}

#[tokio::test]
async fn a_namespace_is_made_shown_changed_and_listed() {
    let vault = Unsealed::start().await;
    let data = json!({"custom_metadata": {"owner": "team a", "cost": "7"}});
    let made = vault.write("sys/namespaces/ns1", data).await.expect(200);
    let id = made.data("id").as_str().unwrap();
    assert_eq!(id.len(), 6, "{made:?}");
    let uuid = made.data("uuid").as_str().unwrap();
    let shown = json!({
        "id": id, "uuid": uuid, "path": "ns1/", "tainted": false, "locked": false,
        "custom_metadata": {"owner": "team a", "cost": "7"},
    });
    assert_eq!(made.body["data"], shown);
    for path in ["sys/namespaces/ns1", "/sys/namespaces/ns1"] {
        assert_eq!(vault.read(path).await.expect(200).body["data"], shown);
    }
    let patch = json!({"custom_metadata": {"cost": null, "more": "x"}});
    let patched = vault.patch("sys/namespaces/ns1", patch).await.expect(200);
    assert_eq!(
        patched.data("custom_metadata"),
        &json!({"owner": "team a", "more": "x"})
    );
    let again = vault.write("sys/namespaces/ns1", json!({})).await.expect(200);
    assert_eq!(
        (again.data("id"), again.data("custom_metadata")),
        (&json!(id), &json!({}))
    );

    make(&vault, "ns1/inner").await;
    make(&vault, "ns2").await;
    let listed = vault.list("sys/namespaces").await.expect(200);
    assert_eq!(listed.data("keys"), &json!(["ns1/", "ns2/"]));
    assert_eq!(listed.body["data"]["key_info"]["ns1/"]["id"], json!(id));
    let inner = In::root(&vault, "ns1").list("sys/namespaces").await.expect(200);
    assert_eq!(inner.data("keys"), &json!(["inner/"]));
    assert_eq!(inner.body["data"]["key_info"]["inner/"]["path"], "ns1/inner/");
    let scanned = In::root(&vault, "")
        .ask(Operation::Scan, "sys/namespaces", Value::Null)
        .await;
    assert_eq!(
        scanned.expect(200).data("keys"),
        &json!(["ns1/", "ns1/inner/", "ns2/"])
    );
    assert_eq!(vault.read("sys/namespaces/ns3").await.status, 404);
    assert_eq!(vault.patch("sys/namespaces/ns3", json!({})).await.status, 404);
    assert_eq!(vault.delete("sys/namespaces/ns3").await.status, 204);
    assert_eq!(
        vault.read("sys/internal/ui/namespaces").await.data("keys"),
        &json!(["", "ns1/", "ns2/"])
    );
}

#[tokio::test]
async fn names_are_one_thing_and_limits_name_the_field_and_the_fix() {
    let vault = Unsealed::start().await;
    vault.mount("kv/deep", "kv").await;
    make(&vault, "ns1").await;
    let long = "x".repeat(129);
    let deep = ["d"; 11].join("/");
    for (path, data, part) in [
        ("root", json!({}), "\"root\" is reserved"),
        ("Sys", json!({}), "\"Sys\" is reserved"),
        ("ns1/identity", json!({}), "\"identity\" is reserved"),
        ("a b", json!({}), "path: \"a b\" cannot be a name"),
        ("ns1\u{200b}", json!({}), "unprintable"),
        ("ｎｓ1", json!({}), "cannot be a name"),
        (&long, json!({}), "path: a name may have at most 128 bytes"),
        (&deep, json!({}), "path: namespaces may lie at most 10 deep"),
        ("missing/x", json!({}), "path: there is no namespace \"missing/\""),
        ("kv", json!({}), "path: there is a secret engine at kv/"),
        (
            "x",
            json!({"custom_metadata": {"": "v"}}),
            "a key of custom_metadata has 0 bytes",
        ),
        (
            "x",
            json!({"custom_metadata": {"k": "v".repeat(513)}}),
            "\"k\" in custom_metadata has 513 bytes",
        ),
    ] {
        if part == "unprintable" {
            assert!(arca_base::RequestPath::parse(path).is_err());
            continue;
        }
        let refused = vault
            .write(&format!("sys/namespaces/{path}"), data)
            .await
            .expect(400);
        assert!(refused.error().contains(part), "{path}: {}", refused.error());
    }
    let many: serde_json::Map<String, Value> = (0..65).map(|n| (n.to_string(), json!("v"))).collect();
    let refused = vault
        .write("sys/namespaces/x", json!({"custom_metadata": many}))
        .await
        .expect(400);
    assert!(refused.error().contains("at most 64 keys"), "{}", refused.error());

    // No other spelling leads to it, and none of them to the root namespace.
    for other in [
        "NS1",
        "ns1 ",
        " ns1",
        "ns1/.",
        "./ns1",
        "ns1//",
        "//ns1",
        "n\u{f1}1",
        "ｎｓ１",
        "ns1%2f",
        "ns",
        "ns11",
        "ns1/x",
    ] {
        let answer = In::root(&vault, other).read("sys/mounts").await;
        let same = other.trim_matches('/') == "ns1";
        assert_eq!(answer.status == 200, same, "{other:?}");
        if !same {
            assert_eq!(
                (answer.status, answer.error()),
                (404, "namespace not found"),
                "{other:?}"
            );
        }
    }
    let taken = vault
        .write("sys/mounts/ns1/x", json!({"type": "kv"}))
        .await
        .expect(400);
    assert!(
        taken.error().contains("already in use by the namespace \"ns1\""),
        "{}",
        taken.error()
    );
    let taken = vault
        .write("sys/remount", json!({"from": "kv/deep", "to": "ns1"}))
        .await
        .expect(400);
    assert!(
        taken.error().contains("already in use by the namespace"),
        "{}",
        taken.error()
    );
}

#[tokio::test]
async fn header_prefix_and_both_lead_to_the_same_place() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv").await;
    furnish(&vault, "ns1").await;
    furnish(&vault, "ns1/ns2").await;
    let _ = vault.write("secret/x", json!({"at": "root"})).await.expect(204);
    let _ = vault
        .write("ns1/secret/x", json!({"at": "ns1"}))
        .await
        .expect(204);
    let _ = In::root(&vault, "ns1")
        .write("ns2/secret/x", json!({"at": "ns2"}))
        .await
        .expect(204);
    for (namespace, path, at) in [
        ("", "secret/x", "root"),
        ("root", "secret/x", "root"),
        ("/", "secret/x", "root"),
        ("ns1", "secret/x", "ns1"),
        ("ns1/", "secret/x", "ns1"),
        ("/ns1", "secret/x", "ns1"),
        ("", "ns1/secret/x", "ns1"),
        ("ns1/ns2", "secret/x", "ns2"),
        ("ns1", "ns2/secret/x", "ns2"),
        ("", "ns1/ns2/secret/x", "ns2"),
    ] {
        let found = In::root(&vault, namespace).read(path).await.expect(200);
        assert_eq!(found.data("at"), at, "{namespace} {path}");
    }
    let none = vault.read("ns1/ns3/secret/x").await.expect(404);
    assert!(none.error().contains("route entry not found"), "{}", none.error());
    assert_eq!(
        vault
            .read("ns1/sys/mounts")
            .await
            .expect(200)
            .data("secret~1/type"),
        "kv"
    );
    assert_eq!(
        vault.list("ns1/secret/").await.expect(200).data("keys"),
        &json!(["x"])
    );
}

#[tokio::test]
async fn a_namespace_begins_with_what_each_has_and_nothing_of_others() {
    let vault = Unsealed::start().await;
    vault
        .policy("p", r#"path "secret/*" { capabilities = ["read"] }"#)
        .await;
    vault.mount("secret", "kv").await;
    make(&vault, "ns1").await;
    make(&vault, "ns2").await;
    let (ns1, ns2) = (In::root(&vault, "ns1"), In::root(&vault, "ns2"));
    let mounts = ns1.read("sys/mounts").await.expect(200);
    let names: Vec<&String> = mounts.body["data"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["cubbyhole/", "identity/", "sys/"]);
    let auth = ns1.read("sys/auth").await.expect(200);
    assert_eq!(
        auth.body["data"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["token/"]
    );
    assert_eq!(
        ns1.list("sys/policies/acl").await.expect(200).data("keys"),
        &json!(["default", "root"])
    );
    assert_eq!(ns1.read("secret/x").await.status, 404);

    ns1.policy("mine", r#"path "a" { capabilities = ["read"] }"#)
        .await;
    let _ = ns1
        .write("identity/entity", json!({"name": "ann"}))
        .await
        .expect(200);
    let _ = ns1
        .write("sys/auth/userpass", json!({"type": "userpass"}))
        .await
        .expect(204);
    let _ = ns1
        .write(
            "sys/policies/password/short",
            json!({"policy": "length = 20\nrule \"charset\" { charset = \"abcdefghij\" }"}),
        )
        .await
        .expect(204);
    for other in [&ns2, &In::root(&vault, "")] {
        assert_eq!(other.read("sys/policies/acl/mine").await.status, 404);
        assert_eq!(other.read("identity/entity/name/ann").await.status, 404);
        assert_eq!(
            other.read("sys/policies/password/short/generate").await.status,
            404
        );
        assert_eq!(other.read("sys/auth/userpass").await.status, 400);
    }
}

#[tokio::test]
async fn what_is_about_the_server_as_a_whole_is_in_the_root_namespace_only() {
    let vault = Unsealed::start().await;
    make(&vault, "ns1").await;
    let ns1 = In::root(&vault, "ns1");
    for (operation, path) in [
        (Operation::Read, "sys/audit"),
        (Operation::Update, "sys/audit/file"),
        (Operation::Update, "sys/seal"),
        (Operation::Update, "sys/rotate"),
        (Operation::Read, "sys/key-status"),
        (Operation::Read, "sys/rekey/init"),
        (Operation::Update, "sys/generate-root/attempt"),
        (Operation::Read, "sys/config/state/sanitized"),
        (Operation::Read, "sys/host-info"),
        (Operation::Read, "sys/metrics"),
        (Operation::Read, "sys/in-flight-req"),
        (Operation::Update, "sys/quotas/rate-limit/q"),
        (Operation::Read, "sys/quotas/config"),
        (Operation::Update, "sys/init"),
        (Operation::Update, "sys/unseal"),
    ] {
        for (token, expected) in [(Some(&*vault.root), 400), (None, 403)] {
            let answer = vault
                .server
                .request_in("ns1", operation, path, token, json!({}), None)
                .await;
            assert_eq!(answer.status, expected, "{path} {}", answer.body);
            if expected == 400 {
                assert_eq!(answer.error(), "operation only available in root namespace");
            }
        }
        let by_prefix = In::root(&vault, "")
            .ask(operation, &format!("ns1/{path}"), json!({}))
            .await;
        assert_eq!(by_prefix.status, 400, "{path}");
    }
    // Clients that are set up for a namespace ask these, whatever it is.
    for namespace in ["ns1", "no-such"] {
        for path in ["sys/health", "sys/seal-status", "sys/leader"] {
            let answer = vault
                .server
                .request_in(namespace, Operation::Read, path, None, Value::Null, None)
                .await;
            assert_eq!(answer.status, 200, "{namespace} {path}");
        }
    }
    assert_eq!(ns1.read("sys/internal/ui/mounts").await.status, 200);
}

#[tokio::test]
async fn a_mount_of_a_namespace_below_is_found_by_the_path_that_begins_with_it() {
    let vault = Unsealed::start().await;
    furnish(&vault, "ns1").await;
    furnish(&vault, "ns1/app").await;
    let ask = async |namespace, token: &str, path: &str| {
        let path = format!("sys/internal/ui/mounts/{path}");
        In::root(&vault, namespace).with(token).read(&path).await
    };
    for (namespace, path, expected) in [
        ("", "ns1/secret/x", "ns1/secret/"),
        ("", "ns1/app/secret/x/y", "ns1/app/secret/"),
        ("ns1", "app/secret", "app/secret/"),
        ("ns1", "secret/app/secret", "secret/"),
        ("ns1/app", "secret/x", "secret/"),
    ] {
        let found = ask(namespace, &vault.root, path).await.expect(200);
        assert_eq!(found.data("path"), expected, "{namespace} {path}");
        assert_eq!(found.data("type"), "kv");
    }
    let ns1 = In::root(&vault, "ns1");
    ns1.policy("app", "path \"app/secret/x\" { capabilities = [\"read\"] }")
        .await;
    let token = ns1.token(&["app"]).await;
    let _ = ask("ns1", &token, "app/secret/x").await.expect(200);
    let _ = ask("ns1/app", &token, "secret/x").await.expect(200);
    for (namespace, token, path) in [
        ("ns1", &*token, "secret/x"),
        ("", &*token, "ns1/app/secret/x"),
        ("", &*vault.root, "ns1/none/x"),
        ("", &*vault.root, "ns1"),
    ] {
        let refused = ask(namespace, token, path).await;
        assert_eq!(refused.status, 403, "{namespace} {path}");
    }
}
