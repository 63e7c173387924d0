//! Which entries a device takes.

use std::borrow::Cow;

use arca_lang::condition::{BadCondition, Condition};

use super::entry::Entry;
use crate::router::Class;

/// What filters may ask for.
pub(super) const NAMES: [&str; 5] = ["mount_point", "mount_type", "namespace", "operation", "path"];

/// Which entries a device takes.
#[derive(Clone, Debug, Default)]
pub(super) enum Selection {
    /// All.
    #[default]
    Everything,
    /// Those a condition holds for.
    Matching(Box<Condition>),
    /// Those no other device takes.
    Rest,
}

impl Selection {
    /// A filter, as written.
    pub(super) fn filter(text: &str) -> Result<Self, BadCondition> {
        let condition = Condition::parse(text, &|name| NAMES.contains(&name))?;
        Ok(Self::Matching(Box::new(condition)))
    }

    /// Whether no entry is left over with it.
    pub(super) const fn leaves_nothing(&self) -> bool {
        matches!(self, Self::Everything | Self::Rest)
    }

    pub(super) const fn is_rest(&self) -> bool {
        matches!(self, Self::Rest)
    }

    /// Whether an entry is taken, whatever other devices do.
    pub(super) fn takes(&self, entry: &Entry<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Rest => false,
            Self::Matching(condition) => condition.holds(&|name| text(entry, name)),
        }
    }
}

fn text<'a>(entry: &Entry<'a>, name: &str) -> Cow<'a, str> {
    match (name, entry.mount) {
        ("operation", _) => entry.operation.as_str().into(),
        ("path", _) => entry.path.into(),
        ("namespace", _) => entry.namespace.path.as_ref().into(),
        ("mount_type", Some(mount)) => mount.kind.as_str().into(),
        ("mount_point", Some(mount)) if mount.class == Class::Secret => mount.path.as_str().into(),
        ("mount_point", Some(mount)) => mount.full_path().into(),
        _ => "".into(),
    }
}
