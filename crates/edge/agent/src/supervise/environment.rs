//! The variables a supervised process gets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arca_base::Secret;
use tokio::sync::watch;

/// Variables by name. Values are wiped on drop and never shown.
#[derive(Default)]
pub struct Environment(BTreeMap<String, Secret<String>>);

/// Where the newest variables appear: `None` until every one of them has been rendered once.
pub type EnvironmentFeed = watch::Receiver<Option<Arc<Environment>>>;

impl Environment {
    /// The same with one more variable; the last of equal names counts.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: Secret<String>) -> Self {
        self.0.insert(name.into(), value);
        self
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret<String>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether a process would notice a difference.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().all(|(name, value)| {
                other
                    .0
                    .get(name)
                    .is_some_and(|found| found.expose() == value.expose())
            })
    }
}

impl FromIterator<(String, Secret<String>)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, Secret<String>)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, value: &str) -> Environment {
        Environment::default().with(name, Secret::new(value.to_owned()))
    }

    #[test]
    fn a_change_of_any_name_or_value_counts() {
        assert!(one("A", "x").equals(&one("A", "x")));
        assert!(!one("A", "x").equals(&one("A", "y")));
        assert!(!one("A", "x").equals(&one("B", "x")));
        assert!(!one("A", "x").equals(&Environment::default()));
    }

    #[test]
    fn values_are_not_shown() {
        assert_eq!(format!("{:?}", one("A", "canary")), r#"["A"]"#);
    }
}
