//! What is known of the seal before unsealing. Stored in the clear.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Kinds of seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SealKind {
    /// Shares that people hold.
    Shamir,
    /// A key from a file or the environment.
    Static,
    /// The transit engine of another server.
    Transit,
}

impl SealKind {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shamir => "shamir",
            Self::Static => "static",
            Self::Transit => "transit",
        }
    }
}

impl fmt::Display for SealKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which seal, and how many shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealConfig {
    /// Of this form.
    pub version: u32,
    /// Which seal.
    #[serde(rename = "type")]
    pub kind: SealKind,
    /// Shares handed out.
    pub shares: u8,
    /// Shares needed.
    pub threshold: u8,
}

/// Numbers of shares that make no sense. Texts follow what existing clients show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSealConfig {
    /// No shares.
    #[error("invalid seal configuration: shares must be at least one")]
    NoShares,
    /// No threshold.
    #[error("invalid seal configuration: threshold must be at least one")]
    NoThreshold,
    /// Each share would open everything.
    #[error("invalid seal configuration: threshold must be greater than one for multiple shares")]
    LowThreshold,
    /// Nobody could unseal.
    #[error("invalid seal configuration: threshold cannot be larger than shares")]
    HighThreshold,
    /// More than can be numbered.
    #[error("invalid seal configuration: shares must be less than 256")]
    TooManyShares,
}

impl SealConfig {
    /// The version written.
    pub const VERSION: u32 = 1;

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`BadSealConfig`].
    pub fn new(kind: SealKind, shares: i64, threshold: i64) -> Result<Self, BadSealConfig> {
        match (shares, threshold) {
            (..=0, _) => Err(BadSealConfig::NoShares),
            (_, ..=0) => Err(BadSealConfig::NoThreshold),
            (256.., _) => Err(BadSealConfig::TooManyShares),
            (2.., 1) => Err(BadSealConfig::LowThreshold),
            _ if threshold > shares => Err(BadSealConfig::HighThreshold),
            _ => Ok(Self {
                version: Self::VERSION,
                kind,
                shares: u8::try_from(shares).unwrap_or(u8::MAX),
                threshold: u8::try_from(threshold).unwrap_or(u8::MAX),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_the_numbers() {
        let new = |shares, threshold| SealConfig::new(SealKind::Shamir, shares, threshold);
        assert_eq!(new(5, 3).unwrap().threshold, 3);
        assert_eq!(new(1, 1).unwrap().shares, 1);
        for (shares, threshold, error) in [
            (0, 0, BadSealConfig::NoShares),
            (5, 0, BadSealConfig::NoThreshold),
            (5, 1, BadSealConfig::LowThreshold),
            (2, 3, BadSealConfig::HighThreshold),
            (256, 3, BadSealConfig::TooManyShares),
        ] {
            assert_eq!(new(shares, threshold), Err(error));
        }
    }
}
