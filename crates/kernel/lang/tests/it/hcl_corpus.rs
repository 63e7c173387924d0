//! The corpus: what hashicorp/hcl, the reader of existing servers, makes of each case.
//!
//! `tests/corpus/hcl/generate` wrote the expectations. Each difference is listed below with its reason.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arca_lang::hcl::{self, Blocks, Cause, Document, Entry, Item, Kind, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// What the other reader made of a case.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Expected {
    parse_error: String,
    tree: Option<Json>,
    value_error: String,
    value: Option<Json>,
    formatted: String,
    typed_error: String,
    typed: Option<Json>,
}

/// Cases that the other reader refuses and this one accepts, with the value.
const ACCEPTED: [(&str, &str, &str); 6] = [
    ("differs-bom.hcl", r#"{"a":1}"#, "editors write byte order marks"),
    (
        "differs-heredoc-unindented-dash.hcl",
        r#"{"a":"foo\n"}"#,
        "the closing line needs no indentation",
    ),
    (
        "differs-heredoc-at-end.hcl",
        r#"{"a":"foo\n"}"#,
        "a last line needs no line end",
    ),
    ("differs-slash-escape.json", r#"{"a":"x/y"}"#, "RFC 8259"),
    (
        "differs-private-character.hcl",
        r#"{"a":"\ue123"}"#,
        "it is not special here",
    ),
    (
        "differs-list-nested.json",
        r#"{"a":[[1],[2,3]]}"#,
        "lists of lists are JSON too",
    ),
];

/// Cases that the other reader accepts and this one refuses, because it would lose something silently.
const REFUSED: [(&str, &str); 7] = [
    ("differs-value-missing-at-end.hcl", "the item disappears"),
    ("differs-brace-swallowed.hcl", "the item disappears"),
    ("differs-escaped-bytes.hcl", "text is UTF-8"),
    ("differs-surrogate.hcl", "text is UTF-8"),
    ("differs-trailing-junk.json", "the junk disappears"),
    ("differs-open-object.json", "the end of the file may be missing"),
    ("differs-two-keys.json", "not JSON"),
];

/// Cases that both accept with different values.
const OTHER_VALUE: [(&str, &str, &str); 6] = [
    (
        "differs-type-changes.hcl",
        r#"{"a":1,"b":"x"}"#,
        "the last one counts",
    ),
    (
        "differs-list-booleans.json",
        r#"{"a":[true,1,false]}"#,
        "the booleans disappear",
    ),
    (
        "differs-surrogate-pair.json",
        r#"{"a":"\ud83d\ude00"}"#,
        "RFC 8259",
    ),
    (
        "differs-null.json",
        r#"{"a":null}"#,
        "null is not an empty string",
    ),
    (
        "differs-siblings.json",
        r#"{"a":[{"b":[{}],"c":[{"d":1}]}]}"#,
        "one object in JSON is one object",
    ),
    (
        "typed-many.json",
        r#"{"many":[{"x":[{"path":"p"}],"y":[{"path":"q"}]}]}"#,
        "one object in JSON is one object",
    ),
];

/// Cases with another layout.
const OTHER_LAYOUT: [(&str, &str); 4] = [
    ("comment-before-brace.hcl", "the comment is about the block"),
    ("comment-block.hcl", "comments stay with the item they stand in"),
    ("comment-no-newline.hcl", "the comment stays behind its item"),
    ("comment-stars.hcl", "the comment stays with its item"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/hcl")
}

/// Each case: its name, its text, and what is expected of it.
fn cases() -> Vec<(String, Vec<u8>, Expected)> {
    let mut cases: Vec<_> = std::fs::read_dir(folder().join("cases"))
        .unwrap()
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let text = std::fs::read(folder().join("cases").join(&name)).unwrap();
            let expected = std::fs::read(folder().join("expected").join(format!("{name}.json"))).unwrap();
            (name, text, serde_json::from_slice(&expected).unwrap())
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(cases.len() > 200);
    cases
}

fn parse(text: &[u8]) -> Result<Document, hcl::Error> {
    Document::parse(text, &hcl::Limits::default())
}

fn untyped(document: &Document) -> Json {
    serde_json::from_str(hcl::untyped::object(document.root()).to_text().as_str()).unwrap()
}

#[test]
fn accepts_and_refuses_the_same_texts() {
    for (name, text, expected) in cases() {
        let parsed = parse(&text);
        let accepted = ACCEPTED.iter().any(|case| case.0 == name);
        let refused = REFUSED.iter().any(|case| case.0 == name);
        // A number that cannot be read is found in the text here, and when it is used there.
        let bad_number = !expected.value_error.is_empty() && name.starts_with("bad-number");
        let theirs = expected.parse_error.is_empty() && !bad_number;
        assert!(!accepted || !theirs, "{name} is no difference any more");
        assert!(!refused || theirs, "{name} is no difference any more");
        let ours = if name == "bad-number-large.hcl" {
            parsed.is_ok_and(|document| document.decode::<BTreeMap<String, i64>>().is_ok())
        } else {
            parsed.is_ok()
        };
        assert_eq!(
            ours,
            (theirs || accepted) && !refused,
            "{name}: {}",
            expected.parse_error
        );
    }
}

#[test]
fn errors_stand_where_the_mistake_is() {
    for (name, text, _) in cases() {
        let Err(error) = parse(&text) else { continue };
        let position = error.position().unwrap();
        let lines = String::from_utf8(text).unwrap();
        assert!(
            position.line as usize <= lines.lines().count() + 1,
            "{name}: {error}"
        );
        assert!(!matches!(error.cause(), Cause::Invalid(_)), "{name}: {error}");
        // The terminal form shows one line of the text and no more.
        assert_eq!(format!("{error:#}").lines().count(), 3, "{name}: {error:#}");
    }
}

#[test]
fn builds_the_same_trees() {
    let mut compared = 0;
    for (name, text, expected) in cases() {
        let (Some(tree), Ok(document)) = (expected.tree, parse(&text)) else {
            continue;
        };
        assert_eq!(Json::Array(items(document.root().items.iter())), tree, "{name}");
        compared += 1;
    }
    assert!(compared > 120, "{compared}");
}

fn items<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<Json> {
    items
        .map(|item| {
            let keys: Vec<&str> = item.keys.iter().map(|key| &*key.name).collect();
            json!({ "keys": keys, "at": at(item.span), "assigned": item.assigned, "value": node(&item.value) })
        })
        .collect()
}

fn node(value: &Value) -> Json {
    let at = at(value.span);
    match &value.kind {
        Kind::Object(object) => json!({ "at": at, "object": items(object.items.iter()) }),
        Kind::List(elements) => json!({ "at": at, "list": elements.iter().map(node).collect::<Vec<_>>() }),
        Kind::String(text) => json!({ "at": at, "string": text }),
        Kind::Integer(text) => json!({ "at": at, "integer": text }),
        Kind::Float(text) => json!({ "at": at, "float": text }),
        Kind::Bool(value) => json!({ "at": at, "bool": value }),
        Kind::Null => json!({ "at": at, "null": true }),
    }
}

fn at(span: hcl::Span) -> String {
    format!("{}:{}", span.position.line, span.position.column)
}

#[test]
fn decodes_the_same_values() {
    let mut compared = 0;
    for (name, text, expected) in cases() {
        let listed = ACCEPTED.iter().chain(&OTHER_VALUE).find(|case| case.0 == name);
        let wanted = match listed {
            Some((_, value, _)) => Some(serde_json::from_str(value).unwrap()),
            None => expected.value.clone(),
        };
        let (Some(wanted), Ok(document)) = (wanted, parse(&text)) else {
            continue;
        };
        assert_eq!(untyped(&document), wanted, "{name}");
        if OTHER_VALUE.iter().any(|case| case.0 == name) {
            assert_ne!(Some(wanted), expected.value, "{name} is no difference any more");
        }
        compared += 1;
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn formats_the_same_way() {
    let mut compared = 0;
    for (name, text, expected) in cases() {
        let Ok(document) = parse(&text) else { continue };
        let formatted = hcl::format(&document);
        let again =
            hcl::format(&hcl::parse(&formatted).unwrap_or_else(|e| panic!("{name}: {e:#}\n{formatted}")));
        assert_eq!(again, formatted, "{name}: not stable");
        if expected.formatted.is_empty() || OTHER_LAYOUT.iter().any(|case| case.0 == name) {
            continue;
        }
        // The other formatter ends some files with an empty line.
        let wanted = expected.formatted.trim_end_matches('\n');
        assert_eq!(formatted.trim_end_matches('\n'), wanted, "{name}");
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Typed {
    name: String,
    count: i64,
    ratio: f64,
    on: bool,
    list: Option<Vec<String>>,
    numbers: Option<Vec<i64>>,
    table: Option<BTreeMap<String, String>>,
    one: Option<Block>,
    #[serde(skip_serializing)]
    many: Blocks<Block>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Block {
    path: String,
    size: i64,
}

#[test]
fn decodes_types_the_same_way() {
    let mut compared = 0;
    for (name, text, expected) in cases() {
        if !name.starts_with("typed-") {
            continue;
        }
        let document = parse(&text).unwrap();
        let decoded = document.decode::<Typed>();
        compared += 1;
        let Some(wanted) = expected.typed else {
            let error = decoded.unwrap_err();
            assert!(
                error.position().is_some(),
                "{name}: {error} instead of {}",
                expected.typed_error
            );
            assert!(!error.field().is_empty(), "{name}: {error}");
            continue;
        };
        let typed = decoded.unwrap_or_else(|e| panic!("{name}: {e:#}")).value;
        let mut ours = serde_json::to_value(&typed).unwrap();
        let many = typed
            .many
            .iter()
            .map(|block| json!({ "label": block.label, "path": block.body.path, "size": block.body.size }));
        // 2 and 2.0 are the same ratio.
        assert_eq!(ours["ratio"].as_f64(), wanted["ratio"].as_f64(), "{name}");
        ours["ratio"] = wanted["ratio"].clone();
        ours["many"] = if typed.many.is_empty() {
            Json::Null
        } else {
            many.collect()
        };
        assert_eq!(ours, wanted, "{name}");
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn differences_say_why() {
    let reasons = ACCEPTED.iter().chain(&OTHER_VALUE).map(|case| (case.0, case.2));
    for (name, reason) in reasons.chain(REFUSED).chain(OTHER_LAYOUT) {
        assert!(!reason.is_empty(), "{name}");
        assert!(folder().join("cases").join(name).exists(), "{name}");
    }
}

#[test]
fn entries_read_labels_and_members_alike() {
    let block = hcl::parse("a \"b\" { c = 1 }").unwrap();
    let nested = hcl::parse("a { b { c = 1 } }").unwrap();
    let json = hcl::parse(r#"{"a": {"b": {"c": 1}}}"#).unwrap();
    for document in [&block, &nested, &json] {
        let mut entry: Entry<'_> = document.root().members().next().unwrap().1;
        for name in ["b", "c"] {
            let members = entry.members().unwrap();
            assert_eq!(&*members[0].0.name, name);
            entry = members[0].1;
        }
        assert!(entry.members().is_none());
    }
}
