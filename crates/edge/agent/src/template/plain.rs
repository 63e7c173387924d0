//! The functions of agents' templates by their own names: `toJSON`, `base64Decode`, `trimSpace` and so on.
//!
//! Their subject is the last argument, so that they fit into pipelines. What the general library has under another
//! name is asked for there. Names for Consul and Nomad parse, and calling one is an error.

use arca_base::id;
use arca_crypto::digest::sha256;
use arca_crypto::mac::MacKey;
use arca_lang::sprig::Sprig;
use arca_lang::template::{Conduct, FunctionError, Functions, Kind, Signature, Value};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Most numbers `loop` counts.
const LOOP: i64 = 100_000;
/// Most blanks `indent` puts before a line.
const INDENT: i64 = 1000;
/// Longest text `indent` makes.
const LONGEST: usize = 4 << 20;

const ANY: &[Kind] = &[Kind::Any];
const STRING: &[Kind] = &[Kind::String];
const STRINGS: &[Kind] = &[Kind::String, Kind::String];
const ANYS: &[Kind] = &[Kind::Any, Kind::Any];

/// Name, what the general library calls it, arguments.
const SAME: &[(&str, &str, Signature)] = &[
    ("toJSON", "sprig_mustToJson", Signature::of(ANY)),
    ("toJSONPretty", "sprig_mustToPrettyJson", Signature::of(ANY)),
    ("toUnescapedJSON", "sprig_mustToRawJson", Signature::of(ANY)),
    ("toLower", "sprig_lower", Signature::of(STRING)),
    ("toUpper", "sprig_upper", Signature::of(STRING)),
    ("toTitle", "sprig_title", Signature::of(STRING)),
    ("trimSpace", "sprig_trim", Signature::of(STRING)),
    ("trim", "sprig_trimAll", Signature::of(STRINGS)),
    ("trimPrefix", "sprig_trimPrefix", Signature::of(STRINGS)),
    ("trimSuffix", "sprig_trimSuffix", Signature::of(STRINGS)),
    ("join", "sprig_join", Signature::of(&[Kind::String, Kind::List])),
    (
        "replaceAll",
        "sprig_replace",
        Signature::of(&[Kind::String, Kind::String, Kind::String]),
    ),
    ("regexMatch", "sprig_mustRegexMatch", Signature::of(STRINGS)),
    ("base64Encode", "sprig_b64enc", Signature::of(STRING)),
];

/// Name and arguments of those that are made here.
const OWN: &[(&str, Signature)] = &[
    ("base64Decode", Signature::of(STRING)),
    ("base64URLDecode", Signature::of(STRING)),
    ("base64URLEncode", Signature::of(STRING)),
    ("sha256Hex", Signature::of(STRING)),
    ("hmacSHA256Hex", Signature::of(STRINGS)),
    ("parseJSON", Signature::of(STRING)),
    ("parseBool", Signature::of(STRING)),
    ("parseInt", Signature::of(STRING)),
    ("parseUint", Signature::of(STRING)),
    ("parseFloat", Signature::of(STRING)),
    ("split", Signature::of(STRINGS)),
    (
        "regexReplaceAll",
        Signature::of(&[Kind::String, Kind::String, Kind::String]),
    ),
    ("contains", Signature::of(ANYS)),
    ("in", Signature::of(ANYS)),
    ("indent", Signature::of(&[Kind::Int, Kind::String])),
    ("loop", Signature::variadic(&[Kind::Int], Kind::Int)),
    ("add", Signature::of(ANYS)),
    ("subtract", Signature::of(ANYS)),
    ("multiply", Signature::of(ANYS)),
    ("divide", Signature::of(ANYS)),
    ("modulo", Signature::of(ANYS)),
    ("minimum", Signature::of(ANYS)),
    ("maximum", Signature::of(ANYS)),
    ("executeTemplate", Signature::variadic(STRING, Kind::Any)),
];

/// Names that ask Consul or Nomad.
const ELSEWHERE: &[&str] = &[
    "byKey",
    "byMeta",
    "byPort",
    "byTag",
    "caLeaf",
    "caRoots",
    "connect",
    "datacenters",
    "key",
    "keyExists",
    "keyOrDefault",
    "ls",
    "node",
    "nodes",
    "nomadService",
    "nomadServices",
    "nomadVar",
    "nomadVarList",
    "partitions",
    "peerings",
    "safeLs",
    "safeTree",
    "service",
    "services",
    "tree",
];

type Answer = Result<Value, FunctionError>;

/// The arguments of the function of this name, if it is one of these.
pub(super) fn signature(name: &str) -> Option<Signature> {
    let same = SAME
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(.., signature)| *signature);
    let own = || {
        OWN.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, signature)| *signature)
    };
    let elsewhere = || {
        ELSEWHERE
            .contains(&name)
            .then(|| Signature::variadic(&[], Kind::Any))
    };
    same.or_else(own).or_else(elsewhere)
}

pub(super) fn conduct(name: &str) -> Conduct {
    match name {
        "executeTemplate" => Conduct::Renders,
        _ => Conduct::Gives,
    }
}

/// Calls the function of this name; `None` if it is none of these.
pub(super) fn call(name: &str, arguments: &[Value], sprig: &mut Sprig) -> Option<Answer> {
    signature(name)?;
    if let Some((_, library, _)) = SAME.iter().find(|(known, ..)| *known == name) {
        return Some(sprig.call(library, arguments));
    }
    if ELSEWHERE.contains(&name) {
        return Some(Err(
            "it asks Consul or Nomad, which this agent does not know".into()
        ));
    }
    Some(own(name, arguments, sprig))
}

fn own(name: &str, arguments: &[Value], sprig: &mut Sprig) -> Answer {
    let nothing = Value::Nil;
    let first = arguments.first().unwrap_or(&nothing);
    let last = arguments.last().unwrap_or(&nothing);
    match name {
        "base64Decode" => decoded(&STANDARD, bytes(last)),
        "base64URLDecode" => decoded(&URL_SAFE, bytes(last)),
        "base64URLEncode" => Ok(Value::from(URL_SAFE.encode(bytes(last)))),
        "sha256Hex" => Ok(Value::from(id::hex(&sha256(bytes(last))))),
        "parseJSON" if bytes(last).is_empty() => Ok(Value::map::<String>([])),
        "parseJSON" => sprig.call("sprig_mustFromJson", arguments),
        "parseBool" | "parseInt" | "parseUint" | "parseFloat" => parsed(name, last),
        "split" => split(arguments, sprig),
        "regexReplaceAll" => {
            let [pattern, with, text] = arguments else {
                return Err("want a pattern, a replacement and a text".into());
            };
            let turned = [pattern.clone(), text.clone(), with.clone()];
            sprig.call("sprig_mustRegexReplaceAll", &turned)
        }
        "contains" => is_in(last, first),
        "in" => is_in(first, last),
        "indent" => indented(first, last),
        "loop" => counted(arguments),
        // The engine renders it; what is given here is dropped.
        "executeTemplate" => Ok(Value::Nil),
        "hmacSHA256Hex" => Ok(Value::from(id::hex(&MacKey::new(bytes(last)).sign(bytes(first))))),
        _ => computed(name, first, last),
    }
}

fn bytes(value: &Value) -> &[u8] {
    value.as_bytes().unwrap_or_default()
}

fn decoded(alphabet: &impl base64::Engine, text: &[u8]) -> Answer {
    let bytes = alphabet.decode(text).map_err(|_| "the text is not base64")?;
    Ok(Value::string(bytes))
}

fn parsed(name: &str, text: &Value) -> Answer {
    let text = text.as_str().unwrap_or_default();
    let bad = || FunctionError::new(format!("the text is not what {name} reads"));
    Ok(match (name, text) {
        ("parseBool", "") => Value::Bool(false),
        ("parseInt", "") => Value::Int(0),
        ("parseUint", "") => Value::Uint(0),
        ("parseFloat", "") => Value::Float(0.0),
        ("parseBool", "1" | "t" | "T" | "true" | "TRUE" | "True") => Value::Bool(true),
        ("parseBool", "0" | "f" | "F" | "false" | "FALSE" | "False") => Value::Bool(false),
        ("parseInt", _) => Value::Int(text.parse().map_err(|_| bad())?),
        ("parseUint", _) => Value::Uint(text.parse().map_err(|_| bad())?),
        ("parseFloat", _) => Value::Float(text.parse().map_err(|_| bad())?),
        _ => return Err(bad()),
    })
}

fn split(arguments: &[Value], sprig: &mut Sprig) -> Answer {
    let [separator, text] = arguments else {
        return Err("want a separator and a text".into());
    };
    let text = bytes(text).trim_ascii();
    if text.is_empty() {
        return Ok(Value::list([]));
    }
    sprig.call("sprig_splitList", &[separator.clone(), Value::string(text)])
}

/// A list has an element of the same kind and value; a text has a part.
fn is_in(whole: &Value, part: &Value) -> Answer {
    let is_same = |element: &Value| match (element, part) {
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::Uint(one), Value::Uint(other)) => one == other,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::JsonNumber(one), Value::JsonNumber(other)) => one == other,
        (Value::Float(one), Value::Float(other)) => one.total_cmp(other).is_eq(),
        _ => false,
    };
    let found = match (whole, part) {
        (Value::List(elements), _) => elements.iter().any(is_same),
        (Value::String(_), Value::String(_)) => {
            let (whole, part) = (whole.as_str(), part.as_str());
            whole.zip(part).is_some_and(|(whole, part)| whole.contains(part))
        }
        (Value::Nil, _) => false,
        _ => return Err("want a list or a text to look in".into()),
    };
    Ok(Value::Bool(found))
}

/// Blanks before each line that is not empty.
fn indented(blanks: &Value, text: &Value) -> Answer {
    let blanks = blanks.as_int().unwrap_or_default();
    let width = usize::try_from(blanks).map_err(|_| "the indentation must not be negative")?;
    if blanks > INDENT {
        return Err("an indentation of more than 1000 blanks".into());
    }
    let pad = vec![b' '; width];
    let mut made = Vec::new();
    for line in bytes(text).split_inclusive(|byte| *byte == b'\n') {
        if line != b"\n" {
            made.extend_from_slice(&pad);
        }
        made.extend_from_slice(line);
        if made.len() > LONGEST {
            return Err("the text becomes longer than 4 MiB".into());
        }
    }
    Ok(Value::string(made))
}

fn counted(arguments: &[Value]) -> Answer {
    let (start, stop) = match arguments {
        [stop] => (0, stop.as_int().unwrap_or_default()),
        [start, stop] => (
            start.as_int().unwrap_or_default(),
            stop.as_int().unwrap_or_default(),
        ),
        _ => return Err("want where to stop, or where to start and to stop".into()),
    };
    if stop.saturating_sub(start) > LOOP {
        return Err("more than 100000 rounds".into());
    }
    Ok(Value::list((start..stop).map(Value::Int)))
}

/// `{{ 3 | add 2 }}`: the second argument comes first.
fn computed(name: &str, right: &Value, left: &Value) -> Answer {
    if let (Some(left), Some(right)) = (whole(left), whole(right)) {
        let made = match name {
            "add" => left.checked_add(right),
            "subtract" => left.checked_sub(right),
            "multiply" => left.checked_mul(right),
            "divide" => left.checked_div(right),
            "modulo" => left.checked_rem(right),
            "minimum" => Some(left.min(right)),
            _ => Some(left.max(right)),
        };
        return made
            .map(Value::Int)
            .ok_or_else(|| "a division by zero, or a number too large".into());
    }
    let (Some(left), Some(right)) = (real(left), real(right)) else {
        return Err("want two numbers; texts become numbers with parseInt or parseFloat".into());
    };
    Ok(Value::Float(match name {
        "add" => left + right,
        "subtract" => left - right,
        "multiply" => left * right,
        "divide" => left / right,
        "minimum" => left.min(right),
        "maximum" => left.max(right),
        _ => return Err("modulo takes whole numbers".into()),
    }))
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Uint(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "as the language does between whole and real numbers"
)]
fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arca_lang::template::{Options, Template};

    use super::super::library::Library;
    use super::*;

    fn rendered(text: &str) -> Result<String, String> {
        let template = Template::parse("", text, &Library::default()).map_err(|error| error.to_string())?;
        let data = Value::map([
            ("s", Value::from("canary & co")),
            ("n", Value::JsonNumber("5".into())),
            ("l", Value::list([Value::from("a"), Value::from("b")])),
        ]);
        let made = template.render(&data, &mut Library::default(), &Options::default());
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
            "{{ in 5 5 }}",
        ] {
            let error = rendered(text).unwrap_err();
            assert!(!error.contains("canary"), "{text}: {error}");
        }
    }
}
