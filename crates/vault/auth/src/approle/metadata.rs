//! What people attach to a secret id.

use std::collections::BTreeMap;

use arca_api::Field as _;
use arca_api::field::TextMap;
use arca_base::Json;
use arca_core::Fault;

const MAX_KEYS: usize = 64;
const MAX_KEY_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 512;

/// Reads an object, the JSON text of one, or `key=value` pairs separated by commas.
pub(super) fn parse(given: &Json) -> Result<BTreeMap<String, String>, Fault> {
    let wrong = |reason: String| Fault::invalid(format!("failed to parse metadata: {reason}"));
    let pairs = match given {
        Json::Null => return Ok(BTreeMap::new()),
        Json::String(text) if text.contains('=') && !text.trim_start().starts_with('{') => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Json::from(parts.map(str::to_owned).collect::<Vec<_>>())
        }
        Json::String(text) => Json::from(text.trim()),
        other => other.clone(),
    };
    let map = TextMap::decode(&pairs).map_err(wrong)?.0;
    check(&map).map_err(wrong)?;
    Ok(map)
}

fn check(map: &BTreeMap<String, String>) -> Result<(), String> {
    if map.len() > MAX_KEYS {
        return Err(format!(
            "it has {} keys but may have at most {MAX_KEYS}",
            map.len()
        ));
    }
    for (key, value) in map {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(format!("keys have 1 to {MAX_KEY_BYTES} bytes, not {}", key.len()));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(format!(
                "the value of {key:?} has {} bytes but may have at most {MAX_VALUE_BYTES}",
                value.len()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arca_base::json_object;

    use super::*;

    #[test]
    fn the_forms_clients_send_mean_the_same() {
        let expected = BTreeMap::from([("k".to_owned(), "v".to_owned()), ("n".to_owned(), "1".to_owned())]);
        for given in [
            Json::from(r#"{"k":"v","n":"1"}"#),
            Json::from("k=v, n=1"),
            json_object! { "k" => "v", "n" => 1_u64 },
            Json::from(vec!["k=v".to_owned(), "n=1".to_owned()]),
        ] {
            assert_eq!(parse(&given).unwrap(), expected, "{given:?}");
        }
        assert!(parse(&Json::Null).unwrap().is_empty());
        assert!(parse(&Json::from("")).unwrap().is_empty());
    }

    #[test]
    fn what_is_refused() {
        let long = "x".repeat(513);
        for (given, says) in [
            (Json::from("{"), ""),
            (Json::from("plain"), "expected key=value pairs"),
            (Json::from(true), "expected an object of strings"),
            (
                json_object! { "k" => long.as_str() },
                "the value of \"k\" has 513 bytes",
            ),
            (Json::from("=v"), "keys have 1 to 128 bytes, not 0"),
        ] {
            let fault = parse(&given).unwrap_err();
            assert!(
                fault.text().starts_with("failed to parse metadata: ") && fault.text().contains(says),
                "{fault}"
            );
        }
    }
}
