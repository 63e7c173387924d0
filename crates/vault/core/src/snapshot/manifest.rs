//! The members of a snapshot that describe it.

use arca_base::{Timestamp, id};
use serde::{Deserialize, Serialize};

/// The version written.
pub const VERSION: u32 = 1;

/// What a file says it is.
pub(super) const FORMAT: &str = "arca-snapshot";

/// Which store a snapshot is of, and of when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `arca-snapshot`.
    pub format: String,
    /// Of this form.
    pub version: u32,
    /// When it was taken.
    pub created: Timestamp,
    /// The revision of the store it is of.
    pub revision: u64,
    /// Name of the cluster.
    pub cluster_name: String,
    /// Identifier of the cluster.
    pub cluster_id: String,
    /// Kind of the storage it was taken from.
    pub storage: String,
    /// Kind of the seal that protects it.
    pub seal: String,
    /// Version of the server that took it.
    pub arca_version: String,
}

/// How much a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Rows.
    pub rows: u64,
    /// Parts.
    pub parts: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// The text of `SHA256SUMS`.
pub(super) fn sums(header: &[u8; 32], rows: &[u8; 32], summary: &[u8; 32]) -> String {
    format!(
        "{}  meta.json\n{}  rows\n{}  summary.json\n",
        id::hex(header),
        id::hex(rows),
        id::hex(summary)
    )
}
