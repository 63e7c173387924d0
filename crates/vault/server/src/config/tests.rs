//! Whole configurations: what is accepted, what is noted, what is refused and where.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use arca_base::Ttl;

use super::*;

const MINIMAL: &str = "storage \"inmem\" {}\nlistener \"tcp\" { tls_disable = true }\n";

fn nothing() -> Environment {
    Environment::of::<String, String>([])
}

fn parse(text: &str) -> Result<Configuration, String> {
    Configuration::parse("a.hcl", text, &nothing()).map_err(|error| error.to_string())
}

/// The minimal configuration with `text` in front.
fn with(text: &str) -> Result<Configuration, String> {
    parse(&format!("{text}\n{MINIMAL}"))
}

/// The minimal configuration with `body` in its listener.
fn listening(body: &str) -> Result<Listener, String> {
    let text = format!("storage \"inmem\" {{}}\nlistener \"tcp\" {{\ntls_disable = true\n{body}\n}}\n");
    parse(&text).map(|mut configuration| configuration.listeners.remove(0))
}

fn notes(configuration: &Configuration) -> Vec<String> {
    configuration.notes.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refuses<T>(outcome: Result<T, String>, start: &str, part: &str) {
    let Err(message) = outcome else {
        panic!("accepted, expected: {start} ... {part}");
    };
    assert!(message.starts_with(start) && message.contains(part), "{message}");
}

#[test]
fn defaults() {
    let configuration = parse(MINIMAL).unwrap();
    assert!(matches!(configuration.storage, Storage::Memory));
    assert!(matches!(configuration.seal, Seal::Shamir));
    assert_eq!(configuration.default_lease_ttl, Ttl::from_hours(768));
    assert_eq!(configuration.max_lease_ttl, Ttl::from_hours(768));
    assert!(!configuration.ui && !configuration.disable_mlock && !configuration.hostname_header);
    let [listener] = &configuration.listeners[..] else {
        panic!("one listener");
    };
    assert_eq!(listener.address, ListenAddress::Tcp("127.0.0.1:8200".to_owned()));
    assert_eq!(listener.limits.body_bytes, 32 << 20);
    assert_eq!(listener.limits.duration, Duration::from_secs(90));
    assert_eq!(listener.timeouts, Timeouts::default());
    assert!(configuration.notes.is_empty());
}

#[test]
fn a_whole_server() {
    let configuration = parse(include_str!("../../tests/config/server.hcl")).unwrap();
    assert_eq!(notes(&configuration), Vec::<String>::new());
    let Storage::Embedded { path, named } = &configuration.storage else {
        panic!("a folder");
    };
    assert_eq!((path.to_str().unwrap(), *named), ("/var/lib/arca", "embedded"));
    assert_eq!(configuration.api_address, "https://arca.example:8200");
    assert_eq!(configuration.cluster_name, "main");
    assert_eq!(configuration.max_lease_ttl, Ttl::from_hours(1000));
    assert_eq!(
        configuration.pid_file.as_deref().unwrap().to_str(),
        Some("/run/arca.pid")
    );
    assert!(configuration.ui && configuration.disable_mlock);
    assert_eq!(
        (configuration.log_level, configuration.log_format),
        (Level::Debug, Format::Json)
    );
}

fn the_listeners_of_a_whole_server() -> [Listener; 2] {
    let configuration = parse(include_str!("../../tests/config/server.hcl")).unwrap();
    configuration.listeners.try_into().unwrap()
}

#[test]
fn a_whole_listener() {
    let [tcp, _] = the_listeners_of_a_whole_server();
    let tls = tcp.tls.as_ref().unwrap();
    assert_eq!(tls.min_version, TlsVersion::Tls13);
    assert_eq!(tls.cipher_suites, ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]);
    let authorities = PathBuf::from("/etc/arca/clients.pem");
    assert_eq!(tls.client, ClientCertificates::Required { authorities });
    let forwarded = tcp.forwarded.as_ref().unwrap();
    assert_eq!(forwarded.authorized.len(), 2);
    assert_eq!(
        (
            forwarded.hop_skips,
            forwarded.reject_not_authorized,
            forwarded.reject_not_present
        ),
        (1, true, false)
    );
    assert_eq!(
        tcp.proxy_protocol.as_ref().unwrap().behavior,
        ProxyBehavior::AllowAuthorized
    );
    assert_eq!(tcp.limits.body_bytes, 1 << 20);
    assert_eq!((tcp.limits.json.depth, tcp.limits.json.values), (16, 1000));
    assert_eq!(tcp.timeouts.header, Some(Duration::from_secs(5)));
    assert_eq!(tcp.timeouts.body, None);
    assert!(tcp.metrics.open && !tcp.metrics.only);
}

#[test]
fn headers_and_sockets() {
    let [tcp, unix] = the_listeners_of_a_whole_server();
    let headers: Vec<String> = tcp
        .headers
        .iter()
        .map(|h| format!("{:?} {} {:?}", h.statuses, h.name, h.value))
        .collect();
    assert_eq!(
        headers,
        [
            r#"All strict-transport-security "max-age=1; preload""#,
            r#"All x-frame-options "DENY""#,
            r#"Class(2) x-ok "a, b""#,
            r#"One(404) x-none "1""#,
        ]
    );
    let ListenAddress::Unix(socket) = &unix.address else {
        panic!("a socket");
    };
    assert_eq!(
        (socket.mode, socket.user.as_deref(), socket.group.as_deref()),
        (Some(0o660), Some("root"), Some("0"))
    );
}

#[test]
fn json_says_the_same() {
    let configuration = parse(include_str!("../../tests/config/server.json")).unwrap();
    assert_eq!(notes(&configuration), Vec::<String>::new());
    assert_eq!(configuration.listeners.len(), 2);
    let Storage::Postgres(postgres) = &configuration.storage else {
        panic!("postgresql");
    };
    assert_eq!(postgres.connection_url.expose(), "postgres://u:canary@h/d");
    assert_eq!(
        (postgres.max_parallel, postgres.ha_enabled),
        (Some(8), Some(true))
    );
    assert_eq!(configuration.default_lease_ttl, Ttl::from_seconds(3600));
}

/// Every key that existing servers document is accepted, with an effect or a note, and none is taken for a mistake.
#[test]
fn everything_documented_is_accepted() {
    let configuration = parse(include_str!("../../tests/config/everything.hcl")).unwrap();
    let unknown: Vec<String> = configuration
        .notes
        .iter()
        .filter(|note| matches!(note.kind, NoteKind::Unknown { .. }))
        .map(ToString::to_string)
        .collect();
    assert_eq!(unknown, Vec::<String>::new());
    assert!(configuration.notes.len() > 100, "{}", configuration.notes.len());
    let first = notes(&configuration)
        .into_iter()
        .find(|note| note.contains("disable_cache"))
        .unwrap();
    assert!(
        first.contains("a.hcl:") && first.contains("is accepted without effect: "),
        "{first}"
    );
}

#[test]
fn unknown_keys_are_noted_with_their_place() {
    let configuration = with("clustr_name = \"a\"\nfrobnicate = 1\ndisable_cash = true").unwrap();
    assert_eq!(
        notes(&configuration),
        [
            "a.hcl:1:1: unknown key \"clustr_name\"; did you mean \"cluster_name\"?",
            "a.hcl:2:1: unknown key \"frobnicate\"",
            "a.hcl:3:1: unknown key \"disable_cash\"; did you mean \"disable_cache\"?",
        ]
    );
    let in_listener =
        parse("storage \"inmem\" {}\nlistener \"tcp\" {\n  tls_disable = 1\n  adress = \"x\"\n}").unwrap();
    assert_eq!(
        notes(&in_listener),
        ["a.hcl:4:3: unknown key \"listener.tcp.adress\"; did you mean \"address\"?"]
    );
}

#[test]
fn strictness_makes_notes_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.hcl");
    fs::write(&file, format!("{MINIMAL}disable_cache = true\n")).unwrap();
    let load = |strictness| Configuration::load(std::slice::from_ref(&file), &nothing(), strictness);
    assert!(load(Strictness::Lenient).is_ok());
    let error = load(Strictness::Strict).unwrap_err().to_string();
    assert!(
        error.contains("a.hcl:3:1: \"disable_cache\" is accepted without effect"),
        "{error}"
    );
}

#[test]
fn mistakes_have_a_place() {
    refuses(parse("storage \"inmem\" {"), "a.hcl:1:", "");
    refuses(
        with("log_level = \"loud\""),
        "a.hcl:1:13: log_level: ",
        "one of trace, debug",
    );
    refuses(with("ui = \"maybe\""), "a.hcl:1:6: ui: ", "true or false");
    refuses(with("max_connections = 0"), "a.hcl:1:19: ", "at least 1");
    refuses(
        with("default_lease_ttl = \"soon\""),
        "a.hcl:1:21: default_lease_ttl: ",
        "invalid duration",
    );
    refuses(
        with("default_lease_ttl = \"2h\"\nmax_lease_ttl = \"1h\""),
        "a.hcl:2:17: ",
        "max_lease_ttl (1h) is shorter than default_lease_ttl (2h)",
    );
    refuses(
        with("api_addr = \"https://{{ GetFoo }}\""),
        "a.hcl:1:12: ",
        "GetFoo",
    );
}

#[test]
fn a_shorter_maximum_shortens_the_default_default() {
    let configuration = with("max_lease_ttl = \"10h\"").unwrap();
    assert_eq!(configuration.default_lease_ttl, Ttl::from_hours(10));
    let zero = with("max_lease_ttl = 0\ndefault_lease_ttl = \"0\"").unwrap();
    assert_eq!(zero.max_lease_ttl, Ttl::from_hours(768));
}

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
fn listeners_are_checked() {
    refuses(
        parse("storage \"inmem\" {}"),
        "no listener is configured",
        "127.0.0.1:8200",
    );
    refuses(
        parse("storage \"inmem\" {}\nlistener \"tcp\" {}"),
        "a.hcl:2:",
        "tls_cert_file and tls_key_file are needed",
    );
    refuses(
        parse("storage \"inmem\" {}\nlistener \"udp\" {}"),
        "a.hcl:2:",
        "kind \"udp\" is not supported",
    );
    refuses(
        parse("storage \"inmem\" {}\nlistener \"unix\" {}"),
        "a.hcl:2:",
        "needs address",
    );
    for (body, message) in [
        ("address = \"localhost\"", "needs a port: \"localhost:8200\""),
        (
            "x_forwarded_for_authorized_addrs = \"10.0.0.0/99\"",
            "\"10.0.0.0/99\" is not an address or a network",
        ),
        ("proxy_protocol_behavior = \"sometimes\"", "is none of use_always"),
        (
            "proxy_protocol_behavior = \"deny_unauthorized\"",
            "proxy_protocol_authorized_addrs is needed",
        ),
        ("max_request_size = \"2GiB\"", "at most 1GiB"),
        ("max_json_depth = 0", "from 1 to 512"),
        ("max_json_depth = 513", "from 1 to 512"),
        ("max_json_values = 0", "from 1 to"),
        (
            "custom_response_headers { \"6xx\" = { X = [\"1\"] } }",
            "\"6xx\" is none of",
        ),
        (
            "custom_response_headers { \"default\" = { \"X-Vault-Token\" = [\"1\"] } }",
            "set by the server itself",
        ),
        (
            "custom_response_headers { \"default\" = { \"Content-Length\" = \"1\" } }",
            "set by the server itself",
        ),
        (
            "custom_response_headers { \"default\" = { \"a b\" = \"1\" } }",
            "not the name of a header",
        ),
        (
            "custom_response_headers { \"default\" = { \"a\" = \"1\\n2\" } }",
            "cannot be sent",
        ),
    ] {
        refuses(listening(body), "a.hcl:4:", message);
    }
}

#[test]
fn listener_addresses() {
    for written in ["127.0.0.1:0", ":8200", "[::1]:8200", "localhost:8200"] {
        let listener = listening(&format!("address = \"{written}\"")).unwrap();
        assert_eq!(listener.address, ListenAddress::Tcp(written.to_owned()));
    }
}

#[test]
fn zero_timeouts_are_no_timeouts_and_zero_limits_the_default() {
    let listener = listening(
        "http_read_header_timeout = 0\nhttp_idle_timeout = \"1m\"\nhttp_write_timeout = \"5s\"\nmax_request_size = 0\nmax_request_duration = 0",
    )
    .unwrap();
    let expected = Timeouts {
        header: None,
        body: Some(Duration::from_secs(30)),
        write: Some(Duration::from_secs(5)),
        idle: Some(Duration::from_secs(60)),
    };
    assert_eq!(listener.timeouts, expected);
    assert_eq!(listener.limits.body_bytes, DEFAULT_BODY_BYTES);
    assert_eq!(listener.limits.duration, Duration::from_secs(90));
}

fn tls(body: &str) -> Result<Tls, String> {
    let text = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\ntls_cert_file = \"/c\"\ntls_key_file = \"/k\"\n{body}\n}}\n"
    );
    parse(&text).map(|mut configuration| configuration.listeners.remove(0).tls.unwrap())
}

#[test]
fn tls_settings() {
    assert_eq!(tls("").unwrap(), Tls::new("/c", "/k"));
    assert_eq!(
        tls("tls_min_version = \"tls10\"").unwrap().min_version,
        TlsVersion::Tls12
    );
    assert_eq!(
        tls("tls_disable_client_certs = \"true\"").unwrap().client,
        ClientCertificates::Disabled
    );
    let authorities = Some(PathBuf::from("/ca"));
    assert_eq!(
        tls("tls_client_ca_file = \"/ca\"").unwrap().client,
        ClientCertificates::Requested { authorities }
    );
    refuses(
        tls("tls_max_version = \"tls11\""),
        "a.hcl:5:",
        "TLS version \"tls11\" is not supported",
    );
    refuses(
        tls("tls_min_version = \"tls13\"\ntls_max_version = \"tls12\""),
        "a.hcl:2:",
        "newer than",
    );
    refuses(
        tls("tls_require_and_verify_client_cert = true"),
        "a.hcl:2:",
        "needs tls_client_ca_file",
    );
    refuses(
        tls("tls_require_and_verify_client_cert = true\ntls_disable_client_certs = true"),
        "a.hcl:2:",
        "exclude each other",
    );
}

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

#[test]
fn postgres_takes_its_url_from_the_environment() {
    let environment = Environment::of([("VAULT_PG_CONNECTION_URL", "postgres://env")]);
    let text = "storage \"postgresql\" {}\nlistener \"tcp\" { tls_disable = 1 }";
    let configuration = Configuration::parse("a.hcl", text, &environment).unwrap();
    assert!(
        matches!(configuration.storage, Storage::Postgres(p) if p.connection_url.expose() == "postgres://env")
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

#[test]
fn the_sanitized_form_has_no_secret() {
    let environment = Environment::of([("VAULT_PG_CONNECTION_URL", "postgres://u:canary@h/d")]);
    let text = "storage \"postgresql\" {}\nseal \"static\" { current_key_id = \"canary\" current_key = \"canary\" }\nlistener \"tcp\" { tls_cert_file = \"/c\" tls_key_file = \"/k\" }";
    let configuration = Configuration::parse("a.hcl", text, &environment).unwrap();
    let shown = configuration.sanitized().to_text().into_string();
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!format!("{configuration:?}").contains("u:canary"));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["storage"]["type"], "postgresql");
    assert_eq!(shown["seals"][0]["type"], "static");
    assert_eq!(shown["listeners"][0]["config"]["tls_disable"], false);
    assert_eq!(shown["listeners"][0]["config"]["address"], "127.0.0.1:8200");
    assert_eq!(shown["max_lease_ttl"], 768 * 3600);
}
