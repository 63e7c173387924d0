//! Search filters (RFC 4515): templates that administrators write, filled with what people type.

use arca_core::Fault;
use arca_lang::template::{BuiltinsOnly, Limits, MissingKey, Options, Syntax, Template, Value};

use super::directory;

/// Longest template, and longest filter made of one, in bytes.
const LONGEST: usize = 16 << 10;

/// A value as it is written in a filter: whatever could have a meaning there, and all that is not plain ASCII, is
/// written as its bytes.
pub(super) fn escaped(value: &str) -> String {
    escaped_bytes(value.as_bytes(), |byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'*' | b'(' | b')' | b'\\')
    })
}

/// Any bytes as they are written in a filter.
pub(super) fn escaped_all(value: &[u8]) -> String {
    escaped_bytes(value, |_| false)
}

fn escaped_bytes(value: &[u8], plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(value.len());
    for &byte in value {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("\\{byte:02x}"));
        }
    }
    out
}

/// Refuses a template that never makes a filter, naming the field.
pub(super) fn check(field: &str, template: &str, names: &[&str]) -> Result<(), Fault> {
    let values: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x")).collect();
    filled(field, template, &values).map(drop)
}

/// Fills a template with values, which are already escaped.
pub(super) fn filled(field: &str, template: &str, values: &[(&str, &str)]) -> Result<String, Fault> {
    let refused = |reason: String| Fault::invalid(format!("{field}: {reason}"));
    let syntax = Syntax {
        bytes: LONGEST,
        ..Syntax::default()
    };
    let parsed = Template::parse_with(field, template, &BuiltinsOnly, &syntax)
        .map_err(|error| refused(error.to_string()))?;
    let options = Options {
        missing_key: MissingKey::Error,
        limits: Limits {
            output: LONGEST,
            steps: 10_000,
            ..Limits::default()
        },
    };
    let values = Value::map(values.iter().map(|(name, text)| (*name, Value::from(*text))));
    let filter = parsed
        .render(&values, &mut BuiltinsOnly, &options)
        .map_err(|error| refused(error.to_string()))?;
    if directory::is_filter(&filter) {
        Ok(filter)
    } else {
        Err(refused("it makes no search filter, such as (cn=ann)".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_value_is_one_value(value: String) {
            let written = escaped(&value);
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_graphic() && !b"*()".contains(&byte)));
            let filter = format!("(cn={written})");
            prop_assert!(directory::is_filter(&filter));
        }
    }

    #[test]
    fn what_people_type_has_no_meaning_in_a_filter() {
        for (value, written) in [
            ("ann", "ann"),
            ("*", "\\2a"),
            (")(uid=*))(|(uid=*", "\\29\\28uid=\\2a\\29\\29\\28|\\28uid=\\2a"),
            ("a\\b\0", "a\\5cb\\00"),
            ("Zoë S", "Zo\\c3\\ab\\20S"),
        ] {
            assert_eq!(escaped(value), written);
            let filter = filled(
                "userfilter",
                "(cn={{.Username}})",
                &[("Username", &escaped(value))],
            )
            .unwrap();
            assert_eq!(filter, format!("(cn={written})"));
        }
        assert_eq!(escaped_all(&[1, 0xff]), "\\01\\ff");
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        let names = ["UserAttr", "Username"];
        for good in [
            "({{.UserAttr}}={{.Username}})",
            "(&(objectClass=person)({{.UserAttr}}={{.Username}}))",
        ] {
            check("userfilter", good, &names).unwrap();
        }
        for (bad, says) in [
            ("({{.UserAttr}}={{.Username}}", "no search filter"),
            ("({{.UserName}}=x)", "userfilter: "),
            ("{{", "userfilter: "),
            ("", "no search filter"),
        ] {
            let refused = check("userfilter", bad, &names).unwrap_err();
            assert!(refused.text().contains(says), "{bad}: {}", refused.text());
        }
    }
}
