//! Logins with a second factor at the prompt, with an authenticator that is not this project's.

use std::time::Duration;

use arca_tests::Node;
use arca_tests::commands::{Shell, finish};
use arca_tests::program::{bare, checked_in, python};

/// What an authenticator shows, so many periods from now.
fn passcode(node: &Node, url: &str, periods: u32) -> String {
    let mut command = bare(&python(), node.folder());
    command
        .arg(checked_in("clients/python/totp.py"))
        .args([url, &periods.to_string()]);
    let ran = finish(&mut command, None, Duration::from_secs(30)).expect(0);
    ran.out.trim().to_owned()
}

/// A user who needs a passcode at login: the method, and what the authenticator is told.
fn enrolled(operator: &Shell, login: &str, algorithm: &str, digits: u32, name: &str) -> (String, String) {
    let printed = |line: &str| operator.run(line).expect(0).out.trim().to_owned();
    let method = printed(&format!(
        "arca write -field=method_id identity/mfa/method/totp issuer=Arca method_name={name} algorithm={algorithm} \
         digits={digits}"
    ));
    printed(&format!("arca write auth/userpass/users/{name} password=right"));
    let entity = operator.run(login).expect(0).json()["auth"]["entity_id"].clone();
    let entity = entity.as_str().unwrap();
    let url = printed(&format!(
        "arca write -field=url identity/mfa/method/totp/admin-generate method_id={method} entity_id={entity}"
    ));
    printed(&format!(
        "arca write identity/mfa/login-enforcement/{name} mfa_method_ids={method} identity_entity_ids={entity}"
    ));
    (method, url)
}

/// Every algorithm and length, each for a user of its own, so that no passcode is asked for twice.
#[test]
fn passcodes_of_an_authenticator_are_taken() {
    let node = Node::embedded();
    let mut shell = Shell::new(node.folder());
    shell.export("VAULT_ADDR", &node.server.address().url());
    let operator = shell.with("VAULT_TOKEN", &node.keys.root);
    operator.run("arca auth enable userpass").expect(0);
    for (algorithm, digits) in [("SHA1", 6), ("SHA256", 8), ("SHA512", 6)] {
        let name = algorithm.to_lowercase();
        let login =
            format!("arca login -method=userpass -no-store -format=json username={name} password=right");
        let (method, url) = enrolled(&operator, &login, algorithm, digits, &name);
        let waits = shell.run(&login).expect(0).json();
        let request = &waits["auth"]["mfa_requirement"]["mfa_request_id"];
        let code = passcode(&node, &url, 0);
        let payload =
            format!(r#"{{"mfa_request_id": {request}, "mfa_payload": {{"{method}": ["{code}"]}}}}"#);
        let proved = shell.run_with("arca write -format=json sys/mfa/validate -", &payload);
        let token = proved.expect(0).json()["auth"]["client_token"].clone();
        assert!(token.as_str().unwrap().starts_with("hvs."), "{token}");
        // Together with the login, and only once.
        let next = passcode(&node, &url, 1);
        let given = format!(
            "arca login -method=userpass -token-only -mfa={name}:{next} username={name} password=right"
        );
        assert!(shell.run(&given).expect(0).out.starts_with("hvs."));
        let replayed = shell.run(&given).expect(2);
        assert!(replayed.errors.contains("code already used"), "{replayed:?}");
        let silent = shell
            .run(&given.replace(&format!("-mfa={name}:{next} "), ""))
            .expect(2);
        assert!(
            silent.out.is_empty() && silent.errors.contains("second factor"),
            "{silent:?}"
        );
    }
}
