//! The store as a whole: snapshots of it, and its rows.

use crate::endpoint::Nothing;

crate::fields! {
    /// Names a row of the store.
    pub struct RawRow {
        /// Its key.
        path: String,
        /// `base64` for values that are not text.
        encoding: String,
        /// Accepted for old clients; has no effect: rows are not compressed.
        compressed: Option<bool>,
    }
}

crate::fields! {
    /// Writes a row of the store.
    pub struct WriteRaw {
        /// Its key.
        path: String,
        /// The new value.
        value: String,
        /// `base64` when the value is given in base64.
        encoding: String,
        /// Accepted for old clients; has no effect.
        compressed: Option<bool>,
        /// Accepted for old clients; has no effect.
        compression_type: String,
    }
}

crate::fields! {
    /// Which rows.
    pub struct RawFolder {
        /// The folder; all of the store when empty.
        path: String,
        /// Names after this one.
        after: String,
        /// At most so many; all when zero.
        limit: i64,
    }
}

crate::endpoints! {
    /// Take a snapshot of the store.
    ReadSnapshot = Read "storage/snapshot" => Nothing;
    /// Restore a snapshot of this store.
    UpdateSnapshot = Update "storage/snapshot" => Nothing;
    /// Restore a snapshot that is sealed by other keys.
    UpdateSnapshotForce = Update "storage/snapshot-force" => Nothing;
    /// Take a snapshot of the store.
    ReadRaftSnapshot = Read "storage/raft/snapshot" => Nothing;
    /// Restore a snapshot of this store.
    UpdateRaftSnapshot = Update "storage/raft/snapshot" => Nothing;
    /// Restore a snapshot that is sealed by other keys.
    UpdateRaftSnapshotForce = Update "storage/raft/snapshot-force" => Nothing;

    /// Names of rows of the store.
    ListRaw = List "raw/{path/}" => RawFolder;
    /// A row of the store, opened.
    ReadRaw = Read "raw/{path*}" => RawRow;
    /// Write a row of the store.
    UpdateRaw = Update "raw/{path*}" => WriteRaw;
    /// Remove a row of the store.
    DeleteRaw = Delete "raw/{path*}" => RawRow;
}
