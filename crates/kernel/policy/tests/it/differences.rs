//! What two sets of policies allow differently.

use arca_base::{Operation, RequestPath, Timestamp};
use arca_policy::{Acl, Capability, Change, Policy, PolicyName, Request, Rule};
use proptest::prelude::*;

use crate::reference::{policies, text_of};

fn acl(text: &str) -> Acl {
    let policy = Policy::parse(PolicyName::parse("p").unwrap(), text).unwrap();
    Acl::compile([&policy], Timestamp::EPOCH).unwrap()
}

/// `+` for what is newly allowed, `-` for what is not any more, `~` for other conditions.
fn shown(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (acl(before), acl(after));
    let all = before.differences(&after).unwrap();
    let line = |sign, path: &str, capability| format!("{sign}{path} {capability}");
    all.iter()
        .map(|one| {
            let sign = match one.change {
                Change::Allowed => '+',
                Change::Denied => '-',
                Change::Conditions => '~',
            };
            line(sign, one.path, one.capability)
        })
        .collect()
}

#[test]
fn differences_are_told_by_path_and_capability() {
    let read = |path: &str| format!("path \"{path}\" {{ capabilities = [\"read\"] }}\n");
    let deny = |path: &str| format!("path \"{path}\" {{ capabilities = [\"deny\"] }}\n");
    for (before, after, expected) in [
        (read("a"), read("a"), vec![]),
        (read("a"), String::new(), vec!["-a read"]),
        (String::new(), read("a/*"), vec!["+a/* read"]),
        (read("a/*"), read("a/b"), vec!["-a/* read"]),
        (read("a/*"), read("a/*") + &read("a/b"), vec![]),
        (read("a/*"), read("a/*") + &deny("a/b"), vec!["-a/b read"]),
        (read("a/+/c"), read("a/b*"), vec!["-a/+/c read", "+a/b* read"]),
        (
            read("a/*"),
            read("a/*").replace("\"read\"", "\"read\", \"list\""),
            vec!["+a/* list"],
        ),
        // What a rule says that never counts makes no difference.
        (read("a/*"), read("a/*") + &deny("a/+/*"), vec![]),
        (deny("a"), String::new(), vec![]),
        (
            read("a"),
            read("a").replace("] }", "]\nrequired_parameters = [\"x\"] }"),
            vec!["~a read"],
        ),
        (String::new(), read("a").replace("read", "sudo"), vec!["+a sudo"]),
    ] {
        assert_eq!(shown(&before, &after), expected, "{before:?} and {after:?}");
    }
}

#[test]
fn root_is_everything() {
    let before = acl("path \"a/*\" { capabilities = [\"read\"] }");
    let root = Acl::root();
    let all = before.differences(&root).unwrap();
    assert!(all.iter().all(|one| one.change == Change::Allowed));
    assert!(
        all.iter()
            .any(|one| one.path == "*" && one.capability == Capability::Read)
    );
    assert!(
        all.iter()
            .any(|one| one.path == "a/*" && one.capability == Capability::Update)
    );
    assert!(
        !all.iter()
            .any(|one| one.path == "a/*" && one.capability == Capability::Read)
    );
}

#[test]
fn too_many_rules_are_refused() {
    let many = |name: &str| -> String {
        (0..2001)
            .map(|n| format!("path \"{name}/{n}\" {{ capabilities = [\"read\"] }}\n"))
            .collect()
    };
    let (before, after) = (acl(&many("a")), acl(&many("b")));
    let error = before.differences(&after).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("2001 rules cannot be compared with 2001"),
        "{error}"
    );
}

#[test]
fn rules_that_never_count_are_found() {
    let text = |paths: &[&str]| -> String {
        paths
            .iter()
            .map(|path| format!("path \"{path}\" {{ capabilities = [\"read\"] }}\n"))
            .collect()
    };
    for (paths, hidden) in [
        (vec!["a/*", "a/+/*"], Some(("a/+/*", "a/*"))),
        (vec!["a/*", "a/+"], None),
        (vec!["a/*", "a/b"], None),
        (vec!["a/+/*", "a/+/b*"], None),
        (vec!["*", "+/*"], Some(("+/*", "*"))),
    ] {
        let acl = acl(&text(&paths));
        let found = acl
            .rules()
            .iter()
            .find_map(|rule| Some((rule.path(), acl.hiding(rule)?.path())));
        assert_eq!(found, hidden, "{paths:?}");
    }
}

const OPERATIONS: [(Operation, Capability); 7] = [
    (Operation::Create, Capability::Create),
    (Operation::Delete, Capability::Delete),
    (Operation::List, Capability::List),
    (Operation::Patch, Capability::Patch),
    (Operation::Read, Capability::Read),
    (Operation::Scan, Capability::Scan),
    (Operation::Update, Capability::Update),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Wherever requests are decided differently, a difference with the same rules says so, and each difference shows
    /// at its example.
    #[test]
    fn every_difference_is_found_and_none_is_invented(
        before in policies(),
        after in policies(),
        paths in prop::collection::vec("[abc!+*/]{1,8}", 40),
    ) {
        let (before, after) = (acl(&text_of(&before)), acl(&text_of(&after)));
        let all = before.differences(&after).unwrap();
        for text in paths {
            let Ok(path) = RequestPath::parse(&text) else { continue };
            for (operation, capability) in OPERATIONS {
                if operation.is_listing() && !path.as_str().ends_with('/') {
                    continue;
                }
                let request = Request::new(operation, &path);
                let (old, new) = (before.check(&request), after.check(&request));
                if old.allowed() == new.allowed() {
                    continue;
                }
                let rules = (old.rule().map(Rule::path), new.rule().map(Rule::path));
                let change = if new.allowed() { Change::Allowed } else { Change::Denied };
                let told = all.iter().any(|one| {
                    (one.before.map(Rule::path), one.after.map(Rule::path)) == rules
                        && (one.capability, one.change) == (capability, change)
                });
                prop_assert!(told, "{text} {operation}: {rules:?} is not among {all:?}");
            }
        }
        for one in &all {
            let operation = OPERATIONS.into_iter().find(|(_, capability)| *capability == one.capability);
            let Some((operation, _)) = operation else { continue };
            let request = Request::new(operation, &one.example);
            let allowed = (before.check(&request).allowed(), after.check(&request).allowed());
            prop_assert_eq!(allowed, (one.change == Change::Denied, one.change == Change::Allowed));
        }
    }
}
