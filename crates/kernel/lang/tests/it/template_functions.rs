//! What the engine does with functions beyond calling them: templates as values, changed maps, forbidden names.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_lang::template::{
    BuiltinsOnly, Cause, Conduct, Denied, Error, FunctionError, Functions, Kind, Limits, Options, Signature,
    Template, Value,
};

/// `executeTemplate` and `set`, as the functions of agents have them, and `twice`.
struct Three;

impl Functions for Three {
    fn signature(&self, name: &str) -> Option<Signature> {
        Some(match name {
            "executeTemplate" => Signature::variadic(&[Kind::String], Kind::Any),
            "set" => Signature::of(&[Kind::Map, Kind::String, Kind::Any]),
            "twice" => Signature::of(&[Kind::String]),
            "pairs" => Signature::of(&[Kind::List]),
            _ => return None,
        })
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, FunctionError> {
        match (name, arguments) {
            ("executeTemplate", [_] | [_, _]) => Ok(Value::Nil),
            ("executeTemplate", _) => Err("expected 1 or 2 arguments".into()),
            ("set", [entries, key, value]) => {
                let mut entries = match entries {
                    Value::Map(entries) => BTreeMap::clone(entries),
                    _ => BTreeMap::new(),
                };
                entries.insert(key.as_str().unwrap().to_owned(), value.clone());
                Ok(Value::Map(Arc::new(entries)))
            }
            ("pairs", _) => Err(FunctionError::misfit("want pairs")),
            ("twice", [text]) => Ok(text.as_str().unwrap().repeat(2).into()),
            _ => panic!("{name} was called with arguments that do not fit"),
        }
    }

    fn conduct(&self, name: &str) -> Conduct {
        match name {
            "executeTemplate" => Conduct::Renders,
            "set" => Conduct::Changes,
            _ => Conduct::Gives,
        }
    }
}

fn render(text: &str, functions: &mut dyn Functions, limits: Limits) -> Result<String, Error> {
    let options = Options {
        limits,
        ..Options::default()
    };
    let data = Value::map([
        ("m", Value::map([("a", Value::Int(1))])),
        ("s", "ab".into()),
        ("p", "s3cr3t".into()),
        ("l", Value::list([Value::list([])])),
    ]);
    Template::parse("t", text, functions)?.render(&data, functions, &options)
}

fn shown(text: &str) -> String {
    match render(text, &mut Three, Limits::default()) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_template_is_a_value() {
    let inner = "{{define \"x\"}}<{{.}}{{$}}>{{end}}";
    for (text, wanted) in [
        (r#"{{executeTemplate "x" .s}}"#, "<abab>"),
        (r#"{{executeTemplate "x"}}"#, "<<no value><no value>>"),
        (r#"{{.s | executeTemplate "x" | printf "%q"}}"#, r#""<abab>""#),
        (r#"a{{$v := executeTemplate "x" 1}}b{{$v}}{{$v}}"#, "ab<11><11>"),
        (r#"{{.s | twice | executeTemplate "x" | len}}"#, "10"),
        (
            r#"{{range $i := 2}}{{$i}}{{executeTemplate "x" $i}}{{end}}"#,
            "0<00>1<11>",
        ),
    ] {
        assert_eq!(shown(&format!("{inner}{text}")), wanted, "{text}");
    }
}

#[test]
fn a_template_that_is_a_value_fails_like_any_other() {
    assert_eq!(
        shown(r#"{{executeTemplate "none"}}"#),
        "template: t:1:2: executing \"t\" at <executeTemplate \"none\">: error calling executeTemplate: \
         template \"none\" not defined"
    );
    assert_eq!(
        shown(r#"{{executeTemplate "t" 1 2}}"#),
        "template: t:1:2: executing \"t\" at <executeTemplate \"t\" 1 2>: error calling executeTemplate: \
         expected 1 or 2 arguments"
    );
    let text = r#"{{define "x"}}{{index . "k"}}{{end}}{{executeTemplate "x" 1}}"#;
    let wanted = "template: t:1:38: executing \"t\" at <executeTemplate \"x\" 1>: error calling executeTemplate: \
                  template: t:1:16: executing \"x\" at <index . \"k\">: ";
    assert!(shown(text).starts_with(wanted), "{}", shown(text));
}

#[test]
fn an_argument_that_does_not_fit_is_pointed_at() {
    assert_eq!(
        shown("{{pairs (index .l 0)}}"),
        "template: t:1:18: executing \"t\" at <0>: want pairs"
    );
    assert_eq!(
        shown("{{.l | pairs}}"),
        "template: t:1:7: executing \"t\" at <pairs>: want pairs"
    );
}

/// Counts how often it is asked for a function by name.
#[derive(Default)]
struct Counted {
    asked: std::cell::Cell<usize>,
}

impl Functions for Counted {
    fn signature(&self, name: &str) -> Option<Signature> {
        self.asked.set(self.asked.get() + 1);
        (name == "nine").then_some(Signature::of(&[]))
    }

    fn call(&mut self, _name: &str, _arguments: &[Value]) -> Result<Value, FunctionError> {
        panic!("functions that have numbers are called by them")
    }

    fn number(&self, _name: &str) -> usize {
        9
    }

    fn call_numbered(
        &mut self,
        number: usize,
        name: &str,
        _arguments: &[Value],
    ) -> Result<Value, FunctionError> {
        Ok(format!("{name}{number}").into())
    }

    fn effort(&mut self) -> u64 {
        100
    }
}

#[test]
fn functions_are_looked_up_once_and_called_by_number() {
    let mut functions = Counted::default();
    let text = "{{range 3}}{{nine}} {{end}}{{print nine (nine)}}{{print 1}}";
    assert_eq!(
        render(text, &mut functions, Limits::default()).unwrap(),
        "nine9 nine9 nine9 nine9nine91"
    );
    // Once for each of both names while it is parsed, and once while it is rendered.
    assert_eq!(functions.asked.get(), 4);
}

#[test]
fn what_functions_say_they_cost_counts() {
    let limits = Limits {
        steps: 1000,
        ..Limits::default()
    };
    let text = |times: u32| format!("{{{{range {times}}}}}{{{{nine}}}}{{{{end}}}}");
    assert!(render(&text(9), &mut Counted::default(), limits).is_ok());
    let error = render(&text(10), &mut Counted::default(), limits).unwrap_err();
    assert_eq!(*error.cause(), Cause::TooManySteps(1000));
}

#[test]
fn a_template_that_is_a_value_has_the_limits_of_the_whole() {
    let endless = r#"{{define "x"}}{{executeTemplate "x"}}{{end}}{{executeTemplate "x"}}"#;
    let error = render(endless, &mut Three, Limits::default()).unwrap_err();
    assert!(matches!(error.cause(), Cause::TooManyCalls(200)), "{error}");
    let limits = Limits {
        output: 8,
        ..Limits::default()
    };
    let long = r#"{{define "x"}}123456789{{end}}{{$v := executeTemplate "x"}}"#;
    let error = render(long, &mut Three, limits).unwrap_err();
    assert!(matches!(error.cause(), Cause::TooMuchOutput(8)), "{error}");
}

#[test]
fn a_changed_map_stays_changed_where_a_variable_names_it() {
    for (text, wanted) in [
        (r#"{{$m := .m}}{{$_ := set $m "b" 2}}{{$m}}"#, "map[a:1 b:2]"),
        (
            r#"{{$m := .m}}{{range 3}}{{$_ := set $m "n" .}}{{end}}{{$m.n}}"#,
            "2",
        ),
        (r#"{{$m := .m}}{{7 | set $m "a"}} {{$m.a}}"#, "map[a:7] 7"),
        // Another name of the same map still has what it had.
        (
            r#"{{$m := .m}}{{$_ := set $m "b" 2}}{{.m}}{{set .m "c" 3}}{{.m}}"#,
            "map[a:1]map[a:1 c:3]map[a:1]",
        ),
    ] {
        assert_eq!(shown(text), wanted, "{text}");
    }
}

#[test]
fn a_denied_function_parses_and_fails_when_called() {
    let denied = || Denied::new(Three, vec!["tw*".to_owned(), "executeTemplate".to_owned()]);
    let text = |text: &str| render(text, &mut denied(), Limits::default());
    assert_eq!(text(r"{{if false}}{{twice 1 2}}{{end}}ok").unwrap(), "ok");
    assert_eq!(text(r#"{{set .m "b" 2}}"#).unwrap(), "map[a:1 b:2]");
    for refused in ["{{twice .p}}", "{{twice}}", r#"{{executeTemplate "t"}}"#] {
        let error = text(refused).unwrap_err();
        assert!(matches!(error.cause(), Cause::Function { .. }), "{error}");
        assert!(error.to_string().contains("denylist"), "{error}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
    assert!(Template::parse("t", "{{thrice}}", &denied()).is_err());
    let everything = Denied::new(BuiltinsOnly, vec!["*".to_owned()]);
    assert!(Template::parse("t", "{{print 1}}", &everything).is_ok());
}
