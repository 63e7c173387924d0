//! The general template library against what the original makes of the same templates; see
//! `corpus/sprig/generate/main.go`.

use std::collections::{BTreeMap, BTreeSet};

use arca_lang::sprig::Sprig;
use arca_lang::template::{Error, Options, Template};
use serde::Deserialize;

use crate::template_corpus::{bytes_of, value};

#[derive(Deserialize)]
struct Outcome {
    function: String,
    template: String,
    output: Option<String>,
    hex: Option<String>,
    #[serde(default)]
    error: bool,
}

/// Where the outcome differs from the original's.
#[derive(Deserialize)]
struct Difference {
    /// The output; none if it is an error.
    outcome: Option<String>,
    why: String,
}

fn render(template: &str) -> Result<Vec<u8>, Error> {
    let data: serde_json::Value = serde_json::from_str(include_str!("../corpus/sprig/data.json")).unwrap();
    let template = Template::parse("t", template, &Sprig::default())?;
    template.render_bytes(&value(&data), &mut Sprig::default(), &Options::default())
}

fn wanted(outcome: &Outcome) -> Option<Vec<u8>> {
    if outcome.error {
        return None;
    }
    Some(match &outcome.hex {
        Some(hex) => bytes_of(hex),
        None => outcome.output.clone().unwrap().into_bytes(),
    })
}

#[test]
fn functions_give_what_the_original_gives() {
    let outcomes: Vec<Outcome> = serde_json::from_str(include_str!("../corpus/sprig/expected.json")).unwrap();
    let mut differences: BTreeMap<String, Difference> =
        serde_json::from_str(include_str!("../corpus/sprig/differences.json")).unwrap();
    let mut mistakes = Vec::new();
    for outcome in &outcomes {
        let original = wanted(outcome);
        let wanted = match differences.remove(&outcome.template) {
            Some(difference) => {
                assert!(!difference.why.is_empty(), "{}", outcome.template);
                let wanted = difference.outcome.map(String::into_bytes);
                assert_ne!(wanted, original, "{} does not differ", outcome.template);
                wanted
            }
            None => original,
        };
        let result = render(&outcome.template);
        if result.as_ref().ok() != wanted.as_ref() {
            let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            mistakes.push(format!(
                "{}\n   is {:?}\n  not {:?}",
                outcome.template,
                result
                    .map(|bytes| show(&bytes))
                    .map_err(|error| error.to_string()),
                wanted.as_deref().map(show),
            ));
        }
    }
    assert!(
        mistakes.is_empty(),
        "{} mistakes of {}\n{}",
        mistakes.len(),
        outcomes.len(),
        mistakes.join("\n")
    );
    assert!(differences.is_empty(), "no such cases: {:?}", differences.keys());
}

#[test]
fn every_function_has_cases() {
    let outcomes: Vec<Outcome> = serde_json::from_str(include_str!("../corpus/sprig/expected.json")).unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in &outcomes {
        *counts.entry(format!("sprig_{}", outcome.function)).or_default() += 1;
    }
    let names: BTreeSet<String> = Sprig::names().collect();
    let tested: BTreeSet<String> = counts.keys().cloned().collect();
    assert_eq!(names, tested);
    let few: Vec<&String> = counts
        .iter()
        .filter(|(_, count)| **count < 4)
        .map(|(name, _)| name)
        .collect();
    assert!(few.is_empty(), "fewer than four cases: {few:?}");
}
