//! Namespaces of the built program: with hvac, and from the command line.

use std::time::Duration;

use arca_tests::Node;
use arca_tests::program::{bare, checked_in, python};

/// How many parts the session of hvac has, so that none is left out unseen.
const PARTS: usize = 4;

#[test]
fn every_namespace_call_of_hvac_works() {
    let node = Node::embedded();
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/hvac_namespaces.py"))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root);
    let ran = arca_tests::commands::finish(&mut command, None, Duration::from_secs(120)).expect(0);
    assert_eq!(ran.out.lines().count(), PARTS, "{ran:?}");
}

#[test]
fn the_command_line_makes_and_uses_namespaces() {
    let node = Node::embedded();
    let shell = node.shell();
    let made = shell
        .run("arca namespace create -custom-metadata=owner=ann team")
        .expect(0);
    assert!(made.out.contains("team/"), "{made:?}");
    shell.run("arca namespace create -namespace=team app").expect(0);
    let there = shell.with("VAULT_NAMESPACE", "team/app");
    there.run("arca secrets enable -path=secret kv-v2").expect(0);
    there.run("arca kv put secret/db password=p").expect(0);
    for (line, expected) in [
        ("arca kv get -field=password -ns=team/app secret/db", "p"),
        (
            "arca kv get -field=password -namespace=team/app -mount=secret db",
            "p",
        ),
        ("arca read -field=data team/app/secret/data/db", "map[password:p]"),
        ("arca kv get -field=password team/app/secret/db", "p"),
        ("arca kv get -field=password -mount=team/app/secret db", "p"),
        ("arca kv get -field=password -ns=team app/secret/db", "p"),
    ] {
        let read = shell.run(line).expect(0);
        assert_eq!(read.out, expected, "{line}: {read:?}");
    }
    shell.run("arca kv put team/app/secret/db password=q").expect(0);
    let listed = shell.run("arca kv list team/app/secret").expect(0);
    assert!(listed.out.contains("db"), "{listed:?}");
    let version = shell
        .run("arca kv metadata get -format=json -ns=team app/secret/db")
        .expect(0)
        .json();
    assert_eq!(version["data"]["current_version"], 2, "both wrote one secret");
    let none = shell.run("arca kv get team/none/db").expect(2);
    assert!(none.errors.contains("preflight capability check"), "{none:?}");
    let listed = shell.run("arca namespace scan -format=json").expect(0).json();
    assert_eq!(listed, serde_json::json!(["team/", "team/app/"]));
    let shown = shell
        .run("arca namespace lookup -format=json team")
        .expect(0)
        .json();
    assert_eq!(shown["data"]["custom_metadata"]["owner"], "ann");
    let patch =
        "arca namespace patch -format=json -custom-metadata=cost=7 -remove-custom-metadata=owner team";
    let patched = shell.run(patch).expect(0).json();
    assert_eq!(
        patched["data"]["custom_metadata"],
        serde_json::json!({"cost": "7"})
    );
    shell.run("arca namespace delete team").expect(2);
    let deleted = there
        .with("VAULT_NAMESPACE", "team")
        .run("arca namespace delete app")
        .expect(0);
    assert!(deleted.out.contains("is being deleted: app/"), "{deleted:?}");
    there.run("arca kv get secret/db").expect(2);
}

#[test]
fn the_command_line_locks_and_unlocks_namespaces() {
    let node = Node::embedded();
    let shell = node.shell();
    shell.run("arca namespace create team").expect(0);
    let there = shell.with("VAULT_NAMESPACE", "team");
    let locked = shell.run("arca namespace lock -format=json team").expect(0);
    let locked = locked.json();
    let key = locked["data"]["unlock_key"].as_str().unwrap();
    let refused = there.run("arca secrets list").expect(2);
    assert!(refused.errors.contains("locked namespace"), "{refused:?}");
    let shown = shell.run("arca namespace lookup -format=json team").expect(0);
    assert_eq!(shown.json()["data"]["locked"], true);
    shell
        .run("arca namespace unlock -unlock-key=wrong team")
        .expect(2);
    let unlocked = shell
        .run(&format!("arca namespace unlock -unlock-key={key} team"))
        .expect(0);
    assert!(unlocked.out.contains("Namespace unlocked: team/"), "{unlocked:?}");
    there.run("arca secrets list").expect(0);
    // From inside, and with the root token alone.
    there.run("arca namespace lock").expect(0);
    there.run("arca secrets list").expect(2);
    let unlocked = there.run("arca namespace unlock").expect(0);
    assert_eq!(unlocked.out.trim(), "Success! Namespace unlocked");
    there.run("arca secrets list").expect(0);
}
