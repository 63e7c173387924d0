//! Limits of leases, asked for by many at the same time.

use serde_json::json;

use crate::database_kit::Estate;

/// How many of 64 requests at the same time get a user.
async fn race(estate: &Estate, tokens: &[&str]) -> usize {
    let requests = (0..64).map(|at| async move {
        let token = tokens[at % tokens.len()];
        let answer = estate.vault.read_as(token, "database/creds/app").await;
        assert!([200, 429].contains(&answer.status), "{}", answer.body);
        usize::from(answer.status == 200)
    });
    futures_util::future::join_all(requests).await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_the_same_time_do_not_pass_the_limit_together() {
    let estate = Estate::start().await;
    let _ = estate.role("app", json!({})).await.expect(204);
    // These two were not counted when they were made.
    let early = [estate.credentials("app").await, estate.credentials("app").await];
    let _ = estate.role("app/deeper", json!({})).await.expect(204);
    let _ = estate.credentials("app/deeper").await;
    let _ = estate.role("app", json!({"max_leases": 7})).await.expect(204);
    let root = estate.vault.root.clone();
    assert_eq!(race(&estate, &[&root]).await, 5);
    assert_eq!(estate.users(), 8);
    for user in early {
        let _ = estate.revoke(&user.lease).await.expect(204);
    }
    let path = "sys/leases/lookup/database/creds/app";
    let leases = estate.vault.list(path).await.expect(200);
    let keys = leases.data("keys").as_array().unwrap().clone();
    let mut mine = keys
        .iter()
        .map(|key| key.as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    mine.retain(|key| !key.ends_with('/'));
    assert_eq!(mine.len(), 5);
    for key in &mine[..2] {
        let lease = format!("database/creds/app/{key}");
        let _ = estate.revoke(&lease).await.expect(204);
        // Once more has no effect on the count.
        let _ = estate.revoke(&lease).await;
    }
    estate.vault.advance(61).await;
    assert_eq!(race(&estate, &[&root]).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_at_the_same_time_get_what_is_theirs() {
    let estate = Estate::start().await;
    let quotas = json!({"max_leases_per_entity": 3, "max_leases": 5});
    let _ = estate.role("app", quotas).await.expect(204);
    let rule = r#"path "database/creds/*" { capabilities = ["read"] }"#;
    estate.vault.policy("app", rule).await;
    let aliases = json!({"allowed_entity_aliases": "*"});
    let _ = estate
        .vault
        .write("auth/token/roles/app", aliases)
        .await
        .expect(204);
    let token = async |alias: &str| {
        let request = json!({"entity_alias": alias, "policies": ["app"]});
        let made = estate.vault.write("auth/token/create/app", request).await;
        made.expect(200).token()
    };
    let (one, other) = (token("one").await, token("other").await);
    assert_eq!(race(&estate, &[&one]).await, 3);
    assert_eq!(race(&estate, &[&one, &other]).await, 2, "five altogether");
    assert_eq!(estate.users(), 5);
    // A failed creation gives its place back.
    let broken = json!({"creation_statements": "SELECT 1 / 0", "max_leases": 6});
    let _ = estate.role("app", broken).await.expect(200);
    for _ in 0..3 {
        let _ = estate
            .vault
            .read_as(&other, "database/creds/app")
            .await
            .expect(500);
    }
    let _ = estate.role("app", json!({"max_leases": 6})).await.expect(204);
    assert_eq!(race(&estate, &[&other]).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_removed_by_force_do_not_count_for_long() {
    let mut estate = Estate::start().await;
    let _ = estate.role("app", json!({"max_leases": 2})).await.expect(204);
    let _ = (estate.credentials("app").await, estate.credentials("app").await);
    estate.postgres.stop();
    let _ = estate
        .vault
        .write("sys/leases/revoke-force/database/creds/app", json!({}))
        .await
        .expect(204);
    estate.postgres.restart().unwrap();
    for _ in 0..30 {
        estate.vault.advance(10).await;
        crate::database_kit::pause().await;
    }
    let _ = (estate.credentials("app").await, estate.credentials("app").await);
    let _ = estate.vault.read("database/creds/app").await.expect(429);
}
