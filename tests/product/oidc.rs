//! Logging in through a browser at a provider of OpenID Connect: a certified one, in Node.js, with a person who fills
//! in its forms.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use arca_tests::node::Node;
use arca_tests::npm;
use arca_tests::program::{arca, bare, checked_in, installed, python};
use serde_json::json;

/// A running provider. It ends when dropped.
struct Provider {
    url: String,
    child: Child,
    /// Kept open: a program that writes where nobody can read ends.
    _out: BufReader<ChildStdout>,
}

impl Provider {
    fn start(home: &Path, redirect_uri: &str) -> Self {
        let folder = npm::program(
            Path::new(env!("CARGO_TARGET_TMPDIR")),
            "oidc-provider",
            &["provider.mjs"],
        );
        let port = free_port();
        let mut child = bare(&installed("node", "nodejs"), home)
            .arg(folder.join("provider.mjs"))
            .env("PORT", port.to_string())
            .env("CLIENT_SECRET", "s3:cr/t&%")
            .env("REDIRECT_URI", redirect_uri)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut ready).unwrap();
        assert_eq!(ready, "ready\n");
        Self {
            url: format!("http://127.0.0.1:{port}"),
            child,
            _out: out,
        }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn configure(node: &Node, provider: &Provider) {
    let api = node.api();
    let _ = api.post("sys/auth/oidc", json!({"type": "oidc"})).expect(204);
    let config = json!({
        "oidc_discovery_url": provider.url, "oidc_client_id": "arca", "oidc_client_secret": "s3:cr/t&%",
        "default_role": "person",
    });
    let _ = api.post("auth/oidc/config", config).expect(200);
    let role = json!({
        "user_claim": "sub", "groups_claim": "groups", "oidc_scopes": "profile", "policies": "app",
        "allowed_redirect_uris": "http://localhost:8250/oidc/callback", "claim_mappings": {"name": "name"},
        "max_age": "10m",
    });
    let _ = api.post("auth/oidc/role/person", role).expect(204);
    let checked = api.get("auth/oidc/check").expect(200);
    assert_eq!(checked.at("/data/ok"), json!(true), "{checked:?}");
}

/// Logs in as a person does: the command prints an address, the person opens it in a browser.
fn log_in(node: &Node, port: u16, name: &str) -> serde_json::Value {
    let mut command = bare(&arca(), node.folder());
    let mut login = command
        .args([
            "login",
            "-method=oidc",
            "-format=json",
            "-no-store",
            &format!("port={port}"),
        ])
        .env("VAULT_ADDR", node.server.address().url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(login.stderr.take().unwrap());
    let mut lines = String::new();
    let url = loop {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "no address: {lines}");
        if let Some(url) = line.trim().strip_prefix("http") {
            break format!("http{url}");
        }
        lines.push_str(&line);
    };
    let mut person = bare(&python(), node.folder());
    person
        .arg(checked_in("clients/python/browser.py"))
        .arg(url)
        .env("NAME", name);
    let seen = arca_tests::commands::finish(&mut person, None, Duration::from_secs(60));
    if seen.code != 0 {
        let _ = login.kill();
    }
    let (mut out, mut rest) = (String::new(), String::new());
    login.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    said.read_to_string(&mut rest).unwrap();
    assert!(login.wait().unwrap().success(), "{seen:?} {rest}");
    assert!(seen.out.contains("Signed in."), "{seen:?} {rest}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_person_logs_in_through_the_browser() {
    let node = Node::embedded();
    let port = free_port();
    let provider = Provider::start(node.folder(), &format!("http://localhost:{port}/oidc/callback"));
    configure(&node, &provider);
    let answer = log_in(&node, port, "ann");
    assert_eq!(answer["auth"]["policies"], json!(["app", "default"]));
    assert_eq!(
        answer["auth"]["metadata"],
        json!({"role": "person", "name": "ann of the test"})
    );
    let again = log_in(&node, port, "ann");
    assert_eq!(again["auth"]["entity_id"], answer["auth"]["entity_id"]);
    let other = log_in(&node, port, "bob");
    assert_ne!(other["auth"]["entity_id"], answer["auth"]["entity_id"]);
}
