//! Documents to typed configuration.

use std::collections::BTreeMap;

use arca_lang::hcl::{self, Blocks, Labeled, Located, Position, Scalar, ScalarKind};
use serde::Deserialize;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Config {
    ui: bool,
    cluster_name: Option<String>,
    #[serde(alias = "backend")]
    storage: Option<Labeled<BTreeMap<String, String>>>,
    listener: Blocks<Listener>,
    seal: Vec<Seal>,
    telemetry: Telemetry,
    max_lease_ttl: Option<Scalar>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Listener {
    address: String,
    tls_disable: bool,
    max_request_size: u32,
    telemetry: Telemetry,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Telemetry {
    unauthenticated_metrics_access: bool,
    prefix_filter: Vec<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Seal {
    Shamir,
    Transit { address: String },
    Static(BTreeMap<String, String>),
}

const SERVER: &str = r#"
ui = 1
Cluster_Name = "main"
max_lease_ttl = 0600

backend "file" {
  path = "/srv/arca"
  mode = 0640
}

listener "tcp" {
  address          = "0.0.0.0:8200"
  tls_disable      = "true"
  max_request_size = "4096"

  telemetry {
    unauthenticated_metrics_access = true
  }
}

listener "unix" { address = "/run/arca.sock" }

seal "transit" { address = "https://seal.example:8200" }
seal "shamir" {}
seal = "shamir"

telemetry { prefix_filter = ["+a", "-b"] }
"#;

#[test]
fn reads_a_server_configuration() {
    // A string is no element of a list of blocks; the rest is.
    let text = SERVER.replace("seal = \"shamir\"\n", "");
    let config: Config = hcl::from_str(&text).unwrap();
    assert!(config.ui);
    assert_eq!(config.cluster_name.as_deref(), Some("main"));
    let storage = config.storage.unwrap();
    assert_eq!(storage.label, "file");
    assert_eq!(storage.body["mode"], "0640");
    let labels: Vec<&str> = config.listener.iter().map(|listener| &*listener.label).collect();
    assert_eq!(labels, ["tcp", "unix"]);
    let tcp = &config.listener[0].body;
    assert!(tcp.tls_disable && tcp.telemetry.unauthenticated_metrics_access);
    assert_eq!(tcp.max_request_size, 4096);
    let address = "https://seal.example:8200".to_owned();
    assert_eq!(config.seal, [Seal::Transit { address }, Seal::Shamir]);
    assert_eq!(config.telemetry.prefix_filter, ["+a", "-b"]);
    let ttl = config.max_lease_ttl.unwrap();
    assert_eq!((&*ttl.text, ttl.kind), ("0600", ScalarKind::Integer));
    assert_eq!(ttl.position, Some(Position { line: 4, column: 17 }));
    assert_eq!(format!("{ttl:?}"), "Integer of 4 bytes");

    let error = hcl::from_str::<Config>(SERVER).unwrap_err();
    assert_eq!(
        error.to_string(),
        "At 25:8: seal: expected a list, found a string"
    );
}

#[test]
fn json_documents_mean_the_same() {
    let hcl: Config = hcl::from_str(
        r#"ui = true
        listener "tcp" { address = "a" }
        listener "tcp" { address = "b" }
        listener "unix" { address = "c" }
        seal "static" { key = "k" }
        telemetry { prefix_filter = ["x"] }"#,
    )
    .unwrap();
    for json in [
        r#"{"ui": true, "listener": {"tcp": [{"address": "a"}, {"address": "b"}], "unix": {"address": "c"}},
            "seal": [{"static": {"key": "k"}}], "telemetry": {"prefix_filter": ["x"]}, "cluster_name": null}"#,
        r#"{"ui": "true", "listener": [{"tcp": {"address": "a"}}, {"tcp": {"address": "b"}}, {"unix": {"address": "c"}}],
            "seal": {"static": {"key": "k"}}, "telemetry": [{"prefix_filter": ["x"]}]}"#,
    ] {
        assert_eq!(hcl::from_str::<Config>(json).unwrap(), hcl, "{json}");
    }
}

#[test]
fn blocks_of_one_kind_are_one_structure_where_one_is_asked_for() {
    let config: Config = hcl::from_str(
        "telemetry { prefix_filter = [\"a\"] }\ntelemetry { unauthenticated_metrics_access = true }\n\
         telemetry { prefix_filter = [\"b\"] }",
    )
    .unwrap();
    assert!(config.telemetry.unauthenticated_metrics_access);
    assert_eq!(config.telemetry.prefix_filter, ["a", "b"]);
}

#[test]
fn reports_unknown_keys_with_place_and_likely_meaning() {
    let document = hcl::parse(
        "ui = true\nclustername = \"x\"\nlistener \"tcp\" {\n  adress = \"a\"\n  zzz {\n    yyy = 1\n  }\n}\n",
    )
    .unwrap();
    let decoded = document.decode::<Config>().unwrap();
    let unknown: Vec<_> = decoded
        .unknown
        .iter()
        .map(|key| (&*key.path, key.position.line, key.suggestion))
        .collect();
    assert_eq!(
        unknown,
        [
            ("clustername", 2, Some("cluster_name")),
            ("listener.tcp.adress", 4, Some("address")),
            ("listener.tcp.zzz", 5, None),
        ]
    );
}

#[test]
fn strict_types_refuse_unknown_keys_themselves() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "only its name matters")]
        known: Option<u8>,
    }
    let error = hcl::from_str::<Strict>("\nknow = 1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "At 2:1: know: unknown field `know`, expected `known`"
    );
}

#[test]
fn errors_name_the_value_that_does_not_fit_and_keep_it_secret() {
    for (text, message) in [
        (
            "ui = \"hunter2\"",
            "At 1:6: ui: expected a boolean, found a string",
        ),
        ("ui = 2", "At 1:6: ui: expected a boolean, found a number"),
        ("ui { x = 1 }", "At 1:4: ui: expected a boolean, found a block"),
        (
            "telemetry = \"x\"",
            "At 1:13: telemetry: expected a block, found a string",
        ),
        (
            "listener \"tcp\" {\n  max_request_size = -1\n}",
            "At 2:22: listener.tcp.max_request_size: expected u32, found a number that is not one",
        ),
        (
            "listener \"tcp\" {\n  max_request_size = \"lots\"\n}",
            "At 2:22: listener.tcp.max_request_size: expected u32, found a string",
        ),
        (
            "listener = [1]",
            "At 1:13: listener: expected a block with a label, found a number",
        ),
        (
            "seal \"vacuum\" {}",
            "At 1:6: seal.vacuum: expected one of shamir, transit, static",
        ),
        (
            "seal \"transit\" {}",
            "At 1:6: seal.transit: missing field `address`",
        ),
        (
            "seal { transit {}\n static {} }",
            "At 1:6: seal: expected one of shamir, transit, static, found several or none",
        ),
        (
            "storage \"a\" {}\nstorage \"b\" {}",
            "At 2:9: storage: invalid length 2, expected one block with a label",
        ),
        (
            "max_lease_ttl = [1]",
            "At 1:17: max_lease_ttl: expected a string, a number or a boolean, found a list",
        ),
    ] {
        let error = hcl::from_str::<Config>(text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn located_values_know_their_place() {
    type Body = BTreeMap<String, Located<u8>>;
    #[derive(Deserialize)]
    struct Places {
        name: Located<String>,
        block: Vec<Located<Labeled<Body>>>,
    }
    let document = hcl::parse("name = \"n\"\nblock \"x\" {\n  a = 1\n}\n").unwrap();
    let places: Places = document.decode().unwrap().value;
    let at = |line, column| Position { line, column };
    assert_eq!((&*places.name.value, places.name.position), ("n", at(1, 8)));
    assert_eq!(places.block[0].position, at(2, 7));
    assert_eq!(places.block[0].value.body["a"].position, at(3, 7));
}

#[test]
fn values_without_a_type_take_their_plainest_form() {
    type Free = BTreeMap<String, serde_json::Value>;
    let free: Free =
        hcl::from_str("a = 1\nb = [1, \"x\"]\nc { d = true }\ne \"f\" {}\ng {}\ng {}\nh = 1.5").unwrap();
    let text = serde_json::to_string(&free).unwrap();
    assert_eq!(
        text,
        r#"{"a":1,"b":[1,"x"],"c":{"d":true},"e":{"f":{}},"g":[{},{}],"h":1.5}"#
    );
}

#[test]
fn flattened_and_untagged_types_work() {
    #[derive(Deserialize)]
    struct Outer {
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    #[derive(Deserialize)]
    struct Inner {
        name: OneOrMany,
        block: Telemetry,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    let outer: Outer = hcl::from_str("name = [\"a\"]\nblock { prefix_filter = [\"x\"] }\nother = 1").unwrap();
    assert_eq!(outer.inner.name, OneOrMany::Many(vec!["a".to_owned()]));
    assert_eq!(outer.inner.block.prefix_filter, ["x"]);
    assert_eq!(outer.rest["other"], 1);
}

#[test]
fn scalars_come_from_other_formats_too() {
    for (text, kind) in [
        ("\"1h\"", ScalarKind::String),
        ("3600", ScalarKind::Integer),
        ("-1", ScalarKind::Integer),
        ("1.5", ScalarKind::Float),
        ("true", ScalarKind::Bool),
    ] {
        let scalar: Scalar = serde_json::from_str(text).unwrap();
        assert_eq!((&*scalar.text, scalar.kind), (text.trim_matches('"'), kind));
        assert_eq!(scalar.position, None);
    }
    assert!(serde_json::from_str::<Scalar>("[1]").is_err());
}

#[test]
fn parts_of_a_document_decode_by_themselves() {
    let document =
        hcl::parse("listener \"tcp\" { address = \"a\" }\nlistener \"tcp\" { tls_disable = 7 }").unwrap();
    let entries: Vec<_> = document.root().members().map(|(_, entry)| entry).collect();
    let first: Labeled<Listener> = document.decode_entry(entries[0]).unwrap().value;
    assert_eq!(first.body.address, "a");
    let error = document
        .decode_entry::<Labeled<Listener>>(entries[1])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "At 2:32: tcp.tls_disable: expected a boolean, found a number"
    );
}

#[test]
fn line_ends_of_all_systems_are_one() {
    for end in ["\n", "\r\n", "\r\r\n"] {
        let text = ["a = <<EOF", "one", "two", "EOF", "# c", "b = 1"].join(end);
        let document = hcl::parse(&text).unwrap();
        let value = hcl::untyped::object(document.root()).to_text();
        assert_eq!(value.as_str(), r#"{"a":"one\ntwo\n","b":1}"#, "{end:?}");
        assert_eq!(hcl::format(&document).matches('\r').count(), 0);
    }
    let heredoc = hcl::parse("a = <<EOF\nx\nEOF\r").unwrap();
    assert_eq!(hcl::format(&heredoc), "a = <<EOF\nx\nEOF\n");
    let alone = hcl::parse("a = \"x\ry\"\r").unwrap();
    assert_eq!(
        hcl::untyped::object(alone.root()).to_text().as_str(),
        r#"{"a":"x\ry"}"#
    );
}
