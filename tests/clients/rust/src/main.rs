//! One session of vaultrs, from a server that has never been initialized to one that is sealed again.
//!
//! Reads VAULT_ADDR. Prints one line for each part; a part that is not as it should be ends the program.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::collections::HashMap;

use vaultrs::api::kv2::requests::SetSecretRequestOptions;
use vaultrs::api::sys::requests::EnableEngineRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::client::{Client as _, VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::{auth, identity, kv1, kv2, sys, token};

type Pairs = HashMap<String, String>;

fn client(token: &str) -> VaultClient {
    let address = std::env::var("VAULT_ADDR").unwrap();
    let settings = VaultClientSettingsBuilder::default()
        .address(address)
        .token(token)
        .build()
        .unwrap();
    VaultClient::new(settings).unwrap()
}

fn pairs<const N: usize>(entries: [(&str, &str); N]) -> Pairs {
    entries
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Checks that a call ended with this status.
fn refused<T>(answer: Result<T, ClientError>, status: u16) {
    match answer {
        Err(ClientError::APIError { code, .. }) => assert_eq!(code, status),
        Err(other) => panic!("not {status}, but {other:?}"),
        Ok(_) => panic!("not {status}, but allowed"),
    }
}

async fn unseal_shares() -> (String, Vec<String>) {
    let c = client("");
    let made = sys::start_initialization(&c, 3, 2, None).await.unwrap();
    assert_eq!((made.keys.len(), made.keys_base64.len()), (3, 3));
    refused(sys::start_initialization(&c, 3, 2, None).await, 400);
    let first = sys::unseal(&c, Some(made.keys_base64[0].clone()), None, None)
        .await
        .unwrap();
    assert!(first.sealed);
    let second = sys::unseal(&c, Some(made.keys_base64[1].clone()), None, None)
        .await
        .unwrap();
    assert!(!second.sealed);
    let health = sys::health(&c).await.unwrap();
    assert!(health.initialized && !health.sealed && !health.standby);
    (made.root_token, made.keys_base64)
}

async fn mounts(root: &VaultClient) {
    let mut versions = EnableEngineRequest::builder();
    versions.options(pairs([("version", "2")]));
    sys::mount::enable(root, "secret", "kv", Some(&mut versions))
        .await
        .unwrap();
    sys::mount::enable(root, "plain", "kv", None).await.unwrap();
    refused(sys::mount::enable(root, "secret", "kv", None).await, 400);
    let listed = sys::mount::list(root).await.unwrap();
    assert!(listed.contains_key("secret/") && listed.contains_key("cubbyhole/"));
    let one = sys::mount::get_configuration_of_a_secret_engine(root, "secret")
        .await
        .unwrap();
    assert_eq!(one.mount_type, "kv");
    let moved = sys::remount::remount(root, "plain", "elsewhere").await.unwrap();
    let status = sys::remount::remount_status(root, &moved.migration_id)
        .await
        .unwrap();
    assert_eq!(status.migration_id, moved.migration_id);
    sys::mount::disable(root, "elsewhere").await.unwrap();
    sys::mount::enable(root, "plain", "kv", None).await.unwrap();
}

async fn versioned_secrets(root: &VaultClient) {
    let written = kv2::set(root, "secret", "app/db", &pairs([("user", "one")]))
        .await
        .unwrap();
    assert_eq!(written.version, 1);
    let cas = || SetSecretRequestOptions { cas: 1 };
    let two = pairs([("user", "two")]);
    kv2::set_with_options(root, "secret", "app/db", &two, cas())
        .await
        .unwrap();
    refused(
        kv2::set_with_options(root, "secret", "app/db", &two, cas()).await,
        400,
    );
    let read: Pairs = kv2::read(root, "secret", "app/db").await.unwrap();
    assert_eq!(read, two);
    let first: Pairs = kv2::read_version(root, "secret", "app/db", 1).await.unwrap();
    assert_eq!(first["user"], "one");
    assert_eq!(kv2::list(root, "secret", "app").await.unwrap(), ["db"]);
    kv2::delete_latest(root, "secret", "app/db").await.unwrap();
    kv2::undelete_versions(root, "secret", "app/db", vec![2])
        .await
        .unwrap();
    kv2::destroy_versions(root, "secret", "app/db", vec![1])
        .await
        .unwrap();
    let metadata = kv2::read_metadata(root, "secret", "app/db").await.unwrap();
    assert!(metadata.versions["1"].destroyed && !metadata.versions["2"].destroyed);
    kv2::delete_metadata(root, "secret", "app/db").await.unwrap();
    refused(kv2::read::<Pairs>(root, "secret", "app/db").await, 404);
}

async fn plain_secrets(root: &VaultClient) {
    kv1::set(root, "plain", "a", &[("b", "c")].into()).await.unwrap();
    let read: Pairs = kv1::get(root, "plain", "a").await.unwrap();
    assert_eq!(read["b"], "c");
    assert_eq!(kv1::list(root, "plain", "").await.unwrap().data.keys, ["a"]);
    kv1::delete(root, "plain", "a").await.unwrap();
}

async fn policies(root: &VaultClient) {
    let rules = r#"path "secret/data/team/*" { capabilities = ["create", "read", "update"] }"#;
    sys::policy::set(root, "team", rules).await.unwrap();
    assert_eq!(sys::policy::read(root, "team").await.unwrap().rules, rules);
    let names = sys::policy::list(root).await.unwrap().policies;
    assert!(names.contains(&"team".to_owned()) && names.contains(&"root".to_owned()));
}

async fn tokens(root: &VaultClient) {
    let mut wanted = CreateTokenRequest::builder();
    wanted
        .policies(vec!["team".to_owned()])
        .ttl("30m")
        .display_name("rust");
    let made = token::new(root, Some(&mut wanted)).await.unwrap();
    let team = client(&made.client_token);
    assert_eq!(team.lookup().await.unwrap().display_name, "token-rust");
    kv2::set(&team, "secret", "team/x", &pairs([("a", "b")]))
        .await
        .unwrap();
    refused(
        kv2::set(&team, "secret", "other", &pairs([("a", "b")])).await,
        403,
    );
    let renewed = token::renew_self(&team, Some("1h")).await.unwrap();
    assert!(renewed.lease_duration > 1800);
    let found = token::lookup_accessor(root, &made.accessor).await.unwrap();
    assert_eq!(found.policies, ["default", "team"]);
    token::role::set(root, "jobs", None).await.unwrap();
    assert_eq!(token::role::list(root).await.unwrap().keys, ["jobs"]);
    token::role::delete(root, "jobs").await.unwrap();
    token::tidy(root).await.unwrap();
    token::revoke_accessor(root, &made.accessor).await.unwrap();
    refused(token::lookup_self(&team).await, 403);
}

async fn wrapping(root: &VaultClient) {
    use vaultrs::api::kv2::requests::ReadSecretRequest;
    kv2::set(root, "secret", "wrapped", &pairs([("a", "b")]))
        .await
        .unwrap();
    let request = ReadSecretRequest::builder()
        .mount("secret")
        .path("wrapped")
        .build()
        .unwrap();
    let wrapped = vaultrs::api::wrap(root, request).await.unwrap();
    let looked = wrapped.lookup(root).await.unwrap();
    assert_eq!(looked.creation_path, "secret/data/wrapped");
    let opened = wrapped.unwrap(root).await.unwrap();
    assert_eq!(opened.data["a"], "b");
    assert!(wrapped.unwrap(root).await.is_err(), "opened twice");
}

async fn logins(root: &VaultClient) {
    sys::auth::enable(root, "userpass", "userpass", None)
        .await
        .unwrap();
    auth::userpass::user::set(root, "userpass", "ada", "engine", None)
        .await
        .unwrap();
    let login = auth::userpass::login(&client(""), "userpass", "ada", "engine")
        .await
        .unwrap();
    assert_eq!(login.policies, ["default"]);
    sys::auth::enable(root, "approle", "approle", None).await.unwrap();
    auth::approle::role::set(root, "approle", "job", None)
        .await
        .unwrap();
    let role = auth::approle::role::read_id(root, "approle", "job")
        .await
        .unwrap();
    let secret = auth::approle::role::secret::generate(root, "approle", "job", None)
        .await
        .unwrap();
    let login = auth::approle::login(&client(""), "approle", &role.role_id, &secret.secret_id)
        .await
        .unwrap();
    assert_eq!(login.metadata.unwrap()["role_name"], "job");
    assert!(sys::auth::list(root).await.unwrap().contains_key("approle/"));
}

async fn identities(root: &VaultClient) {
    identity::entity::create_or_update_by_name(root, "payments", None)
        .await
        .unwrap();
    let read = identity::entity::read_by_name(root, "payments").await.unwrap();
    assert_eq!(read.name, "payments");
    let names = identity::entity::list_by_name(root).await.unwrap().keys;
    assert!(names.contains(&"payments".to_owned()), "{names:?}");
    identity::entity::delete_by_name(root, "payments").await.unwrap();
}

async fn sealing(root: &VaultClient, shares: &[String]) {
    sys::seal(root).await.unwrap();
    refused(kv2::read::<Pairs>(root, "secret", "wrapped").await, 503);
    for share in &shares[1..] {
        sys::unseal(root, Some(share.clone()), None, None).await.unwrap();
    }
    let read: Pairs = kv2::read(root, "secret", "wrapped").await.unwrap();
    assert_eq!(read["a"], "b");
    sys::seal(root).await.unwrap();
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (root, shares) = unseal_shares().await;
    println!("unseal shares");
    let root = client(&root);
    mounts(&root).await;
    println!("mounts");
    versioned_secrets(&root).await;
    println!("versioned secrets");
    plain_secrets(&root).await;
    println!("plain secrets");
    policies(&root).await;
    println!("policies");
    tokens(&root).await;
    println!("tokens");
    wrapping(&root).await;
    println!("wrapping");
    logins(&root).await;
    println!("logins");
    identities(&root).await;
    println!("identities");
    sealing(&root, &shares).await;
    println!("sealing");
}
