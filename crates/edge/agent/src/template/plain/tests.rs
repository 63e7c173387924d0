//! Functions by themselves; what the original gives is in `corpus`.

use arca_base::Timestamp;
use arca_lang::template::{Options, Template, Value};

use super::super::library::Library;

fn rendered(text: &str) -> Result<String, String> {
    let mut library = Library::new(1 << 20, Timestamp::EPOCH);
    let template = Template::parse("", text, &library).map_err(|error| error.to_string())?;
    let data = Value::map([
        ("s", Value::from("canary & co")),
        ("n", Value::JsonNumber("5".into())),
        ("l", Value::list([Value::from("a"), Value::from("b")])),
    ]);
    let made = template.render(&data, &mut library, &Options::default());
    made.map_err(|error| error.to_string())
}

#[test]
fn functions_give_what_their_names_say() {
    for (text, expected) in [
        (r#"{{ "aGk=" | base64Decode }}"#, "hi"),
        (r#"{{ "hi" | base64Encode }}"#, "aGk="),
        (r#"{{ "a?>" | base64URLEncode | base64URLDecode }}"#, "a?>"),
        (
            r#"{{ . | toJSON }}"#,
            r#"{"l":["a","b"],"n":5,"s":"canary \u0026 co"}"#,
        ),
        (r#"{{ .s | toUnescapedJSON }}"#, r#""canary & co""#),
        (r#"{{ .l | toJSONPretty }}"#, "[\n  \"a\",\n  \"b\"\n]"),
        (r#"{{ ("{\"a\":{\"b\":\"c\"}}" | parseJSON).a.b }}"#, "c"),
        (r#"{{ "" | parseJSON }}"#, "map[]"),
        (
            r#"{{ "Ab" | toLower }}{{ "Ab" | toUpper }}{{ "ab cd" | toTitle }}"#,
            "abABAb Cd",
        ),
        (
            r#"{{ " a " | trimSpace }}{{ "xax" | trim "x" }}{{ "pa" | trimPrefix "p" }}"#,
            "aaa",
        ),
        (
            r#"{{ range split "," " a,b " }}[{{ . }}]{{ end }}{{ len (split "," "") }}"#,
            "[a][b]0",
        ),
        (r#"{{ .l | join "-" }}{{ "a.b" | replaceAll "." "_" }}"#, "a-ba_b"),
        (
            r#"{{ "a1b" | regexReplaceAll "[0-9]" "" }}{{ "abc" | regexMatch "^a" }}"#,
            "abtrue",
        ),
        (
            r#"{{ contains "a" .l }}{{ in .l "c" }}{{ in "abc" "b" }}"#,
            "truefalsetrue",
        ),
        ("{{ \"a\\n\\nb\" | indent 2 }}", "  a\n\n  b"),
        (
            r#"{{ range loop 1 4 }}{{ . }}{{ end }}{{ range loop 2 }}{{ . }}{{ end }}"#,
            "12301",
        ),
        (
            r#"{{ 3 | add 2 }} {{ 3 | subtract 2 }} {{ 7 | divide 2 }} {{ 7 | modulo 4 }}"#,
            "5 1 3 3",
        ),
        (
            r#"{{ 3 | minimum 2 }} {{ 3 | maximum 2 }} {{ 1.5 | multiply 2 }}"#,
            "2 3 3",
        ),
        (
            r#"{{ "" | parseInt }} {{ "42" | parseInt | add 1 }} {{ "t" | parseBool }}"#,
            "0 43 true",
        ),
    ] {
        assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn digests_and_templates_are_values() {
    for (text, expected) in [
        (
            r#"{{ "a" | sha256Hex }}"#,
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        ),
        (
            r#"{{ hmacSHA256Hex "what do ya want for nothing?" "Jefe" }}"#,
            // RFC 4231, test case 2.
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            r#"{{ define "t" }}<{{ . }}>{{ end }}{{ executeTemplate "t" .s | toUpper }}"#,
            "<CANARY & CO>",
        ),
    ] {
        assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn mistakes_are_errors_without_values() {
    for text in [
        "{{ .s | base64Decode }}",
        "{{ .s | parseJSON }}",
        "{{ .s | parseInt }}",
        "{{ .s | parseBool }}",
        "{{ 1 | divide 0 }}",
        "{{ .s | add 1 }}",
        "{{ .n | add 1 }}",
        "{{ .s | indent -1 }}",
        "{{ loop 1000000 }}",
        "{{ key .s }}",
    ] {
        let error = rendered(text).unwrap_err();
        assert!(!error.contains("canary"), "{text}: {error}");
    }
}
