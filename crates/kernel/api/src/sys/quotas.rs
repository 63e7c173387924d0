//! Limits of how often clients may ask, and of how many leases there may be (`sys/quotas/*`).

use arca_base::Ttl;

use super::Page;
use crate::endpoint::Nothing;
use crate::field::{Any, CommaList};

crate::fields! {
    /// A limit to write.
    pub struct WriteQuota {
        /// Its name.
        name: String,
        /// `rate-limit`
        #[name = "type"]
        kind: String,
        /// What it is for: nothing for everything, a namespace, a mount such as `auth/userpass/`, or a path, which may
        /// end in `*`; namespaces around it come first.
        path: String,
        /// Role of the auth method at `path`: it is for logins by this role only.
        role: String,
        /// Requests of one client in one interval.
        rate: Any,
        /// The interval; one second when absent.
        interval: Option<Ttl>,
        /// How long a client that asks too often is refused everything.
        block_interval: Option<Ttl>,
        /// Whether a limit of a namespace holds for the namespaces below it; so it is when absent for that of everything.
        inheritable: Option<bool>,
    }
}

crate::fields! {
    /// A limit of leases to write.
    pub struct WriteLeaseQuota {
        /// Its name.
        name: String,
        /// `lease-count`
        #[name = "type"]
        kind: String,
        /// What it is for: nothing for everything, a namespace, a mount, or a path of a secret engine, which may end in
        /// `*`; namespaces around it come first.
        path: String,
        /// Role of the auth method at `path`: it is for logins by this role only.
        role: String,
        /// How many leases there may be.
        max_leases: i64,
        /// Whether a limit of a namespace holds for the namespaces below it, and counts theirs; so it is when absent for
        /// that of everything.
        inheritable: Option<bool>,
    }
}

crate::fields! {
    /// Names a limit.
    pub struct QuotaName {
        /// The limit.
        name: String,
    }
}

crate::fields! {
    /// What holds for all limits. What is not given stays as it was.
    pub struct WriteQuotaConfig {
        /// Paths that are never limited, besides those a server must always answer.
        rate_limit_exempt_paths: Option<CommaList>,
        /// Whether refused requests are in the audit log.
        enable_rate_limit_audit_logging: Option<bool>,
        /// Whether answers tell about limits in `X-Ratelimit` headers; `Retry-After` is always there.
        enable_rate_limit_response_headers: Option<bool>,
    }
}

crate::endpoints! {
    /// Read what holds for all limits.
    ReadQuotaConfig = Read "quotas/config" => Nothing;
    /// Write what holds for all limits.
    UpdateQuotaConfig = Update "quotas/config" => WriteQuotaConfig;
    /// List limits.
    ListQuotas = List "quotas/rate-limit" => Page;
    /// Read a limit.
    ReadQuota = Read "quotas/rate-limit/{name}" => QuotaName;
    /// Write a limit.
    UpdateQuota = Update "quotas/rate-limit/{name}" => WriteQuota;
    /// Delete a limit.
    DeleteQuota = Delete "quotas/rate-limit/{name}" => QuotaName;
    /// List limits of leases.
    ListLeaseQuotas = List "quotas/lease-count" => Page;
    /// Read a limit of leases, and how many there are.
    ReadLeaseQuota = Read "quotas/lease-count/{name}" => QuotaName;
    /// Write a limit of leases.
    UpdateLeaseQuota = Update "quotas/lease-count/{name}" => WriteLeaseQuota;
    /// Delete a limit of leases.
    DeleteLeaseQuota = Delete "quotas/lease-count/{name}" => QuotaName;
}
