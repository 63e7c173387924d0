//! Data on the command line: `key=value` pairs, files and standard input.

use std::fmt;
use std::io::Read;

use arca_base::Json;
use arca_base::json::{BadJson, Limits, Object};

use crate::host::Input;

/// Largest file or standard input read, in bytes; the servers accept no more.
pub(crate) const MOST_BYTES: u64 = 32 << 20;

/// An argument that cannot be read. Names it by place and key, never by value: that may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("{argument}: {reason}")]
pub(crate) struct BadArgument {
    argument: Argument,
    reason: Reason,
}

#[derive(Debug)]
enum Argument {
    Keyed(String),
    Place(usize),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    #[error(
        "it has no \"=\"; use key=value, key=@file, key=- for standard input, @file.json, or - for JSON on standard input"
    )]
    NotAPair,
    #[error("cannot read {name}: {source}")]
    Unreadable { name: String, source: std::io::Error },
    #[error("{name} is larger than {MOST_BYTES} bytes")]
    TooLarge { name: String },
    #[error("{name} is not UTF-8 text; encode it, for instance with base64")]
    NotText { name: String },
    #[error("{name} is not JSON: {source}")]
    NotJson { name: String, source: BadJson },
    #[error("{name} holds {kind}, not a JSON object")]
    NotAnObject { name: String, kind: &'static str },
    #[error("standard input was already read by an argument before")]
    InputUsedTwice,
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyed(key) => write!(f, "argument {key:?}"),
            Self::Place(place) => write!(f, "data argument {place}"),
        }
    }
}

/// Reads data arguments into an object. A key given several times becomes a list.
///
/// `key=@file` takes the text of a file as it is, `key=\@text` the text `@text`, `key=-` standard input; `@file`
/// and `-` alone take a whole JSON object.
pub(crate) fn object(arguments: &[String], input: &mut Input) -> Result<Object, BadArgument> {
    let mut data = Object::new();
    let mut input = Some(input);
    for (argument, place) in arguments.iter().zip(1..) {
        let (key, value) = match argument.split_once('=') {
            Some((key, value)) => (Some(key), value),
            None => (None, argument.as_str()),
        };
        let read = match key {
            Some(key) => text(value, &mut input).map(|value| add(&mut data, key, value)),
            None if value.is_empty() => Ok(()),
            None => document(value, &mut input).map(|members| data.extend(members)),
        };
        read.map_err(|reason| BadArgument {
            argument: key.map_or(Argument::Place(place), |key| Argument::Keyed(key.to_owned())),
            reason,
        })?;
    }
    Ok(data)
}

/// Data as the parameters of a query.
pub(crate) fn parameters(data: &Object) -> Vec<(String, String)> {
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_text().into_string(),
    };
    let of = |(key, value): (&String, &Json)| -> Vec<(String, String)> {
        match value {
            Json::Array(elements) => elements
                .iter()
                .map(|element| (key.clone(), text(element)))
                .collect(),
            value => vec![(key.clone(), text(value))],
        }
    };
    data.iter().flat_map(of).collect()
}

/// The text of a file, or of standard input for `-`.
pub(crate) fn file_or_input(name: &str, input: &mut Input) -> Result<String, Reason> {
    match name {
        "-" => utf8("standard input", read(&mut input.reader, "standard input")?),
        path => file(path),
    }
}

fn add(data: &mut Object, key: &str, value: String) {
    let value = Json::from(value);
    let merged = match data.remove(key) {
        None => value,
        Some(Json::Array(mut elements)) => {
            elements.push(value);
            Json::Array(elements)
        }
        Some(first) => Json::Array(vec![first, value]),
    };
    data.insert(key.to_owned(), merged);
}

fn text(value: &str, input: &mut Option<&mut Input>) -> Result<String, Reason> {
    match value.strip_prefix('@') {
        Some(path) => file(path),
        None if value == "-" => utf8("standard input", whole_input(input)?),
        None => Ok(value
            .strip_prefix('\\')
            .filter(|rest| rest.starts_with('@'))
            .unwrap_or(value)
            .to_owned()),
    }
}

fn document(value: &str, input: &mut Option<&mut Input>) -> Result<Object, Reason> {
    let (name, bytes) = match value.strip_prefix('@') {
        Some(path) => (path, file(path)?.into_bytes()),
        None if value == "-" => ("standard input", whole_input(input)?),
        None => return Err(Reason::NotAPair),
    };
    let name = name.to_owned();
    match Json::parse(&bytes, &Limits::default()) {
        Ok(Json::Object(members)) => Ok(members),
        Ok(other) => Err(Reason::NotAnObject {
            name,
            kind: other.kind(),
        }),
        Err(source) => Err(Reason::NotJson { name, source }),
    }
}

fn whole_input(input: &mut Option<&mut Input>) -> Result<Vec<u8>, Reason> {
    let input = input.take().ok_or(Reason::InputUsedTwice)?;
    read(&mut input.reader, "standard input")
}

fn file(path: &str) -> Result<String, Reason> {
    let mut file = std::fs::File::open(path).map_err(|source| Reason::Unreadable {
        name: path.to_owned(),
        source,
    })?;
    utf8(path, read(&mut file, path)?)
}

fn read(from: &mut dyn Read, name: &str) -> Result<Vec<u8>, Reason> {
    let name = name.to_owned();
    let mut bytes = Vec::new();
    match from.take(MOST_BYTES + 1).read_to_end(&mut bytes) {
        Err(source) => Err(Reason::Unreadable { name, source }),
        Ok(length) if length as u64 > MOST_BYTES => Err(Reason::TooLarge { name }),
        Ok(_) => Ok(bytes),
    }
}

fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Reason> {
    String::from_utf8(bytes).map_err(|_| Reason::NotText {
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(arguments: &[&str], input: &str) -> Result<String, String> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut input = Input {
            reader: Box::new(std::io::Cursor::new(input.to_owned())),
            is_terminal: false,
        };
        let data = object(&arguments, &mut input).map_err(|error| error.to_string())?;
        Ok(Json::Object(data).to_text().into_string())
    }

    fn file(content: &[u8]) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, content).unwrap();
        (folder, path.to_str().unwrap().to_owned())
    }

    #[test]
    fn pairs_are_texts() {
        assert_eq!(
            read_with(&["a=1", "b=x=y", "c=", "d=-x", "", "=e"], "").unwrap(),
            r#"{"":"e","a":"1","b":"x=y","c":"","d":"-x"}"#
        );
    }

    #[test]
    fn a_repeated_key_is_a_list() {
        assert_eq!(
            read_with(&["a=1", "a=2", "a=3"], "").unwrap(),
            r#"{"a":["1","2","3"]}"#
        );
    }

    #[test]
    fn files_and_input_are_taken_as_they_are() {
        let (_folder, path) = file(b"line\n");
        assert_eq!(
            read_with(&[&format!("a=@{path}")], "").unwrap(),
            r#"{"a":"line\n"}"#
        );
        assert_eq!(
            read_with(&["a=\\@x", "b=\\x"], "").unwrap(),
            r#"{"a":"@x","b":"\\x"}"#
        );
        assert_eq!(
            read_with(&["a=-", "b=1"], "piped\n").unwrap(),
            r#"{"a":"piped\n","b":"1"}"#
        );
    }

    #[test]
    fn documents_keep_their_types() {
        let (_folder, path) = file(br#"{"n":1.50,"l":[true]}"#);
        assert_eq!(
            read_with(&[&format!("@{path}"), "m=x"], "").unwrap(),
            r#"{"l":[true],"m":"x","n":1.50}"#
        );
        assert_eq!(
            read_with(&["-"], r#"{"n":12345678901234567890}"#).unwrap(),
            r#"{"n":12345678901234567890}"#
        );
    }

    #[test]
    fn mistakes_name_the_argument_and_not_its_value() {
        let (_folder, binary) = file(&[0xff]);
        for (arguments, input, expected) in [
            (vec!["a=1", "canary"], "", "data argument 2: it has no \"=\""),
            (
                vec!["a=@/nonexistent"],
                "",
                "argument \"a\": cannot read /nonexistent",
            ),
            (
                vec!["@/nonexistent"],
                "",
                "data argument 1: cannot read /nonexistent",
            ),
            (
                vec!["a=-", "b=-"],
                "canary",
                "argument \"b\": standard input was already read",
            ),
            (
                vec!["-"],
                "[\"canary\"]",
                "data argument 1: standard input holds a list",
            ),
            (vec!["-"], "canary", "data argument 1: standard input is not JSON"),
            (vec![&*format!("a=@{binary}")], "", "is not UTF-8 text"),
        ] {
            let message = read_with(&arguments, input).unwrap_err();
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn endless_input_is_refused() {
        let mut input = Input {
            reader: Box::new(std::io::repeat(b'x')),
            is_terminal: false,
        };
        let error = object(&["a=-".to_owned()], &mut input).unwrap_err();
        assert!(error.to_string().contains("larger than"), "{error}");
    }

    #[test]
    fn parameters_repeat_lists() {
        let data = Json::parse(br#"{"a":["1",2],"b":true}"#, &Limits::default()).unwrap();
        let pairs = parameters(data.as_object().unwrap());
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("a", "1"), ("a", "2"), ("b", "true")]);
    }
}
