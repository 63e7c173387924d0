//! What the general template library may cost, and what its errors must not say.

use arca_lang::sprig::Sprig;
use arca_lang::template::{
    Conduct, Error, FunctionError, Functions, Kind, Options, Signature, Template, Value,
};

fn render(text: &str, data: &Value) -> Result<String, Error> {
    Template::parse("t", text, &Sprig::default())?.render(data, &mut Sprig::default(), &Options::default())
}

fn error(text: &str) -> String {
    render(text, &Value::from("secret")).expect_err(text).to_string()
}

#[test]
fn texts_and_lists_do_not_outgrow_the_limits() {
    for text in [
        r#"{{sprig_repeat 2000000 "x"}}"#,
        r#"{{sprig_repeat 9223372036854775807 "xx"}}"#,
        r#"{{sprig_indent 2000000 "x"}}"#,
        r#"{{sprig_nindent 1000 (sprig_repeat 2000 "\n")}}"#,
        r#"{{sprig_replace "" (sprig_repeat 2000 "x") (sprig_repeat 2000 "x")}}"#,
        r#"{{sprig_join (sprig_repeat 1000 "x") (sprig_until 5000)}}"#,
        r#"{{sprig_regexReplaceAll "." (sprig_repeat 2000 "x") (sprig_repeat 2000 "x")}}"#,
        r#"{{sprig_regexReplaceAll "." (sprig_repeat 2000 "x") (sprig_repeat 2000 "${0}")}}"#,
        r#"{{sprig_wrapWith 1 (sprig_repeat 2000 "|") (sprig_repeat 2000 "x")}}"#,
    ] {
        assert!(error(text).contains("longer than"), "{text}: {}", error(text));
    }
    for text in [
        "{{sprig_until 100001}}",
        "{{sprig_untilStep 0 -9223372036854775807 -1}}",
        "{{sprig_seq 9223372036854775807}}",
        "{{sprig_concat (sprig_until 60000) (sprig_until 60000)}}",
    ] {
        assert!(
            error(text).contains("more than 100000 elements"),
            "{text}: {}",
            error(text)
        );
    }
    assert!(render("{{sprig_until 90000 | len}}", &Value::Nil).is_ok());
}

#[test]
fn trees_do_not_outgrow_the_limits() {
    let grow = |step: &str, times: u32| {
        error(&format!(
            "{{{{$x := sprig_list 1}}}}{{{{range sprig_until {times}}}}}{{{{$x = {step}}}}}{{{{end}}}}"
        ))
    };
    assert!(grow("sprig_list $x", 100).contains("more than 64 levels"));
    assert!(grow(r#"sprig_dict "k" $x"#, 100).contains("more than 64 levels"));
    assert!(grow("sprig_list $x $x", 40).contains("more than 100000 elements"));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let text = format!("{{{{sprig_mustFromJson {deep:?}}}}}");
    assert!(error(&text).contains("more than 64 levels"));
}

#[test]
fn all_calls_together_have_a_limit() {
    let text = "{{$x := sprig_until 90000}}{{range sprig_until 2000}}{{$y := sprig_reverse $x}}{{end}}";
    assert!(error(text).contains("made too many values"), "{}", error(text));
}

#[test]
fn documents_cost_steps_by_what_they_hold() {
    for function in ["toJson", "toPrettyJson", "toRawJson"] {
        // What is written is short, what is gone through is not.
        let text = format!(
            "{{{{$x := sprig_until 90000}}}}{{{{range sprig_until 100}}}}{{{{$y := sprig_{function} $x | sprig_trunc 1}}}}{{{{end}}}}"
        );
        assert!(error(&text).contains("steps"), "{function}: {}", error(&text));
    }
    // Too large to be written, which is the empty text: that costs as much.
    let text = "{{$x := sprig_until 60000}}{{$x = sprig_dict \"a\" $x \"b\" (sprig_reverse $x)}}";
    assert!(error(text).contains("more than 100000 elements"));
    let text = "{{$x := list 60000}}{{range 100}}{{sprig_toJson $x}}{{end}}";
    let template = Template::parse("t", text, &Doubled(Sprig::default())).unwrap();
    let error = template.render(&Value::Nil, &mut Doubled(Sprig::default()), &Options::default());
    assert!(error.unwrap_err().to_string().contains("steps"));
}

/// The library, and `list`, which gives twice as many elements as it is asked for.
struct Doubled(Sprig);

impl Functions for Doubled {
    fn signature(&self, name: &str) -> Option<Signature> {
        if name == "list" {
            return Some(Signature::of(&[Kind::Int]));
        }
        self.0.signature(name)
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        match arguments {
            [Value::Int(count)] if name == "list" => Ok(Value::list((0..2 * count).map(Value::Int))),
            _ => self.0.call(name, arguments),
        }
    }

    fn effort(&mut self) -> u64 {
        self.0.effort()
    }
}

#[test]
fn comparing_every_element_has_a_limit() {
    assert!(error("{{sprig_uniq (sprig_until 5000)}}").contains("too long"));
}

#[test]
fn patterns_have_limits() {
    let long = r#"{{sprig_mustRegexMatch (sprig_repeat 5000 "a") "x"}}"#;
    assert!(error(long).contains("longer than 4096 bytes"));
    assert!(error(r#"{{sprig_mustRegexMatch "\\pL{1000}" "x"}}"#).contains("too large"));
    assert!(error(r#"{{sprig_mustRegexMatch "a{1001}" "x"}}"#).contains("more than 1000 times"));
    let nested = r#"{{sprig_mustRegexMatch (print (sprig_repeat 500 "(") (sprig_repeat 500 ")")) "x"}}"#;
    assert!(error(nested).contains("malformed"));
    let many = r#"{{range sprig_until 3000}}{{sprig_regexMatch (print "x" .) "x"}}{{end}}"#;
    assert!(error(many).contains("more than 1000 different patterns"));
    let many = r#"{{range sprig_until 3000}}{{sprig_mustRegexMatch (print "x" .) "x"}}{{end}}"#;
    assert!(error(many).contains("more than 1000 different patterns"));
    let same = r#"{{range sprig_until 3000}}{{if sprig_mustRegexMatch "^x(?P<n>[0-9]+)$" (print "x" .)}}.{{end}}{{end}}"#;
    assert_eq!(render(same, &Value::Nil).unwrap().len(), 3000);
    // Matching takes time in proportion to the text, whatever the pattern.
    let hard = r#"{{sprig_mustRegexMatch "^(a|aa|a*)*$" (print (sprig_repeat 100000 "a") "b")}}"#;
    assert_eq!(render(hard, &Value::Nil).unwrap(), "false");
}

#[test]
fn errors_do_not_show_values() {
    for text in [
        "{{sprig_mustRegexMatch (print . \"(\") .}}",
        "{{sprig_mustFromJson .}}",
        "{{sprig_semver .}}",
        "{{sprig_semverCompare . \"1\"}}",
        "{{sprig_urlParse (print \":\" .)}}",
        "{{sprig_urlJoin (sprig_dict \"userinfo\" (print . \"^\"))}}",
        "{{sprig_first .}}",
        "{{sprig_dig \"a\" \"b\" 1 (sprig_dict \"a\" .)}}",
        "{{sprig_mustToDate \"2006\" .}}",
        "{{sprig_unixEpoch .}}",
        "{{sprig_concat .}}",
    ] {
        let error = error(text);
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn what_depends_on_the_machine_or_makes_keys_is_unknown() {
    for name in [
        "now",
        "date",
        "dateModify",
        "htmlDate",
        "ago",
        "env",
        "expandenv",
        "getHostByName",
        "randAlphaNum",
        "randBytes",
        "uuidv4",
        "shuffle",
        "genPrivateKey",
        "genCA",
        "derivePassword",
        "encryptAES",
        "bcrypt",
        "htpasswd",
    ] {
        let text = format!("{{{{sprig_{name}}}}}");
        let error = Template::parse("t", &text, &Sprig::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("function \"sprig_{name}\" not defined")),
            "{error}"
        );
    }
    assert!(Sprig::default().signature("upper").is_none());
}

#[test]
fn maps_change_where_a_variable_names_them() {
    let functions = Sprig::default();
    for name in [
        "set",
        "unset",
        "merge",
        "mustMerge",
        "mergeOverwrite",
        "mustMergeOverwrite",
    ] {
        assert_eq!(
            functions.conduct(&format!("sprig_{name}")),
            Conduct::Changes,
            "{name}"
        );
    }
    assert_eq!(functions.conduct("set"), Conduct::Gives);
    assert_eq!(functions.conduct("sprig_get"), Conduct::Gives);
}

/// Awkward values of a kind.
fn awkward(kind: Kind) -> Vec<Value> {
    let texts = [
        "",
        "é\u{2003}ß",
        "-9223372036854775808",
        "1.2.3-a || ^0",
        "http://[::1]:x/%",
        "2006-01-02 __2 .000",
    ];
    let strings = || {
        texts
            .map(Value::from)
            .into_iter()
            .chain([Value::string(b"a\xff\xc3 =")])
    };
    let ints = || [0, 1, -1, 7, i64::MAX, i64::MIN].map(Value::Int).into_iter();
    let floats = || {
        [0.0, -0.5, f64::NAN, f64::INFINITY, 1e300]
            .map(Value::Float)
            .into_iter()
    };
    let list = || {
        Value::list([
            Value::Nil,
            Value::Int(i64::MIN),
            Value::from("x"),
            Value::list([]),
        ])
    };
    let map = || Value::map([("", Value::Nil), ("host", Value::from("[")), ("a", list())]);
    match kind {
        Kind::Bool => vec![Value::Bool(true), Value::Bool(false)],
        Kind::Int => ints().collect(),
        Kind::Uint => vec![Value::Uint(0), Value::Uint(u64::MAX)],
        Kind::Float => floats().collect(),
        Kind::String => strings().collect(),
        Kind::List => vec![Value::Nil, list(), Value::list([])],
        Kind::Map => vec![Value::Nil, map(), Value::map::<&str>([])],
        Kind::Any => strings()
            .take(3)
            .chain(ints().skip(3))
            .chain(floats().skip(2))
            .chain([
                Value::Nil,
                Value::Uint(u64::MAX),
                Value::JsonNumber("1e5".into()),
                list(),
                map(),
            ])
            .collect(),
    }
}

/// Calls a function with every choice of awkward values for what is left of its parameters.
fn call_all(
    functions: &mut Sprig,
    name: &str,
    kinds: &[Kind],
    arguments: &mut Vec<Value>,
    calls: &mut usize,
) {
    let Some((kind, rest)) = kinds.split_first() else {
        *calls += 1;
        // Whether it fails does not matter: it must come back.
        let _ = functions.call(name, arguments);
        return;
    };
    for value in awkward(*kind) {
        arguments.push(value);
        call_all(functions, name, rest, arguments, calls);
        arguments.pop();
    }
}

#[test]
fn functions_fail_rather_than_panic() {
    let mut calls = 0;
    for name in Sprig::names() {
        let mut functions = Sprig::new(10_000);
        let signature = functions.signature(&name).unwrap();
        for further in 0..3 {
            let mut kinds = signature.parameters.to_vec();
            kinds.extend(signature.rest.iter().cycle().take(if signature.rest.is_some() {
                further
            } else {
                0
            }));
            call_all(&mut functions, &name, &kinds, &mut Vec::new(), &mut calls);
        }
    }
    assert!(calls > 20_000, "{calls}");
}
