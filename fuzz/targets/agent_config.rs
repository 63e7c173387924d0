//! Configurations of an agent: read or refused with a short message in one line; strictness only refuses more.
#![no_main]

use arca_agent::config::{AgentConfig, ConfigError, Strictness};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let none = |_: &str| None;
    let lenient = AgentConfig::parse(text, "fuzzed", &none, Strictness::Lenient);
    let strict = AgentConfig::parse(text, "fuzzed", &none, Strictness::Strict);
    match &lenient {
        Ok(config) => assert_eq!(strict.is_ok(), config.notes.is_empty()),
        Err(error) => {
            assert!(strict.is_err());
            let message = error.to_string();
            assert!(message.len() < 4096 + text.len(), "{message}");
        }
    }
    if let Err(ConfigError::Strict(notes)) = strict {
        assert!(lenient.is_ok() && !notes.is_empty());
    }
});
