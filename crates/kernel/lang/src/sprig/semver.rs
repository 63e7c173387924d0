//! Versions and what they must satisfy, as `^1.2`, `~1.2.3`, `1.2 - 1.4`, `>=1.0, <2.0 || 3.x`.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Answer, Entry, entry};
use crate::template::{FunctionError, Kind, Object, Value};

pub(super) const ENTRIES: &[Entry] = &[
    entry("semver", &[Kind::String], |call| {
        let version = Version::parse(&call.text(0)).ok_or(NO_VERSION)?;
        Ok(Value::Object(Arc::new(version)))
    }),
    entry("semverCompare", &[Kind::String, Kind::String], |call| {
        let constraint = Constraint::parse(&call.text(0)).ok_or(NO_CONSTRAINT)?;
        let version = Version::parse(&call.text(1)).ok_or(NO_VERSION)?;
        Ok(Value::Bool(constraint.accepts(&version)))
    }),
];

const NO_VERSION: &str = "invalid semantic version: write it as 1.2.3, 1.2.3-beta.1 or 1.2.3+build";
const NO_CONSTRAINT: &str = "improper constraint: write it as ^1.2, ~1.2.3, >=1.0, <2.0 or 1.2 - 1.4";

/// Longest version or constraint, in bytes.
const LENGTH: usize = 1024;

#[derive(Clone, PartialEq, Eq)]
struct Version {
    major: u64,
    minor: u64,
    patch: u64,
    /// Empty for releases.
    prerelease: String,
    metadata: String,
    original: String,
}

/// The text in front of the dash or plus, and what is behind them.
struct Written<'t> {
    numbers: Vec<&'t str>,
    prerelease: &'t str,
    metadata: &'t str,
}

fn written(text: &str) -> Option<Written<'_>> {
    if text.len() > LENGTH {
        return None;
    }
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, metadata) = match text.split_once('+') {
        Some((text, metadata)) => (text, Some(metadata)),
        None => (text, None),
    };
    let (numbers, prerelease) = match text.split_once('-') {
        Some((numbers, prerelease)) => (numbers, Some(prerelease)),
        None => (text, None),
    };
    let identifiers = |text: &str| {
        text.split('.').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    let numbers: Vec<&str> = numbers.split('.').collect();
    let well_formed = numbers.len() <= 3
        && metadata.is_none_or(identifiers)
        && prerelease
            .is_none_or(|text| identifiers(text) && text.split('.').all(|part| !has_leading_zero(part)));
    well_formed.then(|| Written {
        numbers,
        prerelease: prerelease.unwrap_or_default(),
        metadata: metadata.unwrap_or_default(),
    })
}

fn has_leading_zero(part: &str) -> bool {
    part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let written = written(text)?;
        let mut numbers = [0; 3];
        for (slot, digits) in numbers.iter_mut().zip(&written.numbers) {
            *slot = number(digits)?;
        }
        let [major, minor, patch] = numbers;
        Some(Self {
            major,
            minor,
            patch,
            prerelease: written.prerelease.to_owned(),
            metadata: written.metadata.to_owned(),
            original: text.to_owned(),
        })
    }

    /// Metadata does not count.
    fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }

    fn next(&self, major: u64, minor: u64, patch: u64) -> Value {
        let mut next = Self {
            major,
            minor,
            patch,
            prerelease: String::new(),
            metadata: String::new(),
            original: String::new(),
        };
        let v = if self.original.starts_with('v') { "v" } else { "" };
        next.original = format!("{v}{}", next.text());
        Value::Object(Arc::new(next))
    }
}

/// A release comes after its prereleases; numbers come before names.
fn compare_prereleases(left: &str, right: &str) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => match (number(left), number(right)) {
                (Some(left), Some(right)) => left.cmp(&right),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => left.cmp(right),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str, arguments: &[Value]) -> Option<Answer> {
        let order = |wanted: fn(Ordering) -> Value| Some(compared(self, arguments).map(wanted));
        match name {
            "Compare" => return order(|order| Value::Int(order as i64)),
            "Equal" => return order(|order| Value::Bool(order.is_eq())),
            "LessThan" => return order(|order| Value::Bool(order.is_lt())),
            "LessThanEqual" => return order(|order| Value::Bool(order.is_le())),
            "GreaterThan" => return order(|order| Value::Bool(order.is_gt())),
            "GreaterThanEqual" => return order(|order| Value::Bool(order.is_ge())),
            _ => {}
        }
        let value = match name {
            "Major" => Value::Uint(self.major),
            "Minor" => Value::Uint(self.minor),
            "Patch" => Value::Uint(self.patch),
            "Prerelease" => Value::from(self.prerelease.as_str()),
            "Metadata" => Value::from(self.metadata.as_str()),
            "Original" => Value::from(self.original.as_str()),
            "String" | "MarshalText" => Value::from(self.text()),
            "IncMajor" => self.next(self.major.wrapping_add(1), 0, 0),
            "IncMinor" => self.next(self.major, self.minor.wrapping_add(1), 0),
            "IncPatch" if self.prerelease.is_empty() => {
                self.next(self.major, self.minor, self.patch.wrapping_add(1))
            }
            "IncPatch" => self.next(self.major, self.minor, self.patch),
            _ => return None,
        };
        Some(if arguments.is_empty() {
            Ok(value)
        } else {
            Err(format!("{name} takes no arguments").into())
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        for (mark, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }
}

fn compared(version: &Version, arguments: &[Value]) -> Result<Ordering, FunctionError> {
    let [Value::Object(other)] = arguments else {
        return Err("expected one version, as sprig_semver gives it".into());
    };
    let other = Some(other).filter(|other| other.type_name() == version.type_name());
    let other = other.and_then(|other| Version::parse(&other.text()));
    let other = other.ok_or("expected one version, as sprig_semver gives it")?;
    Ok(version.compare(&other))
}

/// Alternatives, each of which asks for several things.
struct Constraint(Vec<Vec<Bound>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

/// What stands in front of versions; of those that fit, the first one counts.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

struct Bound {
    operator: Operator,
    version: Version,
    /// Some number is missing or a wildcard.
    open: bool,
    /// The minor number is the first one that is.
    open_minor: bool,
    /// The patch number is.
    open_patch: bool,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

impl Constraint {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH {
            return None;
        }
        text.split("||").map(all_of).collect::<Option<Vec<_>>>().map(Self)
    }

    fn accepts(&self, version: &Version) -> bool {
        self.0
            .iter()
            .any(|bounds| bounds.iter().all(|bound| bound.accepts(version)))
    }
}

/// Bounds with commas or spaces between.
fn all_of(text: &str) -> Option<Vec<Bound>> {
    let mut bounds = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    // A range must not follow a mere space.
    let mut after_space = false;
    loop {
        let operator = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign));
        if let Some((sign, _)) = operator {
            rest = rest.strip_prefix(sign)?.trim_start_matches(is_space);
        }
        let (version, behind) = version_of(rest)?;
        let range = behind.trim_start_matches(is_space).strip_prefix('-');
        let range = range.filter(|_| behind.starts_with(is_space) && operator.is_none());
        rest = match range.filter(|end| end.starts_with(is_space)) {
            Some(_) if after_space => return None,
            Some(end) => {
                let (end, behind) = version_of(end.trim_start_matches(is_space))?;
                bounds.push(Bound::of(Operator::GreaterEqual, version)?);
                bounds.push(Bound::of(Operator::LessEqual, end)?);
                behind
            }
            None => {
                let operator = operator.map_or(Operator::Equal, |(_, operator)| *operator);
                bounds.push(Bound::of(operator, version)?);
                behind
            }
        };
        let next = rest.trim_start_matches(is_space);
        if next.is_empty() {
            return Some(bounds);
        }
        let separated = next
            .strip_prefix(',')
            .map(|next| next.trim_start_matches(is_space));
        after_space = separated.is_none();
        rest = match separated {
            Some(next) => next,
            None if next.len() < rest.len() => next,
            None => return None,
        };
    }
}

/// The version at the start of a text, and what is behind it.
fn version_of(text: &str) -> Option<(&str, &str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '*' | '-' | '+');
    let end = text.find(|c| !part(c)).unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(version, _)| !version.is_empty())
}

impl Bound {
    fn of(operator: Operator, text: &str) -> Option<Self> {
        let written = written(text)?;
        let mut numbers = [Some(0); 3];
        for (index, slot) in numbers.iter_mut().enumerate() {
            let part = written.numbers.get(index).copied().unwrap_or("x");
            *slot = if matches!(part, "x" | "X" | "*") {
                None
            } else {
                Some(number(part)?)
            };
        }
        let [major, minor, patch] = numbers;
        let (open_minor, open_patch) = match (major, minor, patch) {
            (None, ..) => (false, false),
            (_, None, _) => (true, false),
            (_, _, None) => (false, true),
            _ => (false, false),
        };
        Some(Self {
            operator,
            version: Version {
                major: major.unwrap_or(0),
                minor: minor.filter(|_| major.is_some()).unwrap_or(0),
                patch: patch.filter(|_| major.is_some() && minor.is_some()).unwrap_or(0),
                prerelease: written.prerelease.to_owned(),
                metadata: String::new(),
                original: String::new(),
            },
            open: numbers.contains(&None),
            open_minor,
            open_patch,
        })
    }

    /// Prereleases fit only bounds that are prereleases themselves.
    fn accepts(&self, version: &Version) -> bool {
        let own = &self.version;
        let only_releases = !version.prerelease.is_empty() && own.prerelease.is_empty();
        let order = version.compare(own);
        if self.operator == Operator::NotEqual {
            return if self.open {
                !only_releases && self.differs(version)
            } else {
                order.is_ne()
            };
        }
        if only_releases {
            return false;
        }
        match self.operator {
            Operator::Equal if self.open => order.is_ge() && self.is_near(version),
            Operator::Equal | Operator::NotEqual => order.is_eq(),
            Operator::Greater => order.is_gt() && self.is_beyond(version),
            Operator::Less => order.is_lt(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::LessEqual if self.open => {
                version.major < own.major
                    || (version.major == own.major && (self.open_minor || version.minor <= own.minor))
            }
            Operator::LessEqual => order.is_le(),
            Operator::Tilde => order.is_ge() && self.is_near(version),
            Operator::Caret => order.is_ge() && self.is_compatible(version),
        }
    }

    /// For `!=` with wildcards.
    fn differs(&self, version: &Version) -> bool {
        let own = &self.version;
        if own.major != version.major {
            return true;
        }
        if self.open_minor {
            return false;
        }
        if own.minor != version.minor {
            return true;
        }
        if self.open_patch {
            return version.prerelease != own.prerelease;
        }
        own.patch != version.patch || version.compare(own).is_ne()
    }

    /// For `>` with wildcards: `>11` begins with 12, and `>11.1` with 11.2.
    const fn is_beyond(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.major > own.major {
            return true;
        }
        !self.open_minor && (!self.open_patch || version.minor > own.minor)
    }

    /// For `~`: the same numbers, as far as they are given and up to the minor one.
    const fn is_near(&self, version: &Version) -> bool {
        let own = &self.version;
        let any = own.major == 0 && own.minor == 0 && own.patch == 0 && !self.open_minor && !self.open_patch;
        any || (version.major == own.major && (self.open_minor || version.minor == own.minor))
    }

    /// For `^`: the same numbers up to the first one that is not zero.
    const fn is_compatible(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.major != own.major {
            return false;
        }
        if own.major > 0 || self.open_minor {
            return true;
        }
        version.minor == own.minor && (own.minor > 0 || self.open_patch || version.patch == own.patch)
    }
}
