//! Settings from the environment.

use std::fmt;
use std::sync::Arc;

/// Prefixes a variable may have, the first that is set wins.
const PREFIXES: [&str; 3] = ["ARCA_", "BAO_", "VAULT_"];

/// Variables by name.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

/// Gives the variable of a name.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self(Arc::new(|name| std::env::var(name).ok()))
    }

    /// These variables and no others.
    pub fn of<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables: std::collections::HashMap<String, String> = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self(Arc::new(move |name| variables.get(name).cloned()))
    }

    /// The variable of this very name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    /// `ARCA_X`, else `BAO_X`, else `VAULT_X`. A variable that is set to nothing hides those after it.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        let mut named = PREFIXES
            .iter()
            .filter_map(|prefix| (self.0)(&format!("{prefix}{name}")));
        named.next().filter(|value| !value.is_empty())
    }
}

/// Variables hold secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_prefix_that_is_set_wins() {
        let environment = Environment::of([
            ("ARCA_A", "1"),
            ("BAO_A", "2"),
            ("VAULT_A", "3"),
            ("BAO_B", ""),
            ("VAULT_B", "3"),
            ("VAULT_C", "3"),
        ]);
        let setting = |name| environment.setting(name);
        assert_eq!(setting("A").as_deref(), Some("1"));
        assert_eq!(setting("B"), None, "set to nothing is set");
        assert_eq!(setting("C").as_deref(), Some("3"));
        assert_eq!(setting("D"), None);
        assert_eq!(environment.variable("BAO_B").as_deref(), Some(""));
    }
}
