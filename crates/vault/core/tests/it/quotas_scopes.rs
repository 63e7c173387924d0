//! What limits are for: namespaces, what lies in them, and roles of auth methods.

use std::sync::Arc;

use arca_api::database::Name;
use arca_base::{Operation, Ttl};
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, Cx, Engine, Factory, Grant, Site, Table};
use arca_core::leases::{Ended, Lease, Proof};
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{Response, TestServer, Unsealed};
use serde_json::{Value, json};

use crate::namespaces::{In, make};

/// A double: secrets that need nothing to be made or ended.
struct Grants;

arca_api::endpoints! {
    /// Make a secret.
    Make = Read "creds/{name}" => Name;
}

impl Engine for Grants {
    fn routes() -> Table<Self> {
        Table::new().on::<Make, _, _>(grant).leases()
    }

    async fn revoke(self: Arc<Self>, _: Site, _: Arc<Lease>) -> Result<Ended, Fault> {
        Ok(Ended {
            proof: Proof::Gone,
            remarks: Vec::new(),
        })
    }
}

async fn grant(_: Arc<Grants>, _: Cx, _: Name) -> Result<Answer, Fault> {
    let grant = Grant {
        ttl: Ttl::from_seconds(600),
        ..Grant::default()
    };
    Ok(Answer::leased(&arca_base::json_object! { "k" => "v" }, grant))
}

fn catalog() -> Catalog {
    Catalog::new().secret("grants", Factory::new(|_| Grants))
}

/// `team`, `team/app` and `other`, each with an engine and two machines that log in.
async fn start() -> Unsealed {
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog(), Seal::Shamir, 7)
        .unsealed()
        .await;
    for namespace in ["team", "team/app", "other"] {
        make(&vault, namespace).await;
        furnish(&In::root(&vault, namespace)).await;
    }
    furnish(&In::root(&vault, "")).await;
    vault
}

async fn furnish(at: &In<'_>) {
    let _ = at
        .write("sys/mounts/g", json!({"type": "grants"}))
        .await
        .expect(204);
    let _ = at
        .write("sys/auth/approle", json!({"type": "approle"}))
        .await
        .expect(204);
    for role in ["ci", "web"] {
        let path = format!("auth/approle/role/{role}");
        let settings = json!({"bind_secret_id": false, "secret_id_bound_cidrs": "0.0.0.0/0"});
        let _ = at.write(&path, settings).await.expect(204);
        let id = json!({ "role_id": role });
        let _ = at.write(&format!("{path}/role-id"), id).await.expect(204);
    }
}

async fn log_in(vault: &Unsealed, namespace: &str, role: &str) -> Response {
    let data = json!({ "role_id": role });
    let server = &vault.server;
    server
        .request_in(
            namespace,
            Operation::Update,
            "auth/approle/login",
            None,
            data,
            None,
        )
        .await
}

async fn rate(vault: &Unsealed, name: &str, data: Value) {
    let path = format!("sys/quotas/rate-limit/{name}");
    let _ = vault.write(&path, data).await.expect(204);
}

async fn leases(vault: &Unsealed, name: &str, data: Value) {
    let path = format!("sys/quotas/lease-count/{name}");
    let _ = vault.write(&path, data).await.expect(204);
}

async fn counter(vault: &Unsealed, name: &str) -> u64 {
    let read = vault.read(&format!("sys/quotas/lease-count/{name}")).await;
    read.expect(200).data("counter").as_u64().unwrap()
}

/// How many of these requests are answered before one is too many, ten at most.
async fn allowed(at: &In<'_>, path: &str) -> usize {
    for count in 0..10 {
        if at.read(path).await.status == 429 {
            return count;
        }
    }
    10
}

#[tokio::test]
async fn a_rate_limit_of_a_namespace_binds_it_and_those_below_only_where_it_says_so() {
    let vault = start().await;
    let at = |namespace| In::root(&vault, namespace);
    rate(
        &vault,
        "team",
        json!({"path": "team", "rate": 3, "interval": "1h"}),
    )
    .await;
    assert_eq!(allowed(&at("team"), "g/creds/x").await, 3);
    assert_eq!(vault.read("team/g/creds/x").await.status, 429, "by its path, too");
    assert_eq!(allowed(&at("team/app"), "g/creds/x").await, 10);
    let inherited = json!({"path": "team/", "rate": 3, "interval": "1h", "inheritable": true});
    rate(&vault, "team", inherited).await;
    assert_eq!(
        allowed(&at("team/app"), "sys/mounts").await,
        0,
        "one limit, one count"
    );
    assert_eq!(allowed(&at("other"), "sys/mounts").await, 10);
    vault.server.clock.advance(std::time::Duration::from_secs(7200));
    let mount = json!({"path": "team/app/g", "rate": 2, "interval": "1h"});
    rate(&vault, "mount", mount).await;
    assert_eq!(allowed(&at("team/app"), "g/creds/x").await, 2, "the mount's own");
    assert_eq!(allowed(&at("team/app"), "sys/mounts").await, 3);
    let shown = vault.read("sys/quotas/rate-limit/mount").await.expect(200);
    assert_eq!(
        (shown.data("path"), shown.data("inheritable")),
        (&json!("team/app/g/"), &json!(false))
    );
}

#[tokio::test]
async fn a_rate_limit_of_a_role_binds_its_logins_and_no_others() {
    let vault = start().await;
    for (name, path) in [("root", "auth/approle"), ("team", "team/auth/approle/")] {
        let data = json!({"path": path, "role": "CI", "rate": 2, "interval": "1h"});
        rate(&vault, name, data).await;
    }
    for namespace in ["", "team"] {
        for expected in [200, 200, 429] {
            let login = log_in(&vault, namespace, "ci").await;
            assert_eq!(login.status, expected, "{namespace}: {}", login.body);
        }
        for _ in 0..5 {
            let _ = log_in(&vault, namespace, "web").await.expect(200);
        }
    }
    let _ = log_in(&vault, "team/app", "ci").await.expect(200);
    let shown = vault.read("sys/quotas/rate-limit/team").await.expect(200);
    assert_eq!(
        (shown.data("path"), shown.data("role")),
        (&json!("team/auth/approle/"), &json!("ci"))
    );
    let whole = json!({"path": "auth/approle", "rate": 1, "interval": "1h"});
    rate(&vault, "whole", whole).await;
    let _ = log_in(&vault, "", "web").await.expect(200);
    let _ = log_in(&vault, "", "web").await.expect(429);
}

#[tokio::test]
async fn leases_of_a_namespace_are_counted_with_those_below_only_where_it_says_so() {
    let vault = start().await;
    let at = |namespace| In::root(&vault, namespace);
    leases(&vault, "team", json!({"path": "team/", "max_leases": 3})).await;
    assert_eq!(allowed(&at("team"), "g/creds/x").await, 3);
    assert_eq!(allowed(&at("team/app"), "g/creds/x").await, 10);
    assert_eq!(counter(&vault, "team").await, 3);
    let all = json!({"path": "team/", "max_leases": 14, "inheritable": true});
    leases(&vault, "team", all).await;
    assert_eq!(counter(&vault, "team").await, 13);
    let _ = log_in(&vault, "team", "ci").await.expect(200);
    assert_eq!(log_in(&vault, "team/app", "ci").await.status, 429);
    assert_eq!(allowed(&at("other"), "g/creds/x").await, 10);
    let of_path = json!({"path": "team/app/g/creds/y", "max_leases": 1});
    leases(&vault, "path", of_path).await;
    assert_eq!(allowed(&at("team/app"), "g/creds/y").await, 1);
    leases(&vault, "global", json!({"max_leases": 100})).await;
    assert_eq!(
        counter(&vault, "global").await,
        3 + 10 + 1 + 1 + 10 + 1,
        "secrets, a login, and the root token"
    );
}

#[tokio::test]
async fn tokens_that_tokens_make_are_no_more_than_a_limit_of_their_namespace_says() {
    let vault = start().await;
    let team = In::root(&vault, "team");
    let role = json!({"orphan": true});
    let _ = team.write("auth/token/roles/ops", role).await.expect(204);
    leases(&vault, "team", json!({"path": "team/", "max_leases": 3})).await;
    let mut made = Vec::new();
    let paths = ["create", "create-orphan", "create/ops"].map(|path| format!("auth/token/{path}"));
    for path in &paths {
        made.push(team.write(path, json!({})).await.expect(200).token());
    }
    for path in &paths {
        let over = team.write(path, json!({})).await.expect(429);
        let expected = format!("request path \"team/{path}\": lease count quota exceeded");
        assert_eq!(over.error(), expected);
    }
    assert_eq!(counter(&vault, "team").await, 3);
    let gone = json!({ "token": made[0] });
    let _ = team.write("auth/token/revoke", gone).await.expect(204);
    let _ = team.write(&paths[0], json!({})).await.expect(200);
    let _ = vault.write(&paths[0], json!({})).await.expect(200);
}

#[tokio::test]
async fn tokens_of_a_role_are_counted_until_they_end() {
    let vault = start().await;
    // One from before the limit.
    let first = log_in(&vault, "team", "ci").await.expect(200).token();
    let data = json!({"path": "team/auth/approle", "role": "ci", "max_leases": 2});
    leases(&vault, "ci", data).await;
    assert_eq!(counter(&vault, "ci").await, 1);
    let _ = log_in(&vault, "team", "ci").await.expect(200);
    let over = log_in(&vault, "team", "ci").await.expect(429);
    assert_eq!(
        over.error(),
        "request path \"team/auth/approle/login\": lease count quota exceeded"
    );
    for _ in 0..3 {
        let _ = log_in(&vault, "team", "web").await.expect(200);
    }
    let _ = log_in(&vault, "", "ci").await.expect(200);
    let team = In::root(&vault, "team");
    let _ = team
        .write("auth/token/revoke", json!({ "token": first }))
        .await
        .expect(204);
    assert_eq!(counter(&vault, "ci").await, 1);
    let _ = log_in(&vault, "team", "ci").await.expect(200);
    let _ = log_in(&vault, "team", "ci").await.expect(429);
    // The tokens of a method end with it, and its limits too.
    let _ = team
        .ask(Operation::Delete, "sys/auth/approle", Value::Null)
        .await
        .expect(204);
    assert_eq!(team.list("auth/token/accessors/").await.status, 404);
    let _ = vault.read("sys/quotas/lease-count/ci").await.expect(404);
}

#[tokio::test]
async fn counts_of_leases_are_right_after_a_restart_and_a_deletion() {
    let storage = Arc::new(MemoryStorage::new());
    let vault = TestServer::on(storage.clone(), catalog(), Seal::Shamir, 7)
        .unsealed()
        .await;
    make(&vault, "team").await;
    make(&vault, "team/app").await;
    furnish(&In::root(&vault, "team")).await;
    furnish(&In::root(&vault, "team/app")).await;
    let inherited = json!({"path": "team", "max_leases": 5, "inheritable": true});
    leases(&vault, "team", inherited).await;
    leases(&vault, "app", json!({"path": "team/app/g", "max_leases": 4})).await;
    rate(&vault, "app", json!({"path": "team/app/", "rate": 1000})).await;
    assert_eq!(allowed(&In::root(&vault, "team/app"), "g/creds/x").await, 4);
    let _ = In::root(&vault, "team").read("g/creds/x").await.expect(200);
    let key = vault.unseal_key.clone();
    let root = vault.root.clone();
    drop(vault);

    let server = TestServer::on(storage, catalog(), Seal::Shamir, 8);
    server.core.lifecycle().unseal(&key).await.unwrap();
    let vault = Unsealed {
        server,
        root,
        unseal_key: key,
    };
    assert_eq!(counter(&vault, "team").await, 5);
    assert_eq!(In::root(&vault, "team").read("g/creds/x").await.status, 429);
    assert_eq!(allowed(&In::root(&vault, "team/app"), "g/creds/x").await, 0);
    let _ = vault.delete("sys/namespaces/team/app").await.expect(200);
    for _ in 0..8 {
        vault.advance(10).await;
    }
    let _ = vault.read("sys/namespaces/team/app").await.expect(404);
    assert_eq!(counter(&vault, "team").await, 1);
    assert_eq!(allowed(&In::root(&vault, "team"), "g/creds/x").await, 4);
    // Limits of a namespace go with it: whoever has the name next begins without.
    let _ = vault.read("sys/quotas/lease-count/app").await.expect(404);
    let _ = vault.read("sys/quotas/rate-limit/app").await.expect(404);
}

#[tokio::test]
async fn limits_follow_a_mount_that_is_moved() {
    let vault = start().await;
    let team = In::root(&vault, "team");
    let path = json!({"path": "team/g/creds/x", "max_leases": 2});
    leases(&vault, "path", path).await;
    let mount = json!({"path": "team/g", "rate": 5, "interval": "1h"});
    rate(&vault, "mount", mount).await;
    let other = json!({"path": "team/app/g", "rate": 5});
    rate(&vault, "other", other).await;
    let data = json!({"from": "g", "to": "moved"});
    let _ = team.write("sys/remount", data).await.expect(200);
    for (kind, name, path) in [
        ("lease-count", "path", "team/moved/creds/x"),
        ("rate-limit", "mount", "team/moved/"),
        ("rate-limit", "other", "team/app/g/"),
    ] {
        let shown = vault.read(&format!("sys/quotas/{kind}/{name}")).await.expect(200);
        assert_eq!(shown.data("path"), path);
    }
    assert_eq!(allowed(&team, "moved/creds/x").await, 2);
    // That one was too many counts, too.
    assert_eq!(allowed(&team, "moved/creds/y").await, 2);
}

/// The member that says how much a kind of limit allows.
fn most(kind: &str) -> &'static str {
    if kind == "rate-limit" {
        "rate"
    } else {
        "max_leases"
    }
}

#[tokio::test]
async fn what_limits_are_for_is_checked_when_they_are_written() {
    let vault = start().await;
    let _ = vault
        .write("sys/auth/userpass", json!({"type": "userpass"}))
        .await
        .expect(204);
    for (data, reason) in [
        (json!({"path": "g", "inheritable": true}), "'inheritable' is for"),
        (json!({"path": "team/nothing"}), "invalid mount path"),
        (json!({"path": "team/*"}), "invalid mount path"),
        (
            json!({"path": "team/app/g*"}),
            "needs a slash between the mount and '*'",
        ),
        (json!({"path": "team/app/none/*"}), "invalid mount path"),
        (json!({"path": "g", "role": "ci"}), "'role' needs an auth method"),
        (json!({"role": "ci"}), "'role' needs an auth method"),
        (
            json!({"path": "team/", "role": "ci"}),
            "'role' needs an auth method",
        ),
        (
            json!({"path": "auth/approle/login", "role": "ci"}),
            "'role' needs an auth method",
        ),
        (
            json!({"path": "auth/userpass", "role": "ci"}),
            "logins of the userpass method",
        ),
        (
            json!({"path": "auth/approle", "role": "x".repeat(1025)}),
            "'role' may have at most",
        ),
    ] {
        for kind in ["rate-limit", "lease-count"] {
            let mut data = data.clone();
            data[most(kind)] = json!(1);
            let path = format!("sys/quotas/{kind}/x");
            let refused = vault.write(&path, data.clone()).await.expect(400);
            assert!(refused.error().contains(reason), "{data}: {}", refused.error());
        }
    }
    for kind in ["rate-limit", "lease-count"] {
        let limit = async |name: &str, role: &str| {
            let data = json!({"path": "auth/approle", "role": role, most(kind): 9});
            vault.write(&format!("sys/quotas/{kind}/{name}"), data).await
        };
        let _ = limit("one", "ci").await.expect(204);
        let _ = limit("two", "web").await.expect(204);
        let _ = limit("three", "").await.expect(204);
        let same = limit("four", "CI").await.expect(400);
        assert!(same.error().contains("similar properties"), "{}", same.error());
        let inside = In::root(&vault, "team");
        let refused = inside
            .write(&format!("sys/quotas/{kind}/x"), json!({ most(kind): 1 }))
            .await
            .expect(400);
        assert!(refused.error().contains("only available in root namespace"));
    }
}
