//! What templates may cost, what errors say, and what objects can do.

use std::sync::Arc;

use arca_lang::template::{
    BuiltinsOnly, Cause, Delimiters, Error, FunctionError, Limits, Object, Options, Syntax, Template, Value,
};
use proptest::prelude::*;

use crate::template_corpus::TestFunctions;

fn limits() -> Limits {
    Limits {
        output: 1000,
        steps: 1000,
        depth: 200,
    }
}

fn render(text: &str, data: &Value) -> Result<String, Error> {
    let options = Options {
        limits: limits(),
        ..Options::default()
    };
    Template::parse("t", text, &TestFunctions)?.render(data, &mut TestFunctions, &options)
}

fn cause(text: &str) -> Cause {
    render(text, &Value::Nil).expect_err(text).cause().clone()
}

#[test]
fn texts_have_a_limit() {
    let syntax = Syntax {
        bytes: 10,
        ..Syntax::default()
    };
    let parse = |text| Template::parse_with("t", text, &BuiltinsOnly, &syntax);
    assert!(parse("0123456789").is_ok());
    let error = parse("0123456789a").unwrap_err();
    assert_eq!(*error.cause(), Cause::TooLong(10));
    assert_eq!(
        error.to_string(),
        "template: t:1:0: the template is longer than 10 bytes"
    );
}

#[test]
fn nesting_has_a_limit() {
    let nested = |open: &str, close: &str, levels| {
        let text = format!("{}x{}", open.repeat(levels), close.repeat(levels));
        Template::parse("t", &text, &BuiltinsOnly).map(drop)
    };
    for (open, close) in [("{{if 1}}", "{{end}}"), ("{{range 1}}", "{{end}}")] {
        assert_eq!(nested(open, close, 64), Ok(()));
        assert_eq!(*nested(open, close, 65).unwrap_err().cause(), Cause::TooDeep(64));
    }
    for levels in [65, 100_000] {
        let text = format!("{{{{{}1{}}}}}", "(".repeat(levels), ")".repeat(levels));
        let error = Template::parse("t", &text, &BuiltinsOnly).unwrap_err();
        assert_eq!(*error.cause(), Cause::TooDeep(64));
    }
    let chain = format!("{{{{if 0}}}}{}{{{{end}}}}", "{{else if 0}}".repeat(100));
    let error = Template::parse("t", &chain, &BuiltinsOnly).unwrap_err();
    assert_eq!(*error.cause(), Cause::TooDeep(64));
}

#[test]
fn templates_that_call_themselves_end() {
    let text = "{{define \"x\"}}{{if true}}{{with 1}}{{range 1}}{{template \"x\" (print (print 1))}}{{end}}{{end}}{{end}}{{end}}{{template \"x\"}}";
    assert_eq!(cause(text), Cause::TooManyCalls(200));
    // The deepest nesting that can be parsed, at the deepest place that can be reached.
    let inner = format!(
        "{}{{{{template \"x\"}}}}{}",
        "{{if 1}}".repeat(60),
        "{{end}}".repeat(60)
    );
    assert_eq!(
        cause(&format!(
            "{{{{define \"x\"}}}}{inner}{{{{end}}}}{{{{template \"x\"}}}}"
        )),
        Cause::TooManyCalls(200)
    );
}

#[test]
fn output_has_a_limit() {
    assert!(render("{{range 100}}0123456789{{end}}", &Value::Nil).is_ok());
    assert_eq!(
        cause("{{range 101}}0123456789{{end}}"),
        Cause::TooMuchOutput(1000)
    );
    assert_eq!(cause("{{printf \"%1001d\" 1}}"), Cause::TooMuchOutput(1000));
    assert_eq!(cause("{{printf \"%999999d\" 1}}"), Cause::TooMuchOutput(1000));
    assert_eq!(
        cause("{{$x := printf \"%900d\" 1}}{{$y := print $x $x}}"),
        Cause::TooMuchOutput(1000)
    );
    assert_eq!(
        cause("{{$y := html (printf \"%0900d\" 1) \"<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<\"}}"),
        Cause::TooMuchOutput(1000)
    );
    let list = Value::list((0..600).map(Value::Int));
    assert_eq!(
        *render("{{.}}", &list).unwrap_err().cause(),
        Cause::TooMuchOutput(1000)
    );
}

#[test]
fn steps_have_a_limit() {
    assert_eq!(cause("{{range 1000000000000}}{{end}}"), Cause::TooManySteps(1000));
    assert_eq!(
        cause("{{range 100}}{{range 100}}{{end}}{{end}}"),
        Cause::TooManySteps(1000)
    );
    // Long texts cost more than short ones, so a template cannot fill the memory with many of them.
    assert_eq!(
        cause("{{range 200}}{{$x := printf \"%900d\" 1}}{{end}}"),
        Cause::TooManySteps(1000)
    );
}

#[test]
fn wide_numbers_are_written_or_refused() {
    for verb in ["d", "x", "U", "c", "q", "f", "e", "g", "v", "b", "X", "s", "t"] {
        for value in ["1.5", "0.1", "7", "0", "\"x\"", "true", "nil"] {
            for format in [
                "%100000",
                "%0100000",
                "%.100000",
                "%100000.100000",
                "%#.100000",
                "%+-0100000.70000",
            ] {
                let text = format!("{{{{printf \"{format}{verb}\" {value}}}}}");
                let _ = render(&text, &Value::Nil);
                let template = Template::parse("t", &text, &BuiltinsOnly).unwrap();
                let out = template.render(&Value::Nil, &mut BuiltinsOnly, &Options::default());
                assert!(out.is_ok(), "{text}");
            }
        }
    }
    let long = |text: &str| {
        let template = Template::parse("t", text, &BuiltinsOnly).unwrap();
        template
            .render(&Value::Nil, &mut BuiltinsOnly, &Options::default())
            .unwrap()
    };
    let out = long("{{printf \"%.70000f\" 0.5}}");
    assert!(
        out.len() == 70_002 && out.starts_with("0.50") && out.ends_with("00"),
        "{}",
        out.len()
    );
    let out = long("{{printf \"%.70000e\" 0.5}}");
    assert!(
        out.starts_with("5.00") && out.ends_with("00e-01") && out.len() == 70_006,
        "{}",
        out.len()
    );
    let out = long("{{printf \"%.70000d\" 7}}");
    assert!(out.len() == 70_000 && out.ends_with("07"));
    assert_eq!(long("{{printf \"%.70000g\" 0.5}}"), "0.5");
}

#[test]
fn looking_at_long_texts_costs_steps() {
    let long = Value::map([("x", Value::from("x".repeat(64_000)))]);
    for text in [
        "{{range 2}}{{if eq $.x $.x}}{{end}}{{end}}",
        "{{range 2}}{{$y := upper $.x}}{{end}}",
        "{{range 9}}{{$y := slice $.x 1}}{{end}}",
    ] {
        assert_eq!(
            *render(text, &long).expect_err(text).cause(),
            Cause::TooManySteps(1000),
            "{text}"
        );
    }
    // What costs the same for any length stays cheap.
    let cheap = "{{range 100}}{{if and $.x (len $.x)}}{{end}}{{end}}";
    assert_eq!(render(cheap, &long).as_deref(), Ok(""));
}

#[test]
fn variables_have_a_limit() {
    let text = |count: usize| {
        (0..count)
            .map(|i| format!("{{{{$x{i} := 1}}}}"))
            .collect::<String>()
    };
    assert!(Template::parse("t", &text(999), &BuiltinsOnly).is_ok());
    let error = Template::parse("t", &text(1000), &BuiltinsOnly).unwrap_err();
    assert_eq!(*error.cause(), Cause::TooManyVariables(1000));
    let assigned = format!("{{{{$x := 1}}}}{}", "{{$x = 2}}".repeat(5000));
    assert!(Template::parse("t", &assigned, &BuiltinsOnly).is_ok());
}

#[test]
fn errors_name_the_place_and_no_value() {
    let data = Value::map([
        ("password", Value::from("hunter2")),
        ("list", Value::list([Value::from("hunter2")])),
        ("number", Value::Int(7_777_777)),
        ("digits", Value::JsonNumber("7777777".into())),
    ]);
    let texts = [
        "{{.password.x}}",
        "{{range .password}}{{end}}",
        "{{range $i, $x := .number}}{{end}}",
        "{{index .list .number}}",
        "{{index .list .password}}",
        "{{slice .list .number}}",
        "{{slice .password .number}}",
        "{{eq .list .list}}",
        "{{eq .password 1}}",
        "{{lt .list 1}}",
        "{{add .password 1}}",
        "{{upper .number}}",
        "{{call .password}}",
        "{{len .number}}",
        "{{.digits.Int64 .password}}",
        "{{.digits.Nope}}",
        "{{.password 1}}",
        "{{template .password}}",
    ];
    for text in texts {
        let error = render(text, &data).expect_err(text);
        for shown in [format!("{error}"), format!("{error:?}")] {
            assert!(
                !shown.contains("hunter2") && !shown.contains("7777777"),
                "{shown}"
            );
            assert!(shown.starts_with("template: t:1:"), "{shown}");
        }
    }
    assert_eq!(format!("{data:?}"), "map[string]interface {}");
    let template = Template::parse("t", "hunter2", &BuiltinsOnly).unwrap();
    assert_eq!(format!("{template:?}"), "template of 7 bytes");
}

#[test]
fn delimiters_can_be_others() {
    let syntax = Syntax {
        delimiters: Delimiters {
            left: "<%".to_owned(),
            right: "%>".to_owned(),
        },
        ..Syntax::default()
    };
    let text = "{{.}} <%- /* c */ -%> x <% . -%>  <% if . %>y<% end %>";
    let template = Template::parse_with("t", text, &BuiltinsOnly, &syntax).unwrap();
    let out = template.render(&Value::Int(1), &mut BuiltinsOnly, &Options::default());
    assert_eq!(out.unwrap(), "{{.}}x 1y");
}

#[test]
fn bytes_that_are_not_text_need_render_bytes() {
    let template = Template::parse("t", "{{.}}", &BuiltinsOnly).unwrap();
    let data = Value::string([0xff, b'a']);
    let options = Options::default();
    assert_eq!(
        template.render_bytes(&data, &mut BuiltinsOnly, &options).unwrap(),
        [0xff, b'a']
    );
    let error = template.render(&data, &mut BuiltinsOnly, &options).unwrap_err();
    assert_eq!(*error.cause(), Cause::NotText);
}

struct Login;

impl Object for Login {
    fn type_name(&self) -> &'static str {
        "*login"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "User" => Some(Value::from("ada")),
            "Nothing" => Some(Value::Nil),
            "Gone" => Some(Value::Object(Arc::new(Gone))),
            _ => None,
        }
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(name, "Join" | "Fail")
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, FunctionError>> {
        match name {
            "Join" => {
                let parts: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
                Some(Ok(Value::from(parts.join("+"))))
            }
            "Fail" => Some(Err("out of order".into())),
            _ => None,
        }
    }
}

/// Something that is not there, but has a type.
struct Gone;

impl Object for Gone {
    fn type_name(&self) -> &'static str {
        "*gone"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn is_nil(&self) -> bool {
        true
    }

    fn method(&self, _name: &str, _arguments: &[Value]) -> Option<Result<Value, FunctionError>> {
        None
    }
}

#[test]
fn objects_can_stand_for_nothing() {
    let data = Value::Object(Arc::new(Login));
    for (text, expected) in [
        ("{{.Gone}}{{print .Gone}}", "<*gone><*gone>"),
        ("{{if .Gone}}yes{{else}}no{{end}}{{not .Gone}}", "notrue"),
        ("{{with .Gone}}yes{{else}}no{{end}}{{.Gone | or \"x\"}}", "nox"),
        (
            "{{eq .Gone nil}}{{eq .Gone .Nothing}}{{eq .Gone 1 nil}}",
            "truetruetrue",
        ),
        ("{{printf \"%T\" .Gone}}", "*gone"),
    ] {
        assert_eq!(render(text, &data).as_deref(), Ok(expected), "{text}");
    }
    let error = render("{{.Gone.User}}", &data).unwrap_err().to_string();
    assert!(
        error.contains("at <.Gone.User>: nil pointer evaluating *gone.User"),
        "{error}"
    );
}

#[test]
fn objects_have_fields_and_methods() {
    let data = Value::Object(Arc::new(Login));
    for (text, expected) in [
        ("{{.User}}", "ada"),
        ("{{.User | upper}}", "ADA"),
        ("{{.Nothing}}", "<no value>"),
        ("{{.Join}}", ""),
        ("{{.Join \"a\" .User}}", "a+ada"),
        ("{{\"z\" | .Join \"a\"}}", "a+z"),
        ("{{$x := .}}{{$x.Join (.Join \"a\" \"b\") \"c\"}}", "a+b+c"),
        ("{{.}} {{printf \"%T\" .}}", "<*login> *login"),
        ("{{if .}}yes{{end}}{{eq . .}}", "yestrue"),
    ] {
        assert_eq!(render(text, &data).as_deref(), Ok(expected), "{text}");
    }
    for (text, part) in [
        (
            "{{.Nope}}",
            "at <.Nope>: can't evaluate field Nope in type *login",
        ),
        // What a method that is not there would be called with is not looked at.
        (
            "{{.Nope (.Fail)}}",
            "at <.Nope>: can't evaluate field Nope in type *login",
        ),
        (
            "{{.User 1}}",
            "User has arguments but cannot be invoked as function",
        ),
        ("{{.Nothing.x}}", "nil pointer evaluating interface {}.x"),
        ("{{.Fail 1 2}}", "at <.Fail>: error calling Fail: out of order"),
    ] {
        let error = render(text, &data).unwrap_err().to_string();
        assert!(error.ends_with(part), "{error}");
    }
}

/// Pieces that are likely to mean something next to each other.
const PIECES: &str = "{{~}}~{{- ~ -}}~{{/*~*/}}~ ~\n~if ~else~else if ~end~range ~with ~define ~template ~block ~\
    break~continue~\"x\"~`r`~'c'~.~.a~.a.b~$~$x~$x := ~$i, $x := ~$x = ~(~)~|~,~1~-1~1.5~0x1p-2~nil~\
    true~print ~printf ~\"%5d%v%q\" ~index ~slice ~len ~eq ~lt ~and ~or ~not ~html ~upper ~\
    {{if .a}}~{{end}}~{{range .l}}~{{.}}~text~\u{e9}~\\";

fn pieces() -> impl Strategy<Value = String> {
    let pieces: Vec<&str> = PIECES.split('~').collect();
    let piece = prop::sample::select(pieces);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error(text in "\\PC*") {
        let _ = render(&text, &Value::Nil);
        let _ = render(&format!("{{{{{text}}}}}"), &Value::Nil);
    }

    #[test]
    fn any_pieces_are_a_template_or_an_error(text in pieces()) {
        let data = Value::map([
            ("a", Value::map([("b", Value::from("x"))])),
            ("l", Value::list([Value::Int(1), Value::Nil, Value::Float(0.5)])),
        ]);
        match render(&text, &data) {
            Ok(out) => prop_assert!(out.len() <= limits().output),
            Err(error) => prop_assert!(error.line() <= 1 + text.matches('\n').count()),
        }
    }

    #[test]
    fn any_format_prints_something(format in "(%[-+# 0]{0,3}[0-9]{0,2}(\\.[0-9]{0,2})?(\\[[0-9]\\])?\\PC){0,4}", number: i64, float: f64, text: String) {
        let values = [Value::from(format), Value::Int(number), Value::Float(float), Value::from(text)];
        let _ = render("{{printf (index . 0) (index . 1) (index . 2) (index . 3)}}", &Value::list(values));
    }

    #[test]
    fn quoted_text_reads_back(text: String) {
        let quoted = render("{{printf \"%q\" .}}", &Value::from(text.as_str())).unwrap();
        let again = render(&format!("{{{{{quoted}}}}}"), &Value::Nil);
        prop_assert_eq!(again, Ok(text));
    }

    #[test]
    fn numbers_read_back(number: f64) {
        prop_assume!(number.is_finite() && number != 0.0);
        for verb in ["%v", "%e", "%x"] {
            let format = if verb == "%e" { "%.17e" } else { verb };
            let written = render(&format!("{{{{printf \"{format}\" .}}}}"), &Value::Float(number)).unwrap();
            let again = render(&format!("{{{{printf \"%x\" (half (half {written}))}}}}"), &Value::Nil).unwrap();
            let expected = render("{{printf \"%x\" .}}", &Value::Float(number / 2.0 / 2.0)).unwrap();
            prop_assert_eq!(again, expected);
        }
    }
}
