//! Whole configurations: what is accepted, what is noted, what is refused and where.

mod listeners;
mod seals;
mod sources;
mod storages;

use std::fs;
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
    let configuration = parse(include_str!("../../../tests/config/server.hcl")).unwrap();
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

#[test]
fn json_says_the_same() {
    let configuration = parse(include_str!("../../../tests/config/server.json")).unwrap();
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
    let configuration = parse(include_str!("../../../tests/config/everything.hcl")).unwrap();
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
