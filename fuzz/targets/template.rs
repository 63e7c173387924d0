//! Templates: parsed or refused, rendered within their limits or ended with a short message.
#![no_main]

use arca_lang::template::{BuiltinsOnly, Limits, MissingKey, Options, Template, Value};
use libfuzzer_sys::fuzz_target;

const OUTPUT: usize = 4096;

fuzz_target!(|text: &str| {
    let template = match Template::parse("t", text, &BuiltinsOnly) {
        Ok(template) => template,
        Err(error) => {
            assert!(error.to_string().starts_with("template: t:"));
            return;
        }
    };
    let data = Value::map([
        ("a", Value::map([("b", Value::from("text"))])),
        ("l", Value::list([Value::Int(1), Value::Nil, Value::Float(0.5), Value::Bool(true)])),
        ("n", Value::JsonNumber("1.50".into())),
        ("u", Value::Uint(7)),
    ]);
    let limits = Limits {
        output: OUTPUT,
        steps: 10_000,
        depth: 200,
    };
    for missing_key in [MissingKey::Default, MissingKey::Zero, MissingKey::Error] {
        let options = Options { missing_key, limits };
        if let Ok(out) = template.render_bytes(&data, &mut BuiltinsOnly, &options) {
            assert!(out.len() <= OUTPUT);
            let again = template.render_bytes(&data, &mut BuiltinsOnly, &options);
            assert!(again.is_ok_and(|again| again == out));
        }
    }
});
