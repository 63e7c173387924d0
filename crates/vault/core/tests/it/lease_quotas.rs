//! Limits of how many leases there may be.

use std::sync::Arc;

use arca_api::database::Name;
use arca_base::{Operation, Ttl};
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, Cx, Engine, Factory, Grant, Site, Table};
use arca_core::leases::{Ended, Lease, Proof};
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{TestServer, Unsealed};
use serde_json::json;

/// A double: secrets that need nothing to be made or ended.
struct Grants;

arca_api::endpoints! {
    /// Make a secret.
    Make = Read "creds/{name}" => Name;
}

impl Engine for Grants {
    fn routes() -> Table<Self> {
        Table::new().on::<Make, _, _>(make).leases()
    }

    async fn revoke(self: Arc<Self>, _: Site, _: Arc<Lease>) -> Result<Ended, Fault> {
        Ok(Ended {
            proof: Proof::Gone,
            remarks: Vec::new(),
        })
    }
}

async fn make(_: Arc<Grants>, _: Cx, _: Name) -> Result<Answer, Fault> {
    let grant = Grant {
        ttl: Ttl::from_seconds(600),
        ..Grant::default()
    };
    Ok(Answer::leased(&arca_base::json_object! { "k" => "v" }, grant))
}

async fn start() -> Unsealed {
    let catalog = Catalog::new().secret("grants", Factory::new(|_| Grants));
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 7)
        .unsealed()
        .await;
    vault.mount("g", "grants").await;
    vault
}

async fn limit(vault: &Unsealed, name: &str, path: &str, most: u64) {
    let data = json!({"path": path, "max_leases": most});
    let _ = vault
        .write(&format!("sys/quotas/lease-count/{name}"), data)
        .await
        .expect(204);
}

#[tokio::test]
async fn there_are_no_more_leases_than_allowed_until_one_ends() {
    let vault = start().await;
    limit(&vault, "mount", "g", 3).await;
    limit(&vault, "role", "g/creds/one", 1).await;
    let first = vault.read("g/creds/one").await.expect(200);
    let over = vault.read("g/creds/one").await.expect(429);
    assert_eq!(
        over.error(),
        "request path \"g/creds/one\": lease count quota exceeded"
    );
    for _ in 0..2 {
        let _ = vault.read("g/creds/two").await.expect(200);
    }
    let _ = vault.read("g/creds/two").await.expect(429);
    let shown = vault.read("sys/quotas/lease-count/mount").await.expect(200);
    assert_eq!(
        shown.body["data"],
        json!({"type": "lease-count", "name": "mount", "path": "g/", "role": "", "max_leases": 3, "counter": 3, "inheritable": false})
    );
    let id = json!({"lease_id": first.body["lease_id"]});
    let _ = vault.write("sys/leases/revoke", id).await.expect(204);
    let _ = vault.read("g/creds/two").await.expect(200);
    let _ = vault.read("g/creds/two").await.expect(429);
    let _ = vault.read("sys/mounts").await.expect(200);
    let _ = vault.delete("sys/quotas/lease-count/mount").await.expect(204);
    let _ = vault.read("g/creds/two").await.expect(200);
}

#[tokio::test]
async fn many_at_once_are_counted_too() {
    let vault = Arc::new(start().await);
    limit(&vault, "all", "", 20).await;
    let before = vault.read("sys/quotas/lease-count/all").await.expect(200);
    let tokens = before.data("counter").as_u64().unwrap();
    let asking = (0..60).map(|_| {
        let vault = vault.clone();
        tokio::spawn(async move { vault.read("g/creds/one").await.status })
    });
    let mut given = 0;
    for asked in asking.collect::<Vec<_>>() {
        given += u64::from(asked.await.unwrap() == 200);
    }
    assert_eq!(given + tokens, 20, "the root token counts");
}

#[tokio::test]
async fn logins_of_a_mount_are_limited_by_their_tokens() {
    let vault = start().await;
    let _ = vault
        .write("sys/auth/userpass", json!({"type": "userpass"}))
        .await
        .expect(204);
    let _ = vault
        .write("auth/userpass/users/ann", json!({"password": "right"}))
        .await
        .expect(204);
    limit(&vault, "logins", "auth/userpass", 2).await;
    let login = async || {
        let data = json!({"password": "right"});
        let server = &vault.server;
        server
            .request(Operation::Update, "auth/userpass/login/ann", None, data, None)
            .await
    };
    let first = login().await.expect(200).token();
    let _ = login().await.expect(200);
    let _ = login().await.expect(429);
    let _ = vault
        .write("auth/token/revoke", json!({ "token": first }))
        .await
        .expect(204);
    let _ = login().await.expect(200);
}

#[tokio::test]
async fn limits_of_leases_are_checked_when_they_are_written() {
    let vault = start().await;
    let write = async |name: &str, data| vault.write(&format!("sys/quotas/lease-count/{name}"), data).await;
    for (data, reason) in [
        (json!({"path": "g"}), "'max_leases'"),
        (json!({"path": "g", "max_leases": -1}), "'max_leases'"),
        (json!({"path": "g", "max_leases": 1_000_001}), "'max_leases'"),
        (json!({"path": "none", "max_leases": 1}), "invalid mount path"),
        (
            json!({"path": "g", "max_leases": 1, "role": "x"}),
            "'role' needs an auth method",
        ),
        (
            json!({"path": "g", "max_leases": 1, "type": "rate-limit"}),
            "lease-count",
        ),
        (
            json!({"path": "auth/token/create", "max_leases": 1}),
            "for the whole mount",
        ),
    ] {
        let refused = write("x", data).await.expect(400);
        assert!(refused.error().contains(reason), "{}", refused.error());
    }
    limit(&vault, "one", "g", 1).await;
    let second = write("two", json!({"path": "g/", "max_leases": 1}))
        .await
        .expect(400);
    assert!(
        second.error().contains("similar properties"),
        "{}",
        second.error()
    );
    let names = vault.list("sys/quotas/lease-count").await.expect(200);
    assert_eq!(names.data("keys"), &json!(["one"]));
}
