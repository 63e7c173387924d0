//! Leases.

use arca_base::Ttl;

use crate::endpoint::Nothing;

crate::fields! {
    /// Names a lease.
    pub struct LeaseId {
        /// The lease.
        lease_id: String,
    }
}

crate::fields! {
    /// A lease to renew.
    pub struct Renew {
        /// The lease.
        lease_id: String,
        /// The lease, where the path names it.
        url_lease_id: String,
        /// How long it should live from now.
        increment: Ttl,
    }
}

crate::fields! {
    /// A lease to revoke.
    pub struct Revoke {
        /// The lease.
        lease_id: String,
        /// The lease, where the path names it.
        url_lease_id: String,
        /// Whether to wait until it is done; true when absent.
        sync: Option<bool>,
    }
}

crate::fields! {
    /// Leases to revoke together.
    pub struct Prefix {
        /// What their identifiers begin with.
        prefix: String,
        /// Whether to wait until it is done; true when absent.
        sync: Option<bool>,
    }
}

crate::fields! {
    /// A folder of leases.
    pub struct Folder {
        /// What their identifiers begin with.
        prefix: String,
        /// Only names after this one.
        after: String,
        /// At most this many names; 0 for all.
        limit: i64,
    }
}

crate::fields! {
    /// Kind of leases.
    pub struct LeaseKind {
        /// `irrevocable`.
        #[name = "type"]
        kind: String,
        /// At most this many.
        limit: i64,
    }
}

crate::endpoints! {
    /// Look at a lease.
    Lookup = Update "leases/lookup" => LeaseId;
    /// List leases.
    List = List "leases/lookup/{prefix/}" => Folder;
    /// Extend a lease.
    RenewLease = Update "leases/renew" => Renew;
    /// Extend a lease.
    RenewLeaseAt = Update "leases/renew/{url_lease_id*}" => Renew;
    /// End a lease.
    RevokeLease = Update "leases/revoke" => Revoke;
    /// End a lease.
    RevokeLeaseAt = Update "leases/revoke/{url_lease_id*}" => Revoke;
    /// End all leases below a prefix.
    RevokePrefix = Update "leases/revoke-prefix/{prefix*}" => Prefix;
    /// End all leases below a prefix.
    RevokePrefixFolder = Update "leases/revoke-prefix/{prefix/}" => Prefix;
    /// Forget all leases below a prefix, whatever their engines say.
    RevokeForce = Update "leases/revoke-force/{prefix*}" => Prefix;
    /// Forget all leases below a prefix, whatever their engines say.
    RevokeForceFolder = Update "leases/revoke-force/{prefix/}" => Prefix;
    /// Remove what leases that no longer exist have left.
    Tidy = Update "leases/tidy" => Nothing;
    /// Count leases that could not be revoked.
    Count = Read "leases/count" => LeaseKind;
    /// List leases that could not be revoked.
    ListIrrevocable = Read "leases" => LeaseKind;
    /// Extend a lease (former path).
    OldRenew = Update "renew" => Renew;
    /// Extend a lease (former path).
    OldRenewAt = Update "renew/{url_lease_id*}" => Renew;
    /// End a lease (former path).
    OldRevoke = Update "revoke" => Revoke;
    /// End a lease (former path).
    OldRevokeAt = Update "revoke/{url_lease_id*}" => Revoke;
    /// End all leases below a prefix (former path).
    OldRevokePrefix = Update "revoke-prefix/{prefix*}" => Prefix;
    /// Forget all leases below a prefix (former path).
    OldRevokeForce = Update "revoke-force/{prefix*}" => Prefix;
}
