//! `login`, and where tokens are kept.

use std::path::Path;

use crate::double::{Outcome, Run};
use crate::transcripts;

fn login(line: &str) -> Run {
    Run::of("login", line).env("VAULT_TOKEN", "")
}

fn kept(outcome: &Outcome) -> Option<String> {
    std::fs::read_to_string(outcome.home.path().join(".vault-token")).ok()
}

#[test]
fn methods() {
    let lines = [
        "arca login hvs.given",
        "arca login token=hvs.given lookup=false",
        "arca login -method=userpass username=ann password=p",
        "arca login -method=userpass -path=people/ username=ann password=p",
        "arca login -method=userpass mount=people username=ann password=p",
        "arca login -method=approle role_id=r secret_id=s",
        "arca login -method=kubernetes -path=k8s role=app jwt=j",
        "arca login -method=userpass username=bob password=p",
        "arca login -method=userpass password=p",
        "arca login -method=ldap username=eve password=p",
        "arca login -method=userpas username=ann",
        "arca login -method=aproll",
    ];
    let all: Vec<String> = lines.iter().map(|line| login(line).go().transcript()).collect();
    insta::assert_snapshot!("login_methods", all.join("\n"));
}

#[test]
fn what_is_shown_and_kept() {
    let lines = [
        "arca login -no-print hvs.given",
        "arca login -no-store hvs.given",
        "arca login -token-only hvs.given",
        "arca login -field=token_policies hvs.given",
        "arca login -format=json hvs.given",
        "arca login -no-store -no-print hvs.given",
        "arca login -method=okta username=ann password=p",
        "arca login -method=okta -no-store username=ann password=p",
        "arca login -method=okta -token-only username=ann password=p",
    ];
    let show = |line: &&str| {
        let outcome = login(line).go();
        format!("{}kept: {:?}\n", outcome.transcript(), kept(&outcome))
    };
    let all: Vec<String> = lines.iter().map(show).collect();
    insta::assert_snapshot!("login_kept", all.join("\n"));
}

#[test]
fn secrets_are_asked_for_and_not_shown() {
    let typed = login("arca login").typing("hvs.given").go();
    assert_eq!(typed.errors, "Token (will be hidden): \n");
    assert_eq!(kept(&typed).as_deref(), Some("hvs.given"));
    let password = login("arca login -method=userpass username=ann")
        .typing("pw")
        .go();
    assert_eq!(password.errors, "Password (will be hidden): \n");
    assert!(
        password.asked[0].ends_with(r#"{"password":"pw"}"#),
        "{:?}",
        password.asked
    );
    let dash = login("arca login -").input("hvs.given\n").go();
    assert_eq!(
        dash.asked,
        ["> GET /v1/auth/token/lookup-self\n    x-vault-token: hvs.given"]
    );
    let piped = login("arca login").input("hvs.given\n").go();
    assert_eq!(kept(&piped).as_deref(), Some("hvs.given"));
    let nothing = login("arca login").go();
    assert_eq!((nothing.exit, nothing.asked.len()), (1, 0));
    assert!(
        nothing.errors.contains("give the token as an argument"),
        "{}",
        nothing.errors
    );
}

#[test]
fn a_second_factor_is_asked_for() {
    let line = "arca login -method=ldap username=eve password=p";
    let proved = login(line).typing("123456").go();
    assert_eq!(proved.errors, "Passcode of phone (totp) (will be hidden): \n");
    assert_eq!(kept(&proved).as_deref(), Some("hvs.proved"));
    let sent = proved.asked.last().unwrap();
    assert!(
        sent.starts_with("> PUT /v1/sys/mfa/validate\n    (no token)"),
        "{sent}"
    );
    assert!(
        sent.ends_with(r#"{"mfa_payload":{"t-1":["123456"]},"mfa_request_id":"m-1"}"#),
        "{sent}"
    );
    let quiet = login(&format!("{line} -non-interactive")).typing("123456").go();
    assert_eq!((quiet.exit, quiet.asked.len()), (0, 1));
    assert!(quiet.output.contains("m-1") && kept(&quiet).is_none());
    let script = login("arca login -token-only -method=ldap username=eve password=p").go();
    assert_eq!((script.exit, &*script.output), (2, ""), "{}", script.errors);
    let given = login(&format!("{line} -mfa=phone:123456")).go();
    assert!(
        given.asked[0].contains("x-vault-mfa: phone:123456"),
        "{:?}",
        given.asked
    );
}

#[test]
fn a_token_in_the_environment_is_pointed_out() {
    let outcome = Run::of("login", "arca login -no-print hvs.given").go();
    assert!(
        outcome
            .errors
            .starts_with("WARNING! The VAULT_TOKEN environment variable is set!"),
        "{}",
        outcome.errors
    );
}

#[cfg(unix)]
#[test]
fn the_file_is_replaced_and_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let run = login("arca login -no-print hvs.given");
    let path = run.file(".vault-token");
    std::fs::write(&path, "an older and longer token\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = run.go();
    assert_eq!(kept(&outcome).as_deref(), Some("hvs.given"));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(outcome.home.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no file is left beside the token");
}

#[test]
fn a_token_that_cannot_be_kept_is_shown() {
    let outcome = login("arca login hvs.given")
        .env("VAULT_TOKEN_PATH", "/nonexistent/token")
        .go();
    assert_eq!(outcome.exit, 2);
    assert!(outcome.output.contains("hvs.given"), "{}", outcome.output);
    assert!(
        outcome.errors.contains("the token was not kept"),
        "{}",
        outcome.errors
    );
}

#[test]
fn the_token_comes_from_the_environment_before_the_file() {
    let read = |run: Run| {
        std::fs::write(run.file(".vault-token"), " hvs.kept\n").unwrap();
        run.go().output
    };
    assert_eq!(read(Run::of("login", "arca print token")), "hvs.own\n");
    assert_eq!(
        read(Run::of("login", "arca print token").env("ARCA_TOKEN", "hvs.arca")),
        "hvs.arca\n"
    );
    assert_eq!(read(login("arca print token")), "hvs.kept\n");
    assert_eq!(read(login("arca print token").env("BAO_TOKEN", "")), "hvs.kept\n");
}

#[cfg(unix)]
fn helper(folder: &Path, script: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("helper");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(
        folder.join(".vault"),
        format!("token_helper = \"{} --keep\"\n", path.display()),
    )
    .unwrap();
    path.display().to_string()
}

#[cfg(unix)]
#[test]
fn a_token_helper_keeps_the_token() {
    let run = login("arca login -no-print hvs.given");
    let folder = run.file("");
    let store = folder.join("store");
    let script = format!(
        "echo \"$1 $2 $VAULT_ADDR\" >> {log}\ncase $2 in get) cat {store} ;; store) cat > {store} ;; erase) rm {store} ;; esac",
        log = folder.join("log").display(),
        store = store.display()
    );
    helper(&folder, &script);
    let outcome = run.go();
    assert_eq!(outcome.exit, 0, "{}", outcome.transcript());
    assert_eq!(std::fs::read_to_string(&store).unwrap(), "hvs.given");
    assert!(kept(&outcome).is_none());
    let printed = login("arca print token").at_home_of(outcome).go();
    assert_eq!(printed.output, "hvs.given\n");
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    assert_eq!(
        log,
        "--keep store http://127.0.0.1:8200\n--keep get http://127.0.0.1:8200\n"
    );
}

#[cfg(unix)]
#[test]
fn a_token_helper_that_fails_says_why() {
    let run = login("arca read secret/a");
    let folder = run.file("");
    helper(&folder, "echo 'the keyring is locked' >&2; exit 3");
    let outcome = run.go();
    assert_eq!((outcome.exit, outcome.asked.len()), (1, 0));
    assert!(
        outcome.errors.contains("failed to get: the keyring is locked"),
        "{}",
        outcome.errors
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_named() {
    let run = login("arca print token");
    std::fs::write(run.file(".vault"), "token_helper = \n").unwrap();
    let outcome = run.go();
    assert_eq!(outcome.exit, 1);
    assert!(outcome.errors.contains("/.vault: "), "{}", outcome.errors);
    let run = login("arca print token").env("VAULT_CONFIG_PATH", "/nonexistent");
    std::fs::write(run.file(".vault"), "token_helper = \n").unwrap();
    assert!(run.go().errors.contains("There is no token"));
}

#[test]
fn a_login_can_be_written_down() {
    transcripts!(
        "login_rehearsed",
        "login",
        ["arca login -output-curl-string -method=approle role_id=r secret_id=s"]
    );
}
