//! What a request wants to do with a path.

use std::fmt;

/// The verb of a request, after HTTP details are gone.
///
/// A `POST` or `PUT` enters as [`Operation::Update`] and becomes [`Operation::Create`] when its endpoint can
/// tell that the object does not exist yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Write something that does not exist yet.
    Create,
    /// Remove.
    Delete,
    /// `HEAD`: never granted by a policy.
    Header,
    /// Ask what a path is for.
    Help,
    /// Names directly below a folder.
    List,
    /// Change some fields (RFC 7396 merge patch).
    Patch,
    /// Read.
    Read,
    /// Names at any depth below a folder.
    Scan,
    /// Write.
    Update,
}

impl Operation {
    /// The lower-case name used in audit entries and policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Header => "header",
            Self::Help => "help",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Read => "read",
            Self::Scan => "scan",
            Self::Update => "update",
        }
    }

    /// Whether the operation may change something.
    #[must_use]
    pub const fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Delete | Self::Patch | Self::Update)
    }

    /// Whether the operation names a folder, so that its path ends in a slash.
    #[must_use]
    pub const fn is_listing(self) -> bool {
        matches!(self, Self::List | Self::Scan)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
