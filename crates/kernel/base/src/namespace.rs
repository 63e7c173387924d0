//! Namespaces: the tenant every stored key and every request belongs to.

use std::fmt;

/// Short identifier of a namespace, part of every storage key.
///
/// Only the root namespace exists so far; the identifier is in place so that no stored key has to move later.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(Box<str>);

impl NamespaceId {
    /// The namespace that always exists.
    #[must_use]
    pub fn root() -> Self {
        Self("root".into())
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
