//! The OpenAPI document: valid to those who read it, and a plan for finding requests that break the server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use arca_tests::commands::finish;
use arca_tests::program::{bare, checked_in, python};
use arca_tests::{Node, Ran};
use serde_json::json;

/// Operations that would end the run or take away what it stands on, streams, and limits of how often one may ask.
/// One expression: the fuzzer leaves out only what every one of several agrees on.
const LEFT_OUT: &str = concat!(
    "-sys-(seal$|step-down|generate-root|rekey|quotas|events|monitor)",
    "|-auth-token-revoke|-sys-(leases-)?revoke-(prefix|force)",
    "|^delete-sys-(mounts|auth|audit)-|^update-sys-remount",
);

/// Limits, tried after everything else.
const LIMITS: &str = "-sys-quotas-";

/// A server with a mount of every kind.
fn everything() -> Node {
    let node = Node::embedded();
    let api = node.api();
    node.mount_kv();
    for (path, kind) in [("old", "kv"), ("database", "database")] {
        api.post(&format!("sys/mounts/{path}"), json!({"type": kind}))
            .expect(204);
    }
    for kind in ["approle", "cert", "jwt", "kubernetes", "ldap", "oidc", "userpass"] {
        api.post(&format!("sys/auth/{kind}"), json!({"type": kind}))
            .expect(204);
    }
    node
}

fn document(node: &Node) -> PathBuf {
    let path = node.path("openapi.json");
    let answer = node.api().get("sys/internal/specs/openapi").expect(200);
    std::fs::write(&path, answer.body).unwrap();
    path
}

#[test]
fn the_document_is_valid() {
    let node = everything();
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/openapi_valid.py"))
        .arg(document(&node));
    let ran = finish(&mut command, None, Duration::from_secs(120)).expect(0);
    let paths: usize = ran.out.trim().parse().unwrap();
    assert!(paths > 200, "{paths}");
}

fn fuzz(node: &Node, python: &Path, filter: &str, examples: &str) -> Ran {
    let mut command = bare(&python.with_file_name("schemathesis"), node.folder());
    command
        .current_dir(node.folder())
        .env("SCHEMATHESIS_HOOKS", "fuzz_api")
        .env("PYTHONPATH", checked_in("clients/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["run", "--checks=fault_of_the_server", "--continue-on-failure"])
        .args([
            "--phases=coverage,fuzzing",
            "--seed=1",
            "--generation-database=none",
        ])
        .args([
            "--request-timeout=30",
            "--warnings=off",
            "--suppress-health-check=all",
        ])
        .arg(format!("--max-examples={examples}"))
        .arg(format!("--url={}/v1", node.server.address().url()))
        .arg(format!("--header=X-Vault-Token: {}", node.keys.root))
        .arg(filter)
        .arg(document(node));
    finish(&mut command, None, Duration::from_secs(3600))
}

#[test]
#[ignore = "takes long; run by cargo xtask fuzz-api"]
fn no_request_is_a_fault_of_the_server() {
    let python = std::env::var_os("ARCA_FUZZ_PYTHON").expect("ARCA_FUZZ_PYTHON: run `cargo xtask fuzz-api`");
    let examples = std::env::var("ARCA_FUZZ_EXAMPLES").unwrap_or_else(|_| "30".to_owned());
    let mut node = everything();
    for filter in [
        format!("--exclude-operation-id-regex={LEFT_OUT}"),
        format!("--include-operation-id-regex={LIMITS}"),
    ] {
        let ran = fuzz(&node, Path::new(&python), &filter, &examples);
        println!("{}", ran.out);
        assert_eq!(ran.code, 0, "{}", ran.errors);
    }
    assert!(node.server.ended().is_none());
    assert!(!node.server.all().contains("panicked"), "{}", node.server.all());
}
