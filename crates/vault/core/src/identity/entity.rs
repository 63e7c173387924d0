//! The records of identity.

use std::collections::BTreeMap;

use arca_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;

/// Somebody, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entity {
    /// Never changes.
    pub id: String,
    /// Unique, compared without regard to case.
    pub name: String,
    /// Texts of the caller's own.
    pub metadata: BTreeMap<String, String>,
    /// Policies every token of the entity has.
    pub policies: Vec<String>,
    /// Whether its tokens are refused.
    pub disabled: bool,
    /// Identifiers of its aliases.
    pub aliases: Vec<String>,
    /// Identifiers of the groups it is a direct member of. Some may be of groups that were deleted since: those
    /// count for nothing, and their identifiers never come back.
    pub groups: Vec<String>,
    /// Identifiers of the entities that were merged into it; their tokens are its tokens.
    pub merged: Vec<String>,
    /// When it was made.
    pub creation_time: Option<Timestamp>,
    /// When it was last changed.
    pub last_update_time: Option<Timestamp>,
}

impl Stored for Entity {
    const VERSION: u8 = 1;
    const NAME: &'static str = "entity";
}

/// What an auth mount knows an entity by, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// Never changes.
    pub id: String,
    /// The entity.
    pub canonical_id: String,
    /// Accessor of the auth mount.
    pub mount_accessor: String,
    /// Where that mount was when the alias was made.
    pub mount_path: String,
    /// Type of that mount.
    pub mount_type: String,
    /// The name there.
    pub name: String,
    /// What the auth method knows.
    pub metadata: BTreeMap<String, String>,
    /// Texts of the caller's own.
    pub custom_metadata: BTreeMap<String, String>,
    /// Identifiers of the entities it belonged to before they were merged.
    pub merged_from: Vec<String>,
    /// When it was made.
    pub creation_time: Option<Timestamp>,
    /// When it was last changed.
    pub last_update_time: Option<Timestamp>,
}

impl Stored for Alias {
    const VERSION: u8 = 1;
    const NAME: &'static str = "alias";
}

/// From the name of an entity or a group to its identifier.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NameRow {
    /// Identifier.
    pub id: String,
    /// The name as it was given; empty in rows of the first release.
    pub name: String,
}

impl Stored for NameRow {
    const VERSION: u8 = 1;
    const NAME: &'static str = "entity name";
}

/// From mount and name of an alias, or from a merged entity, to an identifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AliasKey {
    /// The identifier.
    pub id: String,
}

impl Stored for AliasKey {
    const VERSION: u8 = 1;
    const NAME: &'static str = "alias key";
}
