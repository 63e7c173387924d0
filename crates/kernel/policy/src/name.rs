//! Names of policies in their one canonical form.

use std::fmt;
use std::sync::Arc;

use arca_base::path::is_printable;

/// Longest accepted name, in bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// The name of a policy: lower case, no white space around it, nothing invisible in it.
///
/// ` Root ` and `root` are the same name, everywhere, because no other form of it can be made.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyName(Arc<str>);

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicyName {
    /// Nothing but white space.
    #[error("policy name is empty")]
    Empty,
    /// Longer than the limit.
    #[error("policy name is longer than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// A control or other invisible character.
    #[error("policy name contains an unprintable character")]
    Unprintable,
}

impl PolicyName {
    /// Brings `text` into canonical form: lower case, trimmed.
    ///
    /// # Errors
    /// [`BadPolicyName`] naming the rule that was broken.
    pub fn parse(text: &str) -> Result<Self, BadPolicyName> {
        if text.len() > 4 * MAX_NAME_BYTES {
            return Err(BadPolicyName::TooLong);
        }
        let lower = text.to_lowercase();
        let name = lower.trim();
        if name.is_empty() {
            return Err(BadPolicyName::Empty);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(BadPolicyName::TooLong);
        }
        if !name.chars().all(is_printable) {
            return Err(BadPolicyName::Unprintable);
        }
        Ok(Self(name.into()))
    }

    /// The policy that allows everything.
    #[must_use]
    pub fn root() -> Self {
        Self("root".into())
    }

    /// The policy every token has unless it was asked not to.
    #[must_use]
    pub fn default_policy() -> Self {
        Self("default".into())
    }

    /// The policy of wrapping tokens.
    #[must_use]
    pub fn response_wrapping() -> Self {
        Self("response-wrapping".into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the policy that allows everything.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "root"
    }

    /// Whether the policy is fixed: it can be neither written nor deleted.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        matches!(&*self.0, "root" | "response-wrapping")
    }

    /// Whether the policy may be deleted.
    #[must_use]
    pub fn is_deletable(&self) -> bool {
        !self.is_fixed() && &*self.0 != "default"
    }

    /// Whether tokens may ask for the policy.
    #[must_use]
    pub fn is_assignable(&self) -> bool {
        &*self.0 != "response-wrapping"
    }
}

impl AsRef<str> for PolicyName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_one_form() {
        for (text, name) in [
            ("dev", "dev"),
            ("Dev-Ops", "dev-ops"),
            ("  root\n", "root"),
            ("Root ", "root"),
            ("\u{a0}ROOT\u{2003}", "root"),
            ("team/a", "team/a"),
            ("\u{c9}quipe", "\u{e9}quipe"),
            ("a b", "a b"),
        ] {
            assert_eq!(PolicyName::parse(text).unwrap().as_str(), name, "{text:?}");
        }
    }

    #[test]
    fn refuses_names_that_hide_something() {
        for (text, reason) in [
            ("", BadPolicyName::Empty),
            (" \t", BadPolicyName::Empty),
            ("ro\0ot", BadPolicyName::Unprintable),
            ("ro\not", BadPolicyName::Unprintable),
            ("root\u{200b}", BadPolicyName::Unprintable),
            ("\u{feff}root", BadPolicyName::Unprintable),
            ("ro\u{ad}ot", BadPolicyName::Unprintable),
            ("\u{202e}toor", BadPolicyName::Unprintable),
        ] {
            assert_eq!(PolicyName::parse(text), Err(reason), "{text:?}");
        }
        assert!(PolicyName::parse(&"a".repeat(512)).is_ok());
        assert_eq!(PolicyName::parse(&"a".repeat(513)), Err(BadPolicyName::TooLong));
        assert_eq!(PolicyName::parse(&" ".repeat(9999)), Err(BadPolicyName::TooLong));
    }

    #[test]
    fn built_in_names_are_protected() {
        let facts = |name: PolicyName| {
            (
                name.is_root(),
                name.is_fixed(),
                name.is_deletable(),
                name.is_assignable(),
            )
        };
        assert_eq!(facts(PolicyName::root()), (true, true, false, true));
        assert_eq!(
            facts(PolicyName::response_wrapping()),
            (false, true, false, false)
        );
        assert_eq!(facts(PolicyName::default_policy()), (false, false, false, true));
        assert_eq!(
            facts(PolicyName::parse("dev").unwrap()),
            (false, false, true, true)
        );
    }

    proptest! {
        /// CVE-2025-5999, CVE-2025-64761: a name that means root was not recognized as root.
        #[test]
        fn cve_2025_5999_no_spelling_of_root_escapes_the_check(
            before in "[ \t\r\n\u{a0}\u{2003}\u{3000}]{0,3}",
            upper in prop::array::uniform4(any::<bool>()),
            after in "[ \t\r\n\u{a0}\u{2003}\u{3000}]{0,3}",
        ) {
            let mixed: String = "root"
                .chars()
                .zip(upper)
                .map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c })
                .collect();
            let spelling = format!("{before}{mixed}{after}");
            prop_assert!(PolicyName::parse(&spelling).unwrap().is_root());
        }

        #[test]
        fn the_canonical_form_is_stable_and_visible(text in any::<String>()) {
            if let Ok(name) = PolicyName::parse(&text) {
                prop_assert_eq!(PolicyName::parse(name.as_str()), Ok(name.clone()));
                prop_assert!(name.as_str().chars().all(is_printable));
                prop_assert_eq!(name.as_str().trim(), name.as_str());
                prop_assert_eq!(name.as_str().to_lowercase(), name.as_str());
            }
        }
    }
}
