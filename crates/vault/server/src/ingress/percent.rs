//! Percent-encoding (RFC 3986) and the form variant of it.

use std::borrow::Cow;

/// What a plus sign stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plus {
    /// For itself, as in paths.
    Itself,
    /// For a space, as in queries and forms.
    Space,
}

/// The text that `sent` stands for; `None` if an escape is broken or the result is not UTF-8.
pub(super) fn decode(sent: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let escaped = |byte: u8| byte == b'%' || (byte == b'+' && plus == Plus::Space);
    if !sent.bytes().any(escaped) {
        return Some(Cow::Borrowed(sent));
    }
    let mut out = Vec::with_capacity(sent.len());
    let mut rest = sent.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'%' => {
                let ([high, low], after) = rest.split_first_chunk::<2>()?;
                out.push(nibble(*high)? << 4 | nibble(*low)?);
                rest = after;
            }
            b'+' if plus == Plus::Space => out.push(b' '),
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes() {
        for (sent, text) in [
            ("secret/data/app", "secret/data/app"),
            ("a%20b%2Fc", "a b/c"),
            ("%c3%A9", "\u{e9}"),
            ("a+b", "a+b"),
            ("%2525", "%25"),
            ("", ""),
        ] {
            assert_eq!(decode(sent, Plus::Itself).unwrap(), text);
        }
        assert_eq!(decode("a+b%2B", Plus::Space).unwrap(), "a b+");
    }

    #[test]
    fn broken_escapes() {
        for sent in ["%", "%2", "a%zz", "%ff", "%c3", "%+1", "%c3%28"] {
            assert_eq!(decode(sent, Plus::Itself), None, "{sent}");
        }
    }

    proptest! {
        #[test]
        fn every_text_survives(text in any::<String>()) {
            let sent: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&sent, Plus::Itself).unwrap(), text.as_str());
        }
    }
}
