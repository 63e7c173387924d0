//! Claims a token must have.

use std::collections::BTreeMap;

use arca_base::json::Limits;
use arca_base::{Json, glob};
use arca_core::Fault;
use arca_crypto::jws::Claims;
use serde::{Deserialize, Serialize};

/// Most claims of one role, and most values of one claim.
const MOST: usize = 256;

/// Longest name and longest value, in bytes.
const LONGEST: usize = 1024;

/// How values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Comparison {
    /// They are equal.
    #[default]
    String,
    /// The value bound is a pattern with `*`.
    Glob,
}

impl Comparison {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Glob => "glob",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "" | "string" => Ok(Self::String),
            "glob" => Ok(Self::Glob),
            other => Err(Fault::invalid(format!("invalid 'bound_claims_type': {other}"))),
        }
    }
}

/// Claims a token must have: of each, one of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Bounds {
    claims: BTreeMap<String, Json>,
    pub(super) comparison: Comparison,
}

/// A claim that is not as bound. These texts go to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutOfBounds {
    #[error("claim {0:?} is missing")]
    Missing(String),
    #[error("claim {0:?} does not match any associated bound claim values")]
    Different(String),
    #[error("received claim is not a string or list")]
    Kind,
}

impl Bounds {
    /// Replaces the claims by those given: an object, its text, or `name=value`.
    ///
    /// # Errors
    /// 400 naming the field.
    pub(super) fn replace(&mut self, given: &Json) -> Result<(), Fault> {
        self.claims = members(given)?;
        at_most("bound_claims", self.claims.len(), MOST, "claims")
    }

    /// Whether the values bound can be compared at all.
    ///
    /// # Errors
    /// 400 naming the claim.
    pub(super) fn check(&self) -> Result<(), Fault> {
        for (claim, value) in &self.claims {
            let refuse = |what: &str| Err(Fault::invalid(format!("bound_claims: claim {claim:?} {what}")));
            let Some(values) = listed(value) else {
                return refuse("must be bound to a string, number or boolean, or to a list of them");
            };
            if values.is_empty() {
                return refuse("is bound to an empty list, which nothing matches");
            }
            if self.comparison == Comparison::Glob && values.iter().any(|value| value.as_str().is_none()) {
                return refuse("must be bound to strings where bound_claims_type is glob");
            }
            at_most("bound_claims", values.len(), MOST, "values for one claim")?;
            let longest = values
                .iter()
                .filter_map(|value| value.as_str())
                .map(str::len)
                .max();
            at_most(
                "bound_claims",
                longest.unwrap_or(0).max(claim.len()),
                LONGEST,
                "bytes in one value",
            )?;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// Whether a claim is bound to something.
    pub(super) fn has(&self, claim: &str) -> bool {
        let anything = |value: &&Json| self.comparison == Comparison::Glob && value.as_str() == Some("*");
        let value = self.claims.get(claim).and_then(listed);
        value.is_some_and(|values| !values.iter().any(anything))
    }

    /// Whether a token has the claims.
    ///
    /// # Errors
    /// [`OutOfBounds`] for the first it has not.
    pub(super) fn hold(&self, claims: &Claims) -> Result<(), OutOfBounds> {
        for (claim, bound) in &self.claims {
            let found = claims
                .select(claim)
                .ok_or_else(|| OutOfBounds::Missing(claim.clone()))?;
            let found = listed(found).ok_or(OutOfBounds::Kind)?;
            let bound = listed(bound).unwrap_or_default();
            let matches = found
                .iter()
                .any(|found| bound.iter().any(|bound| self.same(bound, found)));
            if !matches {
                return Err(OutOfBounds::Different(claim.clone()));
            }
        }
        Ok(())
    }

    fn same(&self, bound: &Json, found: &Json) -> bool {
        match (self.comparison, bound.as_str(), found.as_str()) {
            (Comparison::Glob, Some(pattern), Some(text)) => glob::matches(pattern, text),
            (Comparison::Glob, ..) => false,
            (Comparison::String, ..) => bound == found,
        }
    }

    pub(super) fn describe(&self) -> Json {
        Json::Object(
            self.claims
                .iter()
                .map(|(claim, value)| (claim.clone(), value.clone()))
                .collect(),
        )
    }
}

/// A value as a list of simple ones.
fn listed(value: &Json) -> Option<Vec<&Json>> {
    let simple = |value: &&Json| matches!(value, Json::String(_) | Json::Bool(_) | Json::Number(_));
    match value {
        Json::Array(values) => {
            let values: Vec<&Json> = values.iter().collect();
            values.iter().all(simple).then_some(values)
        }
        value => simple(&value).then(|| vec![value]),
    }
}

fn members(given: &Json) -> Result<BTreeMap<String, Json>, Fault> {
    const EXPECTED: &str = "bound_claims must be an object of claims and their values";
    match given {
        Json::Null => Ok(BTreeMap::new()),
        Json::Object(members) => Ok(members
            .iter()
            .map(|(claim, value)| (claim.clone(), value.clone()))
            .collect()),
        Json::String(text) if text.trim().is_empty() => Ok(BTreeMap::new()),
        // A command line sends an object as one text.
        Json::String(text) if text.trim_start().starts_with('{') => {
            let parsed = Json::parse(text.as_bytes(), &Limits::default())
                .map_err(|error| Fault::invalid(format!("{EXPECTED}: {error}")))?;
            members(&parsed)
        }
        Json::String(text) => match text.split_once('=') {
            Some((claim, value)) => Ok(BTreeMap::from([(claim.trim().to_owned(), value.trim().into())])),
            None => Err(Fault::invalid(EXPECTED)),
        },
        _ => Err(Fault::invalid(EXPECTED)),
    }
}

/// Refuses more than there may be.
///
/// # Errors
/// 400 naming the field.
pub(super) fn at_most(field: &str, found: usize, most: usize, unit: &str) -> Result<(), Fault> {
    if found > most {
        return Err(Fault::invalid(format!(
            "{field} has {found} {unit} but may have at most {most}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arca_crypto::jws::{Algorithm, Family, Jws, SigningKey};

    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn hold(comparison: Comparison, bound: &str, claims: &str) -> Result<(), String> {
        let mut bounds = Bounds {
            comparison,
            ..Bounds::default()
        };
        bounds
            .replace(&json(bound))
            .and_then(|()| bounds.check())
            .map_err(|fault| fault.to_string())?;
        let key = SigningKey::generate(Family::Ed25519).unwrap();
        let token = key.sign(Algorithm::EdDsa, "k", &json(claims)).unwrap();
        let claims = Jws::parse(&token).unwrap().unproved_claims().unwrap();
        bounds.hold(&claims).map_err(|error| error.to_string())
    }

    #[test]
    fn claims_match_one_of_the_values() {
        use Comparison::{Glob, String};
        let different = Err("claim \"a\" does not match any associated bound claim values".to_owned());
        for (comparison, bound, claims, expected) in [
            (String, r#"{"a":"x"}"#, r#"{"a":"x"}"#, Ok(())),
            (String, r#"{"a":["y","x"]}"#, r#"{"a":"x"}"#, Ok(())),
            (String, r#"{"a":"x"}"#, r#"{"a":["x","z"]}"#, Ok(())),
            (String, r#"{"a":true,"b":7}"#, r#"{"a":true,"b":7}"#, Ok(())),
            (String, r#"{"/a/b":"x"}"#, r#"{"a":{"b":"x"}}"#, Ok(())),
            (String, r#"{"/a/0":"x"}"#, r#"{"a":["x"]}"#, Ok(())),
            (String, r#"{"a":"X"}"#, r#"{"a":"x"}"#, different.clone()),
            (String, r#"{"a":"*"}"#, r#"{"a":"x"}"#, different.clone()),
            (String, r#"{"a":"true"}"#, r#"{"a":true}"#, different.clone()),
            (Glob, r#"{"a":"x*z"}"#, r#"{"a":"xyz"}"#, Ok(())),
            (Glob, r#"{"a":["q*","*z"]}"#, r#"{"a":["nothing","xyz"]}"#, Ok(())),
            (Glob, r#"{"a":"x*"}"#, r#"{"a":7}"#, different.clone()),
            (Glob, r#"{"a":"x?z"}"#, r#"{"a":"xyz"}"#, different),
            (
                String,
                r#"{"a":"x"}"#,
                "{}",
                Err("claim \"a\" is missing".to_owned()),
            ),
            (
                String,
                r#"{"a":"x"}"#,
                r#"{"a":null}"#,
                Err("claim \"a\" is missing".to_owned()),
            ),
            (
                String,
                r#"{"a":"x"}"#,
                r#"{"a":{"x":1}}"#,
                Err("received claim is not a string or list".to_owned()),
            ),
        ] {
            assert_eq!(hold(comparison, bound, claims), expected, "{bound} {claims}");
        }
    }

    #[test]
    fn reads_what_command_lines_send_and_refuses_what_nothing_matches() {
        let mut bounds = Bounds::default();
        bounds.replace(&Json::from(r#"{"a":["x"]}"#)).unwrap();
        assert_eq!(bounds.describe(), json(r#"{"a":["x"]}"#));
        bounds.replace(&Json::from("a=x")).unwrap();
        assert_eq!(bounds.describe(), json(r#"{"a":"x"}"#));
        for bad in [
            r#""x""#,
            "[]",
            r#"{"a":{}}"#,
            r#"{"a":[]}"#,
            r#"{"a":null}"#,
            r#"{"a":[["x"]]}"#,
        ] {
            assert!(
                hold(Comparison::String, bad, "{}")
                    .unwrap_err()
                    .contains("bound_claims"),
                "{bad}"
            );
        }
        assert!(
            hold(Comparison::Glob, r#"{"a":7}"#, "{}")
                .unwrap_err()
                .contains("strings")
        );
        let many: Vec<String> = (0..=MOST).map(|at| format!("\"c{at}\":1")).collect();
        assert!(hold(Comparison::String, &format!("{{{}}}", many.join(",")), "{}").is_err());
    }
}
