//! What anybody can reach without a token: one list. Adding to it must be a decision.

use arca_testkit::TestServer;

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
