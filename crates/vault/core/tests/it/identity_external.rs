//! External groups: what a login and its renewals say, through an auth method of the test's own.

use std::sync::Arc;

use arca_api::database::Name;
use arca_base::Ttl;
use arca_core::Fault;
use arca_core::engine::{
    Answer, Catalog, ClientInfo, Cx, Engine, Factory, Login, LoginRenewal, Site, Table, TokenTerms,
};
use arca_core::seal::Seal;
use arca_core::tokens::Token;
use arca_storage::MemoryStorage;
use arca_testkit::{TestServer, Unsealed};
use parking_lot::Mutex;
use serde_json::json;

/// What the directory says today; `None` when it cannot be asked at renewal.
#[derive(Default)]
struct World {
    groups: Mutex<Vec<String>>,
    renewal: Mutex<Option<Vec<String>>>,
}

/// A double of a method with a directory: everybody is who they say.
struct Directory(Arc<World>);

arca_api::endpoints! {
    /// Log in.
    LogIn = Update "login/{name}" => Name;
}

fn terms() -> TokenTerms {
    TokenTerms {
        ttl: Ttl::from_seconds(600),
        renewable: true,
        ..TokenTerms::default()
    }
}

async fn log_in(engine: Arc<Directory>, _: Cx, request: Name) -> Result<Answer, Fault> {
    Ok(Answer::login(Login {
        alias: request.name.clone(),
        display_name: request.name,
        groups: engine.0.groups.lock().clone(),
        terms: terms(),
        ..Login::default()
    }))
}

impl Engine for Directory {
    fn routes() -> Table<Self> {
        Table::new().on::<LogIn, _, _>(log_in).anonymous()
    }

    async fn renew_login(
        self: Arc<Self>,
        _: Site,
        _: Arc<Token>,
        _: Arc<ClientInfo>,
    ) -> Result<Option<LoginRenewal>, Fault> {
        let groups = self.0.renewal.lock().clone();
        Ok(Some(LoginRenewal {
            terms: terms(),
            groups,
        }))
    }
}

/// A server with two mounts of the method, and a secret that `reader` may read.
async fn start() -> (Unsealed, Arc<World>) {
    let world = Arc::new(World::default());
    let shared = world.clone();
    let factory = Factory::new(move |_| Directory(shared.clone()));
    let catalog = Catalog::new().auth("directory", factory);
    let vault = TestServer::on(Arc::new(MemoryStorage::new()), catalog, Seal::Shamir, 5)
        .unsealed()
        .await;
    for path in ["corp", "other"] {
        let mount = json!({"type": "directory"});
        let _ = vault.write(&format!("sys/auth/{path}"), mount).await.expect(204);
    }
    vault.mount("kv", "kv").await;
    let _ = vault.write("kv/a", json!({"k": "v"})).await.expect(204);
    vault
        .policy("reader", r#"path "kv/*" { capabilities = ["read"] }"#)
        .await;
    (vault, world)
}

/// An external group with an alias; returns its identifier.
async fn external(vault: &Unsealed, name: &str, mount: &str, alias: &str) -> String {
    let group = json!({"name": name, "type": "external", "policies": "reader"});
    let group = vault.write("identity/group", group).await.expect(200);
    let mounts = vault.read("sys/auth").await.expect(200);
    let accessor = &mounts.body["data"][format!("{mount}/")]["accessor"];
    let alias = json!({"name": alias, "mount_accessor": accessor, "canonical_id": group.data("id")});
    let _ = vault.write("identity/group-alias", alias).await.expect(200);
    group.data("id").as_str().unwrap().to_owned()
}

async fn members(vault: &Unsealed, group: &str) -> usize {
    let shown = vault
        .read(&format!("identity/group/id/{group}"))
        .await
        .expect(200);
    shown.data("member_entity_ids").as_array().unwrap().len()
}

#[tokio::test]
async fn a_login_says_who_is_in_which_external_group() {
    let (vault, world) = start().await;
    let admins = external(&vault, "admins", "corp", "cn=Admins").await;
    let elsewhere = external(&vault, "elsewhere", "other", "cn=admins").await;
    *world.groups.lock() = vec!["cn=admins".to_owned(), "cn=unknown".to_owned()];
    let login = vault
        .write_as("", "auth/corp/login/ada", json!({}))
        .await
        .expect(200);
    let auth = &login.body["auth"];
    assert_eq!(auth["identity_policies"], json!(["reader"]));
    assert_eq!(auth["policies"], json!(["default", "reader"]));
    assert_eq!(auth["token_policies"], json!(["default"]));
    let _ = vault.read_as(&login.token(), "kv/a").await.expect(200);
    assert_eq!(
        (members(&vault, &admins).await, members(&vault, &elsewhere).await),
        (1, 0),
        "the mount counts, not the name alone"
    );
    // A group set by hand stays when the directory forgets its own.
    let entity = auth["entity_id"].as_str().unwrap();
    let by_hand = json!({"name": "by-hand", "member_entity_ids": entity});
    let by_hand = vault.write("identity/group", by_hand).await.expect(200);
    world.groups.lock().clear();
    let again = vault
        .write_as("", "auth/corp/login/ada", json!({}))
        .await
        .expect(200);
    assert_eq!(again.body["auth"].get("identity_policies"), None);
    assert_eq!(members(&vault, &admins).await, 0);
    assert_eq!(members(&vault, by_hand.data("id").as_str().unwrap()).await, 1);
    let _ = vault.read_as(&login.token(), "kv/a").await.expect(403);
}

#[tokio::test]
async fn a_renewal_refreshes_what_the_login_said() {
    let (vault, world) = start().await;
    let admins = external(&vault, "admins", "corp", "admins").await;
    let login = vault
        .write_as("", "auth/corp/login/ada", json!({}))
        .await
        .expect(200);
    let token = login.token();
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    *world.renewal.lock() = Some(vec!["admins".to_owned()]);
    let renewed = vault
        .write_as(&token, "auth/token/renew-self", json!({}))
        .await
        .expect(200);
    assert_eq!(renewed.body["auth"]["identity_policies"], json!(["reader"]));
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    *world.renewal.lock() = None;
    let _ = vault
        .write_as(&token, "auth/token/renew-self", json!({}))
        .await
        .expect(200);
    let _ = vault.read_as(&token, "kv/a").await.expect(200);
    *world.renewal.lock() = Some(Vec::new());
    let _ = vault
        .write_as(&token, "auth/token/renew-self", json!({}))
        .await
        .expect(200);
    let _ = vault.read_as(&token, "kv/a").await.expect(403);
    assert_eq!(members(&vault, &admins).await, 0);
}

#[tokio::test]
async fn logins_at_one_mount_leave_what_another_says() {
    let (vault, world) = start().await;
    let corp = external(&vault, "corp", "corp", "admins").await;
    let other = external(&vault, "other", "other", "admins").await;
    *world.groups.lock() = vec!["admins".to_owned()];
    let first = vault
        .write_as("", "auth/corp/login/ada", json!({}))
        .await
        .expect(200);
    let second = vault
        .write_as("", "auth/other/login/ada", json!({}))
        .await
        .expect(200);
    let merge = json!({
        "from_entity_ids": second.body["auth"]["entity_id"],
        "to_entity_id": first.body["auth"]["entity_id"],
    });
    let _ = vault.write("identity/entity/merge", merge).await.expect(204);
    assert_eq!(
        (members(&vault, &corp).await, members(&vault, &other).await),
        (1, 1)
    );
    world.groups.lock().clear();
    let _ = vault
        .write_as("", "auth/corp/login/ada", json!({}))
        .await
        .expect(200);
    assert_eq!(
        (members(&vault, &corp).await, members(&vault, &other).await),
        (0, 1)
    );
    let _ = vault.delete("identity/group/name/other").await.expect(204);
    let _ = vault.read_as(&first.token(), "kv/a").await.expect(403);
}

#[tokio::test]
async fn many_logins_at_once_agree() {
    let (vault, world) = start().await;
    let admins = external(&vault, "admins", "corp", "admins").await;
    *world.groups.lock() = vec!["admins".to_owned()];
    let names: Vec<String> = (0..24).map(|n| format!("auth/corp/login/u{}", n % 6)).collect();
    let logins = names.iter().map(|path| vault.write_as("", path, json!({})));
    for login in futures_util::future::join_all(logins).await {
        assert_eq!(
            login.expect(200).body["auth"]["identity_policies"],
            json!(["reader"])
        );
    }
    assert_eq!(members(&vault, &admins).await, 6);
}
