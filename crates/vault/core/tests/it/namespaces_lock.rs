//! Locking namespaces.

use arca_base::Operation;
use arca_testkit::{Response, TestServer, Unsealed};
use serde_json::{Value, json};

use crate::namespaces::{In, furnish};

const LOCK: &str = "sys/namespaces/api-lock/lock";
const UNLOCK: &str = "sys/namespaces/api-lock/unlock";

/// `team`, `team/app` and `other`, each with a secret.
async fn start() -> Unsealed {
    let vault = Unsealed::start().await;
    for path in ["team", "team/app", "other"] {
        furnish(&vault, path).await;
        let there = In::root(&vault, path);
        let _ = there.write("secret/x", json!({"k": "v"})).await.expect(204);
    }
    vault
}

async fn lock(at: &In<'_>, path: &str) -> String {
    let answer = at.write(&format!("{LOCK}{path}"), json!({})).await.expect(200);
    let key = answer.data("unlock_key").as_str().unwrap().to_owned();
    assert_eq!(answer.body["unlock_key"], key, "at the top, too");
    key
}

fn is_locked(answer: &Response, namespace: &str) -> bool {
    answer.status == 503
        && answer
            .error()
            .contains(&format!("locked namespace: the API of {namespace:?} is locked"))
}

#[tokio::test]
async fn a_locked_namespace_answers_nothing_but_its_unlocking() {
    let vault = start().await;
    let [root, team, app] = ["", "team", "team/app"].map(|path| In::root(&vault, path));
    let wrapped = team
        .vault
        .server
        .request_in(
            "team",
            Operation::Read,
            "secret/x",
            Some(&vault.root),
            Value::Null,
            Some(600),
        )
        .await
        .expect(200);
    let wrapping = wrapped.body["wrap_info"]["token"].as_str().unwrap().to_owned();
    let own = team.token(&["default"]).await;
    let key = lock(&root, "/team").await;
    assert_eq!(key.len(), 24);
    for at in [&team, &app, &team.with(&own), &team.with("")] {
        for (operation, path) in [
            (Operation::Read, "secret/x"),
            (Operation::Update, "secret/x"),
            (Operation::List, "sys/namespaces"),
            (Operation::Read, "auth/token/lookup-self"),
            (Operation::Update, "auth/userpass/login/ann"),
            (Operation::Read, "sys/internal/ui/mounts"),
            (Operation::Read, "sys/namespaces/api-lock/unlock"),
            (Operation::Update, "sys/namespaces/api-lock/unlocked"),
            (Operation::Read, "nothing/here"),
        ] {
            let answer = at.ask(operation, path, json!({})).await;
            assert!(is_locked(&answer, "team/"), "{operation} {path}: {}", answer.body);
        }
    }
    assert!(is_locked(&vault.read("team/app/secret/x").await, "team/"));
    // Neither does a token of it lead in from elsewhere.
    for (token, path) in [
        (&own, "auth/token/lookup-self"),
        (&wrapping, "sys/wrapping/unwrap"),
    ] {
        let operation = if path.ends_with("unwrap") {
            Operation::Update
        } else {
            Operation::Read
        };
        let answer = root.with(token).ask(operation, path, json!({})).await;
        assert!(is_locked(&answer, "team/"), "{path}: {}", answer.body);
    }
    let _ = In::root(&vault, "other").read("secret/x").await.expect(200);
    for (path, expected) in [("team", true), ("other", false)] {
        let shown = vault.read(&format!("sys/namespaces/{path}")).await.expect(200);
        assert_eq!(shown.data("locked"), expected);
        assert!(!shown.body.to_string().contains("unlock_key"), "{}", shown.body);
    }
    // Without the right to unlock, the key is worth nothing.
    let with_key = json!({ "unlock_key": key });
    let _ = team.with(&own).write(UNLOCK, with_key.clone()).await.expect(403);
    let _ = team.write(UNLOCK, with_key).await.expect(204);
    let _ = app.read("secret/x").await.expect(200);
    let _ = root
        .with(&wrapping)
        .write("sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_lock_is_not_passed_by_from_around_it() {
    let vault = start().await;
    let root = In::root(&vault, "");
    let wrap = async || {
        let operation = Operation::Read;
        let token = Some(vault.root.as_str());
        let server = &vault.server;
        let asked = server.request_in("team", operation, "secret/x", token, Value::Null, Some(600));
        let wrapped = asked.await.expect(200);
        json!({ "token": wrapped.body["wrap_info"]["token"] })
    };
    let (first, second) = (wrap().await, wrap().await);
    let anybody = root.with("");
    let _ = anybody
        .write("sys/wrapping/lookup", first.clone())
        .await
        .expect(200);
    let described = "sys/internal/ui/mounts/team/secret/x";
    let _ = root.read(described).await.expect(200);
    let key = lock(&root, "/team").await;
    for (at, path) in [
        (&root, "sys/wrapping/unwrap"),
        (&root, "sys/wrapping/rewrap"),
        (&anybody, "sys/wrapping/lookup"),
    ] {
        let answer = at.write(path, first.clone()).await;
        assert!(is_locked(&answer, "team/"), "{path}: {}", answer.body);
    }
    let answer = root.read(described).await;
    assert!(is_locked(&answer, "team/"), "{}", answer.body);
    // Being refused used nothing up.
    let team = In::root(&vault, "team");
    let _ = team.write(UNLOCK, json!({ "unlock_key": key })).await.expect(204);
    let _ = root.write("sys/wrapping/unwrap", first).await.expect(200);
    let _ = root.write("sys/wrapping/rewrap", second).await.expect(200);
}

#[tokio::test]
async fn whoever_has_the_key_and_the_right_unlocks_and_root_needs_no_key() {
    let vault = start().await;
    let [root, team, app] = ["", "team", "team/app"].map(|path| In::root(&vault, path));
    let text = "path \"sys/namespaces/api-lock/*\" { capabilities = [\"update\"] }";
    team.policy("keeper", text).await;
    let keeper = team.token(&["keeper"]).await;
    let keeper = team.with(&keeper);
    let key = lock(&keeper, "").await;
    let again = root.write(&format!("{LOCK}/team"), json!({})).await.expect(400);
    assert!(again.error().contains("is locked already"), "{}", again.error());
    for (given, reason) in [
        (json!({}), "unlock_key must be"),
        (json!({"unlock_key": "no"}), "is not that of this lock"),
        (
            json!({"unlock_key": "x".repeat(1000)}),
            "is not that of this lock",
        ),
    ] {
        let refused = keeper.write(UNLOCK, given).await.expect(400);
        assert!(refused.error().contains(reason), "{}", refused.error());
    }
    let _ = keeper.write(UNLOCK, json!({"unlock_key": key})).await.expect(204);
    let _ = keeper.write(UNLOCK, json!({})).await.expect(204);
    // The one below stays locked when the one around it is unlocked.
    let _ = lock(&team, "/app").await;
    let _ = lock(&root, "/team").await;
    assert!(is_locked(&app.read("secret/x").await, "team/"));
    let _ = team.write(UNLOCK, json!({})).await.expect(204);
    assert!(is_locked(&app.read("secret/x").await, "team/app/"));
    let _ = team.read("secret/x").await.expect(200);
    let _ = root
        .write(&format!("{UNLOCK}/team/app"), json!({}))
        .await
        .expect(204);
    let _ = app.read("secret/x").await.expect(200);
    // What is not there, and what is not locked this way.
    for path in [LOCK, UNLOCK] {
        let refused = root.write(path, json!({})).await.expect(400);
        assert!(refused.error().contains("the root namespace cannot be locked"));
        let _ = root.write(&format!("{path}/none"), json!({})).await.expect(404);
    }
    let _ = vault.read("secret/x").await.expect(404);
}

#[tokio::test]
async fn a_lock_outlives_a_restart_and_a_locked_namespace_can_be_deleted() {
    let storage = std::sync::Arc::new(arca_storage::MemoryStorage::new());
    let on = |seed| {
        TestServer::on(
            storage.clone(),
            arca_core::engine::Catalog::new(),
            arca_core::seal::Seal::Shamir,
            seed,
        )
    };
    let vault = on(1).unsealed().await;
    furnish(&vault, "team").await;
    let _ = lock(&In::root(&vault, ""), "/team").await;
    let (root, unseal_key) = (vault.root.clone(), vault.unseal_key.clone());
    drop(vault);
    let server = on(2);
    server.core.lifecycle().unseal(&unseal_key).await.unwrap();
    let vault = Unsealed {
        server,
        root,
        unseal_key,
    };
    let team = In::root(&vault, "team");
    assert!(is_locked(&team.read("secret/x").await, "team/"));
    let _ = vault.delete("sys/namespaces/team").await.expect(200);
    for _ in 0..6 {
        vault.advance(10).await;
    }
    let _ = vault.read("sys/namespaces/team").await.expect(404);
    furnish(&vault, "team").await;
    let _ = team.write("secret/x", json!({"k": "v"})).await.expect(204);
}
