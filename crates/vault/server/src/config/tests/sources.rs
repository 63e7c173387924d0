//! Where a configuration comes from: files, folders, the environment.

use std::path::PathBuf;

use super::*;

#[test]
fn the_environment_overrides() {
    let environment = Environment::of([
        ("VAULT_API_ADDR", "https://v"),
        ("ARCA_CLUSTER_ADDR", "https://c"),
        ("BAO_LOG_LEVEL", "warn"),
        ("VAULT_LOG_LEVEL", "trace"),
        ("VAULT_LOG_FORMAT", "json"),
        ("VAULT_UI", "true"),
        ("VAULT_RAFT_PATH", "/from/env"),
        ("VAULT_DISABLE_MLOCK", "1"),
    ]);
    let text = "storage \"raft\" { path = \"/a\" }\nlistener \"tcp\" { tls_disable = 1 }\napi_addr = \"https://file\"\nlog_level = \"error\"";
    let configuration = Configuration::parse("a.hcl", text, &environment).unwrap();
    assert_eq!(configuration.api_address, "https://v");
    assert_eq!(configuration.cluster_address, "https://c");
    assert_eq!(
        (configuration.log_level, configuration.log_format),
        (Level::Warn, Format::Json)
    );
    assert!(configuration.ui && configuration.disable_mlock);
    assert!(
        matches!(configuration.storage, Storage::Embedded { path, .. } if path.to_str() == Some("/from/env"))
    );

    let wrong = Environment::of([("VAULT_LOG_LEVEL", "loud")]);
    let error = Configuration::parse("a.hcl", text, &wrong)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("LOG_LEVEL in the environment is not one of trace"),
        "{error}"
    );
}

#[test]
fn folders_are_read_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "20-later.hcl",
        "cluster_name = \"later\"\nlistener \"tcp\" { address = \"127.0.0.1:2\" tls_disable = 1 }",
    );
    write(
        "10-first.json",
        r#"{"cluster_name": "first", "log_level": "warn", "storage": {"inmem": {}}}"#,
    );
    write(
        "05-more.hcl",
        "listener \"tcp\" { address = \"127.0.0.1:1\" tls_disable = 1 }",
    );
    write("notes.txt", "not read {");
    write(".hidden.hcl", "not read {");
    let load = |paths: &[PathBuf]| Configuration::load(paths, &nothing(), Strictness::Strict);
    let configuration = load(&[folder.path().to_owned()]).unwrap();
    assert_eq!(configuration.cluster_name, "later");
    assert_eq!(configuration.log_level, Level::Warn);
    let addresses: Vec<String> = configuration
        .listeners
        .iter()
        .map(|listener| listener.address.to_string())
        .collect();
    assert_eq!(addresses, ["127.0.0.1:1", "127.0.0.1:2"]);

    let extra = folder.path().join("extra.conf");
    fs::write(&extra, "cluster_name = \"extra\"").unwrap();
    let both = load(&[folder.path().to_owned(), extra]).unwrap();
    assert_eq!(
        both.cluster_name, "extra",
        "a file that is named is read whatever its name ends in"
    );
    write("30-second-storage.hcl", "storage \"inmem\" {}");
    let error = load(&[folder.path().to_owned()]).unwrap_err().to_string();
    assert!(
        error.contains("30-second-storage.hcl:1:") && error.contains("10-first.json:1:"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let load = |path: PathBuf| {
        Configuration::load(&[path], &nothing(), Strictness::Lenient)
            .unwrap_err()
            .to_string()
    };
    assert!(load("/does/not/exist.hcl".into()).starts_with("cannot read /does/not/exist.hcl: "));
    let empty = tempfile::tempdir().unwrap();
    assert!(load(empty.path().to_owned()).contains("holds no file that ends in .hcl or .json"));
    assert!(Configuration::load(&[], &nothing(), Strictness::Lenient).is_err());
}
