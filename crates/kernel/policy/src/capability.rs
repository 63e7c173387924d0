//! What a rule may allow.

use std::fmt;

use arca_base::Operation;

/// One thing a rule may allow, in alphabetical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Write what does not exist yet.
    Create,
    /// Remove.
    Delete,
    /// Refuse everything; removes all other capabilities.
    Deny,
    /// Names directly below a folder.
    List,
    /// Change some fields.
    Patch,
    /// Read.
    Read,
    /// Restore from a snapshot.
    Recover,
    /// Everything. Only the `root` policy has it; no rule can name it.
    Root,
    /// Names at any depth below a folder.
    Scan,
    /// Receive events.
    Subscribe,
    /// Use paths that need more than the verb's own capability.
    Sudo,
    /// Change what exists.
    Update,
}

impl Capability {
    /// All of them, in alphabetical order.
    pub const ALL: [Self; 12] = [
        Self::Create,
        Self::Delete,
        Self::Deny,
        Self::List,
        Self::Patch,
        Self::Read,
        Self::Recover,
        Self::Root,
        Self::Scan,
        Self::Subscribe,
        Self::Sudo,
        Self::Update,
    ];

    /// The capability of that name, if a rule can name it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::assignable().find(|capability| capability.as_str() == name)
    }

    /// The capabilities a rule can name.
    pub fn assignable() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|capability| *capability != Self::Root)
    }

    /// The capability a request needs; `None` for operations that no rule decides about.
    #[must_use]
    pub const fn needed_for(operation: Operation) -> Option<Self> {
        match operation {
            Operation::Create => Some(Self::Create),
            Operation::Delete => Some(Self::Delete),
            Operation::List => Some(Self::List),
            Operation::Patch => Some(Self::Patch),
            Operation::Read => Some(Self::Read),
            Operation::Scan => Some(Self::Scan),
            Operation::Update => Some(Self::Update),
            Operation::Header | Operation::Help => None,
        }
    }

    /// The name as rules and answers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Deny => "deny",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Read => "read",
            Self::Recover => "recover",
            Self::Root => "root",
            Self::Scan => "scan",
            Self::Subscribe => "subscribe",
            Self::Sudo => "sudo",
            Self::Update => "update",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(u16);

impl Capabilities {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The set with one member.
    #[must_use]
    pub const fn only(capability: Capability) -> Self {
        Self(1 << capability as u16)
    }

    /// Whether `capability` is in the set.
    #[must_use]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & Self::only(capability).0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any access follows from the set: it is neither empty nor a refusal.
    #[must_use]
    pub const fn grants(self) -> bool {
        !self.is_empty() && !self.contains(Capability::Deny)
    }

    /// Both sets together, where one refusal removes everything else.
    #[must_use]
    pub const fn joined(self, other: Self) -> Self {
        let both = Self(self.0 | other.0);
        if both.contains(Capability::Deny) {
            Self::only(Capability::Deny)
        } else {
            both
        }
    }

    /// The members, in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL
            .into_iter()
            .filter(move |capability| self.contains(*capability))
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(members: I) -> Self {
        Self(
            members
                .into_iter()
                .fold(0, |set, member| set | Self::only(member).0),
        )
    }
}

/// The names in alphabetical order: `create, read`.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, capability) in self.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{capability}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_in_alphabetical_order_and_named() {
        let names: Vec<&str> = Capability::ALL
            .iter()
            .map(|capability| capability.as_str())
            .collect();
        assert!(names.is_sorted());
        for capability in Capability::ALL {
            let named = Capability::named(capability.as_str());
            assert_eq!(named, (capability != Capability::Root).then_some(capability));
        }
        assert_eq!(Capability::named("Read"), None);
    }

    #[test]
    fn sets_print_sorted() {
        let set: Capabilities = [Capability::Update, Capability::Create, Capability::Read]
            .into_iter()
            .collect();
        assert_eq!(set.to_string(), "create, read, update");
        assert_eq!(Capabilities::NONE.to_string(), "");
        assert!(set.contains(Capability::Read) && !set.contains(Capability::List));
    }

    #[test]
    fn one_refusal_removes_everything_else() {
        let read = Capabilities::only(Capability::Read);
        let deny = Capabilities::only(Capability::Deny);
        assert_eq!(read.joined(deny), deny);
        assert_eq!(deny.joined(read), deny);
        assert_eq!(
            read.joined(Capabilities::only(Capability::List)).iter().count(),
            2
        );
        assert!(read.grants() && !deny.grants() && !Capabilities::NONE.grants());
    }

    #[test]
    fn operations_need_the_capability_of_their_name() {
        for (operation, needed) in [
            (Operation::Create, Some("create")),
            (Operation::Delete, Some("delete")),
            (Operation::List, Some("list")),
            (Operation::Patch, Some("patch")),
            (Operation::Read, Some("read")),
            (Operation::Scan, Some("scan")),
            (Operation::Update, Some("update")),
            (Operation::Header, None),
            (Operation::Help, None),
        ] {
            assert_eq!(
                Capability::needed_for(operation).map(Capability::as_str),
                needed,
                "{operation}"
            );
        }
    }
}
