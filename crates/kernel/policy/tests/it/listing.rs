//! What a token may touch at all.

use arca_base::MountPath;
use arca_policy::Acl;

use crate::acl;

fn touches(acl: &Acl, mount: &str) -> bool {
    acl.touches(&MountPath::parse(mount).unwrap())
}

#[test]
fn a_mount_is_visible_if_anything_in_it_is() {
    for (rule, visible) in [
        ("kv/", true),
        ("kv", true),
        ("kv/data/x", true),
        ("kv/*", true),
        ("k*", true),
        ("*", true),
        ("kv/data/x*", true),
        ("kv/+/x", true),
        ("+/data/x", true),
        ("+/*", true),
        ("+", true),
        ("kv2/*", false),
        ("kv2", false),
        ("k", false),
        ("other/+", false),
        ("+/+", true),
    ] {
        let granted = acl(&[&format!("path \"{rule}\" {{ capabilities = [\"read\"] }}")]);
        assert_eq!(touches(&granted, "kv"), visible, "{rule}");
        for nothing in ["[\"deny\"]", "[]"] {
            let refused = acl(&[&format!("path \"{rule}\" {{ capabilities = {nothing} }}")]);
            assert!(!touches(&refused, "kv"), "{rule} {nothing}");
        }
    }
}

#[test]
fn mounts_with_several_segments() {
    for (rule, visible) in [
        ("team/kv/x", true),
        ("team/*", true),
        ("team/+/x", true),
        ("+/kv/x", true),
        ("+/k*", true),
        ("+/x*", false),
        ("+/k", false),
        ("team/x", false),
        ("+/other/x", false),
        ("team/+", true),
        ("+/+/+", true),
        ("+/kv", true),
    ] {
        let granted = acl(&[&format!("path \"{rule}\" {{ capabilities = [\"list\"] }}")]);
        assert_eq!(touches(&granted, "team/kv"), visible, "{rule}");
    }
    assert!(touches(&Acl::root(), "anything"));
}

#[test]
fn a_denied_mount_with_something_granted_inside_is_visible() {
    let acl = acl(&[r#"
        path "kv/*" { capabilities = ["deny"] }
        path "kv/data/public" { capabilities = ["read"] }
    "#]);
    assert!(touches(&acl, "kv"));
    assert!(!touches(&acl, "other"));
}

#[test]
fn the_resultant_acl_lists_every_path() {
    let acl = acl(&[r#"
        path "a" { capabilities = ["read", "create"] allowed_parameters = { x = ["1"] } min_wrapping_ttl = "90s" }
        path "b/*" { capabilities = ["deny"] }
        path "c/+/d" { capabilities = ["list"] }
        path "c/+/e*" { capabilities = [] }
    "#]);
    assert_eq!(
        acl.resultant().to_text().as_str(),
        concat!(
            r#"{"exact_paths":{"a":{"allowed_parameters":{"x":["1"]},"capabilities":["create","read"],"#,
            r#""min_wrapping_ttl":90},"c/+/d":{"capabilities":["list"]}},"#,
            r#""glob_paths":{"b/":{"capabilities":["deny"]},"c/+/e":{"capabilities":["deny"]}},"root":false}"#
        )
    );
    let root = r#"{"exact_paths":{},"glob_paths":{},"root":true}"#;
    assert_eq!(Acl::root().resultant().to_text().as_str(), root);
}
