//! Leases of secrets that live elsewhere, with an engine of the test's own: targets that are gone, notes of what is
//! being made, and many ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arca_api::database::Name;
use arca_base::{Timestamp, Ttl};
use arca_core::Fault;
use arca_core::engine::{Answer, Catalog, Cx, Engine, Factory, Grant, Intent, Site, Table, Ticked};
use arca_core::leases::{Ended, Lease, Proof, Renewal};
use arca_core::seal::Seal;
use arca_storage::MemoryStorage;
use arca_testkit::{TestServer, Unsealed};
use parking_lot::Mutex;
use serde_json::json;

#[derive(Default)]
struct World {
    ended: AtomicU64,
    broken: AtomicBool,
    recovered: AtomicBool,
    ticks: AtomicU64,
    extended: Mutex<Vec<Timestamp>>,
    /// Changes the note of what is being made before the lease is stored.
    undoing: AtomicBool,
}

/// A double: secrets of role `hanging` can never be ended.
struct Grants(Arc<World>);

arca_api::endpoints! {
    /// Make a secret.
    Make = Read "creds/{name}" => Name;
}

impl Engine for Grants {
    const TICKS: bool = true;

    fn routes() -> Table<Self> {
        Table::new().on::<Make, _, _>(make)
    }

    async fn renew(self: Arc<Self>, _: Site, _: Arc<Lease>) -> Result<Renewal, Fault> {
        Ok(Renewal::default())
    }

    async fn extend(self: Arc<Self>, _: Site, _: Arc<Lease>, end: Timestamp) -> Result<(), Fault> {
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(Fault::failed("the target is down"));
        }
        self.0.extended.lock().push(end);
        Ok(())
    }

    async fn revoke(self: Arc<Self>, _: Site, lease: Arc<Lease>) -> Result<Ended, Fault> {
        if lease.target == "hanging" {
            std::future::pending::<()>().await;
        }
        if self.0.broken.load(Ordering::SeqCst) {
            return Err(Fault::failed("the target is down"));
        }
        self.0.ended.fetch_add(1, Ordering::SeqCst);
        Ok(Ended {
            proof: Proof::Left,
            remarks: vec!["a session is still open".to_owned()],
        })
    }

    async fn tick(self: Arc<Self>, _: Site) -> Result<Ticked, Fault> {
        self.0.ticks.fetch_add(1, Ordering::SeqCst);
        Ok(Ticked {
            recovered: self.0.recovered.swap(false, Ordering::SeqCst),
        })
    }
}

async fn make(engine: Arc<Grants>, cx: Cx, request: Name) -> Result<Answer, Fault> {
    let view = &cx.site()?.view;
    let revision = view.put("intent/x", b"1".to_vec()).await?;
    if engine.0.undoing.load(Ordering::SeqCst) {
        view.put("intent/x", b"2".to_vec()).await?;
    }
    let grant = Grant {
        ttl: Ttl::from_seconds(600),
        max_ttl: Ttl::from_hours(1),
        renewable: true,
        target: request.name,
        intent: Some(Intent {
            key: "intent/x".to_owned(),
            revision,
        }),
        ..Grant::default()
    };
    Ok(Answer::leased(
        &arca_base::json_object! { "password" => "p" },
        grant,
    ))
}

async fn start() -> (Unsealed, Arc<World>) {
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

async fn notes(vault: &Unsealed) -> usize {
    let page = vault.server.storage.scan("ns/root/data/", "", 100).await.unwrap();
    page.names
        .iter()
        .filter(|name| name.ends_with("/intent/x"))
        .count()
}

#[tokio::test]
async fn the_commit_of_the_lease_removes_the_note_of_what_was_made() {
    let (vault, world) = start().await;
    let made = vault.read("db/creds/a").await.expect(200);
    assert_eq!(notes(&vault).await, 0);
    assert_eq!(made.body["lease_duration"], 600);
    // Somebody has begun to undo it: there is no lease, and the secret is ended.
    world.undoing.store(true, Ordering::SeqCst);
    let refused = vault.read("db/creds/a").await;
    assert!(refused.status >= 500, "{}", refused.body);
    assert_eq!((ended(&world), notes(&vault).await), (1, 1));
    let leases = vault.list("sys/leases/lookup/db/creds/a").await.expect(200);
    assert_eq!(leases.data("keys").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_engine_learns_the_end_before_the_lease_has_it() {
    let (vault, world) = start().await;
    let made = vault.read("db/creds/a").await.expect(200);
    let id = made.body["lease_id"].as_str().unwrap();
    vault.advance(60).await;
    let renewed = vault
        .write("sys/leases/renew", json!({"lease_id": id, "increment": 7200}))
        .await
        .expect(200);
    assert_eq!(renewed.body["lease_duration"], 3540, "capped");
    let shown = vault
        .write("sys/leases/lookup", json!({"lease_id": id}))
        .await
        .expect(200);
    let told = world.extended.lock().clone();
    assert_eq!(
        json!(told.iter().map(ToString::to_string).collect::<Vec<_>>()),
        json!([shown.data("expire_time")])
    );
    world.broken.store(true, Ordering::SeqCst);
    let failed = vault
        .write("sys/leases/renew", json!({"lease_id": id}))
        .await
        .expect(500);
    assert!(failed.error().contains("the target is down"));
    let unchanged = vault
        .write("sys/leases/lookup", json!({"lease_id": id}))
        .await
        .expect(200);
    assert_eq!(unchanged.data("expire_time"), shown.data("expire_time"));
}

#[tokio::test]
async fn what_was_left_is_told_to_whoever_revokes() {
    let (vault, _) = start().await;
    let made = vault.read("db/creds/a").await.expect(200);
    let revoked = vault
        .write("sys/leases/revoke", json!({"lease_id": made.body["lease_id"]}))
        .await
        .expect(200);
    assert_eq!(revoked.body["warnings"], json!(["a session is still open"]));
    let metrics = vault.server.core.metrics().prometheus();
    assert!(
        metrics.contains(r#"vault_expire_lease_revocations_total{mount_type="grants",outcome="left"} 1"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_target_that_hangs_delays_no_other() {
    let (vault, world) = start().await;
    for _ in 0..50 {
        let _ = vault.read("db/creds/hanging").await.expect(200);
    }
    for _ in 0..50 {
        let _ = vault.read("db/creds/fine").await.expect(200);
    }
    vault.advance(600).await;
    for _ in 0..20 {
        vault.settle().await;
    }
    assert_eq!(ended(&world), 50);
    // Whoever asks for the end of one that hangs hears of it in bounded time.
    let leases = vault.list("sys/leases/lookup/db/creds/hanging").await.expect(200);
    let id = format!("db/creds/hanging/{}", leases.data("keys/0").as_str().unwrap());
    let asking = vault.write("sys/leases/revoke", json!({"lease_id": id}));
    let moving = async {
        for _ in 0..20 {
            vault.advance(5).await;
        }
    };
    let (answer, ()) = tokio::join!(asking, moving);
    assert!(answer.expect(400).error().contains("not done after 60 seconds"));
}

#[tokio::test]
async fn the_end_of_a_token_does_not_wait_for_leases_that_hang() {
    let (vault, world) = start().await;
    vault
        .policy("app", r#"path "db/*" { capabilities = ["read"] }"#)
        .await;
    let token = vault.token(&["app"]).await;
    for _ in 0..40 {
        let _ = vault.read_as(&token, "db/creds/hanging").await.expect(200);
    }
    let _ = vault.read_as(&token, "db/creds/fine").await.expect(200);
    let revoking = vault.write("auth/token/revoke", json!({"token": token}));
    let moving = async {
        for _ in 0..8 {
            vault.advance(1).await;
        }
    };
    let (answer, ()) = tokio::join!(revoking, moving);
    let _ = answer.expect(204);
    assert_eq!(ended(&world), 1, "the one that does not hang");
    let listed = vault.list("sys/leases/lookup/db/creds/hanging").await.expect(200);
    assert_eq!(
        listed.data("keys").as_array().unwrap().len(),
        40,
        "left to the expiry task"
    );
    let id = format!("db/creds/hanging/{}", listed.data("keys/0").as_str().unwrap());
    let renewal = vault
        .write("sys/leases/renew", json!({"lease_id": id}))
        .await
        .expect(400);
    assert_eq!(renewal.error(), "lease expired");
}

#[tokio::test]
async fn what_could_not_be_ended_is_taken_up_when_its_target_is_back() {
    let (vault, world) = start().await;
    vault.advance(5).await;
    assert!(world.ticks.load(Ordering::SeqCst) > 0);
    for _ in 0..3 {
        let _ = vault.read("db/creds/a").await.expect(200);
    }
    world.broken.store(true, Ordering::SeqCst);
    for _ in 0..9 {
        vault.advance(1000).await;
    }
    let stuck = vault
        .query("sys/leases", json!({"type": "irrevocable"}))
        .await
        .expect(200);
    assert_eq!(stuck.data("lease_count"), 3);
    world.broken.store(false, Ordering::SeqCst);
    vault.advance(3600).await;
    assert_eq!(ended(&world), 0, "not for a day");
    world.recovered.store(true, Ordering::SeqCst);
    vault.advance(5).await;
    vault.advance(2).await;
    vault.settle().await;
    assert_eq!(ended(&world), 3);
    let stuck = vault
        .query("sys/leases", json!({"type": "irrevocable"}))
        .await
        .expect(200);
    assert_eq!(stuck.data("lease_count"), 0);
    let left = vault.server.storage.scan("ns/root/lease/", "", 10).await.unwrap();
    assert!(left.names.is_empty(), "{:?}", left.names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_ends_in_one_second_do_not_stop_reads() {
    const COUNT: u64 = 10_000;
    let (vault, world) = start().await;
    let _ = vault.write("cubbyhole/x", json!({"k": "v"})).await.expect(204);
    for _ in 0..COUNT {
        let _ = vault.reply_as(&vault.root, "db/creds/a").await;
    }
    vault.server.clock.advance(std::time::Duration::from_secs(600));
    let mut reads = 0;
    while ended(&world) < COUNT {
        let _ = vault.read("cubbyhole/x").await.expect(200);
        reads += 1;
        // The index is looked at once a second, and this clock stands still.
        vault.server.clock.advance(std::time::Duration::from_millis(100));
        assert!(reads < 1_000_000, "{} ended", ended(&world));
    }
    println!("{reads} reads while {COUNT} leases ended");
    assert!(reads > 100, "reads went on: {reads}");
}
