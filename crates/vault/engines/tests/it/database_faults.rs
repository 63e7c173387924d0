//! Databases and servers that are gone at the wrong moment.

use std::sync::Arc;
use std::time::Duration;

use arca_core::engine::Catalog;
use arca_core::seal::Seal;
use arca_storage::{Faults, FaultyStorage, MemoryStorage};
use arca_testkit::{ManualClock, TestServer, Unsealed};
use serde_json::json;

use crate::database_kit::{ADMIN_PASSWORD, Estate, pause};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_database_delays_nothing_and_is_caught_up_with() {
    let mut estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let first = estate.credentials("app").await;
    let second = estate.credentials("app").await;
    estate.postgres.stop();
    let refused = estate.vault.read("database/creds/app").await.expect(500);
    assert!(
        refused.error().contains("the database cannot be reached"),
        "{}",
        refused.error()
    );
    assert!(!refused.error().contains(ADMIN_PASSWORD), "{}", refused.error());
    let _ = estate.vault.read("database/config/pg").await.expect(200);
    let _ = estate.role("other", json!({})).await.expect(200);
    let failed = estate.revoke(&first.lease).await.expect(400);
    assert!(failed.error().contains("failed to revoke"), "{}", failed.error());
    // After some failures nobody waits for it any more.
    for _ in 0..4 {
        let _ = estate.vault.read("database/creds/app").await.expect(500);
    }
    let kept_away = estate.vault.read("database/creds/app").await.expect(500);
    assert!(
        kept_away.error().contains("not tried again for"),
        "{}",
        kept_away.error()
    );
    // It stays away for longer than anybody tries.
    for _ in 0..12 {
        estate.vault.advance(1200).await;
        for _ in 0..10 {
            pause().await;
        }
    }
    let stuck = estate
        .vault
        .query("sys/leases", json!({"type": "irrevocable"}))
        .await
        .expect(200);
    assert_eq!(stuck.data("lease_count"), 2, "{}", stuck.body);
    let reason = stuck.data("leases/0/error").as_str().unwrap();
    assert!(reason.contains("cannot be reached"), "{reason}");
    assert!(!stuck.body.to_string().contains(ADMIN_PASSWORD));
    // It is back: within the next probes everything is caught up with, long before the day is over.
    estate.postgres.restart().unwrap();
    for _ in 0..40 {
        if estate.users() == 0 {
            break;
        }
        estate.vault.advance(10).await;
        for _ in 0..5 {
            pause().await;
        }
    }
    assert_eq!(estate.users(), 0);
    let stuck = estate
        .vault
        .query("sys/leases", json!({"type": "irrevocable"}))
        .await
        .expect(200);
    assert_eq!(stuck.data("lease_count"), 0);
    let _ = second;
    let _ = estate.credentials("app").await;
}

/// Another server on the same storage, as after a crash.
pub(crate) async fn again(former: &Unsealed) -> Unsealed {
    use arca_base::Clock as _;
    let server = TestServer::on(former.server.storage.clone(), Catalog::new(), Seal::Shamir, 77);
    let ahead = former.server.clock.now().since(server.clock.now());
    server.clock.advance(ahead);
    server.core.lifecycle().unseal(&former.unseal_key).await.unwrap();
    Unsealed {
        server,
        root: former.root.clone(),
        unseal_key: former.unseal_key.clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_user_and_lease_leaves_no_user() {
    let storage = Arc::new(FaultyStorage::new(
        Arc::new(MemoryStorage::new()),
        ManualClock::new(),
        3,
        Faults::default(),
    ));
    let mut estate = Estate::on(storage.clone()).await;
    let creation = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}'; SELECT pg_sleep(2)";
    let _ = estate
        .role("slow", json!({"creation_statements": creation}))
        .await;
    let estate_vault = Arc::new(std::mem::replace(&mut estate.vault, Unsealed::start().await));
    let asking = estate_vault.clone();
    let request = tokio::spawn(async move { asking.read("database/creds/slow").await });
    // While the user is being made, storage stops answering: its lease is never stored.
    estate
        .eventually("it is being made", || is_sleeping(&estate))
        .await;
    storage.set_faults(Faults {
        delays: 1000,
        longest_delay: Duration::from_secs(3600),
        ..Faults::default()
    });
    estate
        .eventually("the user is made", || estate.users() == 1)
        .await;
    request.abort();
    let _ = request.await;
    storage.set_faults(Faults::default());
    estate_vault.server.core.lifecycle().seal().await;
    assert_eq!(estate.users(), 1, "a user without a lease");
    estate.vault = again(&estate_vault).await;
    estate.vault.settle().await;
    assert_eq!(
        estate
            .vault
            .list("sys/leases/lookup/database/creds/")
            .await
            .status,
        404
    );
    // The note of it was written before, and is old enough after two minutes.
    for _ in 0..60 {
        if estate.users() == 0 {
            break;
        }
        estate.vault.advance(10).await;
        pause().await;
    }
    assert_eq!(estate.users(), 0);
    let notes = estate
        .vault
        .server
        .storage
        .scan("ns/root/data/", "", 100)
        .await
        .unwrap();
    assert!(!notes.names.iter().any(|name| name.contains("/intent/")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_cannot_be_stored_takes_its_user_with_it() {
    let inner = Arc::new(MemoryStorage::new());
    let storage = Arc::new(FaultyStorage::new(
        inner,
        ManualClock::new(),
        3,
        Faults::default(),
    ));
    let estate = Estate::on(storage.clone()).await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let _ = estate.credentials("app").await;
    for _ in 0..20 {
        storage.set_faults(Faults {
            failed_commits: 300,
            lost_answers: 100,
            ..Faults::default()
        });
        let _ = estate.vault.read("database/creds/app").await;
    }
    storage.set_faults(Faults::default());
    assert!(storage.injected() > 3);
    for _ in 0..14 {
        estate.vault.advance(10).await;
        for _ in 0..3 {
            pause().await;
        }
    }
    let leases = || async {
        let listed = estate.vault.list("sys/leases/lookup/database/creds/app").await;
        listed.data("keys").as_array().map_or(0, Vec::len)
    };
    estate
        .eventually("the strays are dropped", || {
            estate.query(
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = 'arca'",
            ) == "0"
        })
        .await;
    let census = estate.vault.read("database/census/pg").await.expect(200);
    assert_eq!(census.data("users_without_lease_count"), 0, "{}", census.body);
    assert!(
        leases().await >= estate.users(),
        "a user without a lease is worse than a lease without a user"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_database_does_not_delay_the_leases_of_another() {
    let estate = Estate::start().await;
    let mut other = Estate::start().await;
    let gone = format!(
        "postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/arca",
        other.port()
    );
    let _ = estate
        .configure("gone", json!({"connection_url": gone}))
        .await
        .expect(204);
    let _ = estate.role("app", json!({})).await.expect(204);
    let _ = estate.role("lost", json!({"db_name": "gone"})).await.expect(204);
    for _ in 0..20 {
        let _ = estate.credentials("lost").await;
    }
    for _ in 0..5 {
        let _ = estate.credentials("app").await;
    }
    other.postgres.stop();
    estate.vault.advance(3601).await;
    estate
        .eventually("the others are dropped", || estate.users() == 0)
        .await;
    assert!(other.postgres.query("SELECT 1").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_while_a_password_changes_locks_nobody_out() {
    let inner = Arc::new(MemoryStorage::new());
    let storage = Arc::new(FaultyStorage::new(
        inner,
        ManualClock::new(),
        3,
        Faults::default(),
    ));
    let mut estate = Estate::on(storage.clone()).await;
    estate.query("CREATE ROLE svc LOGIN PASSWORD 'old'");
    let role = json!({
        "db_name": "pg", "username": "svc", "rotation_period": "24h",
        "rotation_statements": ["ALTER ROLE \"{{name}}\" WITH PASSWORD '{{password}}'", "SELECT pg_sleep(2)"],
    });
    let _ = estate
        .vault
        .write("database/static-roles/svc", role)
        .await
        .expect(204);
    let before = password(&estate).await;
    let _ = estate.log_in("svc", &before).await.unwrap();
    let vault = Arc::new(std::mem::replace(&mut estate.vault, Unsealed::start().await));
    let asking = vault.clone();
    let request = tokio::spawn(async move { asking.write("database/rotate-role/svc", json!({})).await });
    // The database is being told; storage stops answering before the new password is stored.
    estate
        .eventually("it is being told", || is_sleeping(&estate))
        .await;
    storage.set_faults(Faults {
        delays: 1000,
        longest_delay: Duration::from_secs(3600),
        ..Faults::default()
    });
    for _ in 0..200 {
        if estate.log_in("svc", &before).await.is_err() {
            break;
        }
        pause().await;
    }
    request.abort();
    let _ = request.await;
    storage.set_faults(Faults::default());
    vault.server.core.lifecycle().seal().await;
    estate.vault = again(&vault).await;
    assert_eq!(
        password(&estate).await,
        before,
        "the new password was never stored"
    );
    assert!(
        estate.log_in("svc", &before).await.is_err(),
        "and the old one does not count any more"
    );
    for _ in 0..100 {
        if password(&estate).await != before {
            break;
        }
        estate.vault.advance(5).await;
        pause().await;
    }
    let _ = estate.log_in("svc", &password(&estate).await).await.unwrap();
}

/// Whether a statement of a role is under way that takes a while.
pub(crate) fn is_sleeping(estate: &Estate) -> bool {
    estate.query(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'",
    ) != "0"
}

async fn password(estate: &Estate) -> String {
    let shown = estate.vault.read("database/static-creds/svc").await.expect(200);
    shown.data("password").as_str().unwrap().to_owned()
}
