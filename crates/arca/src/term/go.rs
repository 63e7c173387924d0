//! Values as Go prints them, which is what existing users see in tables.

use arca_base::Json;

/// A value as `%v` prints it: `map[a:1 b:[x y]]`, `<nil>`, text without quotes.
pub(crate) fn display(value: &Json) -> String {
    let mut out = String::new();
    push(value, &mut out);
    out
}

/// Texts as `%q` prints a list of them: `["a" "b"]`.
pub(super) fn quoted(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

fn push(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("<nil>"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => out.push_str(number.as_str()),
        Json::String(text) => out.push_str(text),
        Json::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                push(element, out);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push_str("map[");
            for (index, (key, member)) in members.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                out.push_str(key);
                out.push(':');
                push(member, out);
            }
            out.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use arca_base::json::Limits;

    use super::*;

    #[test]
    fn prints_as_go_does() {
        let text = br#"{"b":[1,"x y",null],"a":{"k":true},"n":1.50,"e":{},"l":[]}"#;
        let value = Json::parse(text, &Limits::default()).unwrap();
        assert_eq!(
            display(&value),
            "map[a:map[k:true] b:[1 x y <nil>] e:map[] l:[] n:1.50]"
        );
        assert_eq!(display(&Json::from("a\"b")), "a\"b");
    }

    #[test]
    fn quotes_lists() {
        assert_eq!(quoted(&["default".into(), "a b".into()]), r#"["default" "a b"]"#);
        assert_eq!(quoted(&[]), "[]");
    }
}
