//! Roles for machines: settings, secret ids, logins.

use std::sync::Arc;

use arca_base::Operation;
use arca_testkit::{Response, Unsealed};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::caller::{call, call_from, start, stopwatch};

/// A server with a role, and the role id.
async fn with_role(settings: Value) -> (Unsealed, String) {
    let vault = start("approle").await;
    let _ = vault.write("auth/approle/role/ci", settings).await.expect(204);
    let role_id = role_id(&vault, "ci").await;
    (vault, role_id)
}

async fn role_id(vault: &Unsealed, role: &str) -> String {
    let read = vault.read(&format!("auth/approle/role/{role}/role-id")).await;
    read.expect(200).data("role_id").as_str().unwrap().to_owned()
}

/// A new secret id and its accessor.
async fn secret_id(vault: &Unsealed, role: &str, data: Value) -> (String, String) {
    let made = vault
        .write(&format!("auth/approle/role/{role}/secret-id"), data)
        .await
        .expect(200);
    let text = |name| made.data(name).as_str().unwrap().to_owned();
    (text("secret_id"), text("secret_id_accessor"))
}

async fn log_in(vault: &Unsealed, role_id: &str, secret_id: &str) -> Response {
    let data = json!({ "role_id": role_id, "secret_id": secret_id });
    call(vault, "auth/approle/login", data).await
}

#[tokio::test]
async fn a_machine_logs_in_and_its_token_says_who_it_is() {
    let (vault, role_id) =
        with_role(json!({"token_policies": "App, ci", "token_ttl": "20m", "token_max_ttl": "1h"})).await;
    let (secret, _) = secret_id(&vault, "ci", json!({"metadata": "{\"team\":\"payments\"}"})).await;
    let login = log_in(&vault, &role_id, &secret).await.expect(200);
    let auth = &login.body["auth"];
    assert_eq!(auth["policies"], json!(["app", "ci", "default"]));
    assert_eq!(auth["metadata"], json!({"role_name": "ci", "team": "payments"}));
    assert_eq!(
        (&auth["lease_duration"], &auth["renewable"], &auth["orphan"]),
        (&json!(1200), &json!(true), &json!(true))
    );
    assert_eq!(login.body["data"], Value::Null);
    let me = vault
        .read_as(&login.token(), "auth/token/lookup-self")
        .await
        .expect(200);
    assert_eq!(
        (me.data("display_name"), me.data("path"), me.data("meta")),
        (
            &json!("approle"),
            &json!("auth/approle/login"),
            &json!({"role_name": "ci", "team": "payments"})
        )
    );
    let entity = me.data("entity_id").as_str().unwrap();
    let entity = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), &json!(role_id));
    assert_eq!(entity.data("aliases/0/metadata/team"), "payments");
    let again = log_in(&vault, &role_id, &secret).await.expect(200);
    assert_eq!(again.body["auth"]["entity_id"], auth["entity_id"]);
}

#[tokio::test]
async fn a_role_shows_what_was_written_and_never_its_role_id() {
    let (vault, _) = with_role(json!({
        "policies": ["b", "a"], "period": 60, "secret_id_ttl": "1h", "secret_id_num_uses": "3",
        "bound_cidr_list": "127.0.0.0/8,10.0.0.1", "token_bound_cidrs": ["127.0.0.1/32"],
    }))
    .await;
    let read = vault.read("auth/approle/role/CI").await.expect(200);
    assert_eq!(
        read.body["data"],
        json!({
            "bind_secret_id": true, "local_secret_ids": false, "secret_id_bound_cidrs": ["127.0.0.0/8", "10.0.0.1"],
            "secret_id_num_uses": 3, "secret_id_ttl": 3600, "policies": ["a", "b"], "token_policies": ["a", "b"],
            "period": 60, "token_period": 60, "token_ttl": 0, "token_max_ttl": 0, "token_explicit_max_ttl": 0,
            "token_num_uses": 0, "token_bound_cidrs": ["127.0.0.1"], "token_no_default_policy": false, "token_type": "default",
        })
    );
    assert_eq!(
        vault.list("auth/approle/role").await.expect(200).data("keys"),
        &json!(["ci"])
    );
    let _ = vault
        .write("auth/approle/role/ci", json!({"token_num_uses": 4}))
        .await
        .expect(204);
    let read = vault.read("auth/approle/role/ci").await.expect(200);
    assert_eq!(
        (read.data("token_num_uses"), read.data("secret_id_ttl")),
        (&json!(4), &json!(3600)),
        "what was not given stays"
    );
    let _ = vault.delete("auth/approle/role/ci").await.expect(204);
    let _ = vault.delete("auth/approle/role/ci").await.expect(204);
    assert_eq!(
        vault.read("auth/approle/role/ci").await.expect(404).body,
        json!({"errors": []})
    );
    let _ = vault.list("auth/approle/role").await.expect(404);
}

#[tokio::test]
async fn settings_have_paths_of_their_own() {
    let (vault, _) = with_role(json!({})).await;
    for (path, given, shown, default) in [
        (
            "policies",
            json!({"token_policies": "x"}),
            json!({"token_policies": ["x"]}),
            json!({"token_policies": []}),
        ),
        (
            "secret-id-num-uses",
            json!({"secret_id_num_uses": 7}),
            json!({"secret_id_num_uses": 7}),
            json!({"secret_id_num_uses": 0}),
        ),
        (
            "secret-id-ttl",
            json!({"secret_id_ttl": "2m"}),
            json!({"secret_id_ttl": 120}),
            json!({"secret_id_ttl": 0}),
        ),
        (
            "token-ttl",
            json!({"token_ttl": 30}),
            json!({"token_ttl": 30}),
            json!({"token_ttl": 0}),
        ),
        (
            "token-max-ttl",
            json!({"token_max_ttl": 90}),
            json!({"token_max_ttl": 90}),
            json!({"token_max_ttl": 0}),
        ),
        (
            "token-num-uses",
            json!({"token_num_uses": 2}),
            json!({"token_num_uses": 2}),
            json!({"token_num_uses": 0}),
        ),
        (
            "period",
            json!({"token_period": 60}),
            json!({"token_period": 60}),
            json!({"token_period": 0}),
        ),
        (
            "bound-cidr-list",
            json!({"bound_cidr_list": "10.0.0.0/8"}),
            json!({"bound_cidr_list": ["10.0.0.0/8"]}),
            json!({"bound_cidr_list": []}),
        ),
        (
            "secret-id-bound-cidrs",
            json!({"secret_id_bound_cidrs": "10.0.0.0/8"}),
            json!({"secret_id_bound_cidrs": ["10.0.0.0/8"]}),
            json!({"secret_id_bound_cidrs": []}),
        ),
        (
            "token-bound-cidrs",
            json!({"token_bound_cidrs": "10.1.0.0/16"}),
            json!({"token_bound_cidrs": ["10.1.0.0/16"]}),
            json!({"token_bound_cidrs": []}),
        ),
        (
            "bind-secret-id",
            json!({"bind_secret_id": true}),
            json!({"bind_secret_id": true}),
            json!({"bind_secret_id": true}),
        ),
    ] {
        let at = format!("auth/approle/role/ci/{path}");
        let _ = vault.write(&at, given.clone()).await.expect(204);
        assert_eq!(vault.read(&at).await.expect(200).body["data"], shown, "{path}");
        let _ = vault.delete(&at).await.expect(204);
        assert_eq!(vault.read(&at).await.expect(200).body["data"], default, "{path}");
        let missing = vault.write(&at, json!({"other": 1})).await.expect(400);
        assert!(missing.error().starts_with("missing "), "{path}");
        let nobody = format!("auth/approle/role/nobody/{path}");
        let _ = vault.read(&nobody).await.expect(404);
        let unsupported = vault.write(&nobody, given).await.expect(404);
        assert!(unsupported.error().contains("unsupported path"), "{path}");
        let _ = vault.delete(&nobody).await.expect(204);
    }
    let _ = vault.read("auth/approle/role/ci/nothing").await.expect(404);
    assert_eq!(
        vault
            .read("auth/approle/role/ci/local-secret-ids")
            .await
            .expect(200)
            .body["data"],
        json!({"local_secret_ids": false})
    );
    let unbound = vault
        .write(
            "auth/approle/role/ci/bind-secret-id",
            json!({"bind_secret_id": false}),
        )
        .await
        .expect(500);
    assert!(unbound.error().contains("at least one constraint"));
}

#[tokio::test]
async fn a_role_id_can_be_chosen_and_belongs_to_one_role() {
    let (vault, first) = with_role(json!({})).await;
    let (secret, _) = secret_id(&vault, "ci", json!({})).await;
    let _ = vault
        .write("auth/approle/role/ci/role-id", json!({"role_id": "build-server"}))
        .await
        .expect(204);
    assert_eq!(role_id(&vault, "ci").await, "build-server");
    let _ = log_in(&vault, &first, &secret).await.expect(400);
    let _ = log_in(&vault, "build-server", &secret).await.expect(200);
    let _ = log_in(&vault, "BUILD-SERVER", &secret).await.expect(400);
    let taken = vault
        .write("auth/approle/role/other", json!({"role_id": "build-server"}))
        .await
        .expect(500);
    assert!(taken.error().contains("role_id already in use"));
    let _ = vault.read("auth/approle/role/other").await.expect(404);
    let _ = vault.delete("auth/approle/role/ci").await.expect(204);
    let _ = vault
        .write("auth/approle/role/other", json!({"role_id": "build-server"}))
        .await
        .expect(204);
    let _ = log_in(&vault, "build-server", &secret).await.expect(400);
    let _ = vault.read("auth/approle/role/none/role-id").await.expect(404);
}

#[tokio::test]
async fn secret_ids_are_listed_looked_at_and_destroyed() {
    let (vault, role_id) = with_role(json!({"secret_id_ttl": 600, "secret_id_num_uses": 10})).await;
    let base = "auth/approle/role/ci";
    let _ = vault.list(&format!("{base}/secret-id")).await.expect(404);
    let (secret, accessor) = secret_id(
        &vault,
        "ci",
        json!({"metadata": {"k": "v"}, "num_uses": 2, "ttl": "5m", "cidr_list": "127.0.0.0/8"}),
    )
    .await;
    assert_eq!(
        vault
            .list(&format!("{base}/secret-id"))
            .await
            .expect(200)
            .data("keys"),
        &json!([accessor])
    );
    vault.advance(1).await;
    let _ = log_in(&vault, &role_id, &secret).await.expect(200);
    let shown = json!({
        "secret_id_accessor": accessor, "secret_id_num_uses": 1, "secret_id_ttl": 300, "creation_time": "2026-01-02T03:04:05Z",
        "last_updated_time": "2026-01-02T03:04:06Z", "expiration_time": "2026-01-02T03:09:05Z", "metadata": {"k": "v"},
        "cidr_list": ["127.0.0.0/8"], "token_bound_cidrs": [],
    });
    let by_secret = vault
        .write(&format!("{base}/secret-id/lookup"), json!({"secret_id": secret}))
        .await
        .expect(200);
    assert_eq!(by_secret.body["data"], shown);
    let accessor_body = json!({"secret_id_accessor": accessor});
    let by_accessor = vault
        .write(
            &format!("{base}/secret-id-accessor/lookup"),
            accessor_body.clone(),
        )
        .await
        .expect(200);
    assert_eq!(by_accessor.body["data"], shown);
    let _ = vault
        .write(
            &format!("{base}/secret-id/lookup"),
            json!({"secret_id": "unknown"}),
        )
        .await
        .expect(204);
    let unknown = vault
        .write(
            &format!("{base}/secret-id-accessor/lookup"),
            json!({"secret_id_accessor": "x"}),
        )
        .await
        .expect(404);
    assert!(
        unknown
            .error()
            .contains("failed to find accessor entry for secret_id_accessor: \"x\"")
    );
    let _ = vault
        .write(
            &format!("{base}/secret-id-accessor/destroy"),
            accessor_body.clone(),
        )
        .await
        .expect(204);
    let _ = log_in(&vault, &role_id, &secret).await.expect(400);
    let _ = vault
        .write(&format!("{base}/secret-id-accessor/destroy"), accessor_body)
        .await
        .expect(500);
    let (other, _) = secret_id(&vault, "ci", json!({})).await;
    let _ = vault
        .write(&format!("{base}/secret-id/destroy"), json!({"secret_id": other}))
        .await
        .expect(204);
    let _ = log_in(&vault, &role_id, &other).await.expect(400);
    let _ = vault.list(&format!("{base}/secret-id")).await.expect(404);
    let custom = json!({"secret_id": "chosen"});
    let made = vault
        .write(&format!("{base}/custom-secret-id"), custom.clone())
        .await
        .expect(200);
    assert_eq!(
        (made.data("secret_id"), made.data("secret_id_num_uses")),
        (&json!("chosen"), &json!(10))
    );
    let _ = log_in(&vault, &role_id, "chosen").await.expect(200);
    let taken = vault
        .write(&format!("{base}/custom-secret-id"), custom)
        .await
        .expect(500);
    assert!(taken.error().contains("already registered"));
}

#[tokio::test]
async fn secret_ids_end_with_their_uses_their_time_and_their_role() {
    let (vault, role_id) = with_role(json!({"secret_id_ttl": 60, "secret_id_num_uses": 2})).await;
    let (counted, _) = secret_id(&vault, "ci", json!({})).await;
    let first = log_in(&vault, &role_id, &counted).await.expect(200).token();
    let _ = log_in(&vault, &role_id, &counted).await.expect(200);
    let _ = log_in(&vault, &role_id, &counted).await.expect(400);
    let _ = vault.read_as(&first, "auth/token/lookup-self").await.expect(200);
    let (timed, _) = secret_id(&vault, "ci", json!({})).await;
    vault.advance(59).await;
    let _ = log_in(&vault, &role_id, &timed).await.expect(200);
    vault.advance(1).await;
    assert_eq!(
        log_in(&vault, &role_id, &timed).await.expect(400).error(),
        "invalid role or secret ID",
        "it has expired, though nobody has tidied up"
    );
    let _ = vault
        .write(
            "auth/approle/role/ci/secret-id/lookup",
            json!({"secret_id": timed}),
        )
        .await
        .expect(204);
    let (left, _) = secret_id(&vault, "ci", json!({})).await;
    let _ = vault.delete("auth/approle/role/ci").await.expect(204);
    let _ = vault
        .write("auth/approle/role/ci", json!({"role_id": role_id}))
        .await
        .expect(204);
    let _ = log_in(&vault, &role_id, &left).await.expect(400);
    let _ = vault.list("auth/approle/role/ci/secret-id").await.expect(404);
}

#[tokio::test]
async fn tidying_removes_what_has_expired_and_nothing_else() {
    let (vault, role_id) = with_role(json!({})).await;
    let _ = secret_id(&vault, "ci", json!({"ttl": 10})).await;
    let (kept, accessor) = secret_id(&vault, "ci", json!({"ttl": 1000})).await;
    let (forever, other) = secret_id(&vault, "ci", json!({})).await;
    vault.advance(11).await;
    let tidied = vault
        .write("auth/approle/tidy/secret-id", json!({}))
        .await
        .expect(202);
    assert_eq!(
        tidied.body["warnings"],
        json!([
            "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."
        ])
    );
    vault.settle().await;
    let listed = vault.list("auth/approle/role/ci/secret-id").await.expect(200);
    let mut expected = [accessor, other];
    expected.sort_unstable();
    assert_eq!(listed.data("keys"), &json!(expected));
    let keys = vault.server.storage.scan("", "", 10_000).await.unwrap().names;
    let count = |folder: &str| {
        keys.iter()
            .filter(|key| key.contains("/data/") && key.contains(folder))
            .count()
    };
    assert_eq!((count("/secret/"), count("/due/")), (2, 1));
    let _ = log_in(&vault, &role_id, &kept).await.expect(200);
    let _ = log_in(&vault, &role_id, &forever).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_secret_id_for_one_login_lets_exactly_one_of_many_in() {
    let (vault, role_id) = with_role(json!({})).await;
    let vault = Arc::new(vault);
    let _ = vault
        .write(
            "sys/auth/approle/tune",
            json!({"user_lockout_config": {"lockout_disable": true}}),
        )
        .await
        .expect(204);
    for (uses, attempts) in [(1, 16), (5, 32)] {
        let (secret, _) = secret_id(&vault, "ci", json!({"num_uses": uses})).await;
        let logins = (0..attempts).map(|_| {
            let (vault, role_id, secret) = (vault.clone(), role_id.clone(), secret.clone());
            tokio::spawn(async move { log_in(&vault, &role_id, &secret).await.status })
        });
        let statuses = join_all(logins).await;
        let count = |wanted| {
            statuses
                .iter()
                .filter(|status| *status.as_ref().unwrap() == wanted)
                .count()
        };
        assert_eq!((count(200), count(400)), (uses, attempts - uses));
    }
}

#[tokio::test]
async fn networks_are_checked_at_login_and_afterwards() {
    let (vault, role_id) = with_role(json!({
        "secret_id_bound_cidrs": "10.0.0.0/8", "token_bound_cidrs": "10.0.0.0/16",
    }))
    .await;
    let (wide, _) = secret_id(&vault, "ci", json!({"num_uses": 1})).await;
    let (narrow, _) = secret_id(
        &vault,
        "ci",
        json!({"cidr_list": "10.0.1.0/24", "token_bound_cidrs": "10.0.1.2"}),
    )
    .await;
    let from = async |address: &str, secret: &str| {
        let data = json!({"role_id": role_id, "secret_id": secret});
        call_from(&vault, address, vec![], "auth/approle/login", &data).await
    };
    assert_eq!(
        from("192.168.0.1", &wide).await.expect(400).error(),
        "source address \"192.168.0.1\" unauthorized by CIDR restrictions on the role"
    );
    assert_eq!(
        from("10.0.2.1", &narrow).await.expect(400).error(),
        "source address \"10.0.2.1\" unauthorized by CIDR restrictions on the secret ID"
    );
    let _ = from("10.1.0.1", &wide).await.expect(403);
    let _ = from("10.0.1.3", &narrow).await.expect(403);
    let token = from("10.0.1.2", &narrow).await.expect(200).token();
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(403);
    let _ = from("10.0.0.1", &wide).await.expect(200);
    let outside = vault
        .write(
            "auth/approle/role/ci/secret-id",
            json!({"cidr_list": "10.0.0.0/7"}),
        )
        .await
        .expect(400);
    assert_eq!(
        outside.error(),
        "cidr_list: 10.0.0.0/7 is not within the networks of the role"
    );
    let _ = vault
        .write(
            "auth/approle/role/open",
            json!({"bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.1"}),
        )
        .await
        .expect(204);
    let open = self::role_id(&vault, "open").await;
    let _ = call(&vault, "auth/approle/login", json!({"role_id": open}))
        .await
        .expect(200);
    let data = json!({"role_id": open});
    let _ = call_from(&vault, "10.0.0.1", vec![], "auth/approle/login", &data)
        .await
        .expect(400);
    assert_eq!(
        vault
            .write("auth/approle/role/open/secret-id", json!({}))
            .await
            .expect(400)
            .error(),
        "bind_secret_id is not set on the role"
    );
}

#[tokio::test]
async fn renewals_follow_the_role_of_today() {
    let (vault, role_id) = with_role(json!({"token_ttl": 100, "token_max_ttl": 1000})).await;
    let (secret, _) = secret_id(&vault, "ci", json!({"metadata": {"role_name": "another"}})).await;
    let token = log_in(&vault, &role_id, &secret).await.expect(200).token();
    let renew = async || vault.write_as(&token, "auth/token/renew-self", json!({})).await;
    let _ = vault
        .write("auth/approle/role/ci", json!({"token_ttl": 300}))
        .await
        .expect(204);
    assert_eq!(renew().await.expect(200).body["auth"]["lease_duration"], 300);
    let _ = vault
        .write(
            "auth/approle/role/ci",
            json!({"token_max_ttl": 200, "token_ttl": 200}),
        )
        .await
        .expect(204);
    vault.advance(50).await;
    assert_eq!(renew().await.expect(200).body["auth"]["lease_duration"], 150);
    let _ = vault.delete("auth/approle/role/ci").await.expect(204);
    let gone = renew().await.expect(500);
    assert!(
        gone.error().contains("role ci does not exist during renewal"),
        "{}",
        gone.error()
    );
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
}

#[tokio::test]
async fn batch_tokens_and_limited_tokens_are_issued() {
    let (vault, role_id) = with_role(json!({"token_type": "batch", "token_ttl": 60})).await;
    let (secret, _) = secret_id(&vault, "ci", json!({})).await;
    let login = log_in(&vault, &role_id, &secret).await.expect(200);
    let auth = &login.body["auth"];
    assert_eq!(
        (&auth["token_type"], &auth["renewable"], &auth["accessor"]),
        (&json!("batch"), &json!(false), &json!(""))
    );
    let _ = vault
        .read_as(&login.token(), "auth/token/lookup-self")
        .await
        .expect(200);
    let _ = vault
        .write(
            "auth/approle/role/ci",
            json!({"token_type": "service", "token_num_uses": 1}),
        )
        .await
        .expect(204);
    let once = log_in(&vault, &role_id, &secret).await.expect(200).token();
    let _ = vault.read_as(&once, "auth/token/lookup-self").await.expect(200);
    let _ = vault.read_as(&once, "auth/token/lookup-self").await.expect(403);
    let _ = vault
        .write("auth/approle/role/ci", json!({"token_policies": "root"}))
        .await
        .expect(204);
    assert_eq!(
        log_in(&vault, &role_id, &secret).await.expect(400).error(),
        "auth methods cannot create root tokens"
    );
}

#[tokio::test]
async fn nobody_learns_which_half_was_wrong() {
    let (vault, role_id) = with_role(json!({})).await;
    let (secret, _) = secret_id(&vault, "ci", json!({})).await;
    let long = "x".repeat(5000);
    for (role_id, secret_id, says) in [
        ("unknown", secret.as_str(), "invalid role or secret ID"),
        (&role_id, "unknown", "invalid role or secret ID"),
        ("unknown", "unknown", "invalid role or secret ID"),
        (&role_id, &long, "invalid role or secret ID"),
        (&long, &secret, "invalid role or secret ID"),
        ("unknown", "", "missing secret_id"),
        (&role_id, "", "missing secret_id"),
        ("", &secret, "missing role_id"),
    ] {
        let refused = log_in(&vault, role_id, secret_id).await.expect(400);
        assert_eq!(refused.error(), says);
    }
    for name in [role_id.as_str(), "unknown"] {
        let answers = (0..8).map(|_| log_in(&vault, name, "wrong"));
        let statuses: Vec<u16> = join_all(answers)
            .await
            .iter()
            .map(|answer| answer.status)
            .collect();
        assert_eq!(
            statuses.last(),
            Some(&403),
            "a lock says nothing either: {statuses:?}"
        );
    }
    let locked = vault.read("sys/locked-users").await.expect(200);
    assert_eq!(locked.data("total"), 2);
    let _ = log_in(&vault, &role_id, &secret).await.expect(403);
    vault.advance(901).await;
    let _ = log_in(&vault, &role_id, &secret).await.expect(200);
}

#[tokio::test]
async fn only_the_audit_log_says_why_a_login_failed() {
    let (vault, role_id) = with_role(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let options = json!({"type": "file", "options": {"file_path": log.to_str().unwrap()}});
    let _ = vault.write("sys/audit/file", options).await.expect(204);
    let _ = log_in(&vault, "unknown", "s").await.expect(400);
    let _ = log_in(&vault, &role_id, "s").await.expect(400);
    let log = std::fs::read_to_string(log).unwrap();
    for reason in [
        "no role has this role id",
        "the secret id is unknown, used up, expired or destroyed",
    ] {
        let told = log.lines().filter(|line| line.contains(reason));
        assert_eq!(told.count(), 1, "{log}");
    }
    assert!(!log.contains(&role_id), "credentials are hashed");
}

#[tokio::test]
async fn wrong_input_is_named() {
    let (vault, _) = with_role(json!({"secret_id_num_uses": 5, "secret_id_ttl": 60})).await;
    let role = "auth/approle/role/ci";
    let secret = "auth/approle/role/ci/secret-id";
    for (path, data, status, says) in [
        (
            role,
            json!({"secret_id_num_uses": -1}),
            400,
            "secret_id_num_uses cannot be negative",
        ),
        (
            role,
            json!({"secret_id_ttl": -1}),
            400,
            "cannot provide negative value '-1'",
        ),
        (role, json!({"role_id": ""}), 400, "missing role_id"),
        (
            role,
            json!({"role_id": "x".repeat(513)}),
            400,
            "role_id has 513 bytes but may have at most 512",
        ),
        (
            role,
            json!({"secret_id_bound_cidrs": "10.0.0.0/33"}),
            400,
            "neither an IP address nor a CIDR block",
        ),
        (
            role,
            json!({"bind_secret_id": "maybe"}),
            400,
            "error converting input for field \"bind_secret_id\"",
        ),
        (
            role,
            json!({"local_secret_ids": true}),
            400,
            "local_secret_ids can only be modified during role creation",
        ),
        (
            role,
            json!({"token_ttl": 2, "token_max_ttl": 1}),
            400,
            "'token_ttl' cannot be greater than 'token_max_ttl'",
        ),
        (
            secret,
            json!({"num_uses": -1}),
            400,
            "num_uses cannot be negative",
        ),
        (
            secret,
            json!({"num_uses": 6}),
            400,
            "num_uses cannot be higher than the role's secret_id_num_uses",
        ),
        (
            secret,
            json!({"num_uses": 0}),
            400,
            "num_uses cannot be higher than the role's secret_id_num_uses",
        ),
        (
            secret,
            json!({"ttl": 61}),
            400,
            "ttl cannot be longer than the role's secret_id_ttl",
        ),
        (
            secret,
            json!({"ttl": 0}),
            400,
            "ttl cannot be longer than the role's secret_id_ttl",
        ),
        (
            secret,
            json!({"metadata": "{"}),
            400,
            "failed to parse metadata: ",
        ),
        (secret, json!({"cidr_list": "x"}), 400, "\"x\" is neither"),
        (
            "auth/approle/role/ci/custom-secret-id",
            json!({}),
            400,
            "missing secret_id",
        ),
        (
            "auth/approle/role/ci/secret-id/lookup",
            json!({}),
            400,
            "missing secret_id",
        ),
        (
            "auth/approle/role/no/secret-id",
            json!({}),
            404,
            "role \"no\" does not exist",
        ),
        (
            "auth/approle/role/no/secret-id/lookup",
            json!({"secret_id": "x"}),
            500,
            "role \"no\" does not exist",
        ),
        (
            "auth/approle/role/no/secret-id/destroy",
            json!({"secret_id": "x"}),
            500,
            "role \"no\" does not exist",
        ),
    ] {
        let refused = vault.write(path, data.clone()).await.expect(status);
        assert!(
            refused.error().contains(says),
            "{path} {data}: {}",
            refused.error()
        );
    }
    let none = vault.list("auth/approle/role/no/secret-id").await.expect(400);
    assert_eq!(none.error(), "role \"no\" does not exist");
}

#[tokio::test]
async fn a_secret_id_is_handed_over_wrapped_and_storage_never_sees_it() {
    let (vault, role_id) = with_role(json!({})).await;
    let wrapped = vault
        .write_wrapped("auth/approle/role/ci/secret-id", json!({}), 60)
        .await
        .expect(200);
    assert_eq!(wrapped.data("secret_id"), &Value::Null);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap();
    let opened = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
    let secret = opened.data("secret_id").as_str().unwrap();
    let _ = log_in(&vault, &role_id, secret).await.expect(200);
    let keys = vault.server.storage.scan("", "", 10_000).await.unwrap().names;
    assert!(keys.iter().any(|key| key.contains("/secret/")), "{keys:?}");
    assert!(
        keys.iter()
            .all(|key| !key.contains(secret) && !key.contains(&role_id)),
        "neither names a record"
    );
}

#[tokio::test]
async fn policies_see_create_and_update() {
    let (vault, _) = with_role(json!({})).await;
    vault
        .policy(
            "make",
            "path \"auth/approle/role/*\" { capabilities = [\"create\"] }",
        )
        .await;
    let token = vault.token(&["make"]).await;
    let _ = vault
        .write_as(&token, "auth/approle/role/new", json!({}))
        .await
        .expect(204);
    let _ = vault
        .write_as(&token, "auth/approle/role/new", json!({}))
        .await
        .expect(403);
    let anonymous = vault
        .server
        .request(Operation::Read, "auth/approle/role/new", None, json!({}), None)
        .await;
    assert_eq!(anonymous.status, 403);
}

/// Not a benchmark, but a floor: a login writes a token, and still costs little more than looking at one.
#[tokio::test]
async fn logging_in_is_not_much_dearer_than_looking_at_a_token() {
    const TIMES: u32 = 300;
    for kind in ["batch", "service"] {
        let (vault, role_id) = with_role(json!({"token_ttl": 60, "token_type": kind})).await;
        let (secret, _) = secret_id(&vault, "ci", json!({})).await;
        let token = log_in(&vault, &role_id, &secret).await.expect(200).token();
        let mut best = 0.0_f64;
        for _ in 0..5 {
            let started = stopwatch();
            for _ in 0..TIMES {
                let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
            }
            let lookups = started.elapsed();
            let started = stopwatch();
            for _ in 0..TIMES {
                let _ = log_in(&vault, &role_id, &secret).await.expect(200);
            }
            best = best.max(lookups.as_secs_f64() / started.elapsed().as_secs_f64());
        }
        println!(
            "logins with {kind} tokens reach {:.0} % of the rate of lookups",
            best * 100.0
        );
        assert!(best > 0.2, "{kind}: {best}");
    }
}
