//! What a person sees who made a mistake.

use arca_lang::hcl::{self, Cause, Document, Limits};

fn refuse(text: &str) -> hcl::Error {
    hcl::parse(text).map(|_| ()).unwrap_err()
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, message) in cases {
        assert_eq!(refuse(text).to_string(), *message, "{text:?}");
    }
}

#[test]
fn says_where_and_what() {
    let value = "expected a value (a quoted string, a number, a boolean, a list or a block), found";
    let key = "expected a key (a name or a quoted string), found";
    check(&[
        (
            "a",
            "At 1:2: key 'a' expected start of object ('{') or assignment ('=')",
        ),
        ("a = ", &format!("At 1:5: {value} the end of the text")),
        ("a = b", &format!("At 1:5: {value} a name")),
        ("a { = 1 }", &format!("At 1:5: {key} '='")),
        ("a = 1\n= 2", &format!("At 2:1: {key} '='")),
        ("<<E\nE\n", &format!("At 1:1: {key} a heredoc")),
        ("a = 1\n}", "At 2:1: expected a key or a quoted string, found '}'"),
        (
            "a = [1 2]",
            "At 1:8: expected ',' or ']' in the list, found a number",
        ),
        (
            "a { b = 1",
            "At 1:10: expected '}' to close the block, found the end of the text",
        ),
        (
            "a \"b\" = 1",
            "At 1:7: nested object expected: several keys need a block ('{'), not '='",
        ),
        (
            "a: 1",
            "At 1:2: expected '=' between key and value; ':' belongs to JSON documents, which begin with '{'",
        ),
        ("{\"a\": }", "At 1:7: expected a JSON value, found '}'"),
        (
            "{\"a\": 1} x",
            "At 1:10: expected the end of the text, found something else",
        ),
        (
            "{\n  \"a\" = 1\n}",
            "At 2:7: expected ':' after the key, found something else",
        ),
    ]);
}

#[test]
fn says_what_is_wrong_with_a_literal() {
    let number = "malformed number: whole numbers are 12, 0x1f or octal 017";
    let string =
        "string not terminated: a '\"' is missing, or the text needs a heredoc (<<EOF) to span lines";
    let anchor = "a heredoc begins with <<NAME or <<-NAME and a line end";
    check(&[
        ("\u{e9}\u{e9} = \"x", &format!("At 1:6: {string}")),
        (
            "a = \"x\\qy\"",
            "At 1:7: illegal escape: use \\\\ for a backslash",
        ),
        ("a = 'x'", "At 1:5: illegal character '\\''"),
        ("a = 089", &format!("At 1:5: {number}")),
        ("a = 08", &format!("At 1:5: {number}")),
        ("a = 0xg", &format!("At 1:5: {number}")),
        ("a = 1.5e", &format!("At 1:5: {number}")),
        ("a = -", &format!("At 1:5: {number}")),
        (
            "a = <<EOF\nx",
            "At 1:5: heredoc not terminated: no line consists of its anchor",
        ),
        ("a = <<\"EOF\"\nx", &format!("At 1:5: {anchor}")),
        ("/* x", "At 1:1: comment not terminated: '*/' is missing"),
    ]);
}

/// A forgotten equals sign makes a label of a value.
#[test]
fn shows_no_value_with_a_forgotten_equals_sign() {
    let error = refuse("token \"hunter2\"\n");
    assert_eq!(
        error.to_string(),
        "At 2:1: key 'token' expected start of object ('{') or assignment ('=')"
    );
}

#[test]
fn points_at_the_mistake() {
    let error = refuse("a = 1\n\tb = 'x' # why not\nc = 2\n");
    let shown = format!("{error:#}");
    assert_eq!(
        shown,
        "At 2:6: illegal character '\\''\n   b = 'x' # why not\n       ^"
    );
    assert!(
        !error.to_string().contains("why not"),
        "the plain form shows nothing of the text"
    );
}

#[test]
fn shows_part_of_a_long_line() {
    let text = format!("a = [{}x]", "1, ".repeat(10_000));
    let shown = format!("{:#}", refuse(&text));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1].len() < 130);
    assert_eq!(lines[1].chars().nth(lines[2].len() - 1), Some('x'));
}

#[test]
fn limits_what_a_document_may_cost() {
    let limits = Limits { bytes: 20, depth: 3 };
    let parse = |text: &str| {
        Document::parse(text.as_bytes(), &limits)
            .map(|_| ())
            .map_err(|e| e.cause().clone())
    };
    assert_eq!(parse("a{b{c{}}}"), Ok(()));
    assert_eq!(parse("a=[[[]]]"), Ok(()));
    assert_eq!(parse("a=[] b=[] c=[] d=[]"), Ok(()), "siblings are not depth");
    assert_eq!(parse("a b c{} d e f{}"), Ok(()), "labels are given back");
    for text in [
        "a{b{c{d{}}}}",
        "a=[[[[]]]]",
        "a b c{d{}}",
        "a b c d{}",
        "a{b=[{}]}c{d=[{e{}}]}",
    ] {
        let expected = if text.len() > 20 {
            Cause::TooLarge { limit: 20 }
        } else {
            Cause::TooDeep { limit: 3 }
        };
        assert_eq!(parse(text), Err(expected), "{text}");
    }
    let json = Limits { bytes: 100, depth: 3 };
    let parse = |text: &str| {
        Document::parse(text.as_bytes(), &json)
            .map(|_| ())
            .map_err(|e| e.cause().clone())
    };
    assert_eq!(parse(r#"{"a": [[1]], "b": [[2]]}"#), Ok(()));
    assert_eq!(parse(r#"{"a": [[[1]]]}"#), Err(Cause::TooDeep { limit: 3 }));
}

#[test]
fn survives_the_worst_nesting_at_the_default_limits() {
    for open in ["a{", "[", "{\"a\":", "a=[", "a "] {
        let text = open.repeat(1 << 16);
        assert!(hcl::parse(&text).is_err());
    }
}

#[test]
fn refuses_what_is_not_text() {
    let error = Document::parse(b"a = \"\xff\"", &Limits::default())
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.to_string(), "the document is not UTF-8 text (at byte 5)");
    assert_eq!(error.position(), None);
    assert_eq!(error.field(), "");
}

#[test]
fn consumers_report_their_own_mistakes_the_same_way() {
    let document = hcl::parse("a = 1\nb \"c\" {}\n").unwrap();
    let (key, _) = document.root().members().nth(1).unwrap();
    let error = document.error_at(key.span, "two b are too many");
    assert_eq!(
        format!("{error:#}"),
        "At 2:1: two b are too many\n  b \"c\" {}\n  ^"
    );
}

/// Names are text of the document too: line ends and length must not reach a log as they are.
#[test]
fn shows_names_in_one_line_of_bounded_length() {
    let error = refuse("\"a\\nb\u{202e}${\n}\"\n");
    assert_eq!(
        error.to_string(),
        "At 3:1: key 'a\\nb\\u{202e}${\\n}' expected start of object ('{') or assignment ('=')"
    );
    let error = refuse(&"x".repeat(100_000)).to_string();
    assert!(error.len() < 200 && error.contains("xxx..."), "{error}");
    let text = format!("{} = 1", "y".repeat(100_000));
    let error = hcl::from_str::<std::collections::BTreeMap<String, Vec<u8>>>(&text).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}
