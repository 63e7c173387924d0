//! Logging in at the prompt, one way after the other.

use arca_fixtures::Authority;
use arca_tests::Shell;
use arca_tests::node::folder;
use serde_json::json;

use crate::hvac::{tls_server, write_pair};

/// What makes the ways, with the role or user that each login names.
const SETUP: &str = r#"set -e
vault auth enable userpass
vault write auth/userpass/users/ann password=right token_policies=people
vault auth enable approle
vault write auth/approle/role/ci token_policies=machines
vault write auth/approle/role/ci/role-id role_id=ci
vault write auth/approle/role/ci/custom-secret-id secret_id=s3cret
vault auth enable cert
vault write auth/cert/certs/app certificate=@"$VAULT_CACERT" allowed_common_names=arca-test token_policies=apps
"#;

#[test]
fn every_way_to_log_in_works_at_the_prompt() {
    let home = folder();
    let authority = Authority::new().unwrap();
    let server = tls_server(home.path(), &authority);
    let client = authority.issue("app.example.com").unwrap();
    let [certificate, key] = write_pair(home.path(), "client", &client);
    let mut shell = Shell::new(home.path());
    shell.export("VAULT_ADDR", &server.address().url());
    shell.export("VAULT_CACERT", &authority.file().display().to_string());
    let made = shell
        .run("vault operator init -key-shares=1 -key-threshold=1 -format=json")
        .expect(0)
        .json();
    let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    shell
        .run(&format!("vault operator unseal {}", text("/unseal_keys_b64/0")))
        .expect(0);
    let root = shell.with("VAULT_TOKEN", &text("/root_token"));
    root.run(SETUP).expect(0);

    let pair = format!(
        "-client-cert={} -client-key={}",
        certificate.display(),
        key.display()
    );
    for (login, input, policy) in [
        ("-method=userpass username=ann", "right\n", "people"),
        ("-method=approle role_id=ci secret_id=s3cret", "", "machines"),
        (&*format!("-method=cert {pair} name=app"), "", "apps"),
        (&*format!("-method=cert {pair}"), "", "apps"),
    ] {
        let ran = shell.run_with(&format!("vault login -format=json -no-store {login}"), input);
        let answer = ran.expect(0).json();
        let policies = answer.pointer("/auth/policies").unwrap().as_array().unwrap();
        assert!(policies.contains(&json!(policy)), "{login}: {policies:?}");
    }
    let refused = shell.run("vault login -method=cert -no-store name=app");
    let refused = refused.expect(2);
    assert!(refused.errors.contains("client certificate"), "{refused:?}");
}
