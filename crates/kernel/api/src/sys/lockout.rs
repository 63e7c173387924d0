//! Callers that are locked out after failed logins.

use crate::endpoint::Nothing;

crate::fields! {
    /// Names a caller of an auth mount.
    pub struct LockedUser {
        /// Accessor of the auth mount.
        mount_accessor: String,
        /// The name the auth mount knows them by.
        alias_identifier: String,
    }
}

crate::endpoints! {
    /// List who is locked out.
    ListLocked = Read "locked-users" => Nothing;
    /// Let somebody in again.
    Unlock = Update "locked-users/{mount_accessor}/unlock/{alias_identifier*}" => LockedUser;
}
