//! What a policy document may say, and how it is refused.

use arca_base::{GoDuration, Timestamp};
use arca_policy::{BadPolicy, Capability, PathRule, Policy, PolicyName};

use crate::{json, policy};

fn refuse(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn parse(text: &str) -> Result<Policy, BadPolicy> {
    Policy::parse(PolicyName::parse("p").unwrap(), text)
}

fn only_rule(text: &str) -> PathRule {
    let policy = policy("p", text);
    assert_eq!(policy.rules().len(), 1, "{text}");
    policy.rules()[0].clone()
}

/// Path, line and capabilities of each rule.
fn rules(text: &str) -> Vec<(String, u32, String)> {
    let describe = |rule: &PathRule| {
        (
            rule.path().to_owned(),
            rule.line(),
            rule.capabilities().to_string(),
        )
    };
    policy("p", text).rules().iter().map(describe).collect()
}

#[test]
fn hcl_and_json_say_the_same() {
    let expected = vec![
        ("kv/a".to_owned(), 1, "create, read".to_owned()),
        ("kv/b/*".to_owned(), 2, "list".to_owned()),
    ];
    for text in [
        "path \"kv/a\" { capabilities = [\"read\", \"create\"] }\npath \"kv/b/*\" { capabilities = [\"list\"] }",
        "path \"kv/a\" { capabilities = [\"read\", \"create\", \"read\"] }\n\"path\" \"/kv/b/*\" { \"capabilities\" = [\"list\"] }",
        "{\"path\": {\"kv/a\": {\"capabilities\": [\"read\", \"create\"]},\n\"kv/b/*\": {\"capabilities\": [\"list\"]}}}",
        "{\"name\": \"x\", \"path\": [{\"kv/a\": {\"capabilities\": [\"read\", \"create\"]}},\n{\"kv/b/*\": [{\"capabilities\": [\"list\"]}]}]}",
    ] {
        assert_eq!(rules(text), expected, "{text}");
    }
}

#[test]
fn keeps_the_text_and_the_order() {
    let text = "# comment\npath \"b\" {}\npath \"a\" {}\npath \"b\" {}\n";
    let policy = policy("Team ", text);
    assert_eq!(policy.text(), text);
    assert_eq!(policy.name().as_str(), "team");
    let paths: Vec<(&str, u32)> = policy
        .rules()
        .iter()
        .map(|rule| (rule.path(), rule.line()))
        .collect();
    assert_eq!(paths, [("b", 2), ("a", 3), ("b", 4)]);
    assert!(parse("").unwrap().rules().is_empty());
}

#[test]
fn capabilities_of_all_kinds() {
    for (body, capabilities) in [
        ("", ""),
        ("capabilities = []", ""),
        (
            "capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\", \"sudo\", \"patch\", \"scan\", \"subscribe\", \"recover\"]",
            "create, delete, list, patch, read, recover, scan, subscribe, sudo, update",
        ),
        ("capabilities = [\"read\", \"deny\", \"list\"]", "deny"),
        ("policy = \"read\"", "list, read"),
        ("policy = \"write\"", "create, delete, list, read, update"),
        ("policy = \"sudo\"", "create, delete, list, read, sudo, update"),
        ("policy = \"deny\"", "deny"),
        ("policy = \"deny\" capabilities = [\"read\"]", "deny"),
        (
            "policy = \"read\" capabilities = [\"patch\"]",
            "list, patch, read",
        ),
    ] {
        let rule = only_rule(&format!("path \"a\" {{ {body} }}"));
        assert_eq!(rule.capabilities().to_string(), capabilities, "{body}");
    }
}

const EVERYTHING: &str = r#"path "auth/token/create" {
  comment              = "for the build"
  capabilities         = ["update", "list"]
  allowed_parameters   = { "TTL" = ["1h", "2h"], "*" = [] }
  allowed_parameters   = { "ttl" = ["3h"] }
  denied_parameters    { "no_parent" = [true, 1, "x*"] }
  required_parameters  = ["Ttl"]
  min_wrapping_ttl     = "1500ms"
  max_wrapping_ttl     = 90
  mfa_methods          = ["totp"]
  control_group        = { factor "ops" { identity { group_names = ["ops"] approvals = 2 } } }
  pagination_limit     = 100
  expiration           = "2030-01-02T03:04:05Z"
  list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}"
  subscribe_event_types = ["kv*"]
}"#;

#[test]
fn everything_a_rule_may_ask_for() {
    let rule = only_rule(EVERYTHING);
    let constraints = rule.constraints().unwrap();
    let values = |text: &str| json(text).as_array().unwrap().to_vec();
    assert_eq!(
        constraints.allowed_parameters["ttl"],
        values(r#"["1h","2h","3h"]"#)
    );
    assert!(constraints.allowed_parameters["*"].is_empty());
    assert_eq!(
        constraints.denied_parameters["no_parent"],
        values(r#"[true,1,"x*"]"#)
    );
    assert_eq!(constraints.required_parameters, ["ttl"]);
    assert_eq!(
        constraints.min_wrapping_ttl,
        Some(GoDuration::from_nanos(1_500_000_000))
    );
    assert_eq!(constraints.max_wrapping_ttl, Some(GoDuration::from_seconds(90)));
    assert_eq!(constraints.mfa_methods, ["totp"]);
    assert!(
        constraints
            .control_group
            .as_ref()
            .unwrap()
            .get("factor")
            .is_some()
    );
    assert_eq!(constraints.pagination_limit, Some(100));
    assert_eq!(
        constraints.response_keys_filter.as_deref(),
        Some("{{ .path }}{{ .key }}")
    );
    assert_eq!(constraints.subscribe_event_types, ["kv*"]);
    assert_eq!(rule.expiration(), Some(Timestamp::from_unix(1_893_553_445, 0)));
    assert!(
        only_rule("path \"a\" { min_wrapping_ttl = 0 allowed_parameters = {} }")
            .constraints()
            .is_none()
    );
    assert!(
        only_rule("path \"a\" { capabilities = [\"deny\"] min_wrapping_ttl = 5 }")
            .constraints()
            .is_none()
    );
}

const MISTAKES: &[(&str, &str)] = &[
    (
        "path \"a\" {",
        "At 1:11: expected '}' to close the block, found the end of the text",
    ),
    (
        "pth \"a\" {}",
        "1 error occurred:\n\t* invalid key \"pth\" on line 1, did you mean \"path\"?\n\n",
    ),
    (
        "zebra = 1\npath \"a\" {}\nquagga = 2",
        "2 errors occurred:\n\t* invalid key \"zebra\" on line 1\n\t* invalid key \"quagga\" on line 3\n\n",
    ),
    (
        "path \"kv/a\" {\n  capabilites = [\"read\"]\n}",
        "1 error occurred:\n\t* path \"kv/a\": invalid key \"capabilites\" on line 2, did you mean \"capabilities\"?\n\n",
    ),
    (
        "path \"a\" { Capabilities = [] }",
        "1 error occurred:\n\t* path \"a\": invalid key \"Capabilities\" on line 1, did you mean \"capabilities\"?\n\n",
    ),
    (
        "path \"kv/a\" { capabilities = [\"reed\"] }",
        "path \"kv/a\": invalid capability \"reed\", did you mean \"read\"?",
    ),
    (
        "path \"a\" { capabilities = [\"root\"] }",
        "path \"a\": invalid capability \"root\"",
    ),
    (
        "path \"a\" { capabilities = [\"hover\"] }",
        "path \"a\": invalid capability \"hover\", did you mean \"recover\"?",
    ),
    (
        "path \"a\" { policy = \"admin\" }",
        "path \"a\": invalid policy \"admin\"",
    ),
    (
        "path \"/a/+*\" {}",
        "path \"/a/+*\": invalid use of wildcards ('+*' is forbidden)",
    ),
    (
        "path \"a+*\" {}",
        "path \"a+*\": invalid use of wildcards ('+*' is forbidden)",
    ),
    (
        "path \"a\" { min_wrapping_ttl = \"2m\" max_wrapping_ttl = \"90s\" }",
        "path \"a\": max_wrapping_ttl cannot be less than min_wrapping_ttl",
    ),
    (
        "path \"a\" { max_wrapping_ttl = \"soon\" }",
        "path \"a\": error parsing max_wrapping_ttl: time: invalid duration \"soon\"",
    ),
    (
        "path \"a\" { min_wrapping_ttl = \"-1s\" }",
        "path \"a\": error parsing min_wrapping_ttl: cannot provide negative value '-1s'",
    ),
    (
        "path \"a/{{b\" {}",
        "failed to validate policy templating: unbalanced templating characters",
    ),
    (
        "path \"a\" { capabilities = \"read\" }",
        "path \"a\": At 1:27: capabilities: expected a list, found a string",
    ),
    (
        "path \"a\" { allowed_parameters = { x = \"y\" } }",
        "path \"a\": At 1:39: expected a list of values, found a string",
    ),
    (
        "path \"a\" { denied_parameters = [1] }",
        "path \"a\": At 1:32: expected a block, found a list",
    ),
    (
        "path \"a\" { expiration = \"tomorrow\" }",
        "path \"a\": invalid expiration time: \"tomorrow\" is not a time: use RFC 3339 (2026-01-02T03:04:05Z) or Unix seconds",
    ),
    (
        "path \"a\" { capabilities = [\"read\"] list_scan_response_keys_filter_path = \"x\" }",
        "path \"a\": list_scan_response_keys_filter_path needs to be used on a path with the list capability",
    ),
    (
        "\npath { capabilities = [\"read\"] }",
        "no path for the block on line 2: write path \"secret/data/app\" { ... }",
    ),
    (
        "path { capabilities = [] }",
        "no path for the block on line 1: write path \"secret/data/app\" { ... }",
    ),
    (
        "{\"path\": \"kv/a\"}",
        "no path for the block on line 1: write path \"secret/data/app\" { ... }",
    ),
    (
        "path \"a\" \"b\" {}",
        "1 error occurred:\n\t* path \"a\": invalid key \"b\" on line 1\n\n",
    ),
];

#[test]
fn mistakes_have_the_texts_clients_know() {
    for (text, message) in MISTAKES {
        assert_eq!(
            refuse(text),
            format!("failed to parse policy: {message}"),
            "{text}"
        );
    }
}

#[test]
fn built_in_policies_parse() {
    let default = Policy::initial_default().unwrap();
    assert!(default.is_templated());
    assert!(default.rules().iter().all(|rule| rule.capabilities().grants()));
    let cubbyhole = default
        .rules()
        .iter()
        .find(|rule| rule.path() == "cubbyhole/*")
        .unwrap();
    assert_eq!(
        cubbyhole.capabilities().to_string(),
        "create, delete, list, read, update"
    );
    let wrapping = Policy::response_wrapping().unwrap();
    assert!(!wrapping.is_templated() && wrapping.rules().len() == 2);
    let sudo = |policy: &Policy| {
        policy
            .rules()
            .iter()
            .any(|rule| rule.capabilities().contains(Capability::Sudo))
    };
    assert!(!sudo(&default) && !sudo(&wrapping));
    assert!(Policy::root().rules().is_empty() && Policy::root().name().is_root());
    let formatted = |text| arca_lang::hcl::format(&arca_lang::hcl::parse(text).unwrap());
    assert_eq!(formatted(default.text()), default.text());
    assert_eq!(formatted(wrapping.text()), wrapping.text());
}

/// The longest document that is accepted takes time in proportion to its length.
#[test]
fn a_document_of_the_largest_size_is_read() {
    let block = "path \"kv/x\" { capabilities = [\"read\"] }\n";
    let text = block.repeat((1 << 20) / block.len());
    assert_eq!(policy("big", &text).rules().len(), (1 << 20) / block.len());
    assert!(refuse(&format!("{text}{block}")).ends_with("the document is longer than 1048576 bytes"));
}
