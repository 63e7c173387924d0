//! What holds for every document.

use std::fmt::Write as _;

use arca_lang::hcl::{self, Document, Item, Kind, Limits, Object, Value};
use proptest::prelude::*;

/// A value as a model, free of places.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Object(Vec<(Vec<String>, Model)>),
    List(Vec<Model>),
    String(String),
    Integer(i64),
    Bool(bool),
}

/// A pair of keys and value that HCL can write: several keys need an object.
fn item(value: impl Strategy<Value = Model> + Clone) -> impl Strategy<Value = (Vec<String>, Model)> {
    let labels = prop::collection::vec(text(), 1..3);
    (name(), labels, value).prop_map(|(name, labels, value)| match value {
        object @ Model::Object(_) => ([vec![name], labels].concat(), object),
        other => (vec![name], other),
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z_][a-zA-Z0-9_.-]{0,5}", 1 => text()]
}

/// Text of any kind, rich in what has a meaning for the reader. `${` is left to the tests by example: inside,
/// nothing is decoded.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        "[ -~]{0,4}",
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("#//*".to_owned()),
        Just("{{x}}".to_owned()),
        Just("\u{e9}\u{1f600}".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(pieces, 0..4)
        .prop_map(|pieces| pieces.concat().replace("${", "$ {").replace('\0', "0"))
}

fn value() -> impl Strategy<Value = Model> + Clone {
    let leaf = prop_oneof![
        text().prop_map(Model::String),
        any::<i64>().prop_map(Model::Integer),
        any::<bool>().prop_map(Model::Bool),
    ]
    .boxed();
    leaf.prop_recursive(4, 24, 4, |inner| {
        let inner = inner.boxed();
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Model::List),
            prop::collection::vec(item(inner), 0..4).prop_map(Model::Object),
        ]
    })
    .boxed()
}

fn document() -> impl Strategy<Value = Vec<(Vec<String>, Model)>> {
    prop::collection::vec(item(value()), 0..5)
}

/// Writes a model down, with a layout that depends on `seed`.
struct Writer {
    out: String,
    seed: u64,
}

impl Writer {
    fn pick(&mut self, choices: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) % choices
    }

    fn gap(&mut self) {
        let gap = ["", " ", "\n", "\t ", "\r\n", " /* c */ ", " # c\n", "\n// c\n\n"][self.pick(8) as usize];
        self.out.push_str(gap);
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.extend(['\\', c]),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                other if self.pick(8) == 0 => write!(self.out, "\\U{:08x}", other as u32).unwrap(),
                other => self.out.push(other),
            }
        }
        self.out.push('"');
    }

    fn items(&mut self, items: &[(Vec<String>, Model)]) {
        for (keys, value) in items {
            for key in keys {
                self.gap();
                let plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
                    && key
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
                    && key != "true"
                    && key != "false";
                if plain && self.pick(4) > 0 {
                    self.out.push_str(key);
                    self.out.push(' ');
                } else {
                    self.quoted(key);
                }
            }
            self.gap();
            if keys.len() == 1 && (!matches!(value, Model::Object(_)) || self.pick(2) == 0) {
                self.out.push('=');
                self.gap();
            }
            self.value(value);
            self.gap();
            let end = [",", " ", "\n"][self.pick(3) as usize];
            self.out.push_str(end);
        }
        self.gap();
    }

    fn value(&mut self, value: &Model) {
        match value {
            Model::Object(items) => {
                self.out.push('{');
                self.items(items);
                self.out.push('}');
            }
            Model::List(elements) => {
                self.out.push('[');
                for element in elements {
                    self.gap();
                    self.value(element);
                    self.gap();
                    self.out.push(',');
                }
                self.gap();
                self.out.push(']');
            }
            Model::String(text) => self.text(text),
            Model::Integer(number) => match self.pick(3) {
                0 if *number >= 0 => write!(self.out, "0x{number:x}").unwrap(),
                1 if *number >= 0 => write!(self.out, "0{number:o}").unwrap(),
                _ => write!(self.out, "{number}").unwrap(),
            },
            Model::Bool(value) => write!(self.out, "{value}").unwrap(),
        }
    }

    fn text(&mut self, text: &str) {
        let heredoc = text.ends_with('\n') && !text.contains("ANCHOR") && !text.contains('\r');
        match self.pick(3) {
            0 if heredoc => write!(self.out, "<<ANCHOR\n{text}ANCHOR\n").unwrap(),
            1 if heredoc => {
                self.out.push_str("<<-ANCHOR\n");
                for line in text.split_inclusive('\n') {
                    write!(self.out, "   {line}").unwrap();
                }
                self.out.push_str("   ANCHOR\n");
            }
            _ => self.quoted(text),
        }
    }
}

fn write_down(items: &[(Vec<String>, Model)], seed: u64) -> String {
    let mut writer = Writer {
        out: String::new(),
        seed,
    };
    writer.items(items);
    // A document that begins with a brace would be JSON; none does, since a key comes first.
    writer.out
}

fn model(object: &Object) -> Vec<(Vec<String>, Model)> {
    let item = |item: &Item| {
        let keys = item.keys.iter().map(|key| key.name.to_string()).collect();
        (keys, model_of(&item.value))
    };
    object.items.iter().map(item).collect()
}

fn model_of(value: &Value) -> Model {
    match &value.kind {
        Kind::Object(object) => Model::Object(model(object)),
        Kind::List(elements) => Model::List(elements.iter().map(model_of).collect()),
        Kind::String(text) => Model::String(text.to_string()),
        Kind::Integer(_) => {
            let number = hcl::untyped::value(value).as_i64();
            Model::Integer(number.unwrap())
        }
        Kind::Bool(value) => Model::Bool(*value),
        Kind::Float(_) | Kind::Null => panic!("never written"),
    }
}

/// The comments of a document, in order of their text: formatting may move them.
fn comments(document: &Document) -> Vec<String> {
    let mut comments: Vec<String> = document
        .comments()
        .map(|(_, text)| text.trim_end().to_owned())
        .collect();
    comments.sort();
    comments
}

/// Text that looks like HCL here and there.
fn scrap() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("a "),
        Just("\"b\""),
        Just("="),
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just("\n"),
        Just("<<E\n"),
        Just("<<-E\n"),
        Just("E\n"),
        Just("  E\n"),
        Just("#"),
        Just("/*"),
        Just("*/"),
        Just("//"),
        Just("\\"),
        Just("\""),
        Just("${"),
        Just("}"),
        Just("0x"),
        Just("07"),
        Just("1.5e"),
        Just("-"),
        Just("true"),
        Just("null"),
        Just(":"),
        Just("\r\n"),
        Just("\r"),
        Just("\u{e9}"),
        Just("\\u00"),
        Just("\0"),
    ];
    prop::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(items in document(), seed in any::<u64>()) {
        let text = write_down(&items, seed);
        let document = hcl::parse(&text).map_err(|e| TestCaseError::fail(format!("{e:#}\n{text}")))?;
        prop_assert_eq!(model(document.root()), items, "{}", text);
    }

    #[test]
    fn formatting_changes_layout_only(items in document(), seed in any::<u64>()) {
        let text = write_down(&items, seed);
        let before = hcl::parse(&text).unwrap();
        let formatted = hcl::format(&before);
        let after = hcl::parse(&formatted).map_err(|e| TestCaseError::fail(format!("{e:#}\n{formatted}")))?;
        prop_assert_eq!(model(after.root()), items, "{}\nbecame\n{}", text, formatted);
        prop_assert_eq!(comments(&after), comments(&before), "{}\nbecame\n{}", text, formatted);
        prop_assert_eq!(hcl::format(&after), &*formatted, "{}", text);
        prop_assert!(!formatted.contains("\n\n\n") || text.contains("\\n") || text.contains("ANCHOR"), "{}", formatted);
    }

    #[test]
    fn every_text_is_read_or_refused(text in prop_oneof![scrap(), any::<String>()]) {
        match hcl::parse(&text) {
            Ok(document) => {
                let formatted = hcl::format(&document);
                let again = hcl::parse(&formatted);
                prop_assert!(again.is_ok(), "{:?}", formatted);
                let again = again.unwrap();
                prop_assert_eq!(hcl::untyped::object(again.root()), hcl::untyped::object(document.root()));
                prop_assert_eq!(hcl::format(&again), formatted);
            }
            Err(error) => {
                let shown = format!("{error:#}").lines().count();
                prop_assert!(shown <= 3, "{}", error);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&bytes, &Limits::default());
    }

    #[test]
    fn json_text_means_the_same_to_both_readers(items in document()) {
        let value = hcl::untyped::object(hcl::parse(&write_down(&items, 0)).unwrap().root());
        let text = value.to_text();
        let read = hcl::parse(text.as_str()).map_err(|e| TestCaseError::fail(format!("{e:#}\n{}", text.as_str())))?;
        prop_assert_eq!(hcl::untyped::object(read.root()), value);
    }
}
