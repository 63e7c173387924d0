//! Callers that are locked out after failed logins.

crate::fields! {
    /// Which callers.
    pub struct Locked {
        /// Accessor of an auth mount; all when empty.
        mount_accessor: String,
    }
}

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
    ListLocked = Read "locked-users" => Locked;
    /// Let somebody in again.
    Unlock = Update "locked-users/{mount_accessor}/unlock/{alias_identifier*}" => LockedUser;
}
