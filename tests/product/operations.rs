//! What operators do to a whole server: snapshots, another seal, another storage, rows of the store.

use std::fs;
use std::path::Path;
use std::time::Duration;

use arca_fixtures::Postgres;
use arca_tests::http::Api;
use arca_tests::node::{Keys, Node, configuration, folder};
use arca_tests::server::Launch;
use arca_tests::{Server, Shell};
use serde_json::{Value, json};

fn terminal(node: &Node) -> Shell {
    Shell::new(node.folder())
        .with("VAULT_ADDR", &node.server.address().url())
        .with("VAULT_TOKEN", &node.keys.root)
}

fn with_kv() -> Node {
    let node = Node::embedded();
    node.api()
        .post("sys/mounts/secret", json!({"type": "kv"}))
        .expect(204);
    node
}

/// What a file tells without a server: without its keys, with them, and with others.
fn checked(node: &Node) {
    let nobody = Shell::new(node.folder());
    let inspected = nobody
        .run("arca operator snapshot inspect -format=json backup.snap")
        .expect(0)
        .json();
    assert_eq!(
        (&inspected["version"], &inspected["seal"]),
        (&json!(1), &json!("shamir"))
    );
    assert!(
        inspected["counts"]["mount/secret"].as_u64().unwrap() >= 4,
        "{inspected}"
    );
    let raft = nobody
        .run("vault operator raft snapshot inspect backup.snap")
        .expect(0);
    assert!(
        raft.out.contains("Cluster ID") && raft.out.contains("token/id"),
        "{}",
        raft.out
    );
    let share = &node.keys.shares[0];
    let verified = nobody
        .run_with("arca operator snapshot verify -format=json backup.snap", share)
        .expect(0)
        .json();
    assert_eq!(verified["mounts"]["secret/"], "kv");
    assert_eq!(verified["policies"], json!(["default"]));
    assert!(verified["records_opened"].as_u64().unwrap() > 5, "{verified}");
    let wrong = nobody
        .run_with("arca operator snapshot verify backup.snap", &"ab".repeat(32))
        .expect(1);
    assert!(
        wrong.errors.contains("not the shares of the snapshot"),
        "{}",
        wrong.errors
    );
}

#[test]
fn a_snapshot_is_saved_checked_and_restored() {
    let node = with_kv();
    let shell = terminal(&node);
    node.api().post("secret/app", json!({"v": "first"})).expect(204);
    let saved = shell.run("arca operator snapshot save backup.snap").expect(0);
    assert!(saved.out.contains("rows) to backup.snap"), "{}", saved.out);
    let file = node.folder().join("backup.snap");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert!(!node.folder().join("backup.snap.part").exists());

    checked(&node);

    node.api().post("secret/app", json!({"v": "second"})).expect(204);
    let restored = shell.run("arca operator snapshot restore backup.snap").expect(0);
    assert!(
        restored.out.contains("Restored the snapshot of revision"),
        "{}",
        restored.out
    );
    assert_eq!(
        node.api().get("secret/app").expect(200).at("/data/v"),
        json!("first")
    );
    // As existing scripts do it.
    shell
        .run("vault operator raft snapshot save again.snap")
        .expect(0);
    shell
        .run("vault operator raft snapshot restore again.snap")
        .expect(0);
    assert_eq!(
        node.api().get("secret/app").expect(200).at("/data/v"),
        json!("first")
    );
    refused(&node, &shell);
}

/// What is damaged changes nothing, and nobody without a token gets anything.
fn refused(node: &Node, shell: &Shell) {
    let bytes = fs::read(node.folder().join("backup.snap")).unwrap();
    fs::write(node.folder().join("cut.snap"), &bytes[..bytes.len() / 2]).unwrap();
    for command in ["snapshot inspect", "snapshot restore", "snapshot restore -force"] {
        let refused = shell.run(&format!("arca operator {command} cut.snap")).expect(1);
        assert!(
            refused.errors.contains("truncated") || refused.errors.contains("damaged"),
            "{}",
            refused.errors
        );
    }
    let denied = shell
        .with("VAULT_TOKEN", "hvs.wrong")
        .run("arca operator snapshot save x.snap")
        .expect(2);
    assert!(denied.errors.contains("Code: 403"), "{}", denied.errors);
    assert!(!node.folder().join("x.snap").exists());
}

/// Resident memory of a server in MiB, at its highest.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

#[test]
fn a_snapshot_larger_than_any_request_passes_in_little_memory() {
    let node = with_kv();
    let shell = terminal(&node);
    let filler = "x".repeat(900_000);
    for number in 0..120 {
        node.api()
            .post(&format!("secret/{number}"), json!({"v": filler}))
            .expect(204);
    }
    shell.run("arca operator snapshot save large.snap").expect(0);
    let size = fs::metadata(node.folder().join("large.snap")).unwrap().len() >> 20;
    let before = peak(&node.server);
    shell.run("arca operator snapshot restore large.snap").expect(0);
    let after = peak(&node.server);
    println!("snapshot: {size} MiB; server at most {before} MiB after saving, {after} MiB after restoring");
    assert!(size > 90, "{size} MiB");
    assert!(after < before + 160, "{before} MiB before, {after} MiB after");
    assert_eq!(
        node.api().get("secret/119").expect(200).at("/data/v"),
        json!(filler)
    );
}

/// Sixty secrets with one value.
fn put_sixty(node: &Node, value: &str) {
    let filler = "x".repeat(700_000);
    for number in 0..60 {
        let data = json!({"v": value, "filler": filler});
        node.api().post(&format!("secret/{number}"), data).expect(204);
    }
}

/// The value they all have.
fn one_of_sixty(node: &Node) -> String {
    let value = |number: u64| {
        let read = node.api().get(&format!("secret/{number}"));
        read.expect(200).text_at("/data/v")
    };
    let first = value(0);
    for number in 1..60 {
        assert_eq!(value(number), first, "a mixture: {number}");
    }
    first
}

#[test]
fn a_server_killed_while_it_restores_has_the_old_store_or_the_new_one() {
    const ROUNDS: u32 = 6;
    let mut node = with_kv();
    put_sixty(&node, "new");
    let shell = terminal(&node);
    shell.run("arca operator snapshot save new.snap").expect(0);
    let begun = arca_tests::clock::now();
    shell.run("arca operator snapshot restore new.snap").expect(0);
    let whole = begun.elapsed();
    let mut seen = Vec::new();
    for round in 0..=ROUNDS {
        put_sixty(&node, "old");
        let shell = terminal(&node);
        // From its middle on, where rows are written; at last when it must be done.
        let pause = whole / 2 + whole * round / ROUNDS;
        let server = &mut node.server;
        std::thread::scope(|scope| {
            let restore = scope.spawn(move || shell.run("arca operator snapshot restore new.snap"));
            arca_tests::clock::pause(pause);
            server.kill();
            drop(restore.join().unwrap());
        });
        node.restart();
        seen.push(one_of_sixty(&node));
    }
    println!("a restore takes {whole:?}; after a kill from its middle on: {seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("new"));
}

fn written(home: &Path, seal: &str) -> Launch {
    let store = format!("\"embedded\" {{ path = \"{}\" }}", home.join("store").display());
    let path = home.join("arca.hcl");
    fs::write(&path, configuration(&store, "", seal)).unwrap();
    Launch::new(home, ["server", "-config", &path.display().to_string()])
}

fn static_seal(more: &str) -> String {
    let key = "ab".repeat(32);
    format!("seal \"static\" {{\n  current_key_id = \"a\"\n  current_key = \"{key}\"\n{more}}}")
}

#[test]
fn a_store_moves_to_another_seal_and_back() {
    let home = folder();
    let mut server = written(home.path(), "").start();
    let keys = Keys::initialize(&Api::new(server.address()), 2, 2);
    server.kill();

    let mut server = written(home.path(), &static_seal("")).start();
    let at = |server: &Server| Shell::new(home.path()).with("VAULT_ADDR", &server.address().url());
    let status = at(&server).run("vault status").expect(2);
    assert!(
        status.out.contains("Seal Migration in Progress"),
        "{}",
        status.out
    );
    let unseal =
        |server: &Server, share: &str| at(server).run(&format!("vault operator unseal -migrate {share}"));
    let _ = unseal(&server, &keys.shares[0]).expect(0);
    let done = unseal(&server, &keys.shares[1]).expect(0);
    assert!(
        done.out.contains("static") && done.out.contains("Recovery"),
        "{}",
        done.out
    );
    server.kill();
    let mut server = written(home.path(), &static_seal("")).start();
    let open = arca_tests::clock::wait_for(Duration::from_secs(10), || {
        (at(&server).run("vault status").code == 0).then_some(())
    });
    assert!(open.is_some(), "it unseals by itself now: {}", server.all());
    server.kill();

    let mut server = written(home.path(), &static_seal("  disabled = \"true\"\n")).start();
    let _ = unseal(&server, &keys.shares[1]).expect(0);
    let _ = unseal(&server, &keys.shares[0]).expect(0);
    server.kill();
    let server = written(home.path(), "").start();
    keys.unseal(&Api::new(server.address()));
    Api::new(server.address())
        .with(&keys.root)
        .get("sys/mounts")
        .expect(200);
}

#[test]
fn a_store_moves_to_postgresql_and_serves_there() {
    let mut node = with_kv();
    node.api().post("secret/app", json!({"v": "kept"})).expect(204);
    node.server.kill();
    let postgres = Postgres::start().unwrap();
    let migrate = format!(
        "storage_source \"embedded\" {{\n  path = \"{}\"\n}}\nstorage_destination \"postgresql\" {{\n  connection_url = \"{}\"\n}}\n",
        node.folder().join("store").display(),
        postgres.url()
    );
    fs::write(node.folder().join("migrate.hcl"), migrate).unwrap();
    let shell = Shell::new(node.folder());
    let done = shell.run("vault operator migrate -config=migrate.hcl").expect(0);
    assert!(done.out.contains("rows have been copied"), "{}", done.out);
    let again = shell.run("vault operator migrate -config=migrate.hcl").expect(1);
    assert!(again.errors.contains("not empty"), "{}", again.errors);

    let home = folder();
    let store = format!("\"postgresql\" {{ connection_url = \"{}\" }}", postgres.url());
    let moved = Node::on(home, &configuration(&store, "", ""), Some(&node.keys));
    assert_eq!(
        moved.api().get("secret/app").expect(200).at("/data/v"),
        json!("kept")
    );
}

#[test]
fn nodes_of_one_store_follow_a_restore() {
    let postgres = Postgres::start().unwrap();
    let store = format!("\"postgresql\" {{ connection_url = \"{}\" }}", postgres.url());
    let first = Node::on(folder(), &configuration(&store, "", ""), None);
    first
        .api()
        .post("sys/mounts/secret", json!({"type": "kv"}))
        .expect(204);
    first.api().post("secret/app", json!({"v": "first"})).expect(204);
    let second = Node::on(folder(), &configuration(&store, "", ""), Some(&first.keys));
    terminal(&first)
        .run("arca operator snapshot save backup.snap")
        .expect(0);
    second
        .api()
        .post("secret/app", json!({"v": "second"}))
        .expect(204);
    second.api().post("secret/late", json!({"v": "late"})).expect(204);
    terminal(&first)
        .run("arca operator snapshot restore backup.snap")
        .expect(0);
    let follows = arca_tests::clock::wait_for(Duration::from_secs(20), || {
        let read = second.api().get("secret/app");
        (read.status == 200 && read.at("/data/v") == json!("first")).then_some(())
    });
    assert!(
        follows.is_some(),
        "the other node follows: {}",
        second.server.all()
    );
    assert_eq!(second.api().get("secret/late").status, 404);
    second.api().post("secret/app", json!({"v": "third"})).expect(204);
    assert_eq!(
        first.api().get("secret/app").expect(200).at("/data/v"),
        json!("third")
    );

    let members = terminal(&first).run("vault operator members").expect(0);
    assert!(members.out.starts_with("Host Name"), "{}", members.out);
    let stepped = terminal(&first).run("vault operator step-down").expect(0);
    assert!(stepped.out.contains("Stepped down"), "{}", stepped.out);
    let logged = arca_tests::clock::wait_for(Duration::from_secs(20), || {
        let logs = [first.server.all(), second.server.all()];
        let gave_up = logs.iter().any(|log| log.contains("told to step down"));
        let _ = terminal(&second).run("vault operator step-down");
        gave_up.then_some(())
    });
    assert!(logged.is_some(), "whoever has the office gives it up");
}

#[test]
fn rows_of_the_store_where_that_is_allowed() {
    let node = Node::with("", "raw_storage_endpoint = true");
    let shell = terminal(&node);
    let listed = shell.run("vault list -format=json sys/raw/core").expect(0).json();
    assert!(
        listed.as_array().unwrap().contains(&Value::from("cluster")),
        "{listed}"
    );
    let read = shell
        .run("vault read -field=value sys/raw/core/cluster")
        .expect(0);
    assert!(read.out.contains("\"id\""), "{}", read.out);
    let refused = shell.run("vault read sys/raw/core/keyring").expect(2);
    assert!(refused.errors.contains("Code: 403"), "{}", refused.errors);
    let without = Node::embedded();
    assert_eq!(without.api().get("sys/raw/core/cluster").status, 404);
}
