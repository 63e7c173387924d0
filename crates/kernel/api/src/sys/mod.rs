//! The server's own endpoints (`sys/*`).

pub mod audit;
pub mod ceremony;
pub mod counters;
pub mod events;
pub mod leases;
pub mod lockout;
pub mod log;
pub mod mounts;
pub mod namespaces;
pub mod passwords;
pub mod policies;
pub mod quotas;
pub mod seal;
pub mod status;
pub mod storage;
pub mod tools;
pub mod web;
pub mod wrapping;

crate::fields! {
    /// One page of a listing.
    pub struct Page {
        /// Only names after this one.
        after: String,
        /// At most this many names; 0 for all.
        limit: i64,
    }
}
