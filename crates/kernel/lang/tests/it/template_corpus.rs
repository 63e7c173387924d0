//! Templates against what the original makes of them; see `corpus/template/generate.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_lang::template::{
    BuiltinsOnly, Callable, Error, FunctionError, Functions, Kind, Limits, MissingKey, Options, Signature,
    Template, Value,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    #[serde(default)]
    data: serde_json::Value,
    missing_key: Option<String>,
    /// Why the outcome differs from the original's, and what it is.
    differs: Option<String>,
    outcome: Option<String>,
}

#[derive(Deserialize)]
struct Expected {
    output: Option<String>,
    hex: Option<String>,
    error: Option<String>,
}

/// The functions of `generate.go`.
pub(crate) struct TestFunctions;

impl Functions for TestFunctions {
    fn signature(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "upper" | "fail" => Signature::of(&[Kind::String]),
            "add" => Signature::of(&[Kind::Int, Kind::Int]),
            "half" => Signature::of(&[Kind::Float]),
            "flip" => Signature::of(&[Kind::Bool]),
            "unsigned" => Signature::of(&[Kind::Uint]),
            "same" => Signature::of(&[Kind::Any]),
            "nothing" => Signature::of(&[]),
            "count" => Signature::of(&[Kind::List]),
            "fields" => Signature::of(&[Kind::Map]),
            "join" => Signature::variadic(&[Kind::String], Kind::String),
            _ => return None,
        })
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        Ok(match (name, arguments) {
            ("upper", [text]) => Value::from(text.as_str().unwrap().to_uppercase()),
            ("fail", [text]) => return Err(text.as_str().unwrap().into()),
            ("add", [Value::Int(a), Value::Int(b)]) => Value::Int(a + b),
            ("half", [Value::Float(number)]) => Value::Float(number / 2.0),
            ("flip", [Value::Bool(value)]) => Value::Bool(!value),
            ("unsigned" | "same", [value]) => value.clone(),
            ("nothing", []) => Value::Nil,
            ("count" | "fields", [Value::Nil]) => Value::Int(0),
            ("count", [Value::List(values)]) => Value::Int(values.len() as i64),
            ("fields", [Value::Map(entries)]) => Value::Int(entries.len() as i64),
            ("join", [separator, parts @ ..]) => {
                let parts: Vec<&str> = parts.iter().map(|part| part.as_str().unwrap()).collect();
                Value::from(parts.join(separator.as_str().unwrap()))
            }
            _ => panic!("{name} was called with arguments that do not fit"),
        })
    }
}

struct Concat;

impl Callable for Concat {
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let places: String = (0..arguments.len())
            .map(|at| format!(" (index . {at})"))
            .collect();
        let text = format!("{{{{print{places}}}}}");
        let template = Template::parse("", &text, &BuiltinsOnly).map_err(|error| error.to_string())?;
        let data = Value::list(arguments.iter().cloned());
        let text = template.render(&data, &mut BuiltinsOnly, &Options::default());
        text.map(Value::from).map_err(|error| error.to_string().into())
    }
}

pub(crate) fn value(json: &serde_json::Value) -> Value {
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
        Json::Object(entries) => match entries.iter().next() {
            Some((key, inner)) if key == "$uint" => Value::Uint(inner.as_u64().unwrap()),
            Some((key, inner)) if key == "$number" => Value::JsonNumber(inner.as_str().unwrap().into()),
            Some((key, inner)) if key == "$hex" => Value::string(bytes_of(inner.as_str().unwrap())),
            Some((key, _)) if key == "$func" => Value::Function(Arc::new(Concat)),
            _ => Value::map(entries.iter().map(|(key, inner)| (key.as_str(), value(inner)))),
        },
    }
}

pub(crate) fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn render(case: &Case) -> Result<Vec<u8>, Error> {
    let missing_key = match case.missing_key.as_deref() {
        None | Some("default" | "invalid") => MissingKey::Default,
        Some("zero") => MissingKey::Zero,
        Some("error") => MissingKey::Error,
        Some(other) => panic!("{other} is no option"),
    };
    let options = Options {
        missing_key,
        limits: Limits::default(),
    };
    let template = Template::parse("t", &case.template, &TestFunctions)?;
    template.render_bytes(&value(&case.data), &mut TestFunctions, &options)
}

/// Mistakes found while parsing have a column here and none in the original.
fn without_column(error: &Error) -> String {
    let place = format!("template: t:{}:{}: ", error.line(), error.column());
    error
        .to_string()
        .replacen(&place, &format!("template: t:{}: ", error.line()), 1)
}

fn mistake(case: &Case, expected: &Expected) -> Option<String> {
    let result = render(case);
    let outcome = match &result {
        Ok(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Err(error) => error.to_string(),
    };
    if let Some(wanted) = &case.outcome {
        return (outcome != *wanted).then(|| format!("{outcome:?} instead of {wanted:?}"));
    }
    let fits = match (&result, expected) {
        (
            Ok(bytes),
            Expected {
                output: Some(text), ..
            },
        ) => *bytes == text.as_bytes(),
        (Ok(bytes), Expected { hex: Some(hex), .. }) => *bytes == bytes_of(hex),
        (
            Err(error),
            Expected {
                error: Some(text), ..
            },
        ) => error.to_string() == *text || without_column(error) == *text,
        _ => false,
    };
    let wanted = expected
        .output
        .as_ref()
        .or(expected.hex.as_ref())
        .or(expected.error.as_ref());
    (!fits).then(|| format!("\n   is {outcome:?}\n  not {:?}", wanted.unwrap()))
}

#[test]
fn templates_say_what_the_original_says() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../corpus/template/cases.json")).unwrap();
    let expected: BTreeMap<String, Expected> =
        serde_json::from_str(include_str!("../corpus/template/expected.json")).unwrap();
    let mut mistakes = Vec::new();
    for case in &cases {
        assert_eq!(case.differs.is_some(), case.outcome.is_some(), "{}", case.name);
        if let Some(mistake) = mistake(case, &expected[&case.name]) {
            mistakes.push(format!("{} {:?}: {mistake}", case.name, case.template));
        }
    }
    assert!(cases.len() > 900);
    assert_eq!(expected.len(), cases.len(), "run generate.go");
    assert!(
        mistakes.is_empty(),
        "{} mistakes\n{}",
        mistakes.len(),
        mistakes.join("\n")
    );
}
