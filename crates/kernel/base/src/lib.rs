//! Vocabulary shared by every crate: secrets in memory, identifiers, time, durations, paths and JSON.
//!
//! Pure values and pure functions. Time and randomness arrive through [`Clock`] and [`Entropy`].
#![warn(missing_docs)]

pub mod duration;
pub mod entropy;
pub mod glob;
pub mod id;
pub mod json;
pub mod namespace;
pub mod operation;
pub mod path;
pub mod secret;
pub mod suggest;
pub mod time;

pub use duration::{GoDuration, Ttl};
pub use entropy::Entropy;
pub use json::{Json, JsonText};
pub use namespace::NamespaceId;
pub use operation::Operation;
pub use path::{MountPath, RequestPath};
pub use secret::Secret;
pub use time::{Clock, Timestamp};
