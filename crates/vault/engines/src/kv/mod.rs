//! Key/value secrets: [`v1`] keeps one value of each, [`v2`] keeps versions.

pub mod v1;
pub mod v2;

use arca_core::engine::Factory;

/// The engine a mount asks for by `version` in its options; 1 when it says nothing.
#[must_use]
pub fn factory() -> Factory {
    let (unversioned, versioned) = (Factory::new(|_| v1::Unversioned), Factory::new(|_| v2::Versioned));
    Factory::choosing(move |mount| match mount.option("version") {
        Some("2") => versioned.clone(),
        _ => unversioned.clone(),
    })
}
