//! The store in PostgreSQL, on a real server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arca_fixtures::{Authority, Postgres, PostgresSetup};
use arca_storage::conformance::{self, Factory, Place, Settings};
use arca_storage::{Batch, ConnectError, PostgresOptions, PostgresStorage, Revision, Storage, StorageError};
use async_trait::async_trait;

use crate::clock::RealClock;

/// Stores in tables of their own on one server.
struct Tables {
    server: Postgres,
    made: AtomicU64,
}

struct Table {
    url: String,
    name: String,
}

#[async_trait]
impl Factory for Tables {
    async fn place(&self) -> Arc<dyn Place> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Arc::new(Table {
            url: self.server.url(),
            name: format!("store_{number}"),
        })
    }
}

#[async_trait]
impl Place for Table {
    async fn open(&self, settings: Settings) -> Arc<dyn Storage> {
        let options = PostgresOptions {
            table: self.name.clone(),
            history: settings.history,
            keep_commits: settings.history.commits as u64,
            lease: settings.lease,
            max_parallel: 8,
            ..PostgresOptions::new(&self.url)
        };
        Arc::new(connect(options).await.unwrap())
    }
}

async fn connect(options: PostgresOptions) -> Result<PostgresStorage, ConnectError> {
    PostgresStorage::connect(options, Arc::new(RealClock::start())).await
}

async fn store_at(url: &str) -> PostgresStorage {
    connect(PostgresOptions::new(url)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn conforms() {
    let tables = Tables {
        server: Postgres::start().unwrap(),
        made: AtomicU64::new(0),
    };
    conformance::run(&tables).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn is_reached_by_socket_and_in_a_schema() {
    let server = Postgres::start().unwrap();
    server.query("CREATE SCHEMA \"Odd name\"").unwrap();
    let options = || PostgresOptions {
        table: "Odd name.sto\"re".to_owned(),
        ..PostgresOptions::new(server.socket_url())
    };
    let store = connect(options()).await.unwrap();
    let at = store.commit(Batch::new().put("a/b", "1")).await.unwrap();
    drop(store);
    let store = connect(options()).await.unwrap();
    assert_eq!(store.get("a/b").await.unwrap().unwrap().revision, at);
    assert_eq!(store.list("", "", 9).await.unwrap().names, ["a/"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_come_up_together_make_one_store() {
    let server = Postgres::start().unwrap();
    let nodes = (0..6).map(|_| {
        let url = server.url();
        tokio::spawn(async move { store_at(&url).await })
    });
    let nodes = futures_util::future::join_all(nodes).await;
    for (n, node) in nodes.into_iter().enumerate() {
        let revision = node.unwrap().commit(Batch::new().put("a", "1")).await.unwrap();
        assert_eq!(revision, Revision(n as u64 + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_cannot_use_is_named() {
    let server = Postgres::start().unwrap();
    drop(store_at(&server.url()).await);
    server.query("CREATE TABLE vault_kv_store (path text)").unwrap();
    let foreign = PostgresOptions {
        table: "vault_kv_store".to_owned(),
        ..PostgresOptions::new(server.url())
    };
    let Err(refused) = connect(foreign).await else {
        panic!("a table of something else");
    };
    assert!(matches!(refused, ConnectError::NotAStore(_)), "{refused}");
    assert_eq!(server.query("SELECT count(*) FROM vault_kv_store").unwrap(), "0");

    server.query("UPDATE arca_store_state SET format = 2").unwrap();
    let Err(refused) = connect(PostgresOptions::new(server.url())).await else {
        panic!("a store of the future");
    };
    assert!(
        matches!(refused, ConnectError::UnknownFormat { found: 2, .. }),
        "{refused}"
    );

    let url = server.url().replace("p4ss", "wrong");
    let Err(refused) = connect(PostgresOptions::new(url)).await else {
        panic!("a wrong password");
    };
    let text = format!("{refused} {refused:?}");
    assert!(text.contains("password authentication failed"), "{text}");
    assert!(!text.contains("wrong"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_encoding_is_refused() {
    let server = Postgres::start().unwrap();
    server
        .query("CREATE DATABASE old ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        .unwrap();
    let url = server.url();
    let url = format!("{}/old", url.strip_suffix("/arca").unwrap());
    let Err(refused) = connect(PostgresOptions::new(url)).await else {
        panic!("a database that cannot hold every key");
    };
    assert!(matches!(refused, ConnectError::Encoding(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_as_strict_as_asked() {
    let (ours, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let setup = PostgresSetup {
        tls: Some(ours.issue("localhost").unwrap()),
        ..PostgresSetup::default()
    };
    let server = Postgres::start_with(&setup).unwrap();
    let (ours, other) = (ours.file(), other.file());
    let (ours, other) = (ours.display(), other.display());
    for (host, query, fine) in [
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={ours}"),
            true,
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={other}"),
            false,
        ),
        ("localhost", "sslmode=verify-full".to_owned(), false),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={ours}"),
            false,
        ),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}"), true),
        (
            "127.0.0.1",
            format!("sslmode=verify-ca&sslrootcert={other}"),
            false,
        ),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), false),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", String::new(), true),
    ] {
        let url = format!("{}?{query}", server.url_of_host(host));
        let answer = connect(PostgresOptions::new(url)).await.map(|_| ());
        assert_eq!(answer.is_ok(), fine, "{host} {query}: {answer:?}");
    }
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
        WHERE application_name = 'arca' AND client_addr IS NOT NULL";
    let preferred = store_at(&server.url()).await;
    assert_eq!(server.query(encrypted).unwrap(), "t", "TLS where it is offered");
    drop(preferred);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_not_skipped_when_it_is_required() {
    let server = Postgres::start().unwrap();
    for query in ["sslmode=require", "sslmode=verify-full"] {
        let url = format!("{}?{query}", server.url());
        assert!(connect(PostgresOptions::new(url)).await.is_err(), "{query}");
    }
    store_at(&format!("{}?sslmode=prefer", server.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_authority_file_is_named() {
    let url = "postgres://u@h/d?sslmode=verify-full&sslrootcert=/no/such/file.pem";
    let Err(refused) = connect(PostgresOptions::new(url)).await else {
        panic!("there is no such file");
    };
    assert!(refused.to_string().contains("/no/such/file.pem"), "{refused}");
}

/// Writes until the store answers, and counts what it acknowledged.
async fn write_until(store: &PostgresStorage, key: &str, rounds: u64) -> (u64, u64) {
    let (mut acknowledged, mut unknown) = (0, 0);
    for n in 0..rounds {
        match store.commit(Batch::new().put(format!("{key}/{n}"), "1")).await {
            Ok(_) => acknowledged += 1,
            Err(StorageError::Unavailable(_)) => unknown += 1,
            Err(error) => panic!("{error}"),
        }
    }
    (acknowledged, unknown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_loses_nothing_that_was_acknowledged() {
    let setup = PostgresSetup {
        durable: true,
        ..PostgresSetup::default()
    };
    let mut server = Postgres::start_with(&setup).unwrap();
    let store = Arc::new(store_at(&server.url()).await);
    let mut changes = store.watch("", Revision(0));
    let mut seen = 0;
    for crash in 0..3 {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { write_until(&store, &format!("{crash}/{writer}"), 150).await })
            })
            .collect();
        changes.next().await.unwrap().unwrap();
        seen += 1;
        server.kill();
        server.restart().unwrap();
        let (mut acknowledged, mut unknown) = (0, 0);
        for writer in writers {
            let (done, lost) = writer.await.unwrap();
            acknowledged += done;
            unknown += lost;
        }
        let there = store
            .scan(&format!("{crash}/"), "", 10_000)
            .await
            .unwrap()
            .names
            .len() as u64;
        assert!(
            (acknowledged..=acknowledged + unknown).contains(&there),
            "{acknowledged} acknowledged, {unknown} unknown, {there} there"
        );
        assert!(acknowledged > 400, "the store works again: {unknown} unknown");
    }
    let newest = store.revision().await.unwrap();
    while seen < newest.0 {
        let commit = changes.next().await.unwrap().unwrap();
        seen += 1;
        assert_eq!(
            commit[0].revision,
            Revision(seen),
            "watched without a gap over crashes"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_unavailable_and_then_there_again() {
    let mut server = Postgres::start().unwrap();
    let options = PostgresOptions {
        connect_timeout: Duration::from_millis(300),
        ..PostgresOptions::new(server.url())
    };
    let store = connect(options).await.unwrap();
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    server.stop();
    let written = store.commit(Batch::new().put("a", "2")).await;
    assert!(
        matches!(written, Err(StorageError::Unavailable(_))),
        "{written:?}"
    );
    let read = store.get("a").await;
    assert!(matches!(read, Err(StorageError::Unavailable(_))), "{read:?}");
    server.restart().unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().sealed, "1");
    store.commit(Batch::new().put("a", "3")).await.unwrap();
}

/// A commit whose connection is cut while the server works on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_in_a_commit_leaves_it_unknown() {
    let server = Postgres::start().unwrap();
    let store = Arc::new(store_at(&server.url()).await);
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    // Makes the commit itself slow, after everything has been written.
    server
        .query(
            "CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_sleep(30); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON arca_store_log DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION nap()",
        )
        .unwrap();
    let slow = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit(Batch::new().put("a", "2")).await }
    });
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE query = 'COMMIT' AND state = 'active'";
    while server.query(cut).unwrap() == "0" {
        tokio::task::yield_now().await;
    }
    let answer = slow.await.unwrap();
    assert!(matches!(answer, Err(StorageError::Unavailable(_))), "{answer:?}");
    server.query("DROP TRIGGER nap ON arca_store_log").unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().sealed, "1");
    let next = store.commit(Batch::new().put("a", "3")).await.unwrap();
    assert_eq!(next, Revision(2), "no revision is lost either");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_waited_for_up_to_a_limit() {
    let server = Postgres::start().unwrap();
    let store = store_at(&server.url()).await;
    let options = PostgresOptions {
        statement_timeout: Duration::from_millis(300),
        ..PostgresOptions::new(server.url())
    };
    let hasty = connect(options).await.unwrap();
    let hanging = std::thread::spawn({
        let url = server.socket_url();
        move || {
            let sql = "BEGIN; SELECT * FROM arca_store_state FOR UPDATE; SELECT pg_sleep(3)";
            std::process::Command::new("psql")
                .args([&url, "-c", sql])
                .output()
        }
    });
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)' AND state = 'active'";
    while server.query(waiting).unwrap() == "0" {
        tokio::task::yield_now().await;
    }
    let answer = hasty.commit(Batch::new().put("a", "1")).await;
    assert!(matches!(answer, Err(StorageError::Unavailable(_))), "{answer:?}");
    let patient = store.commit(Batch::new().put("a", "2")).await.unwrap();
    assert_eq!(patient, Revision(1));
    hanging.join().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_store() {
    let server = Postgres::start().unwrap();
    let store = store_at(&server.url()).await;
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    let mut changes = store.watch("", Revision(0));
    assert!(changes.next().await.unwrap().is_ok());
    drop(store);
    assert!(changes.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded() {
    let server = Postgres::start().unwrap();
    let options = PostgresOptions {
        max_parallel: 5,
        ..PostgresOptions::new(server.url())
    };
    let store = Arc::new(connect(options).await.unwrap());
    store.commit(Batch::new().put("a", "1")).await.unwrap();
    let reads: Vec<_> = (0..200)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.get("a").await })
        })
        .collect();
    for read in reads {
        assert!(read.await.unwrap().unwrap().is_some());
    }
    let count = server
        .query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'arca'")
        .unwrap();
    assert_eq!(count, "5");
}
