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
fn policy_explain() {
    transcripts!(
        "policy_explain",
        "policies",
        [
            "arca policy explain delete secret/app",
            "arca policy explain -format=json hvs.other delete secret/app",
            "arca policy explain accessor:abc delete secret/app",
            "arca policy explain entity:abc delete secret/app",
            "arca policy explain dev ops delete secret/app",
            "arca policy explain delete",
        ]
    );
}

/// Runs offline commands on files.
fn offline(command: &str, files: &[(&str, &str)]) -> crate::double::Outcome {
    let run = Run::of("policies", command);
    for (name, text) in files {
        std::fs::write(run.file(name), text).unwrap();
    }
    let home = run.file("");
    let line = command.replace("~/", home.to_str().unwrap());
    Run::of("policies", &line).at_home_of(run.go()).go()
}

#[test]
fn policy_lint_finds_mistakes_offline() {
    let bad = r#"
path "secret/data/app" { capabilities = ["read"] }
path "secret/other" { capabilities = ["read"] }
path "kv/*/x" { capabilities = ["read"] }
path "kv/a+" { capabilities = ["read"] }
path "v1/kv/a" { capabilities = ["read"] }
path "kv/none" { capabilities = [] }
path "kv/twice" { capabilities = ["read"] }
path "kv/twice" { capabilities = ["deny"] }
path "team/data/*" { capabilities = ["list"] }
"#;
    let good = "path \"secret/data/app\" { capabilities = [\"read\"] }\npath \"secret/metadata/*\" { capabilities = [\"list\"] }\n";
    let word = "path \"a\" { capabilities = [\"raed\"] }";
    let key = "path \"a\" { capabilites = [\"read\"] }";
    let files = [
        ("bad.hcl", bad),
        ("good.hcl", good),
        ("word.hcl", word),
        ("key.hcl", key),
    ];
    let run = offline(
        "arca policy lint ~/bad.hcl ~/good.hcl ~/word.hcl ~/key.hcl",
        &files,
    );
    assert_eq!((run.exit, run.asked.len()), (1, 0), "{}", run.transcript());
    for (line, text) in [
        (3, "lacks data/"),
        (4, "* is a wildcard at the end only"),
        (5, "+ is a wildcard only as a whole segment"),
        (6, "behind /v1/"),
        (7, "grants nothing"),
        (8, "unreachable: the rule for the same path on line 9"),
        (10, "lists below metadata/"),
    ] {
        let start = format!("bad.hcl:{line}: ");
        let found = run.output.lines().find(|shown| shown.contains(&start));
        assert!(
            found.is_some_and(|found| found.contains(text)),
            "{line} {text}: {}",
            run.output
        );
    }
    assert!(
        run.output
            .contains("invalid capability \"raed\", did you mean \"read\"?"),
        "{}",
        run.output
    );
    assert!(
        run.output.contains("did you mean \"capabilities\"?"),
        "{}",
        run.output
    );
    assert!(!run.output.contains("good.hcl"), "{}", run.output);
    let run = offline("arca policy lint ~/good.hcl", &files);
    assert_eq!((run.exit, run.output.as_str()), (0, "No mistakes found\n"));
}

#[test]
fn policy_lint_finds_rules_that_never_count() {
    let bad = r#"
path "kv/*" { capabilities = ["read"] }
path "kv/+/*" { capabilities = ["update"] }
path "team/{{identity.entity.nmae}}/*" { capabilities = ["read"] }
path "old" { capabilities = ["read"] expiration = "1970-01-01T00:00:00Z" }
path "shop/data/app" {
  capabilities = ["update"]
  denied_parameters = { "password" = [] }
}
path "single/app" { capabilities = ["read"] }
path "{{identity.entity.id}}/fine" { capabilities = ["read"] }
"#;
    let files = [("bad.hcl", bad)];
    let run = offline("arca policy lint -kv-v2=single/ ~/bad.hcl", &files);
    assert_eq!((run.exit, run.asked.len()), (1, 0), "{}", run.transcript());
    for (line, text) in [
        (
            3,
            "unreachable: the rule \"kv/*\" on line 2 counts wherever it matches",
        ),
        (4, "\"identity.entity.nmae\" is nothing that an identity has"),
        (5, "has expired on 1970-01-01T00:00:00Z"),
        (6, "asks for the parameter \"password\""),
        (10, "lacks data/ or metadata/ behind \"single\""),
    ] {
        let start = format!("bad.hcl:{line}: ");
        let found = run.output.lines().find(|shown| shown.contains(&start));
        assert!(
            found.is_some_and(|found| found.contains(text)),
            "{line} {text}: {}",
            run.output
        );
    }
    assert_eq!(run.output.lines().count(), 5, "{}", run.output);
}

#[test]
fn policy_diff_says_what_changes() {
    let old = "path \"secret/data/*\" { capabilities = [\"read\"] }\npath \"team/{{identity.entity.name}}/*\" { capabilities = [\"read\"] }\n";
    let new = "path \"secret/data/*\" { capabilities = [\"read\", \"update\"] }\npath \"secret/data/root\" { capabilities = [\"deny\"] }\npath \"team/{{identity.entity.name}}/*\" { capabilities = [\"read\"] }\n";
    let files = [("old.hcl", old), ("new.hcl", new), ("bad.hcl", "path {")];
    let same = offline("arca policy diff ~/old.hcl ~/old.hcl", &files);
    assert_eq!(
        (same.exit, same.output.as_str()),
        (0, "No difference in what is allowed\n")
    );
    let run = offline("arca policy diff ~/old.hcl ~/new.hcl", &files);
    assert_eq!((run.exit, run.asked.len()), (2, 0), "{}", run.transcript());
    insta::assert_snapshot!("policy_diff", run.output);
    let json = offline("arca policy diff -format=json ~/old.hcl ~/new.hcl", &files);
    let shown: serde_json::Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!((json.exit, shown.as_array().unwrap().len()), (2, 2), "{shown}");
    assert_eq!(shown[1]["change"], "denied");
    assert_eq!(shown[1]["before"]["path"], "secret/data/*");
    assert_eq!(shown[1]["after"]["line"], 2);
    let bad = offline("arca policy diff ~/old.hcl ~/bad.hcl", &files);
    assert_eq!(bad.exit, 1, "{}", bad.transcript());
    // What is no file is asked for.
    let named = offline("arca policy diff dev ~/new.hcl", &files);
    assert_eq!((named.exit, named.asked.len()), (2, 1), "{}", named.transcript());
    let none = offline("arca policy diff none ~/new.hcl", &files);
    assert_eq!((none.exit, none.asked.len()), (1, 1), "{}", none.transcript());
}

#[test]
fn policy_test_checks_cases_offline() {
    let policy = "path \"secret/data/*\" { capabilities = [\"read\"] }\npath \"sys/audit\" { capabilities = [\"read\"] }";
    let good = r#"{"policies": ["dev.hcl"], "cases": [
        {"operation": "read", "path": "secret/data/app", "then": "allowed"},
        {"operation": "delete", "path": "secret/data/app", "then": "denied"},
        {"operation": "read", "path": "sys/audit", "sudo": true, "then": "denied"}]}"#;
    let bad = good.replace("\"denied\"", "\"allowed\"");
    let files = [
        ("dev.hcl", policy),
        ("good.json", good),
        ("bad.json", &bad),
        ("none.json", "{}"),
    ];
    let run = offline("arca policy test ~/good.json", &files);
    assert_eq!((run.exit, run.asked.len()), (0, 0), "{}", run.transcript());
    assert!(run.output.ends_with("3 passed, 0 failed\n"), "{}", run.output);
    let run = offline("arca policy test ~/bad.json", &files);
    assert_eq!(run.exit, 1, "{}", run.transcript());
    assert!(
        run.output
            .contains("FAIL  delete secret/data/app: should be allowed; rule \"secret/data/*\""),
        "{}",
        run.output
    );
    assert!(run.output.ends_with("1 passed, 2 failed\n"), "{}", run.output);
    let run = offline("arca policy test ~/none.json", &files);
    assert_eq!(run.exit, 1, "{}", run.transcript());
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
