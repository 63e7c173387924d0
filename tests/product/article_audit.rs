//! The audit script of the article, unchanged, against secrets that are really as old as it says.
//!
//! `clients/python/vault_audit.py` is the script letter by letter; only the indentation that print takes away is
//! restored. The secrets are written by servers that live in the past: libfaketime tells them another time.

use std::time::Duration;

use arca_tests::commands::finish;
use arca_tests::node::{Keys, configuration, folder};
use arca_tests::program::{bare, checked_in, installed, python};
use arca_tests::server::Launch;
use arca_tests::{Api, Node, Ran};
use serde_json::{Value, json};

/// What preloads the other time, as the `faketime` program does it.
fn preload() -> String {
    let faketime = installed("faketime", "faketime");
    let home = std::env::temp_dir();
    let mut command = bare(&faketime, &home);
    command.args(["-m", "-f", "+0", "sh", "-c", "echo \"$LD_PRELOAD\""]);
    finish(&mut command, None, Duration::from_secs(10))
        .expect(0)
        .out
        .trim()
        .to_owned()
}

/// The launch of a server whose clock is that many days behind.
fn days_ago(launch: &Launch, days: u32) -> Launch {
    launch
        .clone()
        .env("LD_PRELOAD", preload())
        .env("FAKETIME", format!("-{days}d"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

/// Writes a version of each secret.
fn write(api: &Api, paths: &[&str]) {
    for path in paths {
        let path = path.replace(' ', "%20");
        let written = api.post(&format!("secret/data/{path}"), json!({"data": {"key": "value"}}));
        written.expect(200);
    }
}

fn server_time(api: &Api) -> i64 {
    api.get("sys/health").at("/server_time_utc").as_i64().unwrap()
}

fn audit(node: &Node) -> Ran {
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/vault_audit.py"))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root);
    finish(&mut command, None, Duration::from_secs(60)).expect(0)
}

/// The path, version and age in ` STALE secret/a (v1, last rotated 2026-01-31, 120d ago)`.
fn stale(line: &str) -> Option<(String, String, i64)> {
    let (path, rest) = line.strip_prefix(" STALE secret/")?.split_once(" (v")?;
    let (version, rest) = rest.split_once(", last rotated ")?;
    let (_, age) = rest.split_once(", ")?;
    let age = age.strip_suffix("d ago)")?.parse().ok()?;
    Some((path.to_owned(), version.to_owned(), age))
}

#[test]
fn stale_secrets_are_found_and_only_those() {
    let folder = folder();
    let storage = format!(
        "\"file\" {{ path = \"{}\" }}",
        folder.path().join("data").display()
    );
    let path = folder.path().join("arca.hcl");
    std::fs::write(&path, configuration(&storage, "", "")).unwrap();
    let launch = Launch::new(folder.path(), ["server", "-config", &path.display().to_string()]);

    let mut node = Node::launched(folder, days_ago(&launch, 200), None);
    let then = server_time(&node.api());
    node.mount_kv();
    write(
        &node.api(),
        &["production/payments/stripe", "rotated", "rotated twice", "gone"],
    );
    let visits: [(u32, &[&str]); 4] = [
        (120, &["a", "a/b", "production/deep/er/still", "rotated twice"]),
        (91, &["just stale"]),
        (90, &["not yet"]),
        (0, &["rotated", "new"]),
    ];
    for (days, paths) in visits {
        assert_eq!(node.server.terminate(Duration::from_secs(20)).0, Some(0));
        node.launch = if days == 0 {
            launch.clone()
        } else {
            days_ago(&launch, days)
        };
        node.restart();
        let now = server_time(&node.api());
        let passed = (now - then) / 86400;
        assert_eq!(
            passed,
            i64::from(200 - days),
            "the server is not where it should be in time"
        );
        write(&node.api(), paths);
    }
    node.api().delete("secret/metadata/gone").expect(204);

    let printed = audit(&node).out;
    let found: Vec<_> = printed.lines().filter_map(stale).collect();
    let expected = [
        ("a", "1", 120),
        ("a/b", "1", 120),
        ("just stale", "1", 91),
        ("production/deep/er/still", "1", 120),
        ("production/payments/stripe", "1", 200),
        ("rotated twice", "2", 120),
    ];
    let expected = expected.map(|(path, version, age)| (path.to_owned(), version.to_owned(), age));
    assert_eq!(found, expected, "{printed}");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.first(), Some(&"=== Stale Static Secrets (>90 days) ==="));
    assert_eq!(lines.last(), Some(&" No leases approaching expiry."), "{printed}");
    assert_eq!(printed.matches("STALE").count(), expected.len());
}

#[test]
fn a_server_without_secrets_has_nothing_stale() {
    let node = Node::embedded();
    node.mount_kv();
    let printed = audit(&node).out;
    assert!(!printed.contains("STALE"), "{printed}");
    assert!(printed.contains(" No leases approaching expiry."), "{printed}");
}

#[test]
fn time_in_the_past_ends_no_token_of_the_present() {
    let folder = folder();
    let storage = format!(
        "\"embedded\" {{ path = \"{}\" }}",
        folder.path().join("data").display()
    );
    let path = folder.path().join("arca.hcl");
    std::fs::write(&path, configuration(&storage, "", "")).unwrap();
    let launch = Launch::new(folder.path(), ["server", "-config", &path.display().to_string()]);
    let mut node = Node::launched(folder, days_ago(&launch, 40), None);
    let make = |node: &Node, ttl: &str| {
        let made = node
            .api()
            .post("auth/token/create", json!({"ttl": ttl, "policies": ["default"]}));
        made.expect(200).text_at("/auth/client_token")
    };
    let (short, long) = (make(&node, "1h"), make(&node, "768h"));
    let keys: Keys = node.keys.clone();
    node.server.kill();
    node.launch = launch;
    node.restart();
    for ended in [short, long] {
        let answer = node.anyone().with(&ended).get("auth/token/lookup-self");
        assert_eq!(answer.status, 403, "forty days have passed: {}", answer.text());
    }
    let root = node
        .anyone()
        .with(&keys.root)
        .get("auth/token/lookup-self")
        .expect(200);
    assert_eq!(root.at("/data/expire_time"), Value::Null);
}
