//! Every stored format of every released version can be read: a store written by it, opened by this one.
//!
//! `ARCA_WRITE_SNAPSHOT=<file>` writes a snapshot and, beside it with `.json`, what opens it.
//! `ARCA_WRITE_STORE=<file>` writes a new one, `ARCA_WRITE_LOGINS_STORE=<file>` one of logins and limits,
//! `ARCA_WRITE_IDENTITY_TOKENS_STORE=<file>` one of identity tokens, `ARCA_WRITE_TENANTS_STORE=<file>` one of namespaces,
//! of limits in them and of what web pages are told; the files that are there never change.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::id;
use arca_core::engine::Catalog;
use arca_core::lifecycle::InitRequest;
use arca_core::seal::Seal;
use arca_storage::{Batch, MemoryStorage, Storage};
use arca_testkit::{TestServer, Unsealed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::namespaces::In;

const OLDEST: &str = include_str!("formats/store-1.json");
const OLDEST_LOGINS: &str = include_str!("formats/logins-1.json");
const OLDEST_IDENTITY_TOKENS: &str = include_str!("formats/identity-tokens-1.json");
const OLDEST_TENANTS: &str = include_str!("formats/tenants-1.json");
/// The first with groups.
const WITH_GROUPS: &str = include_str!("formats/store-2.json");

/// One record of each kind that is stored.
async fn furnish(vault: &Unsealed) -> Value {
    vault.mount("kv1", "kv").await;
    vault.mount("kv2", "kv-v2").await;
    let _ = vault.write("kv1/app/db", json!({"k": "v1"})).await.expect(204);
    let _ = vault
        .write("kv2/config", json!({"max_versions": 7}))
        .await
        .expect(204);
    let _ = vault
        .write("kv2/data/app/db", json!({"data": {"k": "old"}}))
        .await
        .expect(200);
    let _ = vault
        .write(
            "kv2/metadata/app/db",
            json!({"custom_metadata": {"owner": "team-a"}}),
        )
        .await
        .expect(204);
    let _ = vault.write("sys/rotate", json!({})).await.expect(204);
    let _ = vault
        .write("kv2/data/app/db", json!({"data": {"k": "new"}}))
        .await
        .expect(200);
    vault
        .policy("reader", r#"path "kv2/*" { capabilities = ["read"] }"#)
        .await;
    let role = json!({"allowed_entity_aliases": "*", "token_period": "8760h", "orphan": true});
    let _ = vault.write("auth/token/roles/app", role).await.expect(204);
    let made = json!({"entity_alias": "app-1", "policies": ["reader"]});
    let service = vault.write("auth/token/create/app", made).await.expect(200);
    let batch = vault
        .write(
            "auth/token/create",
            json!({"type": "batch", "policies": ["reader"], "ttl": "700h"}),
        )
        .await;
    let _ = vault
        .write_as(&service.token(), "cubbyhole/x", json!({"k": "v"}))
        .await;
    let wrapped = vault
        .write_wrapped("sys/wrapping/wrap", json!({"w": "x"}), 2_000_000)
        .await
        .expect(200);
    furnish_groups(vault, &service.body["auth"]["entity_id"]).await;
    let options = json!({"type": "file", "options": {"file_path": "discard"}});
    let _ = vault.write("sys/audit/discard", options).await.expect(204);
    json!({
        "unseal_key": vault.unseal_key,
        "root": vault.root,
        "service": service.token(),
        "entity": service.body["auth"]["entity_id"],
        "batch": batch.token(),
        "wrapping": wrapped.body["wrap_info"]["token"],
    })
}

/// One record of each kind that came with logins from a directory, second factors and limits.
async fn furnish_logins(vault: &Unsealed) -> Value {
    for kind in ["ldap", "userpass"] {
        let _ = vault
            .write(&format!("sys/auth/{kind}"), json!({ "type": kind }))
            .await
            .expect(204);
    }
    let config = json!({"url": "ldaps://directory.example.com", "bindpass": "b", "insecure_tls": true});
    let _ = vault.write("auth/ldap/config", config).await.expect(200);
    let group = json!({"policies": "dev"});
    let _ = vault.write("auth/ldap/groups/Dev", group).await.expect(204);
    let user = json!({"policies": "own", "groups": "a,b"});
    let _ = vault.write("auth/ldap/users/ann", user).await.expect(204);
    let _ = vault
        .write("auth/userpass/users/ann", json!({"password": "right"}))
        .await
        .expect(204);
    let method = vault
        .write("identity/mfa/method/totp", json!({"issuer": "Arca"}))
        .await
        .expect(200);
    let method = method.data("method_id").clone();
    let entity = vault
        .write("identity/entity", json!({"name": "ann"}))
        .await
        .expect(200);
    let key = json!({"method_id": method, "entity_id": entity.data("id")});
    let made = vault
        .write("identity/mfa/method/totp/admin-generate", key)
        .await
        .expect(200);
    let rule = json!({"mfa_method_ids": [method], "auth_method_types": "userpass"});
    let _ = vault
        .write("identity/mfa/login-enforcement/all", rule)
        .await
        .expect(204);
    let _ = vault
        .write("sys/quotas/rate-limit/all", json!({"rate": 1000.5}))
        .await
        .expect(204);
    let exempt = json!({"rate_limit_exempt_paths": "cubbyhole/*"});
    let _ = vault.write("sys/quotas/config", exempt).await.expect(204);
    json!({
        "unseal_key": vault.unseal_key,
        "root": vault.root,
        "method": method,
        "entity": entity.data("id"),
        "url": made.data("url"),
    })
}

/// One record of each kind that identity tokens have: a key with a former one, a role, and who they are from.
async fn furnish_identity_tokens(vault: &Unsealed) -> Value {
    let issuer = json!({"issuer": "https://ids.example"});
    let _ = vault.write("identity/oidc/config", issuer).await.expect(200);
    let key = json!({"algorithm": "EdDSA", "allowed_client_ids": "*", "verification_ttl": "240h"});
    let _ = vault.write("identity/oidc/key/k", key).await.expect(204);
    let _ = vault
        .write("identity/oidc/key/k/rotate", json!({}))
        .await
        .expect(204);
    let role = json!({"key": "k", "client_id": "c", "ttl": "240h", "template": "{\"a\": {{time.now}}}"});
    let _ = vault.write("identity/oidc/role/r", role).await.expect(204);
    let made = json!({"allowed_entity_aliases": "*"});
    let _ = vault.write("auth/token/roles/app", made).await.expect(204);
    vault
        .policy(
            "tokens",
            r#"path "identity/oidc/token/*" { capabilities = ["read"] }"#,
        )
        .await;
    let made = json!({"entity_alias": "app-1", "policies": ["tokens"], "ttl": "700h"});
    let holder = vault
        .write("auth/token/create/app", made)
        .await
        .expect(200)
        .token();
    let token = vault.read_as(&holder, "identity/oidc/token/r").await.expect(200);
    let published = vault.read("identity/oidc/.well-known/keys").await.expect(200);
    json!({
        "unseal_key": vault.unseal_key,
        "root": vault.root,
        "holder": holder,
        "token": token.data("token"),
        "published": published.body,
    })
}

/// One record of each kind that came with namespaces, limits of leases and of roles, and what web pages are told.
async fn furnish_tenants(vault: &Unsealed) -> Value {
    let texts = json!({"custom_metadata": {"owner": "ann"}});
    let team = vault.write("sys/namespaces/team", texts).await.expect(200);
    for path in ["team/app", "team/shut"] {
        let _ = vault
            .write(&format!("sys/namespaces/{path}"), json!({}))
            .await
            .expect(200);
    }
    let locked = vault
        .write("sys/namespaces/api-lock/lock/team/shut", json!({}))
        .await
        .expect(200);
    let app = In::root(vault, "team/app");
    let put = async |path: &str, data: Value| app.write(path, data).await.expect(204);
    let _ = put("sys/mounts/secret", json!({"type": "kv"})).await;
    let _ = put("secret/x", json!({"k": "v"})).await;
    let _ = put("sys/auth/approle", json!({"type": "approle"})).await;
    let role = json!({"bind_secret_id": false, "token_bound_cidrs": "127.0.0.1", "token_ttl": "700h"});
    let _ = put("auth/approle/role/ci", role).await;
    let _ = put("auth/approle/role/ci/role-id", json!({"role_id": "r"})).await;
    let login = app
        .with("")
        .write("auth/approle/login", json!({"role_id": "r"}))
        .await;
    let limit = json!({"path": "team/app/auth/approle", "role": "ci", "max_leases": 9, "rate": 1000});
    let inherited = json!({"path": "team", "inheritable": true, "max_leases": 90, "rate": 2000});
    for (name, data) in [("role", limit), ("team", inherited)] {
        for kind in ["rate-limit", "lease-count"] {
            // Each kind ignores, with a warning, what is of the other.
            let path = format!("sys/quotas/{kind}/{name}");
            let _ = vault.write(&path, data.clone()).await.expect(200);
        }
    }
    let cors = json!({"allowed_origins": "https://a.example.com", "allowed_headers": "X-Custom"});
    let _ = vault.write("sys/config/cors", cors).await.expect(204);
    let header = json!({"values": ["DENY", "SAMEORIGIN"]});
    let _ = vault
        .write("sys/config/ui/headers/X-Frame-Options", header)
        .await
        .expect(204);
    let hashed = json!({"hmac": true});
    let _ = vault
        .write("sys/config/auditing/request-headers/X-Correlation", hashed)
        .await
        .expect(204);
    let versions = vault.list("sys/version-history").await.expect(200);
    json!({
        "unseal_key": vault.unseal_key,
        "root": vault.root,
        "namespace": team.body["data"],
        "unlock_key": locked.data("unlock_key"),
        "token": login.token(),
        "versions": versions.body["data"],
    })
}

/// A group in a group, an external one with its alias, and an entity merged into the one that is a member.
async fn furnish_groups(vault: &Unsealed, entity: &Value) {
    let inner = json!({"name": "Inner", "metadata": {"team": "a"}, "member_entity_ids": [entity]});
    let inner = vault.write("identity/group", inner).await.expect(200);
    let outer = json!({"name": "outer", "policies": "default", "member_group_ids": inner.data("id")});
    let _ = vault.write("identity/group", outer).await.expect(200);
    let external = json!({"name": "external", "type": "external"});
    let external = vault.write("identity/group", external).await.expect(200);
    let mounts = vault.read("sys/auth").await.expect(200);
    let accessor = mounts.data("token~1/accessor");
    let alias = json!({"name": "cn=x", "mount_accessor": accessor, "canonical_id": external.data("id")});
    let _ = vault.write("identity/group-alias", alias).await.expect(200);
    let former = json!({"name": "former"});
    let former = vault.write("identity/entity", former).await.expect(200);
    let merge = json!({"from_entity_ids": former.data("id"), "to_entity_id": entity});
    let _ = vault.write("identity/entity/merge", merge).await.expect(204);
}

#[tokio::test]
async fn groups_are_read_from_the_first_store_that_has_them() {
    let (vault, known) = open(WITH_GROUPS).await;
    let entity = format!("identity/entity/id/{}", known["entity"].as_str().unwrap());
    let shown = vault.read(&entity).await.expect(200);
    let inner = vault.read("identity/group/name/inner").await.expect(200);
    let outer = vault.read("identity/group/name/outer").await.expect(200);
    assert_eq!(
        (
            shown.data("direct_group_ids/0"),
            shown.data("inherited_group_ids/0")
        ),
        (inner.data("id"), outer.data("id"))
    );
    assert_eq!(inner.data("metadata/team"), "a");
    assert_eq!(inner.data("member_entity_ids/0"), &known["entity"]);
    assert_eq!(shown.data("merged_entity_ids").as_array().unwrap().len(), 1);
    let names = vault.list("identity/group/name").await.expect(200);
    assert_eq!(names.data("keys"), &json!(["external", "Inner", "outer"]));
    let found = vault.read("identity/group/name/external").await.expect(200);
    let lookup = json!({
        "alias_name": "CN=X",
        "alias_mount_accessor": found.data("alias/mount_accessor"),
    });
    let by_alias = vault.write("identity/lookup/group", lookup).await.expect(200);
    assert_eq!(by_alias.data("name"), "external");
    let lookup = json!({"token": known["service"]});
    let token = vault.write("auth/token/lookup", lookup).await.expect(200);
    assert_eq!(token.data("identity_policies"), &json!(["default"]));
}

#[tokio::test]
async fn writes_stores_when_asked_to() {
    let vault = Unsealed::start().await;
    let known = furnish(&vault).await;
    write_store(&vault, &known, "ARCA_WRITE_STORE").await;
    let vault = Unsealed::start().await;
    let known = furnish_logins(&vault).await;
    write_store(&vault, &known, "ARCA_WRITE_LOGINS_STORE").await;
    let vault = Unsealed::start().await;
    let known = furnish_identity_tokens(&vault).await;
    write_store(&vault, &known, "ARCA_WRITE_IDENTITY_TOKENS_STORE").await;
    let vault = Unsealed::start().await;
    let known = furnish_tenants(&vault).await;
    write_store(&vault, &known, "ARCA_WRITE_TENANTS_STORE").await;
}

async fn write_store(vault: &Unsealed, known: &Value, variable: &str) {
    let Ok(path) = std::env::var(variable) else {
        return;
    };
    let records = vault
        .server
        .storage
        .read_range("", "", 10_000)
        .await
        .unwrap()
        .records;
    let records: BTreeMap<String, String> = records
        .into_iter()
        .map(|(key, entry)| (key, id::hex(&entry.sealed)))
        .collect();
    let text = serde_json::to_string_pretty(&json!({"known": known, "records": records})).unwrap();
    std::fs::write(path, text + "\n").unwrap();
}

/// A server on a store that was written earlier.
async fn open(text: &str) -> (Unsealed, Value) {
    let store: Value = serde_json::from_str(text).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let mut batch = Batch::new();
    for (key, value) in store["records"].as_object().unwrap() {
        batch = batch.put(key.clone(), id::unhex(value.as_str().unwrap()).unwrap());
    }
    storage.commit(batch).await.unwrap();
    let known = store["known"].clone();
    let text = |name: &str| known[name].as_str().unwrap().to_owned();
    let server = TestServer::on(storage, Catalog::new(), Seal::Shamir, 99);
    server.core.lifecycle().unseal(&text("unseal_key")).await.unwrap();
    let (root, unseal_key) = (text("root"), text("unseal_key"));
    (
        Unsealed {
            server,
            root,
            unseal_key,
        },
        known,
    )
}

#[tokio::test]
async fn the_oldest_store_is_read_whole() {
    let (vault, known) = open(OLDEST).await;
    assert_eq!(vault.read("kv1/app/db").await.expect(200).data("k"), "v1");
    assert_eq!(vault.read("kv2/config").await.expect(200).data("max_versions"), 7);
    let current = vault.read("kv2/data/app/db").await.expect(200);
    assert_eq!(
        (
            current.data("data/k"),
            current.data("metadata/custom_metadata/owner")
        ),
        (&json!("new"), &json!("team-a"))
    );
    let old = vault
        .query("kv2/data/app/db", json!({"version": 1}))
        .await
        .expect(200);
    assert_eq!(old.data("data/k"), "old", "sealed with the first data key");
    assert_eq!(vault.read("sys/key-status").await.expect(200).data("term"), 2);
    for token in ["service", "batch"] {
        let token = known[token].as_str().unwrap();
        let _ = vault.read_as(token, "kv2/data/app/db").await.expect(200);
        let _ = vault.read_as(token, "kv1/app/db").await.expect(403);
    }
    let entity = vault
        .read(&format!(
            "identity/entity/id/{}",
            known["entity"].as_str().unwrap()
        ))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), "app-1");
    assert_eq!(entity.data("group_ids"), &json!([]), "there were no groups");
    let names = vault.list("identity/entity/name").await.expect(200);
    assert_eq!(names.data("keys/0"), entity.data("name"));
    let role = vault.read("auth/token/roles/app").await.expect(200);
    assert_eq!(role.data("token_period"), 8760 * 3600);
    let opened = vault
        .write_as(
            known["wrapping"].as_str().unwrap(),
            "sys/wrapping/unwrap",
            json!({}),
        )
        .await
        .expect(200);
    assert_eq!(opened.data("w"), "x");
    let devices = vault.read("sys/audit").await.expect(200);
    assert_eq!(devices.data("discard~1/options/file_path"), "discard");
    // And it can be worked with.
    let _ = vault
        .write("kv2/data/app/db", json!({"data": {"k": "newer"}}))
        .await
        .expect(200);
    let _ = vault
        .write("auth/token/revoke", json!({"token": known["service"]}))
        .await
        .expect(204);
}

#[tokio::test]
async fn the_oldest_store_of_logins_is_read_whole() {
    let (vault, known) = open(OLDEST_LOGINS).await;
    let config = vault.read("auth/ldap/config").await.expect(200);
    assert_eq!(
        (config.data("url"), config.data("insecure_tls")),
        (&json!("ldaps://directory.example.com"), &json!(true))
    );
    let group = vault.read("auth/ldap/groups/dev").await.expect(200);
    assert_eq!(group.data("policies"), &json!(["dev"]));
    let user = vault.read("auth/ldap/users/ann").await.expect(200);
    assert_eq!(user.data("groups"), "a,b");
    let method = known["method"].as_str().unwrap();
    let read = vault
        .read(&format!("identity/mfa/method/totp/{method}"))
        .await
        .expect(200);
    assert_eq!(read.data("issuer"), "Arca");
    let waits = vault
        .server
        .request(
            arca_base::Operation::Update,
            "auth/userpass/login/ann",
            None,
            json!({"password": "right"}),
            None,
        )
        .await
        .expect(200);
    let constraints = &waits.body["auth"]["mfa_requirement"]["mfa_constraints"];
    assert_eq!(constraints["all"]["any"][0]["id"], known["method"]);
    let key = json!({"method_id": method, "entity_id": known["entity"]});
    let again = vault
        .write("identity/mfa/method/totp/admin-generate", key)
        .await
        .expect(200);
    assert!(
        again.body["warnings"][0]
            .as_str()
            .unwrap()
            .starts_with("Entity already has a secret")
    );
    let quota = vault.read("sys/quotas/rate-limit/all").await.expect(200);
    assert_eq!(quota.data("rate"), 1000.5);
    let config = vault.read("sys/quotas/config").await.expect(200);
    assert_eq!(config.data("rate_limit_exempt_paths"), &json!(["cubbyhole/*"]));
}

#[tokio::test]
async fn the_oldest_store_of_identity_tokens_is_read_whole() {
    let (vault, known) = open(OLDEST_IDENTITY_TOKENS).await;
    let config = vault.read("identity/oidc/config").await.expect(200);
    assert_eq!(config.data("issuer"), "https://ids.example");
    let published = vault.read("identity/oidc/.well-known/keys").await.expect(200);
    assert_eq!(published.body, known["published"]);
    assert_eq!(published.body["keys"].as_array().unwrap().len(), 3);
    let introspect = |token: Value| {
        let vault = &vault;
        async move {
            let data = json!({"token": token, "client_id": "c"});
            vault
                .write("identity/oidc/introspect", data)
                .await
                .expect(200)
                .body
        }
    };
    assert_eq!(introspect(known["token"].clone()).await, json!({"active": true}));
    let holder = known["holder"].as_str().unwrap();
    let next = vault.read_as(holder, "identity/oidc/token/r").await.expect(200);
    assert_eq!(
        introspect(next.data("token").clone()).await,
        json!({"active": true})
    );
}

#[tokio::test]
async fn the_oldest_store_of_tenants_is_read_whole() {
    let (vault, known) = open(OLDEST_TENANTS).await;
    let team = vault.read("sys/namespaces/team").await.expect(200);
    assert_eq!(team.body["data"], known["namespace"]);
    assert_eq!(team.data("custom_metadata/owner"), "ann");
    let app = In::root(&vault, "team/app");
    let token = known["token"].as_str().unwrap();
    let me = app.with(token).read("auth/token/lookup-self").await.expect(200);
    assert_eq!(me.data("namespace_path"), "team/app/");
    assert_eq!(app.read("secret/x").await.expect(200).data("k"), "v");
    let shut = In::root(&vault, "team/shut");
    assert_eq!(shut.read("sys/mounts").await.status, 503);
    let key = json!({"unlock_key": known["unlock_key"]});
    let _ = shut
        .write("sys/namespaces/api-lock/unlock", key)
        .await
        .expect(204);
    let _ = shut.read("sys/mounts").await.expect(200);
    for (name, path, role, inherited, most, rate, counter) in [
        ("role", "team/app/auth/approle/", "ci", false, 9, 1000.0, 1),
        ("team", "team/", "", true, 90, 2000.0, 1),
    ] {
        let requests = vault.read(&format!("sys/quotas/rate-limit/{name}")).await;
        let requests = requests.expect(200).body["data"].clone();
        assert_eq!(
            requests,
            json!({
                "type": "rate-limit", "name": name, "path": path, "role": role, "rate": rate, "interval": 1,
                "block_interval": 0, "inheritable": inherited, "group_by": "ip",
            })
        );
        let leases = vault.read(&format!("sys/quotas/lease-count/{name}")).await;
        let leases = leases.expect(200).body["data"].clone();
        assert_eq!(
            leases,
            json!({
                "type": "lease-count", "name": name, "path": path, "role": role, "max_leases": most,
                "counter": counter, "inheritable": inherited,
            })
        );
    }
    // A mount goes with every entry of its tokens.
    let gone = app.ask(arca_base::Operation::Delete, "sys/auth/approle", Value::Null);
    let _ = gone.await.expect(204);
    assert_eq!(app.with(token).read("auth/token/lookup-self").await.status, 403);
    let cors = vault.read("sys/config/cors").await.expect(200);
    assert_eq!(cors.data("allowed_origins"), &json!(["https://a.example.com"]));
    let path = "sys/config/ui/headers/X-Frame-Options";
    let header = vault.query(path, json!({"multivalue": true})).await.expect(200);
    assert_eq!(header.data("values"), &json!(["DENY", "SAMEORIGIN"]));
    let path = "sys/config/auditing/request-headers/x-correlation";
    let audited = vault.read(path).await.expect(200);
    assert_eq!(audited.data("x-correlation/hmac"), &json!(true));
    let versions = vault.list("sys/version-history").await.expect(200);
    for (version, info) in known["versions"]["key_info"].as_object().unwrap() {
        assert_eq!(
            versions.body["data"]["key_info"][version]["timestamp_installed"],
            info["timestamp_installed"]
        );
    }
}

/// The first snapshot, and what opens it.
const OLDEST_SNAPSHOT: &[u8] = include_bytes!("formats/snapshot-1.snap");
const OLDEST_SNAPSHOT_KEYS: &str = include_str!("formats/snapshot-1.json");

#[tokio::test]
async fn writes_a_snapshot_when_asked_to() {
    let Ok(path) = std::env::var("ARCA_WRITE_SNAPSHOT") else {
        return;
    };
    let vault = Unsealed::start().await;
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/app", json!({"k": "v"})).await.expect(204);
    let file = crate::snapshots::save(&vault.server, &vault.root).await;
    std::fs::write(&path, file).unwrap();
    let known = json!({"unseal_key": vault.unseal_key, "root": vault.root});
    std::fs::write(
        std::path::Path::new(&path).with_extension("json"),
        known.to_string(),
    )
    .unwrap();
}

#[tokio::test]
async fn the_oldest_snapshot_is_restored() {
    let known: Value = serde_json::from_str(OLDEST_SNAPSHOT_KEYS).unwrap();
    let text = |name: &str| known[name].as_str().unwrap();
    let vault = Unsealed::start().await;
    let path = "sys/storage/raft/snapshot-force";
    let reply = crate::snapshots::restore(&vault.server, &vault.root, path, OLDEST_SNAPSHOT).await;
    assert_eq!(reply.status, 204, "{}", reply.body.0);
    vault
        .server
        .core
        .lifecycle()
        .unseal(text("unseal_key"))
        .await
        .unwrap();
    let read = vault.read_as(text("root"), "kv/app").await.expect(200);
    assert_eq!(read.data("k"), "v");
}

/// The row of former shares as it was first written.
#[tokio::test]
async fn former_shares_of_the_first_form_open() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let one = || InitRequest {
        secret_shares: 1,
        secret_threshold: 1,
        ..InitRequest::default()
    };
    let server = || TestServer::on(storage.clone(), Catalog::new(), Seal::Shamir, 1);
    let first = server();
    let init = first.core.lifecycle().initialize(one()).await.unwrap();
    let share = id::hex(init.keys[0].expose());
    let sealed = storage.get("core/seal/root-key").await.unwrap().unwrap().sealed;
    let former = |version: u32| {
        let sealed = STANDARD.encode(&sealed);
        let config = r#"{"version":1,"type":"shamir","shares":1,"threshold":1}"#;
        format!(r#"{{"version":{version},"config":{config},"sealed":"{sealed}"}}"#)
    };
    // Shares nobody has: those in force do not open what is stored now.
    let elsewhere: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let other = TestServer::on(elsewhere.clone(), Catalog::new(), Seal::Shamir, 9);
    let _ = other.core.lifecycle().initialize(one()).await.unwrap();
    let strange = elsewhere.get("core/seal/root-key").await.unwrap().unwrap();
    let put = |version: u32| {
        Batch::new()
            .put("core/seal/root-key", strange.sealed.clone())
            .put("core/seal/former", former(version).into_bytes())
    };
    storage.commit(put(2)).await.unwrap();
    assert!(
        server().core.lifecycle().unseal(&share).await.is_err(),
        "a newer form is refused"
    );
    storage.commit(put(1)).await.unwrap();
    let opened = server();
    opened.core.lifecycle().unseal(&share).await.unwrap();
    assert!(!opened.core.lifecycle().is_sealed());
}
