//! JSON: the same documents are accepted as by another strict reader, and the canonical text is stable.
#![no_main]

use arca_base::Json;
use arca_base::json::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        depth: 100,
        ..Limits::default()
    };
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    match Json::parse(bytes, &limits) {
        Ok(value) => {
            let text = value.to_text();
            let again = Json::parse(text.as_str().as_bytes(), &Limits::UNLIMITED).expect("canonical text is JSON");
            assert_eq!(again, value);
            assert_eq!(again.to_text(), text);
            if let Ok(theirs) = theirs {
                let reread: serde_json::Value = serde_json::from_str(text.as_str()).expect("canonical text is JSON");
                assert_eq!(reread, theirs, "{}", text.as_str());
            }
        }
        // Numbers beyond a float are fine here, so only the other direction can be compared.
        Err(_) => assert!(theirs.is_err() || too_complex(bytes, &limits)),
    }
});

fn too_complex(bytes: &[u8], limits: &Limits) -> bool {
    Json::parse(bytes, &Limits::UNLIMITED).is_ok_and(|_| Json::parse(bytes, limits).is_err())
}
