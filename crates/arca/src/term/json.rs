//! JSON for people: two spaces per level, members in the order of the type.

use serde::Serialize;

/// The indented text of a value, escaped as Go's `encoding/json` does.
pub(crate) fn pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    Ok(indent(&serde_json::to_string(value)?))
}

/// Indents JSON text without white space.
fn indent(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut chars = compact.chars().peekable();
    while let Some(c) = chars.next() {
        if in_string {
            push_in_string(c, &mut out);
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '{' | '[' => {
                out.push(c);
                if chars.peek().is_some_and(|next| matches!(next, '}' | ']')) {
                    continue;
                }
                depth += 1;
                break_line(depth, &mut out);
            }
            '}' | ']' => {
                if !out.ends_with(['{', '[']) {
                    depth = depth.saturating_sub(1);
                    break_line(depth, &mut out);
                }
                out.push(c);
            }
            ',' => {
                out.push(c);
                break_line(depth, &mut out);
            }
            ':' => out.push_str(": "),
            other => {
                in_string = other == '"';
                out.push(other);
            }
        }
    }
    out
}

fn break_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

fn push_in_string(c: char, out: &mut String) {
    match c {
        '<' => out.push_str("\\u003c"),
        '>' => out.push_str("\\u003e"),
        '&' => out.push_str("\\u0026"),
        '\u{2028}' => out.push_str("\\u2028"),
        '\u{2029}' => out.push_str("\\u2029"),
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use arca_base::Json;
    use arca_base::json::Limits;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indents_as_go_does() {
        let text = r#"{"a":[1,{"b":"x,:{}\"\\"}],"c":{},"d":[],"e":null}"#;
        assert_eq!(
            indent(text),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x,:{}\\\"\\\\\"\n    }\n  ],\n  \"c\": {},\n  \"d\": [],\n  \"e\": null\n}"
        );
        assert_eq!(indent("\"a\""), "\"a\"");
    }

    #[test]
    fn keeps_the_order_of_the_type_and_escapes_for_web_pages() {
        #[derive(Serialize)]
        struct Shown {
            z: &'static str,
            a: Json,
        }
        let shown = Shown {
            z: "<&>",
            a: Json::from("\u{2028}"),
        };
        assert_eq!(
            pretty(&shown).unwrap(),
            "{\n  \"z\": \"\\u003c\\u0026\\u003e\",\n  \"a\": \"\\u2028\"\n}"
        );
    }

    proptest! {
        #[test]
        fn means_the_same_as_before(keys in proptest::collection::vec(any::<String>(), 0..6)) {
            let value: Json = keys.iter().map(|key| (key.clone(), Json::from(vec![key.clone()]))).collect();
            let again = Json::parse(pretty(&value).unwrap().as_bytes(), &Limits::default()).unwrap();
            prop_assert!(again == value);
        }
    }
}
