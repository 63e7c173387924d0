//! Limits of one role of a method: which role a login is by, before anything of it is proved, and whose tokens are
//! counted.

use arca_base::Operation;
use arca_testkit::Unsealed;
use serde_json::{Value, json};

use crate::caller::{call, call_from};
use crate::cert::with_authority;
use crate::jwt_issuer::{self, Issuer};
use crate::kubernetes;

/// Two logins in an hour by the role.
async fn limit(vault: &Unsealed, mount: &str, role: &str) {
    let rule = json!({"path": format!("auth/{mount}"), "role": role, "rate": 2, "interval": "1h"});
    let _ = vault.write("sys/quotas/rate-limit/role", rule).await.expect(204);
}

/// How many of these requests are answered before one is too many, five at most.
async fn allowed(vault: &Unsealed, path: &str, data: &Value) -> usize {
    for count in 0..5 {
        if call(vault, path, data.clone()).await.status == 429 {
            return count;
        }
    }
    5
}

#[tokio::test]
async fn a_login_with_a_token_is_by_the_role_it_names_or_the_usual_one() {
    let issuer = Issuer::start().await;
    let vault = jwt_issuer::configured(&issuer).await;
    limit(&vault, "jwt", "App").await;
    let login = "auth/jwt/login";
    assert_eq!(
        allowed(&vault, login, &json!({"role": "other", "jwt": "x"})).await,
        5
    );
    assert_eq!(
        allowed(&vault, login, &json!({"jwt": "x"})).await,
        5,
        "no role is usual"
    );
    assert_eq!(
        allowed(&vault, login, &json!({"role": "APP", "jwt": "x"})).await,
        2
    );
    let usual = json!({"oidc_discovery_url": issuer.url(), "default_role": "app"});
    let _ = vault.write("auth/jwt/config", usual).await.expect(200);
    assert_eq!(allowed(&vault, login, &json!({"jwt": "x"})).await, 0);
    let browser = json!({"role": "app", "redirect_uri": "https://a.example/callback"});
    let begin = "auth/jwt/oidc/auth_url";
    assert_eq!(allowed(&vault, begin, &browser).await, 0);
    for asked in [json!({}), json!({"role": "app"})] {
        let (operation, root) = (Operation::Read, Some(vault.root.as_str()));
        let read = vault
            .server
            .request(operation, "auth/jwt/role/app", root, asked, None);
        assert_eq!(read.await.status, 200, "no login");
    }
    vault.server.clock.advance(std::time::Duration::from_secs(7200));
    let counted = json!({"path": "auth/jwt", "role": "app", "max_leases": 1});
    let _ = vault
        .write("sys/quotas/lease-count/app", counted)
        .await
        .expect(204);
    let jwt = issuer.sign(&jwt_issuer::claims(&vault, &issuer));
    let _ = jwt_issuer::log_in(&vault, &jwt).await.expect(200);
    let over = jwt_issuer::log_in(&vault, &jwt).await.expect(429);
    assert!(
        over.error().contains("lease count quota exceeded"),
        "{}",
        over.error()
    );
}

#[tokio::test]
async fn a_number_and_a_boolean_name_the_role_that_their_text_names() {
    let vault = kubernetes::outside_of_a_pod().await;
    for kind in ["jwt", "approle"] {
        let path = format!("sys/auth/{kind}");
        let _ = vault.write(&path, json!({ "type": kind })).await.expect(204);
    }
    let machine = json!({"bind_secret_id": false, "secret_id_bound_cidrs": "0.0.0.0/0"});
    let _ = vault.write("auth/approle/role/ci", machine).await.expect(204);
    for (role, given) in [("7", json!(7)), ("1", json!(true))] {
        for (mount, member) in [("kubernetes", "role"), ("jwt", "role"), ("approle", "role_id")] {
            let limited = if mount == "approle" {
                let id = json!({ "role_id": role });
                let _ = vault.write("auth/approle/role/ci/role-id", id).await.expect(204);
                "ci"
            } else {
                role
            };
            limit(&vault, mount, limited).await;
            vault.server.clock.advance(std::time::Duration::from_secs(7200));
            let data = json!({ member: given, "jwt": "x" });
            let path = format!("auth/{mount}/login");
            assert_eq!(allowed(&vault, &path, &data).await, 2, "{mount} {given}");
        }
    }
}

#[tokio::test]
async fn a_login_of_a_pod_is_by_the_role_it_names() {
    let vault = kubernetes::outside_of_a_pod().await;
    kubernetes::role(&vault, json!({})).await;
    limit(&vault, "kubernetes", "payments-api").await;
    let login = "auth/kubernetes/login";
    for (role, expected) in [("other", 5), ("", 5), ("Payments-API", 2), ("payments-api", 0)] {
        let data = json!({"role": role, "jwt": "x"});
        assert_eq!(allowed(&vault, login, &data).await, expected, "{role}");
    }
}

#[tokio::test]
async fn a_login_with_a_certificate_is_by_the_entry_that_lets_it_in() {
    let estate = with_authority(json!({})).await;
    let vault = &estate.vault;
    limit(vault, "cert", "CA").await;
    let counted = json!({"path": "auth/cert", "role": "ca", "max_leases": 9});
    let _ = vault
        .write("sys/quotas/lease-count/ca", counted)
        .await
        .expect(204);
    let none = json!({"name": "other"});
    for _ in 0..4 {
        let _ = estate.log_in(&[&estate.client], "other").await.expect(400);
        let stranger = call_from(vault, "10.0.0.1", vec![], "auth/cert/login", &none).await;
        assert_eq!(stranger.status, 400);
    }
    for name in ["", "Ca"] {
        let _ = estate.log_in(&[&estate.client], name).await.expect(200);
    }
    let _ = estate.log_in(&[&estate.client], "").await.expect(429);
    let shown = vault.read("sys/quotas/lease-count/ca").await.expect(200);
    assert_eq!(shown.data("counter"), 2);
}
