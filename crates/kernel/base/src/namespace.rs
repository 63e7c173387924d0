//! Namespaces: the tenant every stored key and every request belongs to.

use std::fmt;

use crate::entropy::Entropy;
use crate::id;

/// Characters of an identifier, except that of the root namespace.
const LENGTH: usize = 6;

/// Short identifier of a namespace, part of every storage key: `root`, or six characters of base 62.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(Box<str>);

impl NamespaceId {
    /// The namespace that always exists.
    #[must_use]
    pub fn root() -> Self {
        Self("root".into())
    }

    /// A new one. Whoever keeps it has to see that no other namespace has it.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(id::base62(entropy, LENGTH).into())
    }

    /// An identifier that is written down somewhere; `None` for what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (random || text == "root").then(|| Self(text.into()))
    }

    /// The identifier as it stands in keys and audit entries.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root namespace.
    #[must_use]
    pub fn is_root(&self) -> bool {
        &*self.0 == "root"
    }
}

impl fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_an_identifier_is_read_as_one() {
        for good in ["root", "aB3xyZ", "000000"] {
            assert_eq!(NamespaceId::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "", "Root", "abc", "abcdefg", "ab/cde", "ab cde", "äbcde", "../../",
        ] {
            assert!(NamespaceId::parse(bad).is_none(), "{bad}");
        }
    }
}
