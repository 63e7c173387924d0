//! The private store of each service token.

use crate::kv::v1::{Folder, SecretPath, WriteSecret};

crate::endpoints! {
    /// Read a secret of this token.
    Read = Read "{path*}" => SecretPath;
    /// Write a secret of this token.
    Write = Update "{path*}" => WriteSecret;
    /// Delete a secret of this token.
    Delete = Delete "{path*}" => SecretPath;
    /// List names in a folder of this token.
    List = List "{folder/}" => Folder;
}
