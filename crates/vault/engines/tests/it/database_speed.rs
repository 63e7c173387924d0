//! How long making a user takes beside the same SQL by hand, and many at once.

use std::time::Duration;

use serde_json::json;
use tokio_postgres::NoTls;

use crate::database_kit::{ADMIN, ADMIN_PASSWORD, Estate};

const ROUNDS: u32 = 100;

/// The clock of the database measures for both: the only one a test may read.
async fn time(client: &tokio_postgres::Client) -> f64 {
    let row = client
        .query_one("SELECT extract(epoch FROM clock_timestamp())::float8", &[])
        .await
        .unwrap();
    row.get(0)
}

/// The SQL of the role, in a transaction as the engine does it.
async fn make_by_hand(client: &mut tokio_postgres::Client, name: &str) {
    let create = format!(
        "CREATE ROLE \"{name}\" WITH LOGIN PASSWORD 'aaaaaaaaaaaaaaaaaaaa' VALID UNTIL '2099-01-01 00:00:00+0000'"
    );
    let grant = format!("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO \"{name}\"");
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute(&create).await.unwrap();
    transaction.batch_execute(&grant).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn making_users_takes_little_more_than_its_sql() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let mut config: tokio_postgres::Config = estate.postgres.url().parse().unwrap();
    config.user(ADMIN).password(ADMIN_PASSWORD);
    let (mut client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let (watch, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);

    let (mut by_hand, mut by_engine) = (0.0, 0.0);
    // In turns: both meet the same rights on the same tables, and the same neighbors on the machine.
    for round in 0..ROUNDS {
        let start = time(&watch).await;
        make_by_hand(&mut client, &format!("hand-{round}")).await;
        let between = time(&watch).await;
        let _ = estate.credentials("app").await;
        by_hand += between - start;
        by_engine += time(&watch).await - between;
    }
    let per_user = |seconds: f64| Duration::from_secs_f64(seconds / f64::from(ROUNDS));
    println!(
        "making a user: by hand {:?}, by the engine {:?}, ratio {:.2}",
        per_user(by_hand),
        per_user(by_engine),
        by_engine / by_hand
    );
    // Measured 1.1 to 1.3; an unoptimized build on a busy machine gets room.
    assert!(by_engine < by_hand * 3.0, "{by_engine} against {by_hand}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_users_are_made_and_dropped_at_once_without_an_error() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let users = futures_util::future::join_all((0..64).map(|_| estate.credentials("app"))).await;
    assert_eq!(estate.users(), 64);
    let sessions = estate.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'arca'");
    assert!(
        sessions.parse::<u32>().unwrap() <= 4,
        "the pool is bounded: {sessions}"
    );
    let _ = estate.log_in(&users[63].name, &users[63].password).await.unwrap();
    let revoked = estate
        .vault
        .write("sys/leases/revoke-prefix/database/creds/app", json!({}))
        .await;
    assert!(revoked.status < 300, "{}", revoked.body);
    assert_eq!(estate.users(), 0);
}
