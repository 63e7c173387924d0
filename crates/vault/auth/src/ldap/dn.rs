//! Distinguished names (RFC 4514): writing a value into one, and reading the common name out of one.

/// A value as it is written in a distinguished name.
pub(super) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '=' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '#' if at == 0 => out.push_str("\\#"),
            ' ' if at == 0 || at == last => out.push_str("\\ "),
            letter if letter.is_ascii_control() => {
                out.push_str(&format!("\\{:02x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out
}

/// The name of a group: the first common name of a distinguished name, and else the text as it is.
pub(super) fn group_name(text: &str) -> String {
    let parts = parts(text);
    let named = parts
        .iter()
        .flatten()
        .find(|(kind, _)| kind.eq_ignore_ascii_case("cn") || kind == "2.5.4.3");
    named.map_or_else(|| text.to_owned(), |(_, value)| value.clone())
}

/// The end of a distinguished name that is made of domain components.
pub(super) fn domain(text: &str) -> String {
    let components = parts(text).unwrap_or_default();
    let components = components
        .iter()
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("dc"));
    let written: Vec<String> = components
        .map(|(_, value)| format!("dc={}", escaped(value)))
        .collect();
    written.join(",")
}

/// Attributes and values in the order they are written; `None` when the text is no distinguished name.
fn parts(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (kind, after) = rest.split_once('=')?;
        let kind = kind.trim();
        let known = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-');
        if kind.is_empty() || !kind.chars().all(known) {
            return None;
        }
        let (value, after) = value(after)?;
        found.push((kind.to_owned(), value));
        match after {
            None => return Some(found),
            Some(after) => rest = after,
        }
    }
}

/// A value with its escapes undone, and what follows the separator behind it.
fn value(text: &str) -> Option<(String, Option<&str>)> {
    let mut bytes: Vec<u8> = Vec::new();
    // Spaces at the end belong to the value only when they are escaped.
    let mut kept = 0;
    let mut letters = text.trim_start_matches(' ').char_indices();
    let text = text.trim_start_matches(' ');
    while let Some((at, letter)) = letters.next() {
        match letter {
            ',' | '+' | ';' => {
                bytes.truncate(kept);
                let after = text.get(at + 1..)?;
                return Some((String::from_utf8(bytes).ok()?, Some(after)));
            }
            '\\' => {
                let (_, next) = letters.next()?;
                match next.to_digit(16) {
                    Some(high) => {
                        let low = letters.next()?.1.to_digit(16)?;
                        bytes.push(u8::try_from(high * 16 + low).ok()?);
                    }
                    None => push(&mut bytes, next),
                }
                kept = bytes.len();
            }
            '"' => return None,
            ' ' => bytes.push(b' '),
            letter => {
                push(&mut bytes, letter);
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    Some((String::from_utf8(bytes).ok()?, None))
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_value_is_read_back_and_changes_nothing_around_it(value: String) {
            let parts = parts(&format!("uid={},ou=people", escaped(&value)));
            let expected = vec![("uid".to_owned(), value), ("ou".to_owned(), "people".to_owned())];
            prop_assert_eq!(parts, Some(expected));
        }

        #[test]
        fn any_text_has_a_name(text: String) {
            let _ = (group_name(&text), domain(&text));
        }
    }

    #[test]
    fn values_cannot_leave_their_place() {
        for (value, written) in [
            ("ann", "ann"),
            ("Smith, Ann", "Smith\\, Ann"),
            ("x,ou=admins", "x\\,ou\\=admins"),
            ("#1 + \"2\";<3>\\", "\\#1 \\+ \\\"2\\\"\\;\\<3\\>\\\\"),
            (" ann ", "\\ ann\\ "),
            (" ", "\\ "),
            ("a\0b\n", "a\\00b\\0a"),
            ("Zoë", "Zoë"),
        ] {
            assert_eq!(escaped(value), written);
            assert_eq!(
                parts(&format!("cn={written},dc=example")),
                Some(vec![
                    ("cn".to_owned(), value.to_owned()),
                    ("dc".to_owned(), "example".to_owned())
                ]),
                "{value:?}"
            );
        }
    }

    #[test]
    fn the_common_name_names_a_group() {
        for (text, name) in [
            ("cn=dev,ou=groups,dc=example", "dev"),
            ("CN=R&D\\, EU , DC=example", "R&D, EU"),
            ("ou=x+cn=two,dc=example", "two"),
            ("cn=Zo\\c3\\ab,dc=example", "Zoë"),
            ("dev", "dev"),
            ("ou=groups,dc=example", "ou=groups,dc=example"),
            ("cn=broken\\", "cn=broken\\"),
            ("cn=\"quoted\",dc=example", "cn=\"quoted\",dc=example"),
            ("", ""),
        ] {
            assert_eq!(group_name(text), name, "{text}");
        }
    }

    #[test]
    fn the_domain_is_the_end() {
        assert_eq!(domain("cn=a,ou=b,DC=corp,dc=example"), "dc=corp,dc=example");
        assert_eq!(domain("cn=a"), "");
    }
}
