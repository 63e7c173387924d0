//! Whole ceremonies of share holders, typed at a terminal: a new root token, new shares, verified ones, recovery shares.

use std::fs;

use arca_tests::http::Api;
use arca_tests::node::{Keys, Node, configuration, folder};
use arca_tests::server::Launch;
use arca_tests::{Ran, Shell};
use serde_json::Value;

/// A server with three shares, two of which are needed, and a terminal without a token.
fn shared() -> (Node, Shell) {
    let home = folder();
    let store = format!(
        "\"embedded\" {{ path = \"{}\" }}",
        home.path().join("store").display()
    );
    let path = home.path().join("arca.hcl");
    fs::write(&path, configuration(&store, "", "")).unwrap();
    let launch = Launch::new(home.path(), ["server", "-config", &path.display().to_string()]);
    let keys = {
        let mut server = launch.start();
        let keys = Keys::initialize(&Api::new(server.address()), 3, 2);
        server.kill();
        keys
    };
    let node = Node::launched(home, launch, Some(&keys));
    let shell = terminal(&node);
    (node, shell)
}

fn terminal(node: &Node) -> Shell {
    Shell::new(node.folder()).with("VAULT_ADDR", &node.server.address().url())
}

/// What stands after `label` in a table.
#[track_caller]
fn column(ran: &Ran, label: &str) -> String {
    let line = ran.out.lines().find(|line| line.starts_with(label));
    let line = line.unwrap_or_else(|| panic!("{label} is missing: {}", ran.out));
    line[label.len()..].trim().to_owned()
}

#[test]
fn a_root_token_from_shares() {
    let (node, shell) = shared();
    let before = shell.run("vault operator generate-root -status").expect(0);
    assert_eq!(
        (column(&before, "Started"), column(&before, "Progress")),
        ("false".into(), "0/2".into())
    );
    let idle = shell
        .run(&format!(
            "vault operator generate-root -nonce=x {}",
            node.keys.shares[0]
        ))
        .expect(1);
    assert!(
        idle.errors.contains("No root generation is in progress"),
        "{}",
        idle.errors
    );

    let begun = shell.run("vault operator generate-root -init").expect(0);
    let (nonce, otp) = (column(&begun, "Nonce"), column(&begun, "OTP "));
    assert!(begun.errors.contains("one-time password"), "{}", begun.errors);
    let _ = shell.run("vault operator generate-root -init").expect(2);
    let nameless = shell
        .run(&format!("vault operator generate-root {}", node.keys.shares[0]))
        .expect(1);
    assert!(nameless.errors.contains("-nonce"), "{}", nameless.errors);
    let wrong = shell
        .run(&format!(
            "vault operator generate-root -nonce=other {}",
            node.keys.shares[0]
        ))
        .expect(2);
    assert!(wrong.errors.contains("incorrect nonce"), "{}", wrong.errors);

    let first = format!(
        "vault operator generate-root -nonce={nonce} {}",
        node.keys.shares[0]
    );
    assert_eq!(column(&shell.run(&first).expect(0), "Progress"), "1/2");
    let piped = format!("vault operator generate-root -nonce={nonce} -format=json -");
    let done = shell
        .run_with(&piped, &format!("{}\n", node.keys.shares[2]))
        .expect(0)
        .json();
    assert_eq!(done["complete"], Value::Bool(true), "{done}");
    let encoded = done["encoded_token"].as_str().unwrap();
    let token = shell
        .run(&format!(
            "vault operator generate-root -decode={encoded} -otp={otp}"
        ))
        .expect(0)
        .out;
    let root = shell.with("VAULT_TOKEN", token.trim());
    let looked_up = root.run("vault token lookup -format=json").expect(0).json();
    assert_eq!(looked_up["data"]["policies"], serde_json::json!(["root"]));
    undecodable(&shell, encoded);
}

/// Without the password there is no token.
fn undecodable(shell: &Shell, encoded: &str) {
    let wrong = shell
        .run(&format!(
            "vault operator generate-root -decode={encoded} -otp=short"
        ))
        .expect(1);
    assert!(wrong.errors.contains("characters"), "{}", wrong.errors);
    let missing = shell
        .run(&format!("vault operator generate-root -decode={encoded}"))
        .expect(1);
    assert!(missing.errors.contains("-otp"), "{}", missing.errors);
}

#[test]
fn a_password_of_the_own_and_a_change_of_mind() {
    let (_node, shell) = shared();
    let otp = shell
        .run("vault operator generate-root -generate-otp")
        .expect(0)
        .out;
    let started = shell
        .run(&format!("vault operator generate-root -init -otp={}", otp.trim()))
        .expect(0);
    assert!(
        !started.out.contains(otp.trim()),
        "a given password is not repeated: {}",
        started.out
    );
    let both = shell.run("vault operator generate-root -init -cancel").expect(1);
    assert!(both.errors.contains("exclude each other"), "{}", both.errors);
    let canceled = shell.run("vault operator generate-root -cancel").expect(0);
    assert!(canceled.out.contains("canceled"), "{}", canceled.out);
    let after = shell
        .run("vault operator generate-root -status -format=json")
        .expect(0)
        .json();
    assert_eq!(after["started"], Value::Bool(false));
    let short = shell
        .run("vault operator generate-root -init -otp=short")
        .expect(2);
    assert!(
        short.errors.contains("OTP string has incorrect length"),
        "{}",
        short.errors
    );
}

/// Gives shares, with the nonce of the answer to `-init`.
#[track_caller]
fn give(shell: &Shell, command: &str, nonce: &str, shares: &[String]) -> Ran {
    let mut last = None;
    for share in shares {
        last = Some(shell.run(&format!("{command} -nonce={nonce} {share}")).expect(0));
    }
    last.unwrap()
}

fn shares(ran: &Ran) -> Vec<String> {
    let keys = ran.out.lines().filter_map(|line| line.strip_prefix("Key "));
    keys.filter_map(|line| Some(line.split_once(": ")?.1.to_owned()))
        .collect()
}

#[test]
fn new_shares_and_verified_ones() {
    let (mut node, shell) = shared();
    let rekey = "vault operator rekey";
    let begun = shell
        .run(&format!("{rekey} -init -key-shares=4 -key-threshold=3"))
        .expect(0);
    assert!(begun.errors.contains("-verify"), "{}", begun.errors);
    let nonce = column(&begun, "Nonce");
    let status = shell.run(&format!("{rekey} -status")).expect(0);
    assert_eq!(
        (column(&status, "New Shares"), column(&status, "New Threshold")),
        ("4".into(), "3".into())
    );
    let made = give(&shell, rekey, &nonce, &node.keys.shares[..2]);
    let new = shares(&made);
    assert_eq!(new.len(), 4, "{}", made.out);

    let begun = shell.run(&format!("{rekey} -init -n 2 -t 2 -verify")).expect(0);
    assert_eq!(column(&begun, "Verification Required"), "true");
    let made = give(&shell, rekey, &column(&begun, "Nonce"), &new[..3]);
    let verified = shares(&made);
    assert!(made.out.contains("Give enough of them back"), "{}", made.out);
    let waiting = shell.run(&format!("{rekey} -verify -status")).expect(0);
    assert_eq!(column(&waiting, "Verification Progress"), "0/2");
    let nonce = column(&waiting, "Verification Nonce");
    let verify = format!("{rekey} -verify");
    assert_eq!(
        column(
            &give(&shell, &verify, &nonce, &verified[..1]),
            "Verification Progress"
        ),
        "1/2"
    );
    let done = give(&shell, &verify, &nonce, &verified[1..]);
    assert!(done.out.contains("Rekey verification complete"), "{}", done.out);

    node.server.kill();
    node.server = node.launch.start();
    let shell = terminal(&node);
    let old = shell
        .run(&format!("vault operator unseal {}", node.keys.shares[0]))
        .expect(0);
    assert!(old.out.contains("1/2"), "{}", old.out);
    let _ = shell
        .run(&format!("vault operator unseal {}", node.keys.shares[1]))
        .expect(2);
    let _ = shell
        .run(&format!("vault operator unseal {}", verified[0]))
        .expect(0);
    let open = shell
        .run(&format!("vault operator unseal -format=json {}", verified[1]))
        .expect(0)
        .json();
    assert_eq!(open["sealed"], Value::Bool(false));
}

#[test]
fn recovery_shares_of_a_server_that_unseals_by_itself() {
    let home = folder();
    let store = format!(
        "\"embedded\" {{ path = \"{}\" }}",
        home.path().join("store").display()
    );
    let seal = format!(
        "seal \"static\" {{\n  current_key_id = \"a\"\n  current_key = \"{}\"\n}}",
        "ab".repeat(32)
    );
    let path = home.path().join("arca.hcl");
    fs::write(&path, configuration(&store, "", &seal)).unwrap();
    let launch = Launch::new(home.path(), ["server", "-config", &path.display().to_string()]);
    let server = launch.start();
    let shell = Shell::new(home.path()).with("VAULT_ADDR", &server.address().url());
    let init = "vault operator init -recovery-shares=2 -recovery-threshold=2 -format=json";
    let made = shell.run(init).expect(0).json();
    let texts = |member: &str| -> Vec<String> {
        let listed = made[member].as_array().unwrap().iter();
        listed.map(|key| key.as_str().unwrap().to_owned()).collect()
    };
    let old = texts("recovery_keys_b64");
    let refused = shell.run("vault operator rekey -init -n 1 -t 1").expect(2);
    assert!(
        refused.errors.contains("rekey-recovery-key"),
        "{}",
        refused.errors
    );
    let rekey = "vault operator rekey -target=recovery";
    let begun = shell.run(&format!("{rekey} -init -n 1 -t 1")).expect(0);
    let new = shares(&give(&shell, rekey, &column(&begun, "Nonce"), &old));
    assert_eq!(new.len(), 1);
    let begun = shell.run("vault operator generate-root -init").expect(0);
    let done = give(
        &shell,
        "vault operator generate-root",
        &column(&begun, "Nonce"),
        &new,
    );
    assert_eq!(column(&done, "Complete"), "true");
}
