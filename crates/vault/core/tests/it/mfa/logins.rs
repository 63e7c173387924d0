//! Logins that wait for a second factor.

use std::sync::Arc;

use arca_base::{Operation, RequestPath};
use arca_core::pipeline::{Incoming, InlineAuth};
use serde_json::json;

use super::{HERE, call, guarded, handle, incoming, log_in, members, passcode, request_of, validate};

#[tokio::test]
async fn a_login_waits_for_its_passcode_and_goes_on_once() {
    let (vault, method, key) = guarded().await;
    let _ = log_in(&vault, "bob", &[]).await.expect(200).token();
    let waits = log_in(&vault, "ann", &[]).await.expect(200);
    let request = request_of(&waits);
    assert_eq!(
        waits.body["auth"],
        json!({
            "accessor": "", "client_token": "", "entity_id": "", "lease_duration": 0, "metadata": null, "num_uses": 0,
            "orphan": false, "policies": [], "renewable": false, "token_policies": [], "token_type": "",
            "mfa_requirement": {
                "mfa_request_id": request,
                "mfa_constraints": {"people": {"any": [
                    {"type": "totp", "id": method, "uses_passcode": true, "name": "phone"},
                ]}},
            },
        })
    );
    assert!(
        waits.body["warnings"][0]
            .as_str()
            .unwrap()
            .contains("subject to MFA validation")
    );
    let wrong = validate(&vault, &request, json!({ &method: ["000000"] }))
        .await
        .expect(403);
    assert_eq!(
        wrong.error(),
        "failed to satisfy enforcement people. error: failed to validate TOTP passcode"
    );
    let right = passcode(&vault, &key);
    let done = validate(&vault, &request, json!({ &method: [right] }))
        .await
        .expect(200);
    assert_eq!(done.body["auth"]["lease_duration"], 60);
    let me = vault
        .read_as(&done.token(), "auth/token/lookup-self")
        .await
        .expect(200);
    assert_eq!(
        (me.data("path"), me.data("display_name")),
        (&json!("auth/userpass/login/ann"), &json!("userpass-ann"))
    );
    let again = validate(&vault, &request, json!({ &method: [right] }))
        .await
        .expect(400);
    assert_eq!(again.error(), "invalid request ID");
    // The passcode is used up for every other login, too.
    let next = request_of(&log_in(&vault, "ann", &[]).await);
    let used = validate(&vault, &next, json!({ &method: [right] }))
        .await
        .expect(403);
    assert!(
        used.error()
            .contains("code already used; new code is available in "),
        "{}",
        used.error()
    );
    vault.advance(30).await;
    let by_name = json!({ "phone": [passcode(&vault, &key)] });
    let _ = validate(&vault, &next, by_name).await.expect(200).token();
}

#[tokio::test]
async fn a_login_that_waited_takes_a_place_below_the_limit_of_leases() {
    let (vault, method, key) = guarded().await;
    // The token of the login that made her known is one, too.
    let limit = json!({"path": "auth/userpass", "max_leases": 2});
    let _ = vault
        .write("sys/quotas/lease-count/people", limit)
        .await
        .expect(204);
    let first = request_of(&log_in(&vault, "ann", &[]).await.expect(200));
    let second = request_of(&log_in(&vault, "ann", &[]).await.expect(200));
    let right = json!({ &method: [passcode(&vault, &key)] });
    let token = validate(&vault, &first, right).await.expect(200).token();
    vault.server.clock.advance(std::time::Duration::from_secs(30));
    let right = json!({ &method: [passcode(&vault, &key)] });
    let over = validate(&vault, &second, right.clone()).await.expect(429);
    assert!(
        over.error().contains("lease count quota exceeded"),
        "{}",
        over.error()
    );
    // Neither the login nor the passcode was used up.
    let _ = vault
        .write("auth/token/revoke", json!({ "token": token }))
        .await
        .expect(204);
    let _ = validate(&vault, &second, right).await.expect(200);
}

#[tokio::test]
async fn a_passcode_may_come_with_the_login() {
    let (vault, method, key) = guarded().await;
    for name in [&*method, "phone"] {
        let factor = format!("{name}:{}", passcode(&vault, &key));
        let _ = log_in(&vault, "ann", &[&factor]).await.expect(200).token();
        vault.advance(30).await;
    }
    let spelled = format!("phone:passcode={}", passcode(&vault, &key));
    let _ = log_in(&vault, "ann", &["duo", &spelled])
        .await
        .expect(200)
        .token();
    let replayed = log_in(&vault, "ann", &[&spelled]).await.expect(403);
    assert!(replayed.error().contains("code already used"));
    for (factor, says) in [
        ("phone:000000", "failed to validate TOTP passcode"),
        ("phone", "MFA credentials not supplied for method"),
        ("other:123456", "MFA credentials not supplied for method"),
    ] {
        let refused = log_in(&vault, "ann", &[factor]).await.expect(403);
        assert!(refused.error().contains(says), "{factor}: {}", refused.error());
    }
    let _ = log_in(&vault, "ann", &[":1"]).await.expect(400);
}

#[tokio::test]
async fn a_login_inside_a_request_brings_its_passcode_along() {
    let (vault, method, key) = guarded().await;
    let ask = async |factors: &[&str]| {
        let login = InlineAuth {
            path: RequestPath::parse("auth/userpass/login/ann").unwrap(),
            data: members(&json!({"password": "right"})),
        };
        let read = incoming(
            Operation::Read,
            "auth/token/lookup-self",
            &json!({}),
            HERE,
            factors,
        );
        let inline_auth = Some(Box::new(login));
        handle(&vault, Incoming { inline_auth, ..read }).await
    };
    let refused = ask(&[]).await.expect(403);
    assert!(
        refused.inline_auth_failed && refused.error().contains("X-Vault-MFA"),
        "{:?}",
        refused.body
    );
    let given = format!("{method}:{}", passcode(&vault, &key));
    let me = ask(&[&given]).await.expect(200);
    assert_eq!(me.data("type"), "batch");
    let _ = ask(&[&given]).await.expect(403);
}

#[tokio::test]
async fn logins_wait_for_five_minutes_where_they_came_from() {
    let (vault, method, key) = guarded().await;
    let request = request_of(&log_in(&vault, "ann", &[]).await);
    let data = json!({"mfa_request_id": request, "mfa_payload": { &method: [passcode(&vault, &key)] }});
    let elsewhere = call(&vault, "sys/mfa/validate", &data, "10.0.0.1", &[], false)
        .await
        .expect(403);
    assert!(
        elsewhere
            .error()
            .contains("must come from where the login came from")
    );
    vault.advance(299).await;
    let late = json!({ &method: ["000000"] });
    let _ = validate(&vault, &request, late.clone()).await.expect(403);
    vault.advance(1).await;
    let _ = validate(&vault, &request, late).await.expect(400);
    for (data, says) in [
        (json!({}), "missing request ID"),
        (json!({"mfa_request_id": "x"}), "mfa_payload must be an object"),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {}}),
            "mfa_payload must name 1 to 32",
        ),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {"m": 1}}),
            "mfa_payload must be an object",
        ),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {"m": ["1", "2"]}}),
            "mfa_payload: one passcode",
        ),
        (
            json!({"mfa_request_id": "x", "mfa_payload": {"m": ["1"]}}),
            "invalid request ID",
        ),
    ] {
        let refused = call(&vault, "sys/mfa/validate", &data, HERE, &[], false)
            .await
            .expect(400);
        assert!(refused.error().starts_with(says), "{data}: {}", refused.error());
    }
}

#[tokio::test]
async fn what_waits_is_not_wrapped_and_what_is_given_is() {
    let (vault, method, key) = guarded().await;
    let password = json!({"password": "right"});
    let waits = call(&vault, "auth/userpass/login/ann", &password, HERE, &[], true)
        .await
        .expect(200);
    let request = request_of(&waits);
    let data = json!({"mfa_request_id": request, "mfa_payload": { &method: [passcode(&vault, &key)] }});
    let wrapped = call(&vault, "sys/mfa/validate", &data, HERE, &[], true)
        .await
        .expect(200);
    let token = wrapped.body["wrap_info"]["token"].as_str().unwrap();
    let opened = vault
        .write_as(token, "sys/wrapping/unwrap", json!({}))
        .await
        .expect(200);
    assert_eq!(opened.body["auth"]["metadata"]["username"], "ann");
}

#[tokio::test]
async fn wrong_passcodes_lead_to_a_pause_also_in_a_row_of_logins() {
    let (vault, method, key) = guarded().await;
    for _ in 0..5 {
        let request = request_of(&log_in(&vault, "ann", &[]).await);
        let _ = validate(&vault, &request, json!({ &method: ["000000"] }))
            .await
            .expect(403);
    }
    let right = format!("phone:{}", passcode(&vault, &key));
    let paused = log_in(&vault, "ann", &[&right]).await.expect(403);
    assert!(
        paused.error().contains("Please try again in 30 seconds"),
        "{}",
        paused.error()
    );
    vault.advance(30).await;
    let right = format!("phone:{}", passcode(&vault, &key));
    let _ = log_in(&vault, "ann", &[&right]).await.expect(200).token();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_passcode_in_parallel_makes_one_token() {
    let (vault, _, key) = guarded().await;
    let vault = Arc::new(vault);
    let factor = format!("phone:{}", passcode(&vault, &key));
    let logins: Vec<_> = (0..16)
        .map(|_| {
            let (vault, factor) = (vault.clone(), factor.clone());
            tokio::spawn(async move { log_in(&vault, "ann", &[&factor]).await.status })
        })
        .collect();
    let mut good = 0;
    for login in logins {
        good += usize::from(login.await.unwrap() == 200);
    }
    assert_eq!(good, 1);
}
