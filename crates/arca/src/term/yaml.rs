//! YAML for people and for `kubectl`: the plain subset, keys sorted.

use std::fmt::Write;

use arca_base::Json;

/// The YAML text of a value, without a line break at the end.
pub(super) fn text(value: &Json) -> String {
    let mut out = String::new();
    push_block(value, 0, &mut out);
    out.trim_end().to_owned()
}

/// A value that begins on a line of its own.
fn push_block(value: &Json, depth: usize, out: &mut String) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                margin(depth, out);
                push_scalar(key, out);
                out.push(':');
                push_member(member, depth, out);
            }
        }
        Json::Array(elements) if !elements.is_empty() => {
            for element in elements {
                margin(depth, out);
                out.push('-');
                push_element(element, depth, out);
            }
        }
        leaf => {
            margin(depth, out);
            push_leaf(leaf, out);
            out.push('\n');
        }
    }
}

/// What follows `key:`. A list is not indented below its key.
fn push_member(value: &Json, depth: usize, out: &mut String) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            out.push('\n');
            push_block(value, depth + 1, out);
        }
        Json::Array(elements) if !elements.is_empty() => {
            out.push('\n');
            push_block(value, depth, out);
        }
        leaf => {
            out.push(' ');
            push_leaf(leaf, out);
            out.push('\n');
        }
    }
}

/// What follows `-`: the first line of a block stands on the same line.
fn push_element(value: &Json, depth: usize, out: &mut String) {
    let mut block = String::new();
    push_block(value, depth + 1, &mut block);
    out.push(' ');
    out.push_str(block.trim_start_matches(' '));
}

fn margin(depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
}

fn push_leaf(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => out.push_str(number.as_str()),
        Json::String(text) => push_scalar(text, out),
        Json::Array(_) => out.push_str("[]"),
        Json::Object(_) => out.push_str("{}"),
    }
}

fn push_scalar(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        push_quoted(text, out);
    }
}

fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            // Writing into a string cannot fail.
            c if c <= '\u{ffff}' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Whether a reader takes the bare text for exactly this text. Errs on the side of quotes.
fn is_plain(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let inside = |c: char| c.is_ascii_alphanumeric() || " _-./+=@$()<>&!%~^*?;|'\"\\".contains(c);
    let is_word = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    starts_well && !is_word && !text.ends_with(' ') && text.chars().all(inside)
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;

    use super::*;

    fn of(json: &str) -> String {
        text(&Json::parse(json.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn lists_stand_below_their_keys() {
        assert_eq!(
            of(r#"{"keys":["a","b/"],"num":1.50,"o":{"k":null,"l":[]},"e":{}}"#),
            "e: {}\nkeys:\n- a\n- b/\nnum: 1.50\no:\n  k: null\n  l: []"
        );
    }

    #[test]
    fn elements_may_be_blocks() {
        assert_eq!(
            of(r#"[{"a":1,"b":[2]},[3,4],[]]"#),
            "- a: 1\n  b:\n  - 2\n- - 3\n  - 4\n- []"
        );
        assert_eq!(of(r#""x""#), "x");
    }

    #[test]
    fn quoted_text_escapes_what_a_line_cannot_hold() {
        assert_eq!(
            text(&Json::from("\"\\\n\u{1}\u{e9}\u{1f600}:")),
            r#""\"\\\n\u0001\u{e9}\U0001f600:""#.replace("\\u{e9}", "\u{e9}")
        );
    }

    #[test]
    fn quotes_whatever_could_be_read_otherwise() {
        for plain in [
            "a",
            "a b",
            "secret/data/x",
            "hvs.CAES-_",
            "auth_token_1",
            "s <&> \"x\" it's",
        ] {
            assert_eq!(text(&Json::from(plain)), plain);
        }
        for quoted in [
            "",
            " a",
            "a ",
            "true",
            "No",
            "null",
            "~",
            "1",
            "1.5",
            "0x1f",
            "1e3",
            ".inf",
            "2026-01-02T03:04:05Z",
            "a: b",
            "a #b",
            "- a",
            "{a",
            "*a",
            "&a",
            "!a",
            "a\nb",
            "=",
            "on",
            "a:",
        ] {
            assert!(text(&Json::from(quoted)).starts_with('"'), "{quoted:?}");
        }
    }
}
