//! Deleting namespaces: everything goes, whatever interrupts it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arca_base::Operation;
use arca_core::engine::{Catalog, Factory};
use arca_core::seal::Seal;
use arca_testkit::{TestServer, Unsealed};
use serde_json::{Value, json};

use crate::leases::{Grants, World, start};
use crate::namespaces::{In, furnish, keys_with, make};

/// One of everything a namespace can have; gives its identifier, a token of its own, and one of a parent above that
/// holds a lease in it.
async fn fill(vault: &Unsealed) -> (String, String, String) {
    let id = furnish(vault, "ns1").await;
    let ns1 = In::root(vault, "ns1");
    for (path, data) in [
        ("secret/x", json!({"k": "v"})),
        ("sys/mounts/db", json!({"type": "grants"})),
        ("sys/mounts/kv2", json!({"type": "kv-v2"})),
        ("sys/auth/userpass", json!({"type": "userpass"})),
        (
            "auth/userpass/users/ann",
            json!({"password": "p", "token_policies": "all"}),
        ),
        ("auth/token/roles/app", json!({"allowed_policies": "all"})),
    ] {
        let _ = ns1.write(path, data).await.expect(204);
    }
    ns1.policy(
        "all",
        r#"path "*" { capabilities = ["create", "read", "update", "sudo"] }"#,
    )
    .await;
    let _ = ns1
        .write("kv2/data/a", json!({"data": {"k": "v"}}))
        .await
        .expect(200);
    let _ = ns1
        .write("identity/group", json!({"name": "g", "policies": "all"}))
        .await
        .expect(200);
    let rules = json!({"policy": "length = 20\nrule \"charset\" { charset = \"abcdefghij\" }"});
    let _ = ns1.write("sys/policies/password/short", rules).await.expect(204);
    let login = ns1
        .write("auth/userpass/login/ann", json!({"password": "p"}))
        .await
        .expect(200)
        .token();
    let _ = ns1
        .with(&login)
        .write("cubbyhole/x", json!({"k": "v"}))
        .await
        .expect(204);
    let _ = ns1
        .with(&login)
        .write("auth/token/create", json!({"policies": ["all"]}))
        .await
        .expect(200);
    let _ = ns1.with(&login).read("db/creds/app").await.expect(200);
    let _ = ns1.read("db/creds/app").await.expect(200);
    vault
        .policy(
            "above",
            r#"path "ns1/*" { capabilities = ["create", "read", "update", "sudo"] }"#,
        )
        .await;
    let above = vault.token(&["above"]).await;
    let _ = ns1.with(&above).read("db/creds/app").await.expect(200);
    let _ = ns1
        .with(&above)
        .write("auth/token/create", json!({"policies": ["all"]}))
        .await
        .expect(200);
    let wrap = json!({"w": "x"});
    let wrapped = vault
        .server
        .request_in(
            "ns1",
            Operation::Update,
            "sys/wrapping/wrap",
            Some(&above),
            wrap,
            Some(600),
        )
        .await;
    assert_eq!(wrapped.status, 200);
    (id, login, above)
}

async fn wait(vault: &Unsealed, seconds: u32) {
    for _ in 0..seconds {
        vault.advance(1).await;
    }
}

/// Everything that is stored of namespaces, and what is stored elsewhere with the identifier of one.
async fn left(vault: &Unsealed, id: &str) -> Vec<String> {
    let mut left = keys_with(vault, id).await;
    left.extend(keys_with(vault, "core/namespace/").await);
    left
}

fn ended(world: &World) -> u64 {
    world.ended.load(Ordering::SeqCst)
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_namespace_neither_here_nor_outside() {
    let (vault, world) = start().await;
    let before = keys_with(&vault, "").await.len();
    let (id, login, above) = fill(&vault).await;
    assert!(left(&vault, &id).await.len() > 40);
    make(&vault, "ns1/inner").await;
    let refused = vault.delete("sys/namespaces/ns1").await.expect(400);
    assert!(
        refused
            .error()
            .contains("containing child namespaces, such as \"inner\""),
        "{}",
        refused.error()
    );
    let _ = vault.delete("sys/namespaces/ns1/inner").await.expect(200);
    wait(&vault, 10).await;

    let begun = vault.delete("sys/namespaces/ns1").await.expect(200);
    assert_eq!(begun.data("status"), "in-progress");
    let ns1 = In::root(&vault, "ns1");
    for answer in [ns1.read("secret/x").await, vault.read("ns1/secret/x").await] {
        assert_eq!(answer.status, 404);
        assert!(
            answer.error().contains("namespace is tainted"),
            "{}",
            answer.error()
        );
    }
    assert_eq!(
        vault.read_as(&login, "auth/token/lookup-self").await.status,
        403,
        "at once"
    );
    assert_eq!(
        vault.read("sys/namespaces/ns1").await.expect(200).data("tainted"),
        true
    );
    for path in ["sys/namespaces/ns1", "sys/namespaces/ns1/x"] {
        let refused = vault.write(path, json!({})).await.expect(400);
        assert!(
            refused.error().contains("is being deleted"),
            "{}",
            refused.error()
        );
    }
    assert_eq!(
        vault
            .delete("sys/namespaces/ns1")
            .await
            .expect(200)
            .data("status"),
        "in-progress"
    );

    wait(&vault, 12).await;
    assert_eq!(left(&vault, &id).await, Vec::<String>::new());
    assert_eq!(ended(&world), 3);
    assert_eq!(vault.read("sys/namespaces/ns1").await.status, 404);
    let _ = vault
        .write("auth/token/revoke", json!({"token": above}))
        .await
        .expect(204);
    let _ = vault.delete("sys/policies/acl/above").await.expect(204);
    assert_eq!(keys_with(&vault, "").await.len(), before);

    // The name is free, and leads to nothing of before.
    let again = furnish(&vault, "ns1").await;
    assert_ne!(again, id);
    assert_eq!(ns1.read("secret/x").await.status, 404);
    assert_eq!(ns1.with(&login).read("secret/x").await.status, 403);
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_goes_on_after_a_restart() {
    let (vault, world) = start().await;
    let (id, ..) = fill(&vault).await;
    let _ = vault.delete("sys/namespaces/ns1").await.expect(200);
    // Before anything of it was done, and once more in the middle.
    let mut vault = vault;
    for seconds in [0, 2] {
        wait(&vault, seconds).await;
        vault.server.core.seal().await;
        let engine = world.clone();
        let catalog = Catalog::new().secret("grants", Factory::new(move |_| Grants(engine.clone())));
        let server = TestServer::on(vault.server.storage.clone(), catalog, Seal::Shamir, 11);
        server.core.lifecycle().unseal(&vault.unseal_key).await.unwrap();
        vault = Unsealed {
            server,
            root: vault.root.clone(),
            unseal_key: vault.unseal_key.clone(),
        };
        assert_eq!(vault.read("ns1/secret/x").await.status, 404);
        assert!(!left(&vault, &id).await.is_empty());
    }
    wait(&vault, 15).await;
    assert_eq!(left(&vault, &id).await, Vec::<String>::new());
    assert_eq!(ended(&world), 3);
}

#[tokio::test]
async fn a_namespace_waits_for_what_cannot_be_ended_outside() {
    let (vault, world) = start().await;
    let (id, ..) = fill(&vault).await;
    world.broken.store(true, Ordering::SeqCst);
    let _ = vault.delete("sys/namespaces/ns1").await.expect(200);
    wait(&vault, 30).await;
    assert_eq!(ended(&world), 0);
    assert_eq!(
        vault.read("sys/namespaces/ns1").await.expect(200).data("tainted"),
        true
    );
    assert!(keys_with(&vault, &format!("ns/{id}/lease/id/")).await.len() == 3);
    world.broken.store(false, Ordering::SeqCst);
    wait(&vault, 400).await;
    assert_eq!(ended(&world), 3);
    assert_eq!(left(&vault, &id).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_lease_of_another_namespace_is_none() {
    let (vault, world) = start().await;
    make(&vault, "ns1").await;
    make(&vault, "ns2").await;
    let (root, ns1, ns2) = (
        In::root(&vault, ""),
        In::root(&vault, "ns1"),
        In::root(&vault, "ns2"),
    );
    for there in [&ns1, &ns2] {
        let _ = there
            .write("sys/mounts/db", json!({"type": "grants"}))
            .await
            .expect(204);
    }
    for home in [&root, &ns1, &ns2] {
        let made = home.read("db/creds/app").await.expect(200);
        let id = made.body["lease_id"].as_str().unwrap().to_owned();
        assert_eq!(id.contains('.'), !home.namespace.is_empty(), "{id}");
        for other in [&root, &ns1, &ns2]
            .into_iter()
            .filter(|other| other.namespace != home.namespace)
        {
            let cut = id.split('.').next().unwrap();
            for given in [&*id, cut] {
                let given = json!({ "lease_id": given });
                assert_eq!(other.write("sys/leases/lookup", given.clone()).await.status, 400);
                assert_eq!(other.write("sys/leases/renew", given.clone()).await.status, 400);
                let _ = other.write("sys/leases/revoke", given).await;
            }
            let prefix = format!("sys/leases/revoke-prefix/{}", id.rsplit_once('/').unwrap().0);
            let none = format!("{prefix}/nothing");
            let _ = other.write(&none, json!({})).await;
        }
        let given = json!({ "lease_id": id });
        assert_eq!(
            home.write("sys/leases/lookup", given.clone())
                .await
                .expect(200)
                .data("id"),
            &json!(id)
        );
        assert_eq!(home.write("sys/leases/renew", given).await.status, 200);
    }
    assert_eq!(ended(&world), 0);
    let _ = ns1
        .write("sys/leases/revoke-prefix/db", json!({}))
        .await
        .expect(204);
    assert_eq!(ended(&world), 1, "only those of the namespace");
    assert_eq!(
        ns2.list("sys/leases/lookup/db/creds/app")
            .await
            .expect(200)
            .data("keys")
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn leases_below_end_with_their_token_above_and_by_time() {
    let (vault, world) = start().await;
    make(&vault, "ns1").await;
    let ns1 = In::root(&vault, "ns1");
    let _ = ns1
        .write("sys/mounts/db", json!({"type": "grants"}))
        .await
        .expect(204);
    vault
        .policy("above", r#"path "ns1/db/*" { capabilities = ["read"] }"#)
        .await;
    let above = vault.token(&["above"]).await;
    let _ = ns1.with(&above).read("db/creds/app").await.expect(200);
    let _ = ns1.read("db/creds/by-time").await.expect(200);
    let _ = vault
        .write("auth/token/revoke", json!({"token": above}))
        .await
        .expect(204);
    wait(&vault, 2).await;
    assert_eq!(ended(&world), 1);
    wait(&vault, 602).await;
    assert_eq!(
        ended(&world),
        2,
        "those of child namespaces are found by the expiry task"
    );
    let _: Arc<World> = world;
    let _ = Value::Null;
}
