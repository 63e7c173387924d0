//! Logins of people in a directory: by hvac, and at the prompt.

use std::time::Duration;

use arca_fixtures::OpenLdap;
use arca_tests::Node;
use arca_tests::commands::{Shell, finish};
use arca_tests::program::{bare, checked_in, python};

/// How many parts the session has, so that none is left out unseen.
const PARTS: usize = 4;

#[test]
fn every_ldap_call_of_hvac_works() {
    let (directory, node) = (OpenLdap::start().unwrap(), Node::embedded());
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/hvac_ldap.py"))
        .env("VAULT_ADDR", node.server.address().url())
        .env("VAULT_TOKEN", &node.keys.root)
        .env("LDAP_URL", directory.tls_url())
        .env("LDAP_CA", directory.authority().file())
        .env("LDAP_ACCOUNT", OpenLdap::ACCOUNT)
        .env("LDAP_ACCOUNT_PASSWORD", OpenLdap::ACCOUNT_PASSWORD)
        .env("LDAP_PASSWORD", OpenLdap::password("ann"));
    let ran = finish(&mut command, None, Duration::from_secs(120)).expect(0);
    assert_eq!(ran.out.lines().count(), PARTS, "{ran:?}");
    let log = node.server.all();
    assert!(!log.contains(OpenLdap::PASSWORD) && !log.contains(OpenLdap::ACCOUNT_PASSWORD));
}

/// A prompt of somebody who may do everything.
fn operator(node: &Node) -> Shell {
    let mut shell = Shell::new(node.folder());
    shell.export("VAULT_ADDR", &node.server.address().url());
    shell.export("VAULT_TOKEN", &node.keys.root);
    shell
}

#[test]
fn people_log_in_at_the_prompt() {
    let (mut directory, node) = (OpenLdap::start().unwrap(), Node::embedded());
    let shell = operator(&node);
    shell.run("arca auth enable -path=corp ldap").expect(0);
    let empty = shell.run("arca auth test corp").expect(2);
    assert!(empty.out.contains("[fail] configuration"), "{empty:?}");
    let line = format!(
        "arca write auth/corp/config url={} starttls=true certificate=@{} binddn={} bindpass=- userattr=uid \
         userdn=ou=people,{suffix} groupdn=ou=groups,{suffix}",
        directory.plain_url(),
        directory.authority().file().display(),
        OpenLdap::ACCOUNT,
        suffix = OpenLdap::SUFFIX,
    );
    shell.run_with(&line, OpenLdap::ACCOUNT_PASSWORD).expect(0);
    shell
        .run("arca write auth/corp/groups/dev policies=dev")
        .expect(0);
    let good = shell.run("arca auth test corp").expect(0);
    assert!(good.out.contains("[ok  ] account"), "{good:?}");
    let login = "arca login -method=ldap -path=corp -token-only username=ann";
    let given = shell
        .run_with(&format!("{login} password=-"), &OpenLdap::password("ann"))
        .expect(0);
    assert!(given.out.starts_with("hvs."), "{given:?}");
    let seen = shell
        .with("VAULT_TOKEN", given.out.trim())
        .run("arca token lookup -format=json");
    assert_eq!(
        seen.expect(0).json()["data"]["policies"],
        serde_json::json!(["default", "dev"])
    );
    let wrong = shell.run_with(&format!("{login} password=-"), "wrong").expect(2);
    assert!(
        wrong
            .errors
            .contains("ldap operation failed: failed to bind as user"),
        "{wrong:?}"
    );
    directory.stop();
    let down = shell.run("arca auth test corp").expect(2);
    assert!(down.out.contains("[fail] server"), "{down:?}");
}
