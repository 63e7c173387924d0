//! New shares in place of the old ones, and what is left when something fails on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arca_base::{Operation, Secret, id};
use arca_core::engine::Catalog;
use arca_core::lifecycle::InitRequest;
use arca_core::seal::static_key::{NamedKey, StaticSeal};
use arca_core::seal::{AutoSeal, Seal, SealError, SealKind};
use arca_storage::{Batch, Faults, FaultyStorage, MemoryStorage, Storage};
use arca_testkit::{ManualClock, Response, SeededEntropy, TestServer};
use serde_json::{Value, json};

const REKEY: &str = "sys/rekey";

fn on(storage: &Arc<dyn Storage>, seed: u64) -> TestServer {
    TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, seed)
}

fn texts(keys: &Value) -> Vec<String> {
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// Initializes with three shares, two of which are needed, and unseals.
async fn shared(server: &TestServer) -> Vec<String> {
    let request = InitRequest {
        secret_shares: 3,
        secret_threshold: 2,
        ..InitRequest::default()
    };
    let init = server.core.lifecycle().initialize(request).await.unwrap();
    let keys: Vec<String> = init.keys.iter().map(|key| id::hex(key.expose())).collect();
    assert!(opens(server, &keys[..2]).await);
    keys
}

/// Whether these shares unseal a server.
async fn opens(server: &TestServer, keys: &[String]) -> bool {
    server.core.seal().await;
    for key in keys {
        if server.core.lifecycle().unseal(key).await.is_err() {
            return false;
        }
    }
    !server.core.lifecycle().is_sealed()
}

async fn ask(server: &TestServer, operation: Operation, path: &str, data: Value) -> Response {
    server.request(operation, path, None, data, None).await
}

async fn begin(server: &TestServer, base: &str, data: Value) -> String {
    let begun = ask(server, Operation::Update, &format!("{base}/init"), data).await;
    begun.expect(200).body["nonce"].as_str().unwrap().to_owned()
}

async fn give(server: &TestServer, base: &str, keys: &[String], nonce: &str) -> Response {
    let mut last = None;
    for key in keys {
        let data = json!({"key": key, "nonce": nonce});
        last = Some(ask(server, Operation::Update, &format!("{base}/update"), data).await);
    }
    last.unwrap()
}

#[tokio::test]
async fn new_shares_replace_the_old_ones_when_first_used() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let server = on(&storage, 1);
    let old = shared(&server).await;
    let idle = ask(&server, Operation::Read, "sys/rekey/init", Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (
            &idle["started"],
            &idle["required"],
            &idle["pgp_fingerprints"],
            &idle["backup"]
        ),
        (&json!(false), &json!(2), &Value::Null, &json!(false))
    );
    let nonce = begin(&server, REKEY, json!({"secret_shares": 5, "secret_threshold": 3})).await;
    let shown = ask(&server, Operation::Read, "sys/rekey/init", Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&shown["t"], &shown["n"], &shown["nonce"]),
        (&json!(3), &json!(5), &json!(nonce))
    );
    let done = give(&server, REKEY, &old[1..], &nonce).await.expect(200).body;
    assert_eq!(
        (&done["complete"], &done["verification_required"]),
        (&json!(true), &json!(false))
    );
    let new = texts(&done["keys"]);
    assert_eq!((new.len(), texts(&done["keys_base64"]).len()), (5, 5));
    let after = ask(&server, Operation::Read, "sys/seal-status", Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!((&after["t"], &after["n"]), (&json!(3), &json!(5)));

    // Nobody has confirmed the new shares: both sets open.
    assert!(opens(&server, &old[..2]).await, "the old shares still open");
    assert!(opens(&server, &new[2..]).await, "the new shares open");
    assert!(!opens(&server, &old[..2]).await, "the old shares open no more");
    assert!(
        !opens(&server, &new[..2]).await,
        "two of the new shares are too few"
    );
    assert!(opens(&on(&storage, 2), &new[1..4]).await, "after a restart too");
}

#[tokio::test]
async fn with_verification_the_new_shares_count_once_they_were_given_back() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let server = on(&storage, 1);
    let old = shared(&server).await;
    let data = json!({"secret_shares": 2, "secret_threshold": 2, "require_verification": true});
    let nonce = begin(&server, REKEY, data).await;
    let done = give(&server, REKEY, &old[..2], &nonce).await.expect(200).body;
    assert_eq!(done["verification_required"], true);
    let new = texts(&done["keys"]);
    let verify = |key: String, nonce: String| {
        let data = json!({"key": key, "nonce": nonce});
        server.request(Operation::Update, "sys/rekey/verify", None, data, None)
    };
    let given_out = done["verification_nonce"].as_str().unwrap().to_owned();
    let wrong = verify(new[0].clone(), nonce.clone()).await.expect(400);
    assert!(
        wrong.error().contains("incorrect nonce supplied"),
        "{}",
        wrong.error()
    );
    let first = verify(new[0].clone(), given_out.clone()).await.expect(200).body;
    assert_eq!((&first["progress"], &first["t"]), (&json!(1), &json!(2)));
    let failed = verify(old[1].clone(), given_out.clone()).await.expect(400);
    assert!(
        failed.error().starts_with("rekey verification failed"),
        "{}",
        failed.error()
    );
    let again = ask(&server, Operation::Delete, "sys/rekey/verify", Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!((&again["progress"], &again["started"]), (&json!(0), &json!(true)));
    let fresh = again["nonce"].as_str().unwrap().to_owned();
    assert_ne!(fresh, given_out);

    // Until then a restart opens with the old shares.
    let other = on(&storage, 2);
    assert!(!opens(&other, &new).await && opens(&other, &old[..2]).await);
    let _ = verify(new[1].clone(), fresh.clone()).await.expect(200);
    let done = verify(new[0].clone(), fresh.clone()).await.expect(200).body;
    assert_eq!((&done["complete"], &done["nonce"]), (&json!(true), &json!(fresh)));
    assert!(!opens(&other, &old[..2]).await && opens(&other, &new).await);
}

#[tokio::test]
async fn refuses_what_makes_no_sense() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let server = on(&storage, 1);
    let old = shared(&server).await;
    for (path, data, text) in [
        (
            "sys/rekey/init",
            json!({}),
            "invalid seal configuration: shares must be at least one",
        ),
        (
            "sys/rekey/init",
            json!({"secret_shares": 2, "secret_threshold": 2, "pgp_keys": ["a", "b"]}),
            "pgp_keys is not supported: this server has no PGP; leave it out",
        ),
        (
            "sys/rekey/init",
            json!({"secret_shares": 2, "secret_threshold": 2, "backup": true}),
            "cannot request a backup of the new keys without providing PGP keys for encryption",
        ),
        (
            "sys/rekey/update",
            json!({"key": old[0], "nonce": ""}),
            "no barrier rekey in progress",
        ),
        (
            "sys/rekey/verify",
            json!({"key": old[0], "nonce": ""}),
            "no rekey verification in progress",
        ),
        (
            "sys/rekey-recovery-key/init",
            json!({}),
            "recovery rekeying not supported",
        ),
    ] {
        let refused = ask(&server, Operation::Update, path, data).await.expect(400);
        assert_eq!(refused.error(), text, "{path}");
    }
    let nonce = begin(&server, REKEY, json!({"secret_shares": 1, "secret_threshold": 1})).await;
    let again = json!({"secret_shares": 1, "secret_threshold": 1});
    let again = ask(&server, Operation::Update, "sys/rekey/init", again)
        .await
        .expect(400);
    assert_eq!(again.error(), "rekey already in progress");
    let other = ask(
        &server,
        Operation::Delete,
        "sys/rekey/init",
        json!({"nonce": "other"}),
    )
    .await;
    assert!(other.expect(400).error().contains("incorrect nonce"));
    let _ = ask(&server, Operation::Delete, "sys/rekey/init", Value::Null)
        .await
        .expect(204);
    let ended = give(&server, REKEY, &old[..1], &nonce).await.expect(400);
    assert_eq!(ended.error(), "no barrier rekey in progress");
    let _ = ask(&server, Operation::Read, "sys/rekey/backup", Value::Null)
        .await
        .expect(403);
}

/// Whatever storage does to the commit, one of the two sets of shares opens the store afterwards.
#[tokio::test]
async fn a_failure_leaves_the_old_or_the_new_shares_valid() {
    let faults = |failed_commits, lost_answers| Faults {
        failed_commits,
        lost_answers,
        ..Faults::default()
    };
    for (name, faults) in [
        ("the commit failed", faults(1000, 0)),
        ("the answer was lost", faults(0, 1000)),
    ] {
        for verified in [false, true] {
            let memory: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
            let faulty = Arc::new(FaultyStorage::new(
                memory.clone(),
                ManualClock::new(),
                7,
                Faults::default(),
            ));
            let storage: Arc<dyn Storage> = faulty.clone();
            let server = on(&storage, 1);
            let old = shared(&server).await;
            let data = json!({"secret_shares": 2, "secret_threshold": 2, "require_verification": verified});
            let nonce = begin(&server, REKEY, data).await;
            if !verified {
                faulty.set_faults(faults);
            }
            let mut done = give(&server, REKEY, &old[..2], &nonce).await;
            let mut new = done.body["keys"].as_array().map(|_| texts(&done.body["keys"]));
            if verified {
                faulty.set_faults(faults);
                let nonce = done.body["verification_nonce"].as_str().unwrap().to_owned();
                for key in new.clone().unwrap() {
                    let data = json!({"key": key, "nonce": nonce});
                    done = ask(&server, Operation::Update, "sys/rekey/verify", data).await;
                }
            }
            if done.status != 200 && !verified {
                new = None;
            }
            // Another process opens what is on the disk.
            let by_old = opens(&on(&memory, 2), &old[..2]).await;
            let by_new = match &new {
                Some(new) => opens(&on(&memory, 3), new).await,
                None => false,
            };
            assert!(
                by_old || by_new,
                "{name}, verified: {verified}: no shares open the store"
            );
            assert_eq!(
                done.status == 200,
                by_new,
                "{name}, verified: {verified}: the answer tells which"
            );
        }
    }
}

/// The new shares are in force, and the answer with them never reached anybody.
#[tokio::test]
async fn lost_new_shares_are_replaced_by_the_holders_of_the_old_ones() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let server = on(&storage, 1);
    let old = shared(&server).await;
    let split = json!({"secret_shares": 2, "secret_threshold": 2});
    let nonce = begin(&server, REKEY, split.clone()).await;
    let lost = give(&server, REKEY, &old[..2], &nonce).await.expect(200);
    drop(lost);
    let nonce = begin(&server, REKEY, split).await;
    let found = give(&server, REKEY, &old[1..], &nonce).await.expect(200).body;
    assert!(opens(&server, &texts(&found["keys"])).await);
    assert!(!opens(&server, &old[..2]).await);
}

#[tokio::test]
async fn recovery_keys_of_an_automatic_seal_are_changed_the_same_way() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let key = NamedKey::new("a", &Secret::new(vec![1; 32])).unwrap();
    let seal = Seal::Automatic(Arc::new(StaticSeal::new(key, None, SeededEntropy::new(3))));
    let server = TestServer::on(storage, Catalog::new(), seal, 3);
    let request = json!({"recovery_shares": 3, "recovery_threshold": 2});
    let init = ask(&server, Operation::Update, "sys/init", request)
        .await
        .expect(200)
        .body;
    let old = texts(&init["recovery_keys"]);
    let refused = ask(&server, Operation::Read, "sys/rekey/init", Value::Null)
        .await
        .expect(400);
    assert!(
        refused.error().contains("use rekey-recovery-key"),
        "{}",
        refused.error()
    );
    let base = "sys/rekey-recovery-key";
    let split = json!({"secret_shares": 1, "secret_threshold": 1});
    let nonce = begin(&server, base, split.clone()).await;
    let done = give(&server, base, &old[..2], &nonce).await.expect(200).body;
    let new = texts(&done["keys"]);
    let status = ask(&server, Operation::Read, "sys/seal-status", Value::Null)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&status["t"], &status["n"], &status["sealed"]),
        (&json!(1), &json!(1), &json!(false))
    );
    // The new key authorizes the next change, and from then on the old one does not.
    let nonce = begin(&server, base, split.clone()).await;
    let _ = give(&server, base, &new, &nonce).await.expect(200);
    let nonce = begin(&server, base, split).await;
    let refused = give(&server, base, &old[..2], &nonce).await.expect(400);
    assert!(
        refused.error().starts_with("rekey aborted"),
        "{}",
        refused.error()
    );
}

const RECOVERY: &str = "sys/rekey-recovery-key";

fn named(name: &str, byte: u8) -> NamedKey {
    NamedKey::new(name, &Secret::new(vec![byte; 32])).unwrap()
}

fn automatic(storage: &Arc<dyn Storage>, current: NamedKey, previous: Option<NamedKey>) -> TestServer {
    let seal = StaticSeal::new(current, previous, SeededEntropy::new(3));
    let seal = Seal::Automatic(Arc::new(seal));
    TestServer::on(storage.clone(), Catalog::new(), seal, 3)
}

/// A store with a recovery key that was changed without verification: the former shares, and the one in force.
async fn unconfirmed(storage: &Arc<dyn Storage>) -> (Vec<String>, Vec<String>) {
    let server = automatic(storage, named("a", 1), None);
    let request = json!({"recovery_shares": 3, "recovery_threshold": 2});
    let init = ask(&server, Operation::Update, "sys/init", request).await;
    let old = texts(&init.expect(200).body["recovery_keys"]);
    let split = json!({"secret_shares": 1, "secret_threshold": 1});
    let nonce = begin(&server, RECOVERY, split).await;
    let done = give(&server, RECOVERY, &old[..2], &nonce).await.expect(200);
    (old, texts(&done.body["keys"]))
}

async fn changes(server: &TestServer, shares: &[String]) -> Response {
    let split = json!({"secret_shares": 1, "secret_threshold": 1});
    let nonce = begin(server, RECOVERY, split).await;
    give(server, RECOVERY, shares, &nonce).await
}

#[tokio::test]
async fn former_recovery_shares_outlive_a_change_of_the_seal_key() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let (old, _) = unconfirmed(&storage).await;
    let both = automatic(&storage, named("b", 2), Some(named("a", 1)));
    both.core.lifecycle().unseal_automatically().await.unwrap();
    let later = automatic(&storage, named("b", 2), None);
    later.core.lifecycle().unseal_automatically().await.unwrap();
    let _ = changes(&later, &old[..2]).await.expect(200);
}

#[tokio::test]
async fn former_recovery_shares_that_nobody_can_try_stop_nothing() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let (old, new) = unconfirmed(&storage).await;
    let former = storage.get("core/seal/former").await.unwrap().unwrap();
    let both = automatic(&storage, named("b", 2), Some(named("a", 1)));
    both.core.lifecycle().unseal_automatically().await.unwrap();
    // As a server left it that did not seal this row again.
    let batch = Batch::new().put("core/seal/former", former.sealed);
    storage.commit(batch).await.unwrap();
    let later = automatic(&storage, named("b", 2), None);
    later.core.lifecycle().unseal_automatically().await.unwrap();
    let refused = changes(&later, &old[..2]).await.expect(400);
    assert!(
        refused.error().starts_with("rekey aborted"),
        "{}",
        refused.error()
    );
    let cancel = ask(
        &later,
        Operation::Delete,
        "sys/rekey-recovery-key/init",
        json!({}),
    )
    .await;
    assert!(cancel.status < 300);
    let _ = changes(&later, &new).await.expect(200);
}

/// A double of a seal whose other side can be out of reach.
struct Remote {
    seal: StaticSeal,
    away: AtomicBool,
}

#[async_trait::async_trait]
impl AutoSeal for Remote {
    fn kind(&self) -> SealKind {
        self.seal.kind()
    }

    async fn wrap(&self, plaintext: &Secret<Vec<u8>>) -> Result<Vec<u8>, SealError> {
        self.seal.wrap(plaintext).await
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(SealError::Unreachable("a double is away".to_owned()));
        }
        self.seal.unwrap(wrapped).await
    }
}

#[tokio::test]
async fn a_seal_out_of_reach_is_no_judgment_of_shares() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let (old, _) = unconfirmed(&storage).await;
    let remote = Arc::new(Remote {
        seal: StaticSeal::new(named("a", 1), None, SeededEntropy::new(3)),
        away: false.into(),
    });
    let server = TestServer::on(storage, Catalog::new(), Seal::Automatic(remote.clone()), 3);
    server.core.lifecycle().unseal_automatically().await.unwrap();
    let split = json!({"secret_shares": 1, "secret_threshold": 1});
    let nonce = begin(&server, RECOVERY, split).await;
    remote.away.store(true, Ordering::SeqCst);
    let refused = give(&server, RECOVERY, &old[..2], &nonce).await.expect(503);
    assert!(
        refused.error().contains("cannot be reached"),
        "{}",
        refused.error()
    );
}
