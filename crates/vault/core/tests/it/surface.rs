//! What anybody can reach without a token: one list. Adding to it must be a decision.

use arca_base::Operation;
use arca_testkit::{TestServer, Unsealed};
use serde_json::{Value, json};

#[test]
fn the_unauthenticated_surface_is_this_list() {
    let surface = TestServer::new().core.unauthenticated_surface();
    assert_eq!(
        surface,
        [
            "delete sys/generate-root/attempt",
            "delete sys/rekey-recovery-key/init",
            "delete sys/rekey-recovery-key/verify",
            "delete sys/rekey/init",
            "delete sys/rekey/verify",
            "header sys/health",
            "read <identity>/oidc/.well-known/keys",
            "read <identity>/oidc/.well-known/openid-configuration",
            "read auth/<jwt>/oidc/callback",
            "read auth/<oidc>/oidc/callback",
            "read sys/generate-root/attempt",
            "read sys/health",
            "read sys/init",
            "read sys/internal/specs/openapi",
            "read sys/internal/ui/mounts",
            "read sys/internal/ui/mounts/{path*}",
            "read sys/internal/ui/mounts/{path/}",
            "read sys/internal/ui/namespaces",
            "read sys/leader",
            "read sys/rekey-recovery-key/init",
            "read sys/rekey-recovery-key/verify",
            "read sys/rekey/init",
            "read sys/rekey/verify",
            "read sys/seal-status",
            "update auth/<approle>/login",
            "update auth/<cert>/login",
            "update auth/<jwt>/login",
            "update auth/<jwt>/oidc/auth_url",
            "update auth/<jwt>/oidc/callback",
            "update auth/<kubernetes>/login",
            "update auth/<ldap>/login/{username*}",
            "update auth/<oidc>/login",
            "update auth/<oidc>/oidc/auth_url",
            "update auth/<oidc>/oidc/callback",
            "update auth/<userpass>/login/{username}",
            "update sys/generate-root/attempt",
            "update sys/generate-root/update",
            "update sys/init",
            "update sys/internal/specs/openapi",
            "update sys/mfa/validate",
            "update sys/rekey-recovery-key/init",
            "update sys/rekey-recovery-key/update",
            "update sys/rekey-recovery-key/verify",
            "update sys/rekey/init",
            "update sys/rekey/update",
            "update sys/rekey/verify",
            "update sys/unseal",
            "update sys/wrapping/lookup",
        ]
    );
}

/// Status is asked for with and without tokens, sealed and unsealed: what is wrong with a request is told before either.
#[tokio::test]
async fn a_wrong_method_on_what_anybody_may_ask_is_told_to_anybody() {
    let vault = Unsealed::start().await;
    let sealed = TestServer::new();
    for path in ["sys/health", "sys/seal-status", "sys/init", "sys/leader"] {
        for (server, token) in [
            (&vault.server, None),
            (&vault.server, Some("bad")),
            (&sealed, None),
        ] {
            let answer = server
                .request(Operation::Delete, path, token, Value::Null, None)
                .await
                .expect(405);
            assert_eq!(answer.body, json!({"errors": []}), "{path}");
        }
    }
    // A login is a route like any other.
    let other = vault
        .server
        .request(Operation::Delete, "sys/wrapping/lookup", None, Value::Null, None)
        .await;
    let _ = other.expect(403);
}
