//! Identity tokens, proved by a library of others that knows nothing but the address of the issuer.

use std::path::{Path, PathBuf};
use std::time::Duration;

use arca_tests::commands::{Ran, Shell, finish};
use arca_tests::program::{bare, installed};
use arca_tests::{Node, npm};
use serde_json::json;

/// A server, and the address it says tokens are from.
fn issuing(operator: &mut Shell, node: &Node) -> String {
    operator.export("VAULT_TOKEN", &node.keys.root);
    let address = node.server.address().url();
    operator
        .run(&format!("arca write identity/oidc/config issuer={address}"))
        .expect(0);
    format!("{address}/v1/identity/oidc")
}

/// What a library finds in a token.
fn verify(program: &Path, home: &Path, issuer: &str, audience: &str, token: &str) -> Ran {
    let mut command = bare(&installed("node", "nodejs"), home);
    command.arg(program.join("verify.mjs")).args([issuer, audience]);
    finish(&mut command, Some(token), Duration::from_secs(60))
}

fn program() -> PathBuf {
    npm::program(
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        "oidc-provider",
        &["provider.mjs", "verify.mjs"],
    )
}

/// A key and a role for it, named like the algorithm.
fn prepare(operator: &Shell, algorithm: &str) {
    let template =
        "'template={\"name\": {{identity.entity.name}}, \"groups\": {{identity.entity.groups.names}}}'";
    for line in [
        format!("arca write identity/oidc/key/{algorithm} algorithm={algorithm} allowed_client_ids=*"),
        format!("arca write identity/oidc/role/{algorithm} key={algorithm} client_id=shop ttl=1h {template}"),
    ] {
        operator.run(&line).expect(0);
    }
}

/// Somebody who may ask for tokens and nothing else.
fn ann(operator: &Shell, anybody: &Shell) -> Shell {
    let policy = "path \"identity/oidc/token/*\" { capabilities = [\"read\"] }";
    operator.run("arca auth enable userpass").expect(0);
    operator.run_with("arca policy write tokens -", policy).expect(0);
    operator
        .run("arca write auth/userpass/users/ann password=right policies=tokens")
        .expect(0);
    let login = "arca login -method=userpass -token-only username=ann password=right";
    let login = anybody.run(login).expect(0);
    anybody.with("VAULT_TOKEN", login.out.trim())
}

#[test]
fn a_library_of_others_proves_tokens_of_every_algorithm() {
    let program = program();
    let node = Node::embedded();
    let mut operator = Shell::new(node.folder());
    operator.export("VAULT_ADDR", &node.server.address().url());
    let anybody = operator.clone();
    let issuer = issuing(&mut operator, &node);
    let ann = ann(&operator, &anybody);
    let check = |audience: &str, token: &str| verify(&program, node.folder(), &issuer, audience, token);
    for algorithm in ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"] {
        prepare(&operator, algorithm);
        let ask = format!("arca read -field=token identity/oidc/token/{algorithm}");
        let token = ann.run(&ask).expect(0).out;
        let proved = check("shop", &token).expect(0).json();
        assert_eq!(proved["header"]["alg"], algorithm);
        assert!(
            proved["claims"]["name"].as_str().unwrap().starts_with("entity_"),
            "{proved}"
        );
        assert_eq!(proved["claims"]["groups"], json!([]));
        // The next key signs, the former one is still published.
        let rotate = format!("arca write -f identity/oidc/key/{algorithm}/rotate");
        operator.run(&rotate).expect(0);
        let _ = check("shop", &token).expect(0);
        let next = ann.run(&ask).expect(0).out;
        let of_next = check("shop", &next).expect(0).json();
        assert_ne!(of_next["header"]["kid"], proved["header"]["kid"]);
        let other = check("bank", &next);
        assert!(other.errors.contains("aud"), "{other:?}");
    }
}
