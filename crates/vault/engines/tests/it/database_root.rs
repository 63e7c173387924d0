//! Changes of the root password that are interrupted: the server can always log in again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arca_fixtures::MariaDb;
use arca_storage::{Faults, FaultyStorage, MemoryStorage};
use arca_testkit::{ManualClock, Unsealed};
use serde_json::json;

use crate::database_faults::{again, is_sleeping};
use crate::database_kit::{ADMIN, ADMIN_PASSWORD, Estate, pause};
use crate::database_servers::{Mounted, Server};

fn faulty(seed: u64) -> Arc<FaultyStorage> {
    let inner = Arc::new(MemoryStorage::new());
    let storage = FaultyStorage::new(inner, ManualClock::new(), seed, Faults::default());
    Arc::new(storage)
}

async fn is_pending(vault: &Unsealed) -> bool {
    let rows = vault
        .server
        .storage
        .scan("ns/root/data/", "", 1000)
        .await
        .unwrap();
    rows.names.iter().any(|name| name.contains("/rotation/root/"))
}

/// Lets time pass until the interrupted change is over, and shows that the server can log in as root.
async fn assert_root_is_known(estate: &Estate) {
    for _ in 0..60 {
        if !is_pending(&estate.vault).await {
            break;
        }
        estate.vault.advance(10).await;
        pause().await;
    }
    assert!(!is_pending(&estate.vault).await);
    let _ = estate
        .vault
        .write("database/reset/pg", json!({}))
        .await
        .expect(204);
    let user = estate.credentials("app").await;
    let _ = estate.revoke(&user.lease).await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_is_never_lost_whichever_commit_fails() {
    let storage = faulty(11);
    let mut estate = Estate::on(storage.clone()).await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let mut outcomes = BTreeSet::new();
    let faults = [(1000, 0), (0, 1000), (400, 0), (0, 400), (300, 300)];
    for (failed_commits, lost_answers) in faults.repeat(4) {
        storage.set_faults(Faults {
            failed_commits,
            lost_answers,
            ..Faults::default()
        });
        let answer = estate.vault.write("database/rotate-root/pg", json!({})).await;
        storage.set_faults(Faults::default());
        outcomes.insert((answer.status, is_pending(&estate.vault).await));
        estate.vault.server.core.lifecycle().seal().await;
        estate.vault = again(&estate.vault).await;
        assert_root_is_known(&estate).await;
    }
    assert!(
        outcomes.len() > 1,
        "it is interrupted in more than one place: {outcomes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_is_never_lost_between_setting_and_storing_it() {
    let slow = [
        "ALTER ROLE \"{{name}}\" WITH PASSWORD '{{password}}'",
        "SELECT pg_sleep(1)",
    ];
    for is_cut in [false, true] {
        let storage = faulty(5);
        let mut estate = Estate::on(storage.clone()).await;
        let _ = estate.role("app", json!({})).await.expect(204);
        let statements = json!({"root_rotation_statements": slow});
        let _ = estate.configure("pg", statements).await.expect(204);
        let vault = Arc::new(std::mem::replace(&mut estate.vault, Unsealed::start().await));
        let asking = vault.clone();
        let request = tokio::spawn(async move { asking.write("database/rotate-root/pg", json!({})).await });
        estate
            .eventually("it is being told", || is_sleeping(&estate))
            .await;
        storage.set_faults(Faults {
            delays: 1000,
            longest_delay: Duration::from_secs(3600),
            ..Faults::default()
        });
        if is_cut {
            // The connection breaks before the end: nothing was changed.
            estate.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'",
            );
        }
        for _ in 0..200 {
            if is_cut || estate.log_in(ADMIN, ADMIN_PASSWORD).await.is_err() {
                break;
            }
            pause().await;
        }
        assert_eq!(estate.log_in(ADMIN, ADMIN_PASSWORD).await.is_ok(), is_cut);
        request.abort();
        let _ = request.await;
        storage.set_faults(Faults::default());
        vault.server.core.lifecycle().seal().await;
        estate.vault = again(&vault).await;
        assert!(is_pending(&estate.vault).await);
        assert_root_is_known(&estate).await;
        assert!(
            estate.log_in(ADMIN, ADMIN_PASSWORD).await.is_err(),
            "the change was ended"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_fails_after_the_password_was_set_does_not_lose_it() {
    let mounted = Mounted::start(MariaDb::start().unwrap()).await;
    let mut config = mounted.server.config();
    config["allowed_roles"] = "*".into();
    // Each statement counts by itself here: the first sets the password.
    config["root_rotation_statements"] = json!([
        "ALTER USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'",
        "DO nonsense()"
    ]);
    let _ = mounted
        .vault
        .write("database/config/own", config)
        .await
        .expect(204);
    let _ = mounted
        .vault
        .write("database/rotate-root/own", json!({}))
        .await
        .expect(500);
    assert!(
        is_pending(&mounted.vault).await,
        "the new password is the only one that counts"
    );
    for _ in 0..60 {
        if !is_pending(&mounted.vault).await {
            break;
        }
        mounted.vault.advance(10).await;
        pause().await;
    }
    let _ = mounted
        .vault
        .write("database/reset/own", json!({}))
        .await
        .expect(204);
    let _ = mounted.vault.read("database/census/own").await.expect(200);
}
