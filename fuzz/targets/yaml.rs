//! YAML: read or refused with a short message that quotes nothing; what was read can be written and reads back as the
//! same.
#![no_main]

use arca_lang::document::{JsonStyle, from_yaml, to_json, to_toml, to_yaml};
use libfuzzer_sys::fuzz_target;

const BYTES: usize = 1 << 16;

fuzz_target!(|text: &str| {
    let value = match from_yaml(text.as_bytes(), BYTES) {
        Ok(value) => value,
        Err(error) => {
            assert!(error.to_string().len() < 100);
            return;
        }
    };
    let _ = to_toml(&value, BYTES);
    let (Ok(json), Ok(written)) = (to_json(&value, JsonStyle::RAW, BYTES), to_yaml(&value, BYTES)) else {
        return;
    };
    // Line ends that are written as they are mean something in version 1.1 only; those at the end are cut off.
    if json.contains(['\u{85}', '\u{2028}', '\u{2029}']) || json.contains("\\u2028") || json.contains("\\n\"")
    {
        return;
    }
    let again = from_yaml(written.as_bytes(), 2 * BYTES).expect("what was written is YAML");
    assert_eq!(to_json(&again, JsonStyle::RAW, 2 * BYTES).ok(), Some(json));
});
