//! `policy`, `lease` and `audit`.

use crate::double::Run;
use crate::transcripts;

#[test]
fn policy() {
    transcripts!(
        "policy",
        "policies",
        [
            "arca policy list",
            "arca policy list -format=json",
            "arca policy read Dev",
            "arca policy read -format=json dev",
            "arca policy read none",
            "arca policy write dev /nonexistent.hcl",
            "arca policy delete dev",
        ]
    );
    let piped = Run::of("policies", "arca policy write Dev -")
        .input("path \"a\" {}\n")
        .go();
    insta::assert_snapshot!("policy_write", piped.transcript());
}

#[test]
fn policy_fmt_rewrites_the_file() {
    let run = Run::of("policies", "");
    let (good, bad) = (run.file("good.hcl"), run.file("bad.hcl"));
    std::fs::write(
        &good,
        "path \"secret/*\"   {\ncapabilities=[\"read\",   \"list\"]\n}",
    )
    .unwrap();
    std::fs::write(&bad, "path \"secret/*\" {\n").unwrap();
    let formatted = Run::of("policies", &format!("arca policy fmt {}", good.display()))
        .at_home_of(run.go())
        .go();
    assert_eq!(
        (formatted.exit, formatted.asked.len()),
        (0, 0),
        "{}",
        formatted.transcript()
    );
    assert_eq!(
        std::fs::read_to_string(&good).unwrap(),
        "path \"secret/*\" {\n  capabilities = [\"read\", \"list\"]\n}\n"
    );
    let refused = Run::of("policies", &format!("arca policy fmt {}", bad.display()))
        .at_home_of(formatted)
        .go();
    assert_eq!(refused.exit, 1);
    assert!(refused.errors.contains("is not a policy"), "{}", refused.errors);
    assert_eq!(std::fs::read_to_string(&bad).unwrap(), "path \"secret/*\" {\n");
}

#[test]
fn lease() {
    transcripts!(
        "lease",
        "policies",
        [
            "arca lease lookup database/creds/app/abc",
            "arca lease renew -increment=30m database/creds/app/abc",
            "arca lease revoke database/creds/app/abc",
            "arca lease revoke -sync database/creds/app/abc",
            "arca lease revoke -prefix database/creds",
            "arca lease revoke -prefix -sync database/creds",
            "arca lease revoke -force -prefix database/creds",
            "arca lease revoke -f database/creds",
        ]
    );
}

#[test]
fn audit() {
    transcripts!(
        "audit",
        "policies",
        [
            "arca audit list",
            "arca audit list -detailed",
            "arca audit list -format=json",
            "arca audit enable file file_path=/var/log/audit.log",
            "arca audit enable -path=second -description=spare -local file file_path=stdout mode=0600",
            "arca audit disable file/",
        ]
    );
    transcripts!(
        "audit_none",
        "silent",
        ["arca audit list", "arca audit list -format=json"]
    );
}
