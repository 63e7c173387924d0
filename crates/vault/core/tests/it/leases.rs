//! Leases, with an engine of the test's own that grants them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arca_api::endpoint::Nothing;
use arca_base::{Operation, Ttl, json_object};
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, Cx, Engine, Factory, Grant, Site, Table};
use arca_core::leases::{Ended, Lease, Renewal};
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{TestServer, Unsealed};
use serde_json::{Value, json};

/// What the engine has done, seen from the outside.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) made: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) broken: AtomicBool,
}

/// A double of an engine that makes users somewhere.
pub(crate) struct Grants(pub(crate) Arc<World>);

arca_api::endpoints! {
    /// Make a secret.
    Make = Read "creds/{name*}" => Nothing;
}

impl Engine for Grants {
    fn routes() -> Table<Self> {
        Table::new().on::<Make, _, _>(make)
    }

    async fn renew(self: Arc<Self>, _: Site, _: Arc<Lease>) -> Result<Renewal, Fault> {
        Ok(Renewal::default())
    }

    async fn revoke(self: Arc<Self>, _: Site, lease: Arc<Lease>) -> Result<Ended, Fault> {
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(Fault::failed("the target is down"));
        }
        assert!(lease.internal.is_some(), "gets back what it gave");
        self.0.ended.fetch_add(1, Ordering::SeqCst);
        Ok(Ended::default())
    }
}

async fn make(engine: Arc<Grants>, _: Cx, _: Nothing) -> Result<Answer, Fault> {
    let number = engine.0.made.fetch_add(1, Ordering::SeqCst);
    let grant = Grant {
        ttl: Ttl::from_seconds(600),
        max_ttl: Ttl::from_hours(1),
        renewable: true,
        internal: Some(json_object! { "number" => number }.to_text()),
        ..Grant::default()
    };
    Ok(Answer::leased(&json_object! { "password" => "p" }, grant))
}

pub(crate) async fn start() -> (Unsealed, Arc<World>) {
    let world = Arc::new(World::default());
    let engine = world.clone();
    let catalog = Catalog::new().secret("grants", Factory::new(move |_| Grants(engine.clone())));
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 7)
        .unsealed()
        .await;
    vault.mount("db", "grants").await;
    (vault, world)
}

fn ended(world: &World) -> u64 {
    world.ended.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_lease_is_shown_renewed_and_revoked() {
    let (vault, world) = start().await;
    let made = vault.read("db/creds/app").await.expect(200);
    let id = made.body["lease_id"].as_str().unwrap().to_owned();
    assert!(
        id.starts_with("db/creds/app/") && id.len() == "db/creds/app/".len() + 24,
        "{id}"
    );
    assert_eq!(
        (&made.body["lease_duration"], &made.body["renewable"]),
        (&json!(600), &json!(true))
    );
    let shown = vault
        .write("sys/leases/lookup", json!({"lease_id": id}))
        .await
        .expect(200);
    assert_eq!(
        (shown.data("ttl"), shown.data("last_renewal")),
        (&json!(600), &Value::Null)
    );
    vault.advance(300).await;
    let renewed = vault
        .write("sys/leases/renew", json!({"lease_id": id, "increment": 900}))
        .await
        .expect(200);
    assert_eq!(
        (&renewed.body["lease_id"], &renewed.body["lease_duration"]),
        (&json!(id), &json!(900))
    );
    let capped = vault
        .write(&format!("sys/leases/renew/{id}"), json!({"increment": "5h"}))
        .await
        .expect(200);
    assert_eq!(capped.body["lease_duration"], 3300);
    assert!(capped.body["warnings"][0].as_str().unwrap().contains("capped"));
    assert_eq!(
        vault
            .list("sys/leases/lookup/db/creds/app")
            .await
            .expect(200)
            .data("keys")
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let _ = vault
        .write("sys/leases/revoke", json!({"lease_id": id}))
        .await
        .expect(204);
    assert_eq!(ended(&world), 1);
    assert_eq!(
        vault
            .write("sys/leases/lookup", json!({"lease_id": id}))
            .await
            .expect(400)
            .error(),
        "invalid lease"
    );
    assert_eq!(
        vault
            .write("sys/leases/renew", json!({"lease_id": id}))
            .await
            .expect(400)
            .error(),
        "lease not found"
    );
    let _ = vault
        .write("sys/leases/revoke", json!({"lease_id": id}))
        .await
        .expect(204);
    assert_eq!(ended(&world), 1, "revoked exactly once");
}

#[tokio::test]
async fn a_lease_ends_in_time_and_with_its_token() {
    let (vault, world) = start().await;
    let _ = vault.read("db/creds/app").await.expect(200);
    vault.advance(599).await;
    assert_eq!(ended(&world), 0);
    vault.advance(1).await;
    assert_eq!(ended(&world), 1);
    vault
        .policy("app", r#"path "db/*" { capabilities = ["read"] }"#)
        .await;
    let token = vault.token(&["app"]).await;
    for _ in 0..3 {
        let _ = vault.read_as(&token, "db/creds/app").await.expect(200);
    }
    let _ = vault
        .write("auth/token/revoke", json!({"token": token}))
        .await
        .expect(204);
    assert_eq!(ended(&world), 4);
    assert!(
        vault
            .server
            .storage
            .scan("ns/root/lease/", "", 10)
            .await
            .unwrap()
            .names
            .is_empty()
    );
}

/// The index of what is due counts seconds: a renewal may leave a lease where it was in it.
#[tokio::test]
async fn a_lease_renewed_within_a_second_ends_too() {
    let (vault, world) = start().await;
    let made = vault.read("db/creds/app").await.expect(200);
    vault.server.clock.advance(std::time::Duration::from_millis(300));
    let renewal = json!({"lease_id": made.body["lease_id"]});
    let _ = vault.write("sys/leases/renew", renewal).await.expect(200);
    vault.advance(599).await;
    assert_eq!(ended(&world), 0);
    vault.advance(3).await;
    assert_eq!(ended(&world), 1);
}

#[tokio::test]
async fn a_target_that_is_down_is_tried_again_and_then_given_up() {
    let (vault, world) = start().await;
    let made = vault.read("db/creds/app").await.expect(200);
    let id = made.body["lease_id"].as_str().unwrap().to_owned();
    world.broken.store(true, Ordering::SeqCst);
    let failed = vault
        .write("sys/leases/revoke", json!({"lease_id": id}))
        .await
        .expect(400);
    assert!(
        failed.error().contains("the target is down"),
        "{}",
        failed.error()
    );
    assert_eq!(
        vault
            .write("sys/leases/renew", json!({"lease_id": id}))
            .await
            .expect(400)
            .error(),
        "lease expired"
    );
    for _ in 0..6 {
        vault.advance(1000).await;
    }
    let shown = vault
        .query("sys/leases", json!({"type": "irrevocable"}))
        .await
        .expect(200);
    assert_eq!(
        (shown.data("lease_count"), shown.data("leases/0/error")),
        (&json!(1), &json!("the target is down"))
    );
    let refused = vault
        .write("sys/leases/renew", json!({"lease_id": id}))
        .await
        .expect(400);
    assert_eq!(
        refused.error(),
        "lease is expired and has failed previous revocation attempts"
    );
    // The next day it is tried again, and the target is back.
    world.broken.store(false, Ordering::SeqCst);
    vault.advance(86_400).await;
    assert_eq!(ended(&world), 1);
    let count = vault
        .query("sys/leases/count", json!({"type": "irrevocable"}))
        .await
        .expect(200);
    assert_eq!(count.data("lease_count"), 0);
}

#[tokio::test]
async fn prefixes_are_revoked_together_and_by_force() {
    let (vault, world) = start().await;
    for name in ["a", "a", "b"] {
        let _ = vault.read(&format!("db/creds/{name}")).await.expect(200);
    }
    let _ = vault
        .write("sys/leases/revoke-prefix/db/creds/a", json!({}))
        .await
        .expect(204);
    assert_eq!(ended(&world), 2);
    world.broken.store(true, Ordering::SeqCst);
    let _ = vault
        .write("sys/leases/revoke-prefix/db", json!({}))
        .await
        .expect(400);
    let _ = vault
        .write("sys/leases/revoke-force/db", json!({}))
        .await
        .expect(204);
    assert_eq!(vault.list("sys/leases/lookup/db/creds/").await.status, 404);
    assert_eq!(ended(&world), 2);
}

#[tokio::test]
async fn the_last_use_gets_no_lease() {
    let (vault, world) = start().await;
    vault
        .policy("app", r#"path "db/*" { capabilities = ["read"] }"#)
        .await;
    let token = vault
        .write("auth/token/create", json!({"policies": ["app"], "num_uses": 1}))
        .await
        .token();
    let refused = vault.read_as(&token, "db/creds/app").await.expect(400);
    assert!(
        refused.error().starts_with("Secret cannot be returned"),
        "{}",
        refused.error()
    );
    assert_eq!(ended(&world), 1);
}

#[tokio::test]
async fn unmounting_ends_its_leases() {
    let (vault, world) = start().await;
    let _ = vault.read("db/creds/app").await.expect(200);
    let _ = vault.delete("sys/mounts/db").await.expect(204);
    assert_eq!(ended(&world), 1);
}

#[tokio::test]
async fn due_leases_are_ended_after_unsealing() {
    let (vault, world) = start().await;
    let _ = vault.read("db/creds/app").await.expect(200);
    let _ = vault.write("sys/seal", json!({})).await.expect(204);
    vault.advance(3600).await;
    assert_eq!(ended(&world), 0, "sealing revokes nothing");
    vault
        .server
        .core
        .lifecycle()
        .unseal(&vault.unseal_key)
        .await
        .unwrap();
    vault.settle().await;
    assert_eq!(ended(&world), 1);
}

#[tokio::test]
async fn a_wrapped_lease_belongs_to_the_one_who_asked() {
    let (vault, world) = start().await;
    let wrapped = vault
        .server
        .request(
            Operation::Read,
            "db/creds/app",
            Some(&vault.root),
            Value::Null,
            Some(60),
        )
        .await;
    let wrapping = wrapped.expect(200).body["wrap_info"]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let opened = vault
        .write_as(&wrapping, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
    assert_eq!(opened.data("password"), "p");
    vault.settle().await;
    assert_eq!(ended(&world), 0, "the wrapping token is gone, the lease is not");
    let id = opened.body["lease_id"].as_str().unwrap();
    let _ = vault
        .write("sys/leases/lookup", json!({"lease_id": id}))
        .await
        .expect(200);
}
