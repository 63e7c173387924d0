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
    ] {
        let error = rendered(text).unwrap_err();
        assert!(!error.contains("canary"), "{text}: {error}");
    }
}

#[test]
fn what_functions_make_has_a_limit() {
    let deeper = |step: &str| format!("{{{{ range loop 100 }}}}{{{{ {step} }}}}{{{{ end }}}}");
    let laughs = "{{ $x := \"a: &a [1,2,3,4,5,6,7,8,9,0]\\n\" }}{{ range $i, $n := split \",\" \"b,c,d,e,f\" }}\
         {{ $o := index (split \",\" \"a,b,c,d,e\") $i }}\
         {{ $x = printf \"%s%s: &%s [*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s,*%s]\\n\" $x $n $n $o $o $o $o $o $o $o $o $o $o }}\
         {{ end }}{{ parseYAML $x }}";
    for (text, limit) in [
        ("{{ indent 1001 \"x\" }}".to_owned(), "more than 1000 blanks"),
        (
            "{{ indent 1000 (sprig_repeat 2000 \"x\\n\") }}".to_owned(),
            "longer than 1048576 bytes",
        ),
        ("{{ loop 100001 }}".to_owned(), "more than 100000 rounds"),
        ("{{ loop -9223372036854775807 9223372036854775807 }}".to_owned(), "100000 rounds"),
        (laughs.to_owned(), "more than 100000 elements"),
        (
            "{{ parseYAML (sprig_repeat 65 \"[\") }}".to_owned(),
            "more than 64 levels",
        ),
        (
            "{{ explodeMap (sprig_dict (sprig_repeat 70 \"a/\") 1) }}".to_owned(),
            "more than 64 parts",
        ),
        (
            deeper("scratch.MapSet \"m\" \"k\" (scratch.Get \"m\")"),
            "more than 64 levels",
        ),
        (
            deeper("scratch.MapSet \"m\" (printf \"%d\" .) (scratch.Get \"m\")"),
            "more than",
        ),
        (
            "{{ scratch.Set \"l\" (loop 90000) }}{{ range loop 200 }}{{ scratch.Set \"x\" (scratch.Get \"l\") }}{{ end }}"
                .to_owned(),
            "too many values into scratch",
        ),
        (
            "{{ $l := loop 90000 }}{{ range loop 100 }}{{ $l | toTOML | len }}{{ end }}".to_owned(),
            "steps",
        ),
        ("{{ loop 90000 | toYAML | indent 100 }}".to_owned(), "longer than 1048576 bytes"),
    ] {
        let error = rendered(&text).expect_err(&text);
        assert!(error.contains(limit), "{text}: {error}");
    }
}

#[test]
fn names_from_elsewhere_are_refused_when_the_template_is_read() {
    for (name, instead) in [
        ("key", "secret"),
        ("service", "Consul"),
        ("nomadVar", "Nomad"),
        ("byTag", "scratch.MapSet"),
        ("sockaddr", "env"),
        ("spew_dump", "toJSONPretty"),
        ("spew_sdump", "printf"),
        ("sprig_genPrivateKey", "pki/issue"),
        ("sprig_randInt", "sys/tools/random"),
        ("sprig_addf", "add"),
    ] {
        let error = rendered(&format!(
            "{{{{ if false }}}}\n{{{{ {name} \"x\" }}}}{{{{ end }}}}"
        ))
        .unwrap_err();
        let start = "template: :2:";
        assert!(error.starts_with(start), "{error}");
        assert!(error.contains(name) && error.contains(instead), "{error}");
    }
}

#[test]
fn scratch_lasts_for_one_rendering() {
    let text = r#"{{ scratch.Key "k" }}{{ scratch.Set "k" 1 }}{{ scratch.Key "k" }}"#;
    for _ in 0..2 {
        assert_eq!(rendered(text).as_deref(), Ok("falsetrue"));
    }
}
