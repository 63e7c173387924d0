//! The key/value engine: unversioned (`v1`) and versioned (`v2`).

pub mod v1;
pub mod v2;
