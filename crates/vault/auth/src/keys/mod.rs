//! The keys that tokens of others are proved with: where they come from, and how long they are good.
//!
//! | part | does |
//! |---|---|
//! | [`KeySource`] | what one configuration says: keys in PEM, JWK sets, or a provider |
//! | [`KeyCache`] | keeps what was fetched; decides when to fetch again |
//! | [`Remote`] | one GET, with limits |
//! | [`Discovery`] | from the address of a provider to its keys and endpoints |

mod cache;
mod provider;
mod remote;
mod source;

pub(crate) use self::cache::{Fetch, KeyCache, Unproved};
pub(crate) use self::provider::{Discovery, Provider};
pub(crate) use self::remote::FetchError;
pub(crate) use self::source::KeySource;
