//! Label selectors, as Kubernetes has them.

use std::collections::BTreeMap;

use arca_base::Json;
use arca_base::json::Limits;
use serde::{Deserialize, Serialize};

/// Most conditions of one selector.
const MOST: usize = 64;

/// Labels an object must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct LabelSelector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl LabelSelector {
    /// Reads a selector: an object, its text, or `key=value,...`. Nothing when it is empty.
    pub(super) fn read(given: &Json) -> Result<Option<Self>, String> {
        let selector = match given {
            Json::Null => return Ok(None),
            Json::String(text) if text.trim().is_empty() => return Ok(None),
            Json::String(text) if text.trim_start().starts_with('{') => {
                let json =
                    Json::parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())?;
                Self::of(&json)?
            }
            Json::String(text) => Self::of_pairs(text)?,
            object => Self::of(object)?,
        };
        if selector.match_labels.len() + selector.match_expressions.len() > MOST {
            return Err(format!("it has more than {MOST} conditions"));
        }
        selector.match_expressions.iter().try_for_each(Condition::check)?;
        Ok((selector != Self::default()).then_some(selector))
    }

    fn of(json: &Json) -> Result<Self, String> {
        serde_json::from_str(json.to_text().as_str()).map_err(|error| error.to_string())
    }

    fn of_pairs(text: &str) -> Result<Self, String> {
        let pair = |pair: &str| {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| "expected JSON or key=value,...".to_owned())?;
            Ok((
                key.trim().to_owned(),
                value.trim_start_matches('=').trim().to_owned(),
            ))
        };
        Ok(Self {
            match_labels: text.split(',').map(pair).collect::<Result<_, String>>()?,
            match_expressions: Vec::new(),
        })
    }

    /// Whether an object with these labels is selected.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        self.match_labels.iter().all(equal)
            && self
                .match_expressions
                .iter()
                .all(|condition| condition.holds(labels.get(&condition.key)))
    }

    /// The selector in JSON.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Condition {
    fn check(&self) -> Result<(), String> {
        let takes_values = matches!(self.operator, Operator::In | Operator::NotIn);
        match (takes_values, self.values.is_empty()) {
            (true, true) => Err(format!("{:?} of {:?} needs values", self.operator, self.key)),
            (false, false) => Err(format!("{:?} of {:?} takes no values", self.operator, self.key)),
            _ => Ok(()),
        }
    }

    fn holds(&self, label: Option<&String>) -> bool {
        match self.operator {
            Operator::In => label.is_some_and(|label| self.values.contains(label)),
            Operator::NotIn => label.is_none_or(|label| !self.values.contains(label)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<LabelSelector>, String> {
        LabelSelector::read(&Json::from(text))
    }

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn selects_as_kubernetes_does() {
        let selector = read(
            r#"{"matchLabels":{"team":"a"},"matchExpressions":[{"key":"env","operator":"In","values":["prod","test"]},
            {"key":"env","operator":"NotIn","values":["test"]},{"key":"x","operator":"DoesNotExist"},
            {"key":"team","operator":"Exists"}]}"#,
        )
        .unwrap()
        .unwrap();
        assert!(selector.matches(&labels(&[("team", "a"), ("env", "prod")])));
        assert!(!selector.matches(&labels(&[("team", "a"), ("env", "test")])));
        assert!(!selector.matches(&labels(&[("team", "b"), ("env", "prod")])));
        assert!(!selector.matches(&labels(&[("team", "a"), ("env", "prod"), ("x", "")])));
        assert!(!selector.matches(&labels(&[("team", "a")])));
        assert_eq!(read(&selector.to_text()).unwrap().unwrap(), selector);
        let pairs = read("team=a, env==prod").unwrap().unwrap();
        assert!(pairs.matches(&labels(&[("team", "a"), ("env", "prod")])));
        assert!(!pairs.matches(&labels(&[("team", "a")])));
    }

    #[test]
    fn an_empty_selector_is_none_and_never_selects_everything() {
        for text in ["", " ", "{}", r#"{"matchLabels":{}}"#] {
            assert_eq!(read(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for text in [
            "team",
            "{",
            r#"{"matchLabel":{"a":"b"}}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Gt","values":["1"]}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"In"}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Exists","values":["1"]}]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let many: Vec<String> = (0..=MOST).map(|at| format!("k{at}=v")).collect();
        assert!(read(&many.join(",")).is_err());
    }
}
