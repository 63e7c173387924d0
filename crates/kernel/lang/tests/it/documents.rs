//! Documents that are written read back, and what reading and writing may cost.

use arca_lang::document::{DEPTH, ELEMENTS, JsonStyle, from_yaml, to_json, to_toml, to_yaml};
use arca_lang::template::{Functions, Kind, Signature, Template, Value};
use proptest::prelude::*;

const BYTES: usize = 1 << 20;

fn yaml_error(text: &str) -> String {
    from_yaml(text.as_bytes(), BYTES).expect_err(text).to_string()
}

/// Lists of ten aliases of the list before, each with nine more than the one before it.
fn laughs(levels: usize) -> String {
    let mut text = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for level in 1..levels {
        let before = format!("*a{}", level - 1);
        let aliases = [before.as_str(); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

#[test]
fn aliases_count_as_often_as_they_are_used() {
    assert!(from_yaml(laughs(4).as_bytes(), BYTES).is_ok());
    assert!(yaml_error(&laughs(9)).contains("more than 100000 elements"));
    let long = format!("- &a {}\n{}", "x".repeat(1000), "- *a\n".repeat(2000));
    assert!(yaml_error(&long).contains("longer than 1048576 bytes"));
    let merged = format!("a: &a {{x: {}}}\n{}", "y".repeat(1000), "? {<<: *a}\n");
    assert!(yaml_error(&merged).contains("cannot be a key"));
}

#[test]
fn trees_have_a_limit() {
    let lists = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(from_yaml(lists(DEPTH).as_bytes(), BYTES).is_ok());
    assert!(yaml_error(&lists(DEPTH + 1)).contains("more than 64 levels"));
    assert!(from_yaml(lists(100_000).as_bytes(), BYTES).is_err());
    // An alias brings its levels with it.
    let alias = format!("- &a {}\n- {}*a{}", lists(40), "[".repeat(30), "]".repeat(30));
    assert!(yaml_error(&alias).contains("more than 64 levels"));
    let blocks: String = (0..200)
        .map(|level| format!("{}- \n", " ".repeat(level)))
        .collect();
    assert!(yaml_error(&blocks).contains("more than 64 levels"));
    let many = "- 1\n".repeat(ELEMENTS + 1);
    assert!(yaml_error(&many).contains("more than 100000 elements"));
    assert!(yaml_error(&"x".repeat(BYTES + 1)).contains("longer than 1048576 bytes"));
}

#[test]
fn what_is_written_has_a_limit() {
    let deep = (0..DEPTH).fold(Value::Nil, |inner, _| Value::map([("k", inner)]));
    let deeper = (0..=DEPTH).fold(Value::Int(1), |inner, _| Value::map([("k", inner)]));
    let wide = Value::list((0..=ELEMENTS).map(|_| Value::Int(1)));
    let long = Value::map([("k", Value::from("x".repeat(2000)))]);
    let rows = Value::list((0..100).map(|_| Value::from("x".repeat(20))));
    let all = |value: &Value, bytes: usize| {
        [
            to_json(value, JsonStyle::RAW, bytes).err(),
            to_yaml(value, bytes).err(),
            to_toml(value, bytes).err(),
        ]
        .map(|error| error.map(|error| error.to_string()).unwrap_or_default())
    };
    for error in all(&deeper, BYTES) {
        assert!(error.contains("more than 64 levels"), "{error}");
    }
    assert!(to_yaml(&deep, BYTES).is_err() && to_toml(&deep, BYTES).is_ok());
    for error in all(&wide, BYTES) {
        assert!(error.contains("more than 100000 elements"), "{error}");
    }
    for value in [&long, &rows] {
        for error in all(value, 1000) {
            assert!(error.contains("longer than 1000 bytes"), "{error}");
        }
    }
}

#[test]
fn tabs_do_not_indent() {
    for (text, line) in [
        ("\tx: 1", 1),
        ("x:\n\t- 1", 2),
        ("x:\n  \ty: 1", 2),
        ("-\tx", 1),
        ("- x\n\t\n- y", 2),
        ("x: 1\n\t# why", 2),
        ("x: one\n\ttwo", 1),
        ("? x\n:\t- y", 2),
    ] {
        let wanted = format!("line {line}");
        assert!(
            yaml_error(text).contains(&wanted),
            "{text:?}: {}",
            yaml_error(text)
        );
    }
    let mut refused = Vec::new();
    for text in [
        "x: 1\t# why",
        "[\tx,\n\ty ]",
        "{x:\n\t1}",
        "x: one\n \ttwo",
        "x\n...\n\ty",
        "x: |\n  one\n  \ttwo\n",
        "--- \tx",
        "[\n\t1]\t\n",
        "x: !!str\t1",
        "one\n\ttwo",
    ] {
        refused.extend(
            from_yaml(text.as_bytes(), BYTES)
                .err()
                .map(|error| (text, error.to_string())),
        );
    }
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn mistakes_name_a_line_and_quote_nothing() {
    for (text, line) in [
        ("a: canary: canary", 1),
        ("x: 1\ny: [canary", 3),
        ("x: 1\ny: 'canary", 2),
        ("x: 1\n@canary", 2),
        ("- !!int canary", 1),
        ("- 1\n- *canary", 2),
        ("- 1\n- &canary [*canary]", 2),
        ("? [canary]\n: 1", 1),
        ("<<: canary", 1),
        ("\tcanary: 1", 1),
        ("- !!binary canary?", 1),
    ] {
        let error = yaml_error(text);
        assert!(!error.contains("canary"), "{error}");
        assert!(error.contains(&format!("line {line}")), "{text}: {error}");
    }
    assert!(
        from_yaml(b"\xff", BYTES)
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
    for value in [Value::Nil, Value::list([Value::from("canary"), Value::Nil])] {
        let error = to_toml(&value, BYTES).unwrap_err().to_string();
        assert!(error.contains("nothing") && !error.contains("canary"), "{error}");
    }
}

/// Knows no function and refuses one of them.
struct Refusing;

impl Functions for Refusing {
    fn signature(&self, name: &str) -> Option<Signature> {
        (name == "known").then(|| Signature::of(&[Kind::Any]))
    }

    fn refusal(&self, name: &str) -> Option<&'static str> {
        (name == "gone").then_some("write known")
    }

    fn call(
        &mut self,
        _name: &str,
        _arguments: &[Value],
    ) -> Result<Value, arca_lang::template::FunctionError> {
        Ok(Value::Nil)
    }
}

#[test]
fn refused_functions_say_what_to_use_instead() {
    let error = |text: &str| Template::parse("t", text, &Refusing).unwrap_err().to_string();
    assert!(error("{{gone 1}}").ends_with("function \"gone\" not defined: write known"));
    assert!(error("{{other 1}}").ends_with("function \"other\" not defined"));
}

fn any_text() -> impl Strategy<Value = String> {
    // Line ends that the original writes as they are, but version 1.2 of the language does not know.
    let odd = |c: char| !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
    let free = any::<String>().prop_map(move |text| text.chars().filter(|c| odd(*c)).collect());
    let words = prop::sample::select(vec![
        "yes",
        "~",
        "",
        "0x1f",
        "1_0",
        "12:30",
        ".5",
        "-",
        "- x",
        "a: b",
        "a #b",
        "<<",
        "=",
        "null",
        "2001-01-01",
        "|",
        "---",
        "...",
    ]);
    let lines = prop::collection::vec("[ a'\"#:-]{0,30}", 0..5).prop_map(|lines| lines.join("\n"));
    let long = prop::collection::vec("[a-c '\"]{1,12}", 5..30).prop_map(|words| words.join(" "));
    prop_oneof![free, words.prop_map(str::to_owned), lines, long]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::list),
            prop::collection::btree_map(any_text(), inner, 0..6).prop_map(Value::map),
        ]
    })
}

proptest! {
    #[test]
    fn yaml_reads_back(value in any_value()) {
        // Line ends at the end of a document are cut off, so that something stands behind it.
        let value = Value::list([value, Value::Int(1)]);
        let written = to_yaml(&value, BYTES).unwrap();
        let read = from_yaml(written.as_bytes(), BYTES);
        let json = |value: &Value| to_json(value, JsonStyle::RAW, BYTES).unwrap();
        prop_assert!(read.is_ok(), "{written}");
        prop_assert_eq!(json(&read.unwrap()), json(&value), "{}", written);
    }

    #[test]
    fn no_text_is_a_panic(text in "[a-b0-1:\\-\\[\\]{},&*!|>'\"?# \n<~.]{0,60}") {
        let read = from_yaml(text.as_bytes(), BYTES);
        if let Ok(value) = read {
            prop_assert!(to_yaml(&value, BYTES).is_ok());
            let _ = to_toml(&value, BYTES);
        }
    }
}
