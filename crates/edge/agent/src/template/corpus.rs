//! Functions against what consul-template makes of the same templates; see
//! `tests/corpus/functions/generate/main.go`.
//!
//! Templates are parsed and rendered as always, only what the server and the files would have said is a double.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arca_api::Envelope;
use arca_base::Timestamp;
use arca_lang::template::{
    Conduct, FunctionError, Functions, Limits, MissingKey, Options, Signature, Template, Value,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::functions::{Holds, Outside};
use super::library::Library;
use crate::secrets::{Dependency, Held};

macro_rules! corpus {
    ($file:literal) => {
        serde_json::from_str(include_str!(concat!("../../tests/corpus/functions/", $file))).unwrap()
    };
}

#[derive(Deserialize)]
struct Case {
    function: String,
    template: String,
    output: Option<String>,
    hex: Option<String>,
    /// Where, not what: what it says may be about values.
    error: Option<String>,
}

/// Where the outcome differs from the original's.
#[derive(Deserialize)]
struct Difference {
    output: Option<String>,
    error: Option<String>,
    why: String,
}

#[derive(Deserialize)]
struct Answer {
    kind: String,
    path: String,
    #[serde(default)]
    arguments: Vec<String>,
    body: Box<RawValue>,
}

/// What the server and the files would have said.
struct Double(BTreeMap<Dependency, Arc<Held>>);

impl Double {
    fn new() -> Self {
        let answers: Vec<Answer> = corpus!("answers.json");
        let held = answers.iter().map(|answer| {
            let path = answer.path.as_str();
            let arguments: Vec<&str> = answer.arguments.iter().map(String::as_str).collect();
            let dependency = match answer.kind.as_str() {
                "list" => Dependency::list(path),
                "certificate" => Dependency::certificate(path, &arguments),
                "file" => Dependency::file(path),
                _ => Dependency::secret(path, &arguments),
            };
            let body = answer.body.get();
            let held = if answer.kind == "file" {
                Held::file(serde_json::from_str::<String>(body).unwrap().into_bytes())
            } else {
                let envelope: Envelope = serde_json::from_str(body).unwrap();
                Held::answer(body.as_bytes().to_vec(), &envelope)
            };
            (dependency.unwrap(), Arc::new(held))
        });
        Self(held.collect())
    }
}

impl Holds for Double {
    fn held(&self, dependency: &Dependency) -> Option<Arc<Held>> {
        self.0.get(dependency).cloned()
    }
}

/// The functions of the agent and `data`.
struct WithData<'a>(Outside<'a>);

impl Functions for WithData<'_> {
    fn signature(&self, name: &str) -> Option<Signature> {
        if name == "data" {
            return Some(Signature::of(&[]));
        }
        self.0.signature(name)
    }

    fn refusal(&self, name: &str) -> Option<&'static str> {
        self.0.refusal(name)
    }

    fn conduct(&self, name: &str) -> Conduct {
        self.0.conduct(name)
    }

    fn effort(&mut self) -> u64 {
        self.0.effort()
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        if name == "data" {
            return Ok(value(&corpus!("data.json")));
        }
        self.0.call(name, arguments)
    }
}

fn value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(values) => Value::list(values.iter().map(value)),
        Json::Object(entries) => special(entries)
            .unwrap_or_else(|| Value::map(entries.iter().map(|(key, inner)| (key.as_str(), value(inner))))),
    }
}

fn special(entries: &serde_json::Map<String, serde_json::Value>) -> Option<Value> {
    let (key, inner) = entries.iter().next()?;
    Some(match key.as_str() {
        "$uint" => Value::Uint(inner.as_u64()?),
        "$number" => Value::JsonNumber(inner.as_str()?.into()),
        "$hex" => Value::string(bytes_of(inner.as_str()?)),
        "$pairs" => value(inner),
        _ => return None,
    })
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn render(text: &str) -> Result<Vec<u8>, String> {
    let double = Double::new();
    // 4 March 2026, 05:06:07.089.
    let mut inner = Library::new(4 << 20, Timestamp::from_unix(1_772_600_767, 89_000_000));
    let mut functions = WithData(outside(&double, &mut inner));
    let template = Template::parse("", text, &functions).map_err(|error| error.to_string())?;
    let options = Options {
        missing_key: MissingKey::Zero,
        limits: Limits::default(),
    };
    let made = template.render_bytes(&Value::Nil, &mut functions, &options);
    made.map_err(|error| error.to_string())
}

fn outside<'a>(held: &'a dyn Holds, inner: &'a mut dyn Functions) -> Outside<'a> {
    Outside {
        secrets: held,
        inner,
        denied: &[],
        sandbox: None::<&Path>,
        used: BTreeSet::new(),
        missing: BTreeSet::new(),
        side_files: Vec::new(),
    }
}

/// The place of an error as the corpus has it. Mistakes of the text have a line only.
fn place(error: &str) -> String {
    let error = error.strip_prefix("template: ").unwrap_or(error);
    if let Some((place, _)) = error
        .split_once(">: ")
        .filter(|(place, _)| place.contains("executing"))
    {
        return format!("execute {place}>");
    }
    let line = error.split(':').nth(1).unwrap_or_default();
    format!("parse :{line}")
}

#[test]
fn functions_give_what_the_original_gives() {
    let cases: Vec<Case> = corpus!("expected.json");
    let mut differences: BTreeMap<String, Difference> = corpus!("differences.json");
    let mut mistakes = Vec::new();
    for case in &cases {
        let mut wanted = match (&case.hex, &case.output) {
            (Some(hex), _) => Ok(bytes_of(hex)),
            (None, Some(output)) => Ok(output.clone().into_bytes()),
            (None, None) => Err(case.error.clone().unwrap()),
        };
        if let Some(difference) = differences.remove(&case.template) {
            assert!(!difference.why.is_empty(), "{}", case.template);
            let differing = match difference.output {
                Some(output) => Ok(output.into_bytes()),
                None => Err(difference.error.unwrap()),
            };
            assert_ne!(differing, wanted, "{} does not differ", case.template);
            wanted = differing;
        }
        let result = render(&case.template);
        let same = result.as_ref().map_err(|error| place(error)) == wanted.as_ref().map_err(Clone::clone);
        if !same {
            let show = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
            mistakes.push(format!(
                "{}\n   is {:?}\n  not {:?}",
                case.template,
                result.as_ref().map(show),
                wanted.as_ref().map(show)
            ));
        }
    }
    let (count, all) = (mistakes.len(), cases.len());
    assert!(
        mistakes.is_empty(),
        "{count} mistakes of {all}\n{}",
        mistakes.join("\n")
    );
    assert!(differences.is_empty(), "no such cases: {:?}", differences.keys());
}

#[test]
fn errors_quote_no_value() {
    let cases: Vec<Case> = corpus!("expected.json");
    let errors = cases.iter().filter_map(|case| render(&case.template).err());
    let (mut count, secrets) = (0, ["s3cr3t", "p@ss", "CERT", "v-app-1", "quick brown"]);
    for error in errors {
        count += 1;
        assert!(!secrets.iter().any(|secret| error.contains(secret)), "{error}");
    }
    assert!(count > 200, "{count}");
}

#[test]
fn every_name_of_the_original_works_or_says_why_not() {
    let names: Vec<String> = corpus!("names.json");
    let cases: Vec<Case> = corpus!("expected.json");
    let (double, mut inner) = (Double::new(), Library::new(1 << 20, Timestamp::EPOCH));
    let functions = outside(&double, &mut inner);
    for name in &names {
        let works = functions.signature(name).is_some();
        assert_ne!(works, functions.refusal(name).is_some(), "{name}");
        if works {
            // The library has a corpus of its own; what writes files has tests of its own.
            let count = cases.iter().filter(|case| case.function == *name).count();
            let is_elsewhere = name.starts_with("sprig_") || name == "writeToFile";
            assert!(count >= 3 || is_elsewhere, "{name} has {count} cases");
        } else {
            let error = render(&format!("{{{{ if false }}}}{{{{ {name} }}}}{{{{ end }}}}")).unwrap_err();
            assert!(error.contains("not defined: "), "{error}");
        }
    }
    assert_eq!(names.len(), 290);
}
