//! Scalars only an agent's configuration has: modes of files, accounts, words, and waits.

use std::fmt;
use std::time::Duration;

use arca_lang::hcl::lenient::Interval;
use arca_lang::hcl::{Scalar, ScalarKind};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Account, Wait};

/// The mode of a file: `"0640"`, `0640`, or the same as a plain number (416).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode(pub(super) u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        let mode = match scalar.kind {
            ScalarKind::Integer => scalar.as_i64().and_then(|mode| u32::try_from(mode).ok()),
            ScalarKind::String => u32::from_str_radix(scalar.text.trim().trim_start_matches("0o"), 8).ok(),
            ScalarKind::Float | ScalarKind::Bool => None,
        };
        mode.filter(|mode| *mode <= 0o777).map(Self).ok_or_else(|| {
            D::Error::custom("expected the mode of a file in octal, such as \"0640\"; without quotes it needs the leading zero")
        })
    }
}

/// A user or group, by name or number; -1 and nothing are nobody in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner(pub(super) Option<Account>);

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        let text = scalar.text.trim();
        if text.is_empty() || text == "-1" {
            return Ok(Self(None));
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            let number = text
                .parse()
                .map_err(|_| D::Error::custom("expected a name, or a number of at least 0"))?;
            return Ok(Self(Some(Account::Id(number))));
        }
        Ok(Self(Some(Account::Name(text.to_owned()))))
    }
}

/// One text or a list of them; unlike in other lists, a comma is part of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E>(self, text: &str) -> Result<Words, E> {
        let word = (!text.trim().is_empty()).then(|| text.to_owned());
        Ok(Words(word.into_iter().collect()))
    }

    fn visit_unit<E>(self) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = elements.next_element()? {
            words.push(word);
        }
        Ok(Words(words))
    }
}

/// `wait = "2s:10s"`, `wait = "2s"` or `wait { min = "2s" max = "10s" }`; `max` is four times `min` unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quiet(pub(super) Option<Wait>);

impl<'de> Deserialize<'de> for Quiet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuietVisitor)
    }
}

struct QuietVisitor;

impl<'de> Visitor<'de> for QuietVisitor {
    type Value = Quiet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"<min>:<max>\" such as \"2s:10s\", or a block with min and max")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Quiet, E> {
        let (min, max) = match text.split_once(':') {
            Some((min, max)) => (min, Some(max)),
            None => (text, None),
        };
        let max = max.map(interval).transpose().map_err(E::custom)?;
        quiet(interval(min).map_err(E::custom)?, max).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Quiet, A::Error> {
        let (mut min, mut max, mut enabled) = (Duration::ZERO, None, true);
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "min" => min = members.next_value::<Interval>()?.0,
                "max" => max = Some(members.next_value::<Interval>()?.0),
                "enabled" => enabled = members.next_value::<arca_lang::hcl::lenient::Flag>()?.0,
                other => {
                    return Err(A::Error::custom(format_args!(
                        "unknown key {other:?}: a wait has min, max and enabled"
                    )));
                }
            }
        }
        let quiet = quiet(min, max).map_err(A::Error::custom)?;
        Ok(if enabled { quiet } else { Quiet(None) })
    }
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let nanos = arca_base::GoDuration::parse_lenient(text.trim())
        .ok()
        .map(arca_base::GoDuration::nanos);
    nanos
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(Duration::from_nanos)
        .ok_or("expected \"<min>:<max>\" such as \"2s:10s\"")
}

fn quiet(min: Duration, max: Option<Duration>) -> Result<Quiet, &'static str> {
    let max = max
        .filter(|max| !max.is_zero())
        .unwrap_or_else(|| min.saturating_mul(4));
    if max < min {
        return Err("max is shorter than min: exchange them");
    }
    Ok(Quiet((!max.is_zero()).then_some(Wait { min, max })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Of<T> {
        x: T,
    }

    fn read<T: for<'de> Deserialize<'de>>(value: &str) -> Result<T, String> {
        let parsed = arca_lang::hcl::from_str::<Of<T>>(&format!("x {value}"));
        parsed.map(|of| of.x).map_err(|error| error.to_string())
    }

    #[test]
    fn modes_are_octal() {
        for (text, mode) in [
            ("= \"0640\"", 0o640),
            ("= 0640", 0o640),
            ("= 416", 0o640),
            ("= \"600\"", 0o600),
            ("= \"0o644\"", 0o644),
        ] {
            assert_eq!(read::<Mode>(text).unwrap().0, mode, "{text}");
        }
        for text in ["= 644", "= \"0999\"", "= \"rw\"", "= true", "= -1", "= \"07777\""] {
            assert!(read::<Mode>(text).unwrap_err().contains("in octal"), "{text}");
        }
    }

    #[test]
    fn accounts() {
        let named = |name: &str| Some(Account::Name(name.to_owned()));
        for (text, account) in [
            ("= \"app\"", named("app")),
            ("= 100", Some(Account::Id(100))),
            ("= \"100\"", Some(Account::Id(100))),
            ("= -1", None),
            ("= \"\"", None),
        ] {
            assert_eq!(read::<Owner>(text).unwrap().0, account, "{text}");
        }
        assert!(read::<Owner>("= -7").is_err() && read::<Owner>("= \"1x\"").is_err());
    }

    #[test]
    fn waits_in_every_form() {
        let of = |min, max| {
            Some(Wait {
                min: Duration::from_secs(min),
                max: Duration::from_secs(max),
            })
        };
        for (text, wait) in [
            ("= \"2s:10s\"", of(2, 10)),
            ("= \"2s\"", of(2, 8)),
            ("= \"2\"", of(2, 8)),
            ("{ min = \"2s\" max = \"10s\" }", of(2, 10)),
            ("{ min = 2 }", of(2, 8)),
            ("{ min = \"2s\" enabled = false }", None),
            ("= \"0s\"", None),
        ] {
            assert_eq!(read::<Quiet>(text).unwrap().0, wait, "{text}");
        }
        for (text, reason) in [
            ("= \"10s:2s\"", "shorter than min"),
            ("= \"soon\"", "<min>:<max>"),
            ("{ least = 2 }", "unknown key \"least\""),
            ("= true", "<min>:<max>"),
        ] {
            let error = read::<Quiet>(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn words() {
        assert_eq!(read::<Words>("= \"a, b\"").unwrap().0, ["a, b"]);
        assert_eq!(read::<Words>("= [\"a\", \"b,c\"]").unwrap().0, ["a", "b,c"]);
        assert!(read::<Words>("= \"\"").unwrap().0.is_empty());
    }
}
