//! Whether a request keeps to what a rule asks for beyond a capability.

use std::borrow::Cow;

use arca_base::json::Object;
use arca_base::{GoDuration, Json, Operation, Ttl};

use super::{Constraint, Request};
use crate::document::{Constraints, Parameters};

/// The name that stands for all parameters.
const ANY: &str = "*";

/// The first thing that is not kept.
pub(super) fn broken<'a>(constraints: &'a Constraints, request: &Request<'a>) -> Option<Constraint<'a>> {
    if let Some(broken) = wrapping(constraints, request.wrap_ttl) {
        return Some(broken);
    }
    let data = request.data;
    match request.operation {
        Operation::Read | Operation::Create | Operation::Update | Operation::Patch => {
            parameters(constraints, data)
        }
        Operation::List | Operation::Scan => page(constraints, data),
        Operation::Delete | Operation::Header | Operation::Help => None,
    }
}

fn wrapping<'a>(constraints: &Constraints, asked: Option<Ttl>) -> Option<Constraint<'a>> {
    let Constraints {
        min_wrapping_ttl: min,
        max_wrapping_ttl: max,
        ..
    } = constraints;
    if min.is_none() && max.is_none() {
        return None;
    }
    let Some(asked) = asked else {
        return Some(Constraint::Unwrapped);
    };
    let asked = GoDuration::from_seconds(i64::try_from(asked.seconds()).unwrap_or(i64::MAX));
    match (min, max) {
        // Joining rules of two policies can do this; one rule cannot.
        (Some(min), Some(max)) if max < min => Some(Constraint::WrappingImpossible),
        (_, Some(max)) if asked > *max => Some(Constraint::WrappedTooLong(*max)),
        (Some(min), _) if asked < *min => Some(Constraint::WrappedTooShort(*min)),
        _ => None,
    }
}

fn parameters<'a>(constraints: &'a Constraints, data: Option<&'a Object>) -> Option<Constraint<'a>> {
    let present = |name: &&String| data.is_some_and(|data| data.contains_key(*name));
    if let Some(name) = constraints.required_parameters.iter().find(|name| !present(name)) {
        return Some(Constraint::Missing(name));
    }
    let data = data.filter(|data| !data.is_empty())?;
    denied(&constraints.denied_parameters, data)
        .or_else(|| not_allowed(&constraints.allowed_parameters, data))
}

fn denied<'a>(denied: &Parameters, data: &'a Object) -> Option<Constraint<'a>> {
    if denied.contains_key(ANY) {
        return Some(Constraint::AnyParameter);
    }
    let is_denied = |name: &str, value: &Json| {
        denied
            .get(&*lower(name))
            .is_some_and(|values| holds(values, value))
    };
    let (name, _) = data.iter().find(|(name, value)| is_denied(name, value))?;
    Some(Constraint::Denied(name))
}

fn not_allowed<'a>(allowed: &Parameters, data: &'a Object) -> Option<Constraint<'a>> {
    let any = allowed.contains_key(ANY);
    if allowed.is_empty() || (any && allowed.len() == 1) {
        return None;
    }
    data.iter()
        .find_map(|(name, value)| match allowed.get(&*lower(name)) {
            None if any => None,
            None => Some(Constraint::NotAllowed(name)),
            Some(values) if holds(values, value) => None,
            Some(_) => Some(Constraint::Value(name)),
        })
}

/// A page size above the limit, or one that is no number; `max` stands for the limit itself.
fn page<'a>(constraints: &'a Constraints, data: Option<&'a Object>) -> Option<Constraint<'a>> {
    let limit = constraints.pagination_limit?;
    let Some(asked) = data.and_then(|data| data.get("limit")) else {
        let required = constraints
            .required_parameters
            .iter()
            .find(|name| *name == "limit");
        return required.map(|name| Constraint::Missing(name));
    };
    let number = asked.as_i64().or_else(|| asked.as_str()?.parse().ok());
    let fits = number.map_or(asked.as_str() == Some("max"), |number| number <= i64::from(limit));
    (!fits).then_some(Constraint::PageTooLarge(limit))
}

fn lower(name: &str) -> Cow<'_, str> {
    if name
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_lowercase())
    }
}

/// Whether a list of values means `value`: an empty one means any.
fn holds(values: &[Json], value: &Json) -> bool {
    values.is_empty() || values.iter().any(|one| means(one, value))
}

/// Strings may begin or end in `*`; numbers are equal when their values are; the rest must be the same.
fn means(pattern: &Json, value: &Json) -> bool {
    match (pattern, value) {
        (Json::String(pattern), Json::String(value)) => matches_text(pattern, value),
        (Json::Number(one), Json::Number(other)) => {
            one == other
                || one
                    .as_i64()
                    .map_or_else(|| one.as_f64() == other.as_f64(), |n| other.as_i64() == Some(n))
        }
        (one, other) => one == other,
    }
}

/// A star has a meaning only as the first or the last of several characters.
fn matches_text(pattern: &str, text: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == text;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(rest), None) => text.ends_with(rest),
        (None, Some(rest)) => text.starts_with(rest),
        (None, None) => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_count_at_the_ends_only() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("ab*", "abcd", true),
            ("ab*", "xab", false),
            ("*cd", "abcd", true),
            ("*cd", "cdx", false),
            ("*bc*", "abcd", true),
            ("*bx*", "abcd", false),
            ("a*d", "abcd", false),
            ("a*d", "a*d", true),
            ("*", "*", true),
            ("*", "x", false),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches_text(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn values_are_compared_by_meaning() {
        let json = |text: &str| Json::parse(text.as_bytes(), &arca_base::json::Limits::default()).unwrap();
        for (one, other, expected) in [
            ("1", "1", true),
            ("1", "1.0", true),
            ("1.5", "1.50", true),
            ("1", "2", false),
            ("1", "\"1\"", false),
            ("true", "true", true),
            ("true", "\"true\"", false),
            ("null", "null", true),
            ("[1]", "[1]", true),
            ("{\"a\":\"b\"}", "{\"a\":\"b\"}", true),
            ("{\"a\":\"b\"}", "{\"a\":\"c\"}", false),
        ] {
            assert_eq!(means(&json(one), &json(other)), expected, "{one} {other}");
        }
    }
}
