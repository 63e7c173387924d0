//! Key/value secrets with versions.

use arca_base::GoDuration;

use super::v1::Folder;
use crate::field::{Any, IntegerList, TextMap};

crate::fields! {
    /// Settings of the mount.
    pub struct WriteConfig {
        /// Versions kept of each secret; 0 for the default of 10.
        max_versions: Option<i64>,
        /// Whether every write must name the version it replaces.
        cas_required: Option<bool>,
        /// How long versions live: positive sets, 0 resets, negative turns it off for every secret.
        delete_version_after: Option<GoDuration>,
    }
}

crate::fields! {
    /// Names a version of a secret.
    pub struct Version {
        /// Path of the secret below the mount.
        path: String,
        /// The version; 0 or absent for the current one.
        version: i64,
    }
}

crate::fields! {
    /// Names a secret.
    pub struct Key {
        /// Path of the secret below the mount.
        path: String,
    }
}

crate::fields! {
    /// A new version of a secret.
    pub struct WriteData {
        /// Path of the secret below the mount.
        path: String,
        /// Members of the secret.
        data: Option<Any>,
        /// `cas`: the version this one replaces; 0 for a secret without versions.
        options: Any,
    }
}

crate::fields! {
    /// Names several versions of a secret.
    pub struct Versions {
        /// Path of the secret below the mount.
        path: String,
        /// The versions.
        versions: IntegerList,
    }
}

crate::fields! {
    /// Names the structure of a version.
    pub struct Subkeys {
        /// Path of the secret below the mount.
        path: String,
        /// The version; 0 or absent for the current one.
        version: i64,
        /// Levels to show; 0 for all.
        depth: i64,
    }
}

crate::fields! {
    /// Settings of a secret.
    pub struct WriteMetadata {
        /// Path of the secret below the mount.
        path: String,
        /// Versions kept of this secret; the setting of the mount wins when it is larger.
        max_versions: Option<Any>,
        /// Whether every write must name the version it replaces.
        cas_required: Option<Any>,
        /// How long versions live.
        delete_version_after: Option<Any>,
        /// Names and texts of the caller's own, shown with the secret.
        custom_metadata: Option<Any>,
    }
}

crate::fields! {
    /// What to look for among the names and the custom metadata of secrets.
    pub struct Search {
        /// What a name must have in it, in any case; with `*`, what all of it must be like.
        pattern: String,
        /// Names and texts that a secret must have in its custom metadata; `*` stands for anything in a text.
        custom_metadata: Option<TextMap>,
        /// Only secrets below this folder.
        folder: String,
        /// Where to go on: `next` of the answer before.
        after: String,
        /// At most this many secrets: 100 when it is 0, and never more than 1000.
        limit: i64,
    }
}

crate::endpoints! {
    /// Read the settings of the mount.
    ReadConfig = Read "config" => crate::endpoint::Nothing;
    /// Change the settings of the mount.
    UpdateConfig = Update "config" => WriteConfig;
    /// Read a version of a secret.
    ReadData = Read "data/{path*}" => Version;
    /// Write a new version of a secret.
    UpdateData = Update "data/{path*}" => WriteData;
    /// Write a new version that changes some members of the current one.
    PatchData = Patch "data/{path*}" => WriteData;
    /// Delete the current version; it can be undeleted.
    DeleteData = Delete "data/{path*}" => Key;
    /// Delete versions; they can be undeleted.
    DeleteVersions = Update "delete/{path*}" => Versions;
    /// Bring deleted versions back.
    UndeleteVersions = Update "undelete/{path*}" => Versions;
    /// Remove the content of versions for ever.
    DestroyVersions = Update "destroy/{path*}" => Versions;
    /// Read the member names of a version without their values.
    ReadSubkeys = Read "subkeys/{path*}" => Subkeys;
    /// Read the settings and the versions of a secret.
    ReadMetadata = Read "metadata/{path*}" => Key;
    /// Change the settings of a secret.
    UpdateMetadata = Update "metadata/{path*}" => WriteMetadata;
    /// Change some settings of a secret.
    PatchMetadata = Patch "metadata/{path*}" => WriteMetadata;
    /// Remove a secret with all its versions.
    DeleteMetadata = Delete "metadata/{path*}" => Key;
    /// List secrets in a folder.
    ListMetadata = List "metadata/{folder/}" => Folder;
    /// List secrets at any depth below a folder.
    ScanMetadata = Scan "metadata/{folder/}" => Folder;
    /// Search the names and the custom metadata of secrets.
    SearchSecrets = Read "search" => Search;
    /// List secrets in a folder with their metadata.
    ListDetailedMetadata = List "detailed-metadata/{folder/}" => Folder;
}
