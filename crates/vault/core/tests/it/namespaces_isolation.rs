//! Namespaces: tokens, accessors, leases, identities and wrapped answers across them.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

use crate::namespaces::{In, furnish, keys_with, make};

const ALL: &str =
    r#"path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }"#;

#[tokio::test]
async fn a_token_acts_in_its_namespace_and_below_and_nowhere_else() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv").await;
    let _ = vault.write("secret/x", json!({"at": "root"})).await.expect(204);
    for path in ["ns1", "ns1/sub", "ns2"] {
        furnish(&vault, path).await;
        let _ = In::root(&vault, path)
            .write("secret/x", json!({"at": path}))
            .await
            .expect(204);
    }
    let ns1 = In::root(&vault, "ns1");
    ns1.policy("all", ALL).await;
    let token = ns1.token(&["all"]).await;
    assert!(
        token.starts_with("hvs.") && token.matches('.').count() == 2,
        "{token}"
    );
    for (namespace, path, expected) in [
        ("ns1", "secret/x", 200),
        ("ns1", "sub/secret/x", 200),
        ("ns1/sub", "secret/x", 200),
        ("", "ns1/secret/x", 200),
        ("", "ns1/sub/secret/x", 200),
        ("", "secret/x", 403),
        ("ns2", "secret/x", 403),
        ("", "ns2/secret/x", 403),
        ("", "sys/mounts", 403),
        ("", "sys/namespaces/ns1", 403),
    ] {
        let answer = In {
            namespace,
            vault: &vault,
            token: token.clone(),
        }
        .read(path)
        .await;
        assert_eq!(answer.status, expected, "{namespace} {path} {}", answer.body);
    }
    // The same name in another namespace is another policy.
    In::root(&vault, "ns2").policy("all", ALL).await;
    let listed = In::root(&vault, "ns1")
        .with(&token)
        .list("sys/namespaces")
        .await
        .expect(200);
    assert_eq!(listed.data("keys"), &json!(["sub/"]));
    // What a token says of itself is asked of its own namespace, whatever the request names.
    for namespace in ["ns1", "", "ns2"] {
        let own = In {
            namespace,
            vault: &vault,
            token: token.clone(),
        }
        .read("auth/token/lookup-self")
        .await;
        assert_eq!(own.expect(200).data("namespace_path"), "ns1/", "{namespace}");
    }
    let cut = &token[..token.len() - 1];
    for forged in [
        cut,
        &format!("{token}x"),
        &format!("{}.{}", &token[..28], "000000"),
        &token[..28],
    ] {
        assert_eq!(ns1.with(forged).read("secret/x").await.status, 403, "{forged}");
    }
}

#[tokio::test]
async fn policies_above_name_paths_with_the_namespace_in_front() {
    let vault = Unsealed::start().await;
    vault.mount("secret", "kv").await;
    furnish(&vault, "ns1").await;
    furnish(&vault, "ns1/sub").await;
    let ns1 = In::root(&vault, "ns1");
    let _ = ns1.write("secret/x", json!({"k": "v"})).await.expect(204);
    vault
        .policy("into", r#"path "ns1/secret/*" { capabilities = ["read"] }"#)
        .await;
    vault
        .policy("own", r#"path "secret/*" { capabilities = ["read"] }"#)
        .await;
    let (into, own) = (vault.token(&["into"]).await, vault.token(&["own"]).await);
    assert_eq!(ns1.with(&into).read("secret/x").await.status, 200);
    assert_eq!(vault.read_as(&into, "ns1/secret/x").await.status, 200);
    assert_eq!(ns1.with(&own).read("secret/x").await.status, 403);
    assert_eq!(vault.read_as(&into, "secret/x").await.status, 403);
    assert_eq!(
        In::root(&vault, "ns1/sub")
            .with(&into)
            .read("secret/x")
            .await
            .status,
        403
    );
    let seen = ns1
        .with(&into)
        .write("sys/capabilities-self", json!({"paths": ["secret/x"]}))
        .await;
    assert_eq!(seen.status, 403, "the default policy is about the own namespace");
    vault
        .policy(
            "more",
            r#"path "ns1/sys/*" { capabilities = ["read", "update"] }"#,
        )
        .await;
    let more = vault.token(&["into", "more"]).await;
    let seen = ns1
        .with(&more)
        .write("sys/capabilities-self", json!({"paths": ["secret/x"]}))
        .await
        .expect(200);
    assert_eq!(seen.data("secret~1x"), &json!(["read"]));
    let explained = ns1
        .with(&more)
        .write(
            "sys/policies/explain",
            json!({"operation": "read", "path": "secret/x"}),
        )
        .await
        .expect(200);
    assert_eq!(explained.data("allowed"), true);
    let mounts = ns1.with(&more).read("sys/internal/ui/mounts").await.expect(200);
    assert!(
        mounts.body["data"]["secret"].get("secret/").is_some(),
        "{}",
        mounts.body
    );
    let shown = vault
        .read_as(&more, "sys/internal/ui/namespaces")
        .await
        .expect(200);
    assert_eq!(shown.data("keys"), &json!(["", "ns1/"]));
    let closed = vault
        .read_as(&own, "sys/internal/ui/namespaces")
        .await
        .expect(200);
    assert_eq!(closed.data("keys"), &json!([""]));
}

#[tokio::test]
async fn an_accessor_of_another_namespace_is_none() {
    let vault = Unsealed::start().await;
    make(&vault, "ns1").await;
    make(&vault, "ns2").await;
    let (root, ns1, ns2) = (
        In::root(&vault, ""),
        In::root(&vault, "ns1"),
        In::root(&vault, "ns2"),
    );
    ns1.policy("all", ALL).await;
    let victims = [
        root.token(&["default"]).await,
        ns1.token(&["default"]).await,
        ns2.token(&["default"]).await,
    ];
    for (home, victim) in [&root, &ns1, &ns2].into_iter().zip(&victims) {
        let shown = home.with(victim).read("auth/token/lookup-self").await.expect(200);
        let accessor = shown.data("accessor").as_str().unwrap().to_owned();
        assert_eq!(accessor.contains('.'), !home.namespace.is_empty());
        for other in [&root, &ns1, &ns2] {
            let expected = other.namespace == home.namespace;
            for path in ["lookup-accessor", "renew-accessor"] {
                let answer = other
                    .write(&format!("auth/token/{path}"), json!({"accessor": accessor}))
                    .await;
                assert_eq!(
                    answer.status == 200,
                    expected,
                    "{path} {} {}",
                    other.namespace,
                    answer.body
                );
            }
            let capabilities = json!({"accessor": accessor, "path": "a"});
            let answer = other.write("sys/capabilities-accessor", capabilities).await;
            assert_eq!(answer.status == 200, expected);
            let answer = other.write("auth/token/lookup", json!({"token": victim})).await;
            assert_eq!(answer.status == 200, expected);
            if !expected {
                let cut = accessor.split('.').next().unwrap();
                for given in [&*accessor, cut] {
                    let answer = other
                        .write("auth/token/revoke-accessor", json!({"accessor": given}))
                        .await;
                    assert_eq!(answer.body["warnings"][0], "No token found with this accessor");
                }
                let _ = other.write("auth/token/revoke", json!({"token": victim})).await;
                let _ = other
                    .write("auth/token/revoke-orphan", json!({"token": victim}))
                    .await;
            }
        }
        assert_eq!(
            home.with(victim).read("auth/token/lookup-self").await.status,
            200,
            "still there"
        );
        let listed = home.list("auth/token/accessors").await.expect(200);
        assert!(listed.data("keys").as_array().unwrap().contains(&json!(accessor)));
    }
}

#[tokio::test]
async fn a_parent_above_takes_its_tokens_below_with_it() {
    let vault = Unsealed::start().await;
    furnish(&vault, "ns1").await;
    let ns1 = In::root(&vault, "ns1");
    ns1.policy(
        "read",
        r#"path "secret/*" { capabilities = ["create", "read", "update"] }"#,
    )
    .await;
    vault
        .policy(
            "admin",
            r#"path "ns1/*" { capabilities = ["create", "update", "read", "sudo"] }"#,
        )
        .await;
    vault
        .policy(
            "weak",
            r#"path "ns1/*" { capabilities = ["create", "update", "read"] }"#,
        )
        .await;
    let weak = vault.token(&["weak"]).await;
    let refused = ns1
        .with(&weak)
        .write("auth/token/create", json!({"policies": ["read"]}))
        .await
        .expect(403);
    assert!(
        refused.error().contains("sudo privileges required"),
        "{}",
        refused.error()
    );
    for (data, part) in [
        (
            json!({"policies": ["root"]}),
            "root tokens may not be created in a namespace",
        ),
        (
            json!({"id": "mine", "policies": ["read"]}),
            "id can be chosen in the root namespace only",
        ),
    ] {
        let refused = ns1.write("auth/token/create", data).await.expect(400);
        assert!(refused.error().contains(part), "{}", refused.error());
    }
    let bare = ns1.write("auth/token/create", json!({})).await.expect(200);
    assert_eq!(
        bare.body["auth"]["token_policies"],
        json!(["default"]),
        "not those of the parent"
    );

    let parent = vault.token(&["admin"]).await;
    let child = ns1.with(&parent).token(&["read"]).await;
    let orphan = json!({"policies": ["read"]});
    let orphan = ns1
        .with(&parent)
        .write("auth/token/create-orphan", orphan)
        .await
        .expect(200)
        .token();
    let batch = json!({"type": "batch", "policies": ["read"]});
    let batch = ns1
        .with(&parent)
        .write("auth/token/create", batch)
        .await
        .expect(200)
        .token();
    let grandchild = json!({"policies": ["read"]});
    ns1.policy(
        "make",
        r#"path "auth/token/create" { capabilities = ["update"] }"#,
    )
    .await;
    let maker = ns1.with(&parent).token(&["read", "make"]).await;
    let grandchild = ns1
        .with(&maker)
        .write("auth/token/create", grandchild)
        .await
        .expect(200)
        .token();
    for token in [&child, &orphan, &batch, &grandchild] {
        let _ = ns1
            .with(token)
            .write("secret/x", json!({"k": "v"}))
            .await
            .expect(204);
    }
    let _ = vault
        .write("auth/token/revoke", json!({"token": parent}))
        .await
        .expect(204);
    for token in [&child, &batch] {
        assert_eq!(ns1.with(token).read("secret/x").await.status, 403, "at once");
    }
    vault.advance(2).await;
    assert_eq!(ns1.with(&grandchild).read("secret/x").await.status, 403);
    assert_eq!(ns1.with(&orphan).read("secret/x").await.status, 200);
}

#[tokio::test]
async fn identities_policies_and_logins_are_of_their_namespace() {
    let vault = Unsealed::start().await;
    for path in ["ns1", "ns2"] {
        furnish(&vault, path).await;
        let there = In::root(&vault, path);
        let _ = there
            .write("sys/auth/userpass", json!({"type": "userpass"}))
            .await
            .expect(204);
        let user = json!({"password": "p", "token_policies": ["reader"]});
        let _ = there.write("auth/userpass/users/ann", user).await.expect(204);
        let _ = there.write("secret/x", json!({"at": path})).await.expect(204);
    }
    In::root(&vault, "ns1")
        .policy(
            "reader",
            r#"path "secret/{{identity.entity.name}}" { capabilities = ["read"] }"#,
        )
        .await;
    let login = |namespace: &'static str, password: &'static str| {
        let data = json!({ "password": password });
        vault.server.request_in(
            namespace,
            Operation::Update,
            "auth/userpass/login/ann",
            None,
            data,
            None,
        )
    };
    let ns1 = login("ns1", "p").await.expect(200);
    let ns2 = login("ns2", "p").await.expect(200);
    assert_ne!(ns1.body["auth"]["entity_id"], ns2.body["auth"]["entity_id"]);
    let entity = ns1.body["auth"]["entity_id"].as_str().unwrap();
    assert_eq!(
        In::root(&vault, "ns1")
            .read(&format!("identity/entity/id/{entity}"))
            .await
            .status,
        200
    );
    assert_eq!(
        In::root(&vault, "ns2")
            .read(&format!("identity/entity/id/{entity}"))
            .await
            .status,
        404
    );
    assert_eq!(
        vault.read(&format!("identity/entity/id/{entity}")).await.status,
        404
    );
    let _ = In::root(&vault, "ns1")
        .write(&format!("identity/entity/id/{entity}"), json!({"name": "x"}))
        .await
        .expect(204);
    assert_eq!(
        In::root(&vault, "ns1")
            .with(&ns1.token())
            .read("secret/x")
            .await
            .status,
        200
    );
    assert_eq!(
        In::root(&vault, "ns2")
            .with(&ns2.token())
            .read("secret/x")
            .await
            .status,
        403,
        "no such policy there"
    );
    assert_eq!(login("", "p").await.status, 403);
    // Locked out in one namespace, and in no other.
    for _ in 0..5 {
        assert_eq!(login("ns1", "wrong").await.status, 400);
    }
    assert_eq!(login("ns1", "p").await.status, 403);
    assert_eq!(login("ns2", "p").await.status, 200);
    let locked = In::root(&vault, "ns1").read("sys/locked-users").await.expect(200);
    assert_eq!(locked.body["data"]["by_namespace"][0]["namespace_path"], "ns1/");
    assert_eq!(
        In::root(&vault, "ns2")
            .read("sys/locked-users")
            .await
            .data("total"),
        0
    );
    assert_eq!(vault.read("sys/locked-users").await.data("total"), 0);
}

#[tokio::test]
async fn a_wrapped_answer_opens_from_anywhere_for_whoever_has_its_token() {
    let vault = Unsealed::start().await;
    furnish(&vault, "ns1").await;
    make(&vault, "ns2").await;
    let id = make(&vault, "ns3").await;
    let wrap = || {
        let data = json!({"k": "v"});
        vault.server.request_in(
            "ns1",
            Operation::Update,
            "sys/wrapping/wrap",
            Some(&vault.root),
            data,
            Some(60),
        )
    };
    for (namespace, as_caller) in [
        ("ns1", true),
        ("ns1", false),
        ("", true),
        ("", false),
        ("ns2", true),
        ("ns2", false),
    ] {
        let wrapped = wrap().await.expect(200);
        let token = wrapped.body["wrap_info"]["token"].as_str().unwrap().to_owned();
        assert_eq!(token.matches('.').count(), 2, "{token}");
        let there = In::root(&vault, namespace);
        let looked = there
            .write("sys/wrapping/lookup", json!({"token": token}))
            .await
            .expect(200);
        assert_eq!(looked.data("creation_path"), "sys/wrapping/wrap");
        let opened = match as_caller {
            true => there.with(&token).write("sys/wrapping/unwrap", json!({})).await,
            false => there.write("sys/wrapping/unwrap", json!({"token": token})).await,
        };
        assert_eq!(opened.expect(200).data("k"), "v", "{namespace} {as_caller}");
        let again = there.write("sys/wrapping/unwrap", json!({"token": token})).await;
        assert_eq!(again.status, 400, "once");
    }
    let wrapped = wrap().await.expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap();
    let moved = In::root(&vault, "ns2")
        .write("sys/wrapping/rewrap", json!({"token": token}))
        .await
        .expect(200);
    let token = moved.body["wrap_info"]["token"].as_str().unwrap();
    let forged = format!("{}.{id}", &token[..28]);
    assert_eq!(
        vault
            .write("sys/wrapping/unwrap", json!({"token": forged}))
            .await
            .status,
        400
    );
    assert_eq!(
        vault
            .write("sys/wrapping/unwrap", json!({"token": token}))
            .await
            .expect(200)
            .data("k"),
        "v"
    );
}

#[tokio::test]
async fn a_cubbyhole_is_in_the_namespace_of_its_token() {
    let vault = Unsealed::start().await;
    let id = make(&vault, "ns1").await;
    let ns1 = In::root(&vault, "ns1");
    let refused = ns1.write("cubbyhole/x", json!({"k": "v"})).await.expect(400);
    assert!(
        refused.error().contains("in the namespace of its token"),
        "{}",
        refused.error()
    );
    ns1.policy(
        "c",
        r#"path "cubbyhole/*" { capabilities = ["create", "read", "update"] }"#,
    )
    .await;
    let token = ns1.token(&["c"]).await;
    let _ = ns1
        .with(&token)
        .write("cubbyhole/x", json!({"k": "v"}))
        .await
        .expect(204);
    assert_eq!(
        ns1.with(&token).read("cubbyhole/x").await.expect(200).data("k"),
        "v"
    );
    assert_eq!(keys_with(&vault, &format!("ns/{id}/cubbyhole/")).await.len(), 1);
    let _ = ns1.with(&token).write("auth/token/revoke-self", json!({})).await;
    let _ = ns1
        .write("auth/token/revoke", json!({"token": token}))
        .await
        .expect(204);
    assert!(keys_with(&vault, &format!("ns/{id}/cubbyhole/")).await.is_empty());
}

#[tokio::test]
async fn limits_of_the_root_namespace_hold_for_namespaces_by_their_paths() {
    let vault = Unsealed::start().await;
    furnish(&vault, "ns1").await;
    furnish(&vault, "ns2").await;
    let rule = json!({"path": "ns1/", "rate": 2, "interval": "60s"});
    let _ = vault
        .write("sys/quotas/rate-limit/tenant", rule)
        .await
        .expect(204);
    let ns1 = In::root(&vault, "ns1");
    assert_ne!(ns1.read("secret/x").await.status, 429);
    assert_ne!(vault.read("ns1/secret/x").await.status, 429);
    assert_eq!(ns1.read("secret/x").await.status, 429);
    assert_eq!(vault.read("ns1/secret/x").await.status, 429);
    assert_ne!(In::root(&vault, "ns2").read("secret/x").await.status, 429);
    let none = json!({"path": "ns3/", "rate": 2});
    assert_eq!(vault.write("sys/quotas/rate-limit/none", none).await.status, 400);
    let _ = Value::Null;
}
