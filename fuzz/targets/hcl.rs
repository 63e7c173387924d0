//! HCL and JSON documents: read or refused, formatted without losing anything, decoded without a crash.
#![no_main]

use std::collections::BTreeMap;

use arca_lang::hcl::{self, Blocks, Document, Limits, Located, Scalar};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
#[expect(dead_code, reason = "decoding is the test")]
struct Shape {
    a: Option<Scalar>,
    b: Blocks<BTreeMap<String, serde_json::Value>>,
    c: Vec<Choice>,
    d: bool,
    e: Option<Located<i64>>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "decoding is the test")]
enum Choice {
    A,
    B { c: f64 },
    D(Vec<String>),
}

fuzz_target!(|bytes: &[u8]| {
    let document = match Document::parse(bytes, &Limits::default()) {
        Ok(document) => document,
        Err(error) => {
            assert!(format!("{error:#}").lines().count() <= 3);
            return;
        }
    };
    let value = hcl::untyped::object(document.root());
    let formatted = hcl::format(&document);
    let again = hcl::parse(&formatted).expect("formatted text is HCL");
    assert_eq!(hcl::untyped::object(again.root()), value);
    assert_eq!(hcl::format(&again), formatted);
    assert_eq!(again.comments().count(), document.comments().count());
    let _ = document.decode::<Shape>();
});
