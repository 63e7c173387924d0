//! Key/value secrets without versions: any path below the mount is a secret.

use arca_base::json::Object;

use crate::{FieldDoc, FieldError, Fields, Input};

crate::fields! {
    /// Names a secret.
    pub struct SecretPath {
        /// Path of the secret below the mount.
        path: String,
    }
}

crate::fields! {
    /// Names a folder.
    pub struct Folder {
        /// Folder below the mount, empty for its root.
        folder: String,
        /// Only names after this one.
        after: String,
        /// At most this many names; 0 for all.
        limit: i64,
    }
}

/// A secret to store: every member of the body is kept.
#[derive(Clone, Debug, Default)]
pub struct WriteSecret {
    /// Path of the secret below the mount.
    pub path: String,
    /// The members to keep.
    pub data: Object,
}

impl Fields for WriteSecret {
    const FIELDS: &'static [FieldDoc] = &[FieldDoc {
        name: "path",
        kind: crate::Kind::Text,
        doc: "Path of the secret below the mount.",
    }];
    const TAKES_ANYTHING: bool = true;

    fn decode(input: &Input<'_>) -> Result<Self, FieldError> {
        Ok(Self {
            path: input.captures().get("path").unwrap_or_default().to_owned(),
            data: input.data().clone(),
        })
    }

    fn encode(&self) -> Object {
        let mut members = self.data.clone();
        members.insert("path".to_owned(), self.path.as_str().into());
        members
    }
}

crate::endpoints! {
    /// Read a secret.
    Read = Read "{path*}" => SecretPath;
    /// Write a secret; its former content is replaced.
    Write = Update "{path*}" => WriteSecret;
    /// Delete a secret.
    Delete = Delete "{path*}" => SecretPath;
    /// List names in a folder.
    List = List "{folder/}" => Folder;
    /// List names at any depth below a folder.
    Scan = Scan "{folder/}" => Folder;
}
