//! Where a server stores, and copying from one place to another.

use super::*;

#[test]
fn there_is_one_storage() {
    let listener = "listener \"tcp\" { tls_disable = 1 }\n";
    let storage = |text: &str| parse(&format!("{text}\n{listener}"));
    refuses(storage(""), "no storage is configured", "embedded");
    refuses(
        storage("storage \"inmem\" {}\nstorage \"file\" { path = \"/a\" }"),
        "a.hcl:2:",
        "there can be one storage only, and a.hcl:1:",
    );
    refuses(
        storage("storage \"consul\" { address = \"x\" }"),
        "a.hcl:1:",
        "\"consul\" is not supported: use \"embedded\"",
    );
    refuses(
        storage("storage \"consul\" { address = \"x\" }"),
        "a.hcl:1:",
        "\"postgresql\"",
    );
    refuses(storage("storage \"file\" {}"), "a.hcl:1:", "path is missing");
    refuses(
        storage("storage \"postgresql\" {}"),
        "a.hcl:1:",
        "ARCA_PG_CONNECTION_URL",
    );
    refuses(
        storage("storage \"postgresql\" { connection_url = \"x\" max_parallel = 0 }"),
        "a.hcl:1:",
        "at least 1",
    );
    for kind in ["embedded", "file", "raft"] {
        let configuration = storage(&format!("backend \"{kind}\" {{ path = \"/a\" }}")).unwrap();
        assert!(
            matches!(configuration.storage, Storage::Embedded { named, .. } if named == kind),
            "{kind}"
        );
    }
}

#[test]
fn raft_settings_are_noted() {
    let text = "storage \"raft\" {\n  path = \"/a\"\n  node_id = \"n1\"\n  retry_join { leader_api_addr = \"x\" }\n  retry_join { leader_api_addr = \"y\" }\n}\nlistener \"tcp\" { tls_disable = 1 }";
    let configuration = parse(text).unwrap();
    let notes = notes(&configuration);
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("a.hcl:3:3: \"storage.raft.node_id\" is accepted without effect")),
        "{notes:?}"
    );
    assert!(notes.iter().any(|note| note.contains("retry_join")), "{notes:?}");
}

#[test]
fn rows_are_shown_on_request_only() {
    assert!(!with("").unwrap().raw_storage);
    let configuration = with("raw_storage_endpoint = true").unwrap();
    assert!(configuration.raw_storage && configuration.notes.is_empty());
}

#[test]
fn a_relocation_names_two_storages() {
    let home = tempfile::tempdir().unwrap();
    let load = |text: &str| {
        let path = home.path().join("migrate.hcl");
        fs::write(&path, text).unwrap();
        Relocation::load(&path).map_err(|error| error.to_string())
    };
    let source = "storage_source \"file\" { path = \"/a\" }\n";
    let destination = "storage_destination \"postgresql\" { connection_url = \"postgres://canary\" }\n";
    let both = load(&format!("{source}{destination}")).unwrap();
    assert_eq!(
        (both.source.kind(), both.destination.kind()),
        ("file", "postgresql")
    );
    assert!(!format!("{both:?}").contains("canary"));
    refuses(load(source), "", "no storage_destination is configured");
    refuses(
        load(&format!("{source}{source}{destination}")),
        "",
        "one storage_source only",
    );
    refuses(load("storage_source \"file\" {}"), "", "path is missing");
    refuses(
        with(source),
        "a.hcl:1",
        "belong into the file of operator migrate",
    );
}

#[test]
fn postgres_takes_its_url_from_the_environment() {
    let environment = Environment::of([("VAULT_PG_CONNECTION_URL", "postgres://env")]);
    let text = "storage \"postgresql\" {}\nlistener \"tcp\" { tls_disable = 1 }";
    let configuration = Configuration::parse("a.hcl", text, &environment).unwrap();
    assert!(
        matches!(configuration.storage, Storage::Postgres(p) if p.connection_url.expose() == "postgres://env")
    );
}
