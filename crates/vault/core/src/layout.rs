//! Where everything is stored.
//!
//! ```text
//! core/seal/config            clear   which seal, how many shares
//! core/seal/root-key          sealed by the seal (or the shares): the root key
//! core/seal/recovery-*        the recovery key of an automatic seal
//! core/seal/former            the shares before these, until these are used for the first time
//! core/restore/...            clear   a snapshot on its way into the store, and how far it is
//! core/migrate/lock           clear   a copy to or from another storage that is under way
//! core/keyring                sealed by the root key: the data keys
//! core/...                    sealed like everything below
//! core/namespace/at/<path>    one row for each namespace but the root namespace
//! core/namespace/id/<ns>      from its identifier to its path
//! expiry/<time>/<ns>/...      what ends when; the time is 16 hexadecimal digits of Unix seconds
//! ns/<ns>/mount/secret/<path> one row for each mount
//! ns/<ns>/mount/auth/<path>
//! ns/<ns>/policy/<name>
//! ns/<ns>/password-policy/<name>
//! ns/<ns>/token/...           tokens, their accessors, their children, roles
//! ns/<ns>/lease/...           leases, by identifier and by token
//! ns/<ns>/identity/...        entities and aliases
//! ns/<ns>/mfa/...            methods of second factors, which logins need them, keys
//! ns/<ns>/oidc/...            who identity tokens are from, keys, roles
//! ns/<ns>/quota/...          limits of how often clients may ask, and of leases
//! ns/<ns>/config/...         audited headers, CORS, headers of the web interface
//! ns/<ns>/version/<version>  versions that have run on the store
//! ns/<ns>/audit/<path>        audit devices
//! ns/<ns>/cubbyhole/<token>/  private records of a token
//! ns/<ns>/data/<mount uuid>/  records of an engine
//! ns/<ns>/event/...           never a record: what is told of changes, in the history only; see events/told.rs
//! ```

use std::sync::Arc;

use arca_base::{NamespaceId, Timestamp};

use crate::barrier::{Barrier, View};
use crate::fault::Fault;

/// Which seal, how many shares. Clear: it must be readable before unsealing.
pub const SEAL_CONFIG: &str = "core/seal/config";
/// The root key, sealed by the seal.
pub const ROOT_KEY: &str = "core/seal/root-key";
/// How many recovery shares.
pub const RECOVERY_CONFIG: &str = "core/seal/recovery-config";
/// The recovery key, sealed by the seal.
pub const RECOVERY_KEY: &str = "core/seal/recovery-key";
/// What the shares before the current ones open. Clear: it must be readable before unsealing.
pub const FORMER: &str = "core/seal/former";
/// The data keys, sealed by the root key.
pub const KEYRING: &str = "core/keyring";
/// Identity of the cluster.
pub const CLUSTER: &str = "core/cluster";
/// How far the restoring of a snapshot is; its revision names the generation of everything else. Clear: it must be
/// readable before unsealing.
pub const RESTORE_STATE: &str = "core/restore/state";
/// Whose parts of a snapshot are being taken in. Clear.
pub const RESTORE_UPLOAD: &str = "core/restore/upload";
/// Parts of a snapshot on their way into the store: rows as they are in it, so sealed like those.
pub const RESTORE_PARTS: &str = "core/restore/part/";
/// A store that is being copied to another storage: no server opens it. Clear.
pub const RELOCATION: &str = "core/migrate/lock";
/// What ends when.
pub const EXPIRY: &str = "expiry/";

/// Whether a row is readable without the data keys: in the clear, or sealed by something else.
#[must_use]
pub fn is_clear(key: &str) -> bool {
    key == KEYRING || key.starts_with("core/seal/") || key.starts_with("core/migrate/") || is_of_restore(key)
}

/// Whether a row is about restoring a snapshot, and so part of none.
#[must_use]
pub fn is_of_restore(key: &str) -> bool {
    key.starts_with("core/restore/")
}

/// The prefix of a namespace.
#[must_use]
pub fn namespace(namespace: &NamespaceId) -> String {
    format!("ns/{namespace}/")
}

/// What is stored of the namespace with this identifier.
///
/// # Errors
/// [`Fault::internal`] for what is no identifier.
pub(crate) fn view_of(barrier: &Arc<Barrier>, id: &str) -> Result<View, Fault> {
    let id = NamespaceId::parse(id)
        .ok_or_else(|| Fault::internal(format!("{id:?} is not the identifier of a namespace")))?;
    Ok(View::new(barrier.clone(), namespace(&id)))
}

/// The index entry of something in `namespace` that ends at `time`.
#[must_use]
pub fn expiry(time: Timestamp, namespace: &NamespaceId, what: &str) -> String {
    format!("{EXPIRY}{}/{namespace}/{what}", expiry_time(time))
}

/// The time part of an index entry. Sorts like the time.
#[must_use]
pub fn expiry_time(time: Timestamp) -> String {
    format!("{:016x}", time.unix_seconds().max(0))
}

/// The parts of an index entry without [`EXPIRY`]: Unix seconds, namespace and what ends.
#[must_use]
pub fn parse_expiry(entry: &str) -> Option<(i64, &str, &str)> {
    let (time, rest) = entry.split_once('/')?;
    let (namespace, what) = rest.split_once('/')?;
    Some((i64::from_str_radix(time, 16).ok()?, namespace, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_entries_sort_by_time() {
        let root = NamespaceId::root();
        let at = |seconds| expiry(Timestamp::from_unix(seconds, 0), &root, "token/abc");
        assert!(at(9) < at(10) && at(255) < at(256) && at(1 << 37) < at((1 << 37) + 1));
        let entry = at(1_700_000_000);
        let parsed = parse_expiry(entry.strip_prefix(EXPIRY).unwrap());
        assert_eq!(parsed, Some((1_700_000_000, "root", "token/abc")));
    }
}
