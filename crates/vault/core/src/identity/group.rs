//! The records of groups.

use std::collections::BTreeMap;

use arca_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;

/// Who says who is in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// Its members are set by hand.
    #[default]
    Internal,
    /// An outside directory, through the logins of an auth mount.
    External,
}

impl GroupKind {
    /// As requests and answers say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }

    /// Reads what [`GroupKind::as_str`] gives.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Internal, Self::External]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Several entities and groups, as stored. Who is in it stands with the members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// Never changes.
    pub id: String,
    /// Unique, compared without regard to case.
    pub name: String,
    /// Who says who is in it. Never changes.
    pub kind: GroupKind,
    /// Policies every token of a member has.
    pub policies: Vec<String>,
    /// Texts of the caller's own.
    pub metadata: BTreeMap<String, String>,
    /// Identifiers of the groups it is a direct member of; some may be of groups that were deleted since.
    pub parents: Vec<String>,
    /// Identifier of its alias; empty for none. Only external groups have one.
    pub alias: String,
    /// When it was made.
    pub creation_time: Option<Timestamp>,
    /// When it was last changed.
    pub last_update_time: Option<Timestamp>,
    /// How often it was written.
    pub modify_index: u64,
}

impl Stored for Group {
    const VERSION: u8 = 1;
    const NAME: &'static str = "group";
}

/// What an auth mount calls an external group, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupAlias {
    /// Never changes.
    pub id: String,
    /// The group.
    pub canonical_id: String,
    /// Accessor of the auth mount.
    pub mount_accessor: String,
    /// Where that mount was when the alias was written.
    pub mount_path: String,
    /// Type of that mount.
    pub mount_type: String,
    /// The name there.
    pub name: String,
    /// When it was made.
    pub creation_time: Option<Timestamp>,
    /// When it was last changed.
    pub last_update_time: Option<Timestamp>,
}

impl Stored for GroupAlias {
    const VERSION: u8 = 1;
    const NAME: &'static str = "group alias";
}

/// That somebody is in a group: the name of the row says who and where.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Member {}

impl Stored for Member {
    const VERSION: u8 = 1;
    const NAME: &'static str = "group member";
}
