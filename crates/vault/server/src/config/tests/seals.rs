//! Seals, and where their keys come from.

use super::*;

#[test]
fn seals() {
    let seal = |text: &str| with(text).map(|configuration| configuration.seal);
    let Seal::Static(keys) = seal("seal \"static\" {\ncurrent_key_id = \"b\"\ncurrent_key = \"env://KEY\"\nprevious_key_id = \"a\"\nprevious_key = \"file:///k\"\n}").unwrap() else {
        panic!("static");
    };
    assert!(matches!(&keys.current.source, KeySource::Variable(name) if name == "KEY"));
    assert!(matches!(&keys.previous.unwrap().source, KeySource::File(path) if path.to_str() == Some("/k")));
    let Seal::Transit(transit) = seal("seal \"transit\" {\naddress = \"https://s\"\ntoken = \"canary\"\nkey_name = \"k\"\nmount_path = \"transit/\"\ntls_skip_verify = \"true\"\n}").unwrap() else {
        panic!("transit");
    };
    assert_eq!(
        (
            transit.address.as_str(),
            transit.key_name.as_str(),
            transit.skip_verify
        ),
        ("https://s", "k", true)
    );
    assert!(!format!("{transit:?}").contains("canary"));
    assert!(matches!(
        seal("seal \"transit\" { disabled = true }").unwrap(),
        Seal::Shamir
    ));
    assert!(matches!(
        seal("seal \"shamir\" {}\nseal \"static\" { disabled = \"true\" }").unwrap(),
        Seal::Shamir
    ));
    for (text, message) in [
        ("seal \"awskms\" {}", "\"awskms\" is not supported"),
        (
            "seal \"shamir\" {}\nseal \"shamir\" {}",
            "there can be one seal only",
        ),
        (
            "seal \"static\" { current_key_id = \"a\" }",
            "needs current_key_id and current_key",
        ),
        (
            "seal \"static\" { current_key_id = \"a\" current_key = \"x\" previous_key = \"y\" }",
            "belong together",
        ),
        (
            "seal \"static\" { current_key_id = \"a\" current_key = \"x\" previous_key_id = \"a\" previous_key = \"y\" }",
            "must differ",
        ),
        ("seal \"transit\" { address = \"x\" }", "needs key_name"),
    ] {
        refuses(seal(text), "a.hcl:", message);
    }
}

#[test]
fn keys_are_read_from_where_they_are() {
    let environment = Environment::of([("KEY", "from-env")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    fs::write(&file, "from-file").unwrap();
    let of = |text: &str| {
        let seal = with(&format!(
            "seal \"static\" {{\ncurrent_key_id = \"a\"\ncurrent_key = \"{text}\"\n}}"
        ))
        .unwrap()
        .seal;
        let Seal::Static(keys) = seal else {
            panic!("static")
        };
        keys.current
            .source
            .read(&environment)
            .map(|key| String::from_utf8(key.expose().clone()).unwrap())
    };
    assert_eq!(of("inline").unwrap(), "inline");
    assert_eq!(of("env://KEY").unwrap(), "from-env");
    assert_eq!(of(&format!("file://{}", file.display())).unwrap(), "from-file");
    assert!(
        of("env://NONE")
            .unwrap_err()
            .to_string()
            .contains("NONE is not set")
    );
    assert!(
        of("file:///does/not/exist")
            .unwrap_err()
            .to_string()
            .contains("/does/not/exist")
    );
    fs::write(&file, "x".repeat(5000)).unwrap();
    assert!(
        of(&format!("file://{}", file.display()))
            .unwrap_err()
            .to_string()
            .contains("longer than")
    );
}

#[test]
fn a_disabled_seal_is_what_a_store_is_moved_away_from() {
    let former = |text: &str| with(text).map(|configuration| configuration.former_seal);
    let disabled = "seal \"static\" {\ncurrent_key_id = \"a\"\ncurrent_key = \"x\"\ndisabled = \"true\"\n}";
    let configuration = with(disabled).unwrap();
    assert!(matches!(configuration.seal, Seal::Shamir));
    assert!(matches!(configuration.former_seal, Some(Seal::Static(_))));
    let shown = configuration.sanitized().to_text().into_string();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["seals"][1]["type"], "static");
    assert_eq!(shown["seals"][1]["disabled"], true);
    for bare in [
        "",
        "seal \"shamir\" { disabled = true }",
        "seal \"transit\" { disabled = true }",
    ] {
        assert!(former(bare).unwrap().is_none(), "{bare}");
    }
    refuses(
        former(&format!("{disabled}\n{disabled}")),
        "a.hcl:6",
        "one disabled seal only",
    );
    let half = "seal \"transit\" {\naddress = \"x\"\ndisabled = true\n}";
    refuses(former(half), "a.hcl:", "needs key_name");
}

#[test]
fn seals_from_the_environment() {
    let environment = Environment::of([
        ("VAULT_SEAL_TYPE", "transit"),
        ("VAULT_ADDR", "https://s"),
        ("VAULT_TOKEN", "t"),
        ("VAULT_TRANSIT_SEAL_KEY_NAME", "k"),
        ("VAULT_TRANSIT_SEAL_MOUNT_PATH", "transit"),
    ]);
    let seal = |text: &str| {
        Configuration::parse("a.hcl", &format!("{text}\n{MINIMAL}"), &environment).map(|all| all.seal)
    };
    assert!(matches!(seal("").unwrap(), Seal::Transit(transit) if transit.token.is_some()));
    assert!(
        matches!(seal("seal \"transit\" { key_name = \"other\" }").unwrap(), Seal::Transit(transit) if transit.key_name == "k")
    );
    let error = seal("seal \"shamir\" {}").unwrap_err().to_string();
    assert!(
        error.starts_with("a.hcl:1:") && error.contains("asks for seal type \"transit\""),
        "{error}"
    );
    let unknown = Environment::of([("VAULT_SEAL_TYPE", "awskms")]);
    assert!(Configuration::parse("a.hcl", MINIMAL, &unknown).is_err());
}
