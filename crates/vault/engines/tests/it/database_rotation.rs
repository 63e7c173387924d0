//! Passwords that change: of static roles and of the user a configuration logs in as.

use serde_json::{Value, json};

use crate::database_kit::{ADMIN, ADMIN_PASSWORD, Estate};

async fn password(estate: &Estate) -> String {
    let shown = estate.vault.read("database/static-creds/svc").await.expect(200);
    shown.data("password").as_str().unwrap().to_owned()
}

pub(crate) async fn with_static_role(more: Value) -> Estate {
    let estate = Estate::start().await;
    estate.query("CREATE ROLE svc LOGIN PASSWORD 'old'");
    let mut role = json!({"db_name": "pg", "username": "svc"});
    for (key, value) in more.as_object().unwrap() {
        role[key] = value.clone();
    }
    let _ = estate
        .vault
        .write("database/static-roles/svc", role)
        .await
        .expect(204);
    estate
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_role_changes_its_password_at_once_and_by_period() {
    let estate = with_static_role(json!({"rotation_period": "1h"})).await;
    assert!(
        estate.log_in("svc", "old").await.is_err(),
        "changed when the role was written"
    );
    let first = password(&estate).await;
    let _ = estate.log_in("svc", &first).await.unwrap();
    let shown = estate.vault.read("database/static-creds/svc").await.expect(200);
    assert_eq!(
        (shown.data("rotation_period"), shown.data("username")),
        (&json!(3600), &json!("svc"))
    );
    assert!(shown.data("ttl").as_u64().unwrap() <= 3600);
    let role = estate.vault.read("database/static-roles/svc").await.expect(200);
    assert_eq!(role.data("password"), &Value::Null);
    assert_eq!(role.data("rotation_statements"), &json!([]));
    estate.vault.advance(3500).await;
    assert_eq!(password(&estate).await, first, "not yet");
    for _ in 0..30 {
        estate.vault.advance(10).await;
        crate::database_kit::pause().await;
        if password(&estate).await != first {
            break;
        }
    }
    let second = password(&estate).await;
    assert_ne!(second, first);
    let _ = estate.log_in("svc", &second).await.unwrap();
    let _ = estate
        .vault
        .write("database/rotate-role/svc", json!({}))
        .await
        .expect(204);
    assert_ne!(password(&estate).await, second);
    let missing = estate
        .vault
        .write("database/rotate-role/none", json!({}))
        .await
        .expect(400);
    assert_eq!(missing.error(), "no static role found for role name");
    let _ = estate.vault.delete("database/static-roles/svc").await.expect(204);
    let unknown = estate.vault.read("database/static-creds/svc").await.expect(400);
    assert_eq!(unknown.error(), "unknown role: svc");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_failed_is_ended_with_the_same_password() {
    let mut estate = with_static_role(json!({"rotation_period": "1h"})).await;
    let first = password(&estate).await;
    estate.postgres.stop();
    let failed = estate
        .vault
        .write("database/rotate-role/svc", json!({}))
        .await
        .expect(500);
    assert!(
        failed.error().contains("retries will continue in the background"),
        "{}",
        failed.error()
    );
    assert_eq!(
        password(&estate).await,
        first,
        "the old one counts until the new one is set"
    );
    estate.postgres.restart().unwrap();
    for _ in 0..40 {
        estate.vault.advance(5).await;
        crate::database_kit::pause().await;
        if password(&estate).await != first {
            break;
        }
    }
    let second = password(&estate).await;
    assert_ne!(second, first);
    let _ = estate.log_in("svc", &second).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_and_its_window_are_kept() {
    let estate = with_static_role(json!({"rotation_schedule": "0 0 * * *", "rotation_window": "2h"})).await;
    let first = password(&estate).await;
    let shown = estate.vault.read("database/static-creds/svc").await.expect(200);
    assert_eq!(
        (
            shown.data("rotation_schedule"),
            shown.data("rotation_window"),
            shown.data("rotation_period")
        ),
        (&json!("0 0 * * *"), &json!(7200), &Value::Null)
    );
    let left = shown.data("ttl").as_u64().unwrap();
    assert!(left <= 86_400, "{left}");
    estate.vault.advance(left + 1).await;
    for _ in 0..30 {
        estate.vault.advance(10).await;
        crate::database_kit::pause().await;
        if password(&estate).await != first {
            break;
        }
    }
    assert_ne!(password(&estate).await, first);
    for (wrong, said) in [
        (
            json!({"rotation_period": "1h", "rotation_schedule": "* * * * *"}),
            "mutually exclusive",
        ),
        (json!({"rotation_period": 4}), "5 seconds or more"),
        (
            json!({"rotation_period": 60, "rotation_window": 3600}),
            "rotation_window is invalid",
        ),
        (json!({"rotation_schedule": "61 * * * *"}), "minute"),
        (
            json!({"username": "other"}),
            "cannot update static account username",
        ),
    ] {
        let refused = estate
            .vault
            .write("database/static-roles/svc", wrong.clone())
            .await
            .expect(400);
        assert!(refused.error().contains(said), "{wrong}: {}", refused.error());
    }
    for (wrong, said) in [
        (
            json!({"db_name": "pg", "rotation_period": 60}),
            "username is a required field",
        ),
        (
            json!({"username": "x", "rotation_period": 60}),
            "database name is a required field",
        ),
        (
            json!({"db_name": "pg", "username": "x"}),
            "one of rotation_schedule or rotation_period",
        ),
    ] {
        let refused = estate
            .vault
            .write("database/static-roles/new", wrong.clone())
            .await
            .expect(400);
        assert!(refused.error().contains(said), "{wrong}: {}", refused.error());
    }
    let missing = json!({"db_name": "pg", "username": "nonesuch", "rotation_period": 60});
    let failed = estate
        .vault
        .write("database/static-roles/new", missing)
        .await
        .expect(500);
    assert!(failed.error().contains("does not exist"), "{}", failed.error());
    let _ = estate.vault.read("database/static-roles/new").await.expect(404);
    let twice = estate.role("svc", json!({})).await.expect(400);
    assert_eq!(twice.error(), "Role and Static Role names must be unique");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_password_changes_and_nobody_learns_it() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    let _ = estate
        .vault
        .write("database/rotate-root/pg", json!({}))
        .await
        .expect(204);
    assert!(estate.log_in(ADMIN, ADMIN_PASSWORD).await.is_err());
    let user = estate.credentials("app").await;
    let _ = estate.revoke(&user.lease).await.expect(204);
    let _ = estate
        .vault
        .write("database/rotate-root/pg", json!({}))
        .await
        .expect(204);
    let _ = estate.credentials("app").await;
    let missing = estate
        .vault
        .write("database/rotate-root/none", json!({}))
        .await
        .expect(500);
    assert!(
        missing
            .error()
            .contains("failed to find entry for connection with name: \"none\"")
    );
    let literal = format!(
        "postgresql://arca:p4ss%20word%2F%25@127.0.0.1:{}/arca",
        estate.port()
    );
    let config = json!({
        "plugin_name": "postgresql-database-plugin",
        "connection_url": literal,
        "allowed_roles": "*",
    });
    let _ = estate
        .vault
        .write("database/config/literal", config)
        .await
        .expect(200);
    let refused = estate
        .vault
        .write("database/rotate-root/literal", json!({}))
        .await
        .expect(500);
    assert!(
        refused.error().contains("no username in configuration"),
        "{}",
        refused.error()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_root_password_changes_by_schedule() {
    let estate = Estate::start().await;
    let _ = estate
        .configure("pg", json!({"rotation_period": "1h"}))
        .await
        .expect(204);
    let shown = estate.vault.read("database/config/pg").await.expect(200);
    assert_eq!(shown.data("rotation_period"), 3600);
    estate.vault.advance(3601).await;
    for _ in 0..60 {
        estate.vault.advance(5).await;
        crate::database_kit::pause().await;
        if estate.log_in(ADMIN, ADMIN_PASSWORD).await.is_err() {
            break;
        }
    }
    assert!(estate.log_in(ADMIN, ADMIN_PASSWORD).await.is_err());
    let _ = estate.role("app", json!({})).await.expect(204);
    let _ = estate.credentials("app").await;
}
