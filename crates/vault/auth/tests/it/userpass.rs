//! People with a name and a password: users, logins, locks.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Ttl;
use arca_core::login::{LockoutDefaults, LockoutRules};
use arca_testkit::{Response, TestServer, Unsealed};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::caller::{call, call_from, start, stopwatch};

/// A server with a user called `ann`, whose password is `right`.
async fn with_ann(settings: Value) -> Unsealed {
    let vault = start("userpass").await;
    let mut settings = settings;
    settings["password"] = json!("right");
    let _ = vault.write("auth/userpass/users/Ann", settings).await.expect(204);
    vault
}

async fn log_in(vault: &Unsealed, name: &str, password: &str) -> Response {
    let path = format!("auth/userpass/login/{name}");
    call(vault, &path, json!({ "password": password })).await
}

#[tokio::test]
async fn somebody_logs_in_under_a_name_in_any_case() {
    let vault = with_ann(json!({"token_policies": "Dev", "token_ttl": 60})).await;
    let login = log_in(&vault, "aNN", "right").await.expect(200);
    let auth = &login.body["auth"];
    assert_eq!(auth["policies"], json!(["default", "dev"]));
    assert_eq!(auth["metadata"], json!({"username": "ann"}));
    assert_eq!(auth["lease_duration"], 60);
    let me = vault
        .read_as(&login.token(), "auth/token/lookup-self")
        .await
        .expect(200);
    assert_eq!(
        (me.data("display_name"), me.data("path")),
        (&json!("userpass-ann"), &json!("auth/userpass/login/aNN"))
    );
    let entity = me.data("entity_id").as_str().unwrap();
    let entity = vault
        .read(&format!("identity/entity/id/{entity}"))
        .await
        .expect(200);
    assert_eq!(entity.data("aliases/0/name"), "ann");
}

#[tokio::test]
async fn users_are_written_read_and_deleted_and_never_show_a_hash() {
    let vault = with_ann(json!({"policies": "a", "token_bound_cidrs": "127.0.0.1"})).await;
    let read = vault.read("auth/userpass/users/ANN").await.expect(200);
    assert_eq!(
        read.body["data"],
        json!({
            "policies": ["a"], "token_policies": ["a"], "token_bound_cidrs": ["127.0.0.1"], "token_explicit_max_ttl": 0,
            "token_max_ttl": 0, "token_no_default_policy": false, "token_num_uses": 0, "token_period": 0, "token_ttl": 0,
            "token_type": "default",
        })
    );
    assert_eq!(
        vault.list("auth/userpass/users").await.expect(200).data("keys"),
        &json!(["ann"])
    );
    let _ = vault
        .write("auth/userpass/users/ann", json!({"token_ttl": 5}))
        .await
        .expect(204);
    let login = log_in(&vault, "ann", "right").await.expect(200);
    assert_eq!(
        login.body["auth"]["policies"],
        json!(["a", "default"]),
        "password and policies stay"
    );
    let _ = vault
        .write("auth/userpass/users/ann/password", json!({"password": "new"}))
        .await
        .expect(204);
    let _ = log_in(&vault, "ann", "right").await.expect(400);
    let _ = log_in(&vault, "ann", "new").await.expect(200);
    let _ = vault
        .write("auth/userpass/users/ann/policies", json!({"policies": "x,y"}))
        .await
        .expect(204);
    let read = vault.read("auth/userpass/users/ann").await.expect(200);
    assert_eq!(read.data("token_policies"), &json!(["x", "y"]));
    let _ = vault.delete("auth/userpass/users/Ann").await.expect(204);
    let _ = vault.read("auth/userpass/users/ann").await.expect(404);
    let _ = vault.list("auth/userpass/users").await.expect(404);
    let _ = log_in(&vault, "ann", "new").await.expect(400);
}

#[tokio::test]
async fn wrong_input_is_named() {
    let vault = with_ann(json!({})).await;
    let long = "x".repeat(1025);
    for (path, data, status, says) in [
        ("users/new", json!({}), 400, "missing password"),
        ("users/new", json!({"password": ""}), 400, "missing password"),
        (
            "users/new",
            json!({"password": long}),
            400,
            "password has 1025 bytes but may have at most 1024",
        ),
        (
            "users/new",
            json!({"password_hash": "$2a$10$x"}),
            400,
            "password_hash is not taken",
        ),
        (
            "users/ann",
            json!({"token_type": "x"}),
            400,
            "invalid 'token_type' value \"x\"",
        ),
        ("users/ann/password", json!({}), 400, "missing password"),
        (
            "users/bob/password",
            json!({"password": "p"}),
            500,
            "username does not exist",
        ),
        (
            "users/bob/policies",
            json!({"policies": "p"}),
            500,
            "username does not exist",
        ),
    ] {
        let refused = vault
            .write(&format!("auth/userpass/{path}"), data.clone())
            .await
            .expect(status);
        assert!(
            refused.error().contains(says),
            "{path} {data}: {}",
            refused.error()
        );
    }
    let _ = vault.read("auth/userpass/users/new").await.expect(404);
    let name = "n".repeat(257);
    let refused = log_in(&vault, &name, "p").await.expect(400);
    assert!(refused.error().starts_with("username has 257 bytes"));
    let nothing = call(&vault, "auth/userpass/login/ann", json!({}))
        .await
        .expect(500);
    assert_eq!(nothing.error(), "missing password");
    let long = log_in(&vault, "ann", &long).await.expect(400);
    assert!(long.error().starts_with("password has 1025 bytes"));
}

#[tokio::test]
async fn nobody_learns_who_exists() {
    let vault = with_ann(json!({})).await;
    for name in ["ann", "nobody"] {
        for _ in 0..5 {
            let wrong = log_in(&vault, name, "wrong").await.expect(400);
            assert_eq!(wrong.error(), "invalid username or password");
        }
        let locked = log_in(&vault, name, "wrong").await.expect(403);
        assert_eq!(locked.error(), "permission denied");
    }
    let _ = vault
        .write(
            "sys/auth/userpass/tune",
            json!({"user_lockout_config": {"lockout_disable": true}}),
        )
        .await
        .expect(204);
    let mut best = [Duration::MAX; 2];
    for _ in 0..12 {
        for (best, name) in best.iter_mut().zip(["ann", "nobody"]) {
            let started = stopwatch();
            let _ = log_in(&vault, name, "wrong").await.expect(400);
            *best = started.elapsed().min(*best);
        }
    }
    // Without a hash to try, the answer comes a hundred times sooner; the rest is noise of a busy machine.
    let [known, unknown] = best;
    assert!(
        unknown * 4 > known && known * 4 > unknown,
        "an unknown name takes {unknown:?}, a known one {known:?}"
    );
}

#[tokio::test]
async fn five_failures_lock_a_user_for_a_while() {
    let vault = with_ann(json!({})).await;
    for _ in 0..4 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    let _ = log_in(&vault, "ann", "right").await.expect(200);
    for name in ["ann", "Ann", "ANN", "ann", "ann"] {
        let _ = log_in(&vault, name, "wrong").await.expect(400);
    }
    let _ = log_in(&vault, "ann", "right").await.expect(403);
    let accessor = vault.read("sys/auth/userpass").await.expect(200);
    let accessor = accessor.data("accessor").as_str().unwrap().to_owned();
    assert_eq!(
        vault.read("sys/locked-users").await.expect(200).body["data"],
        json!({"total": 1, "by_namespace": [{"namespace_id": "root", "namespace_path": "", "counts": 1, "mount_accessors": [
            {"mount_accessor": accessor, "counts": 1, "alias_identifiers": ["ann"]}]}]})
    );
    vault.advance(899).await;
    let _ = log_in(&vault, "ann", "right").await.expect(403);
    vault.advance(1).await;
    let _ = log_in(&vault, "ann", "right").await.expect(200);
    for _ in 0..5 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    let _ = log_in(&vault, "ann", "right").await.expect(403);
    let unlock = format!("sys/locked-users/{accessor}/unlock/ann");
    let _ = vault.write(&unlock, json!({})).await.expect(204);
    let _ = log_in(&vault, "ann", "right").await.expect(200);
    let _ = vault
        .write("sys/locked-users/auth_userpass_none/unlock/ann", json!({}))
        .await
        .expect(400);
}

#[tokio::test]
async fn locked_users_are_shown_of_one_mount_when_that_is_asked_for() {
    let vault = with_ann(json!({})).await;
    let _ = vault
        .write("sys/auth/people", json!({"type": "userpass"}))
        .await
        .expect(204);
    for name in ["bob", "eve"] {
        let user = json!({"password": "right"});
        let path = format!("auth/people/users/{name}");
        let _ = vault.write(&path, user).await.expect(204);
        for _ in 0..5 {
            let path = format!("auth/people/login/{name}");
            let _ = call(&vault, &path, json!({"password": "wrong"}))
                .await
                .expect(400);
        }
    }
    for _ in 0..5 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    let accessor = async |mount: &str| {
        let shown = vault.read(&format!("sys/auth/{mount}")).await.expect(200);
        shown.data("accessor").as_str().unwrap().to_owned()
    };
    let all = vault.read("sys/locked-users").await.expect(200);
    assert_eq!(all.data("total"), 3);
    for (mount, names) in [("userpass", json!(["ann"])), ("people", json!(["bob", "eve"]))] {
        let accessor = accessor(mount).await;
        let one = vault
            .query("sys/locked-users", json!({ "mount_accessor": accessor }))
            .await
            .expect(200);
        let count = names.as_array().unwrap().len();
        assert_eq!(
            one.body["data"],
            json!({"total": count, "by_namespace": [{"namespace_id": "root", "namespace_path": "", "counts": count,
                "mount_accessors": [{"mount_accessor": accessor, "counts": count, "alias_identifiers": names}]}]})
        );
    }
    let none = json!({"mount_accessor": "auth_userpass_none"});
    let none = vault.query("sys/locked-users", none).await.expect(200);
    assert_eq!(none.body["data"], json!({"total": 0, "by_namespace": []}));
}

#[tokio::test]
async fn the_configuration_of_the_server_has_lock_rules_for_mounts_without() {
    let rules = LockoutRules {
        threshold: Some(2),
        duration: Some(Ttl::from_seconds(60)),
        ..LockoutRules::default()
    };
    let defaults = LockoutDefaults([("userpass", rules)].into());
    let vault = TestServer::with_lockouts(defaults).unsealed().await;
    let enable = json!({"type": "userpass"});
    let _ = vault.write("sys/auth/userpass", enable).await.expect(204);
    let ann = json!({"password": "right"});
    let _ = vault.write("auth/userpass/users/ann", ann).await.expect(204);
    for _ in 0..2 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    let _ = log_in(&vault, "ann", "right").await.expect(403);
    vault.advance(60).await;
    let _ = log_in(&vault, "ann", "right").await.expect(200);
    let tune = json!({"user_lockout_config": {"lockout_threshold": 3}});
    let _ = vault.write("sys/auth/userpass/tune", tune).await.expect(204);
    for _ in 0..3 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    let _ = log_in(&vault, "ann", "right").await.expect(403);
    let shown = vault.read("sys/auth/userpass/tune").await.expect(200);
    assert_eq!(
        (
            shown.data("user_lockout_threshold"),
            shown.data("user_lockout_duration")
        ),
        (&json!(3), &json!(60))
    );
}

#[tokio::test]
async fn a_mount_has_lock_rules_of_its_own() {
    let vault = with_ann(json!({})).await;
    let tune = async |config: Value| {
        let data = json!({ "user_lockout_config": config });
        vault.write("sys/auth/userpass/tune", data).await
    };
    let _ = tune(json!({"lockout_threshold": "2", "lockout_duration": "1m"}))
        .await
        .expect(204);
    for _ in 0..2 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    let _ = log_in(&vault, "ann", "right").await.expect(403);
    vault.advance(60).await;
    let _ = log_in(&vault, "ann", "right").await.expect(200);
    let shown = vault.read("sys/auth/userpass/tune").await.expect(200);
    assert_eq!(
        (
            shown.data("user_lockout_threshold"),
            shown.data("user_lockout_duration"),
            shown.data("user_lockout_counter_reset_duration"),
            shown.data("user_lockout_disable")
        ),
        (&json!(2), &json!(60), &json!(900), &json!(false))
    );
    let _ = tune(json!({"lockout_disable": true})).await.expect(204);
    for _ in 0..4 {
        let _ = log_in(&vault, "ann", "wrong").await.expect(400);
    }
    for (config, says) in [
        (
            json!({"lockout_threshold": 0}),
            "user_lockout_config.lockout_threshold must be at least 1, not 0",
        ),
        (
            json!({"lockout_duration": "soon"}),
            "user_lockout_config.lockout_duration: ",
        ),
        (json!([]), "user_lockout_config must be an object"),
    ] {
        let refused = tune(config).await.expect(400);
        assert!(refused.error().starts_with(says), "{}", refused.error());
    }
    let other = json!({"user_lockout_config": {"lockout_disable": true}});
    let refused = vault.write("sys/auth/token/tune", other).await.expect(400);
    assert_eq!(
        refused.error(),
        "tuning of user lockout configuration for auth type \"token\" not allowed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_in_parallel_are_no_better_than_in_a_row() {
    let vault = Arc::new(with_ann(json!({})).await);
    let guesses = (0..24).map(|n| {
        let vault = vault.clone();
        tokio::spawn(async move { log_in(&vault, "ann", &format!("guess{n}")).await.status })
    });
    let statuses = join_all(guesses).await;
    let tried = statuses
        .iter()
        .filter(|status| *status.as_ref().unwrap() == 400)
        .count();
    assert_eq!(tried, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_storm_of_logins_loses_none_and_makes_one_entity() {
    let vault = Arc::new(with_ann(json!({"token_type": "batch"})).await);
    let logins = (0..48).map(|_| {
        let vault = vault.clone();
        tokio::spawn(async move { log_in(&vault, "ann", "right").await.status })
    });
    for status in join_all(logins).await {
        assert_eq!(status.unwrap(), 200);
    }
    let entities = vault.list("identity/entity/id").await.expect(200);
    assert_eq!(entities.data("keys").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn renewals_follow_the_user_of_today() {
    let vault = with_ann(json!({"token_policies": "a", "token_ttl": 100})).await;
    let token = log_in(&vault, "ann", "right").await.expect(200).token();
    let renew = async || vault.write_as(&token, "auth/token/renew-self", json!({})).await;
    let change = async |data: Value| {
        let _ = vault.write("auth/userpass/users/ann", data).await.expect(204);
    };
    change(json!({"token_ttl": 300})).await;
    assert_eq!(renew().await.expect(200).body["auth"]["lease_duration"], 300);
    change(json!({"token_policies": "a,b"})).await;
    let changed = renew().await.expect(500);
    assert!(changed.error().contains("policies have changed, not renewing"));
    change(json!({"token_policies": "a"})).await;
    let _ = renew().await.expect(200);
    let _ = vault.delete("auth/userpass/users/ann").await.expect(204);
    let gone = renew().await.expect(500);
    assert!(gone.error().contains("user ann does not exist during renewal"));
    let _ = vault.read_as(&token, "auth/token/lookup-self").await.expect(200);
}

#[tokio::test]
async fn batch_tokens_and_networks() {
    let vault = with_ann(json!({"token_type": "batch", "token_bound_cidrs": "127.0.0.0/8"})).await;
    let login = log_in(&vault, "ann", "right").await.expect(200);
    assert_eq!(
        (
            &login.body["auth"]["token_type"],
            &login.body["auth"]["renewable"]
        ),
        (&json!("batch"), &json!(false))
    );
    let password = json!({"password": "right"});
    let elsewhere = call_from(&vault, "10.0.0.1", vec![], "auth/userpass/login/ann", &password)
        .await
        .expect(403);
    assert_eq!(elsewhere.error(), "permission denied");
    let _ = vault
        .write("auth/userpass/users/ann", json!({"token_policies": "root"}))
        .await
        .expect(204);
    assert_eq!(
        log_in(&vault, "ann", "right").await.expect(400).error(),
        "auth methods cannot create root tokens"
    );
}
