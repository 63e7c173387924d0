//! Scalars of a configuration file, read as leniently as existing servers read them.

use std::fmt;
use std::time::Duration;

use arca_base::GoDuration;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Scalar, ScalarKind};

/// A length of time: `"1h30m"`, `"90s"`, `"2d"`, or a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(pub Duration);

/// A number of bytes: `33554432`, `"32MiB"`, `"32mb"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A boolean: `true`, `"true"`, `1`; empty text is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

/// A list of texts, also as one text with commas. Parts are trimmed, empty ones dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        let nanos = match scalar.kind {
            ScalarKind::Integer => scalar.as_i64().map(GoDuration::from_seconds),
            ScalarKind::String => Some(GoDuration::parse_lenient(&scalar.text).map_err(D::Error::custom)?),
            ScalarKind::Float | ScalarKind::Bool => None,
        };
        let nanos = nanos.ok_or_else(|| {
            D::Error::custom("expected a duration such as \"90s\", \"1h\" or a number of seconds")
        })?;
        u64::try_from(nanos.nanos())
            .map(|nanos| Self(Duration::from_nanos(nanos)))
            .map_err(|_| D::Error::custom("a duration cannot be negative here"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        let bytes = scalar
            .as_i64()
            .map_or_else(|| with_unit(&scalar.text), |bytes| u64::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| {
            D::Error::custom("expected a size such as 33554432 or \"32MiB\" (units: B, KiB, MiB, GiB)")
        })
    }
}

/// Units are powers of 1024 with and without the `i`, as existing servers read them.
fn with_unit(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scalar = Scalar::deserialize(deserializer)?;
        flag(&scalar.text)
            .map(Self)
            .ok_or_else(|| D::Error::custom("expected true or false"))
    }
}

/// The boolean a text stands for.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings, or one string with commas")
    }

    fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(parts(text).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = elements.next_element::<String>()? {
            texts.extend(parts(&text));
        }
        Ok(Texts(texts))
    }
}

fn parts(text: &str) -> impl Iterator<Item = String> + '_ {
    let parts = text.split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Of<T> {
        x: T,
    }

    fn read<T: for<'de> Deserialize<'de>>(value: &str) -> Result<T, String> {
        let parsed = super::super::from_str::<Of<T>>(&format!("x = {value}"));
        parsed.map(|of| of.x).map_err(|error| error.to_string())
    }

    #[test]
    fn intervals() {
        for (text, seconds) in [
            ("3600", 3600.0),
            ("\"3600\"", 3600.0),
            ("\"1h\"", 3600.0),
            ("\"2d\"", 172_800.0),
            ("\"250ms\"", 0.25),
            ("0", 0.0),
            ("\"\"", 0.0),
        ] {
            assert_eq!(read::<Interval>(text).unwrap().0.as_secs_f64(), seconds, "{text}");
        }
        for (text, message) in [
            ("-1", "cannot be negative"),
            ("\"-1h\"", "cannot be negative"),
            ("\"soon\"", "time: invalid duration"),
            ("true", "expected a duration"),
            ("1.5", "expected a duration"),
        ] {
            let error = read::<Interval>(text).unwrap_err();
            assert!(
                error.contains(message) && error.starts_with("At 1:5: x: "),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("33554432", 33_554_432),
            ("\"33554432\"", 33_554_432),
            ("\"32MiB\"", 33_554_432),
            ("\"32mb\"", 33_554_432),
            ("\"1 GiB\"", 1 << 30),
            ("\"512b\"", 512),
        ] {
            assert_eq!(read::<Size>(text).unwrap().0, bytes, "{text}");
        }
        for text in ["-1", "\"big\"", "\"1TiB\"", "\"\"", "\"99999999999GiB\"", "true"] {
            assert!(
                read::<Size>(text).unwrap_err().contains("expected a size"),
                "{text}"
            );
        }
    }

    #[test]
    fn flags() {
        for (text, value) in [
            ("true", true),
            ("\"true\"", true),
            ("1", true),
            ("\"0\"", false),
            ("\"\"", false),
        ] {
            assert_eq!(read::<Flag>(text).unwrap().0, value, "{text}");
        }
        for text in ["2", "\"yes\"", "\"enabled\""] {
            assert!(
                read::<Flag>(text).unwrap_err().contains("expected true or false"),
                "{text}"
            );
        }
    }

    #[test]
    fn lists_of_texts() {
        for text in ["\"a, b,,c\"", "[\"a\", \"b\", \"c\"]", "[\"a,b\", \"c\"]"] {
            assert_eq!(read::<Texts>(text).unwrap().0, ["a", "b", "c"], "{text}");
        }
        assert!(read::<Texts>("{}").is_err());
    }
}
