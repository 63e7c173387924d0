//! Why a login was refused: one text for the operator, another for whoever tried.

use arca_core::Fault;
use arca_crypto::jws::{BadClaim, JwsError};

use super::bounds::OutOfBounds;
use super::identity::NotAnybody;
use crate::keys::{FetchError, Unproved};

/// Why a login was refused, in the words for operators.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Token(#[from] JwsError),
    #[error("{0}")]
    Keys(#[from] FetchError),
    #[error("{0}")]
    Claim(#[from] BadClaim),
    #[error("audience claim found in JWT but no audiences bound to the role")]
    UnboundAudience,
    #[error("the caller proved who they are too long ago (auth_time, max_age)")]
    TooLongAgo,
    #[error("{0}")]
    Identity(#[from] NotAnybody),
    #[error("{0}")]
    Bounds(#[from] OutOfBounds),
}

impl From<Unproved> for Refused {
    fn from(unproved: Unproved) -> Self {
        match unproved {
            Unproved::Token(error) => Self::Token(error),
            Unproved::Keys(error) => Self::Keys(error),
        }
    }
}

impl Refused {
    /// What whoever tried is told: what their token says of itself, and else only that it is not accepted. That keys
    /// are missing is not their doing, and may be over soon.
    pub(super) fn fault(&self) -> Fault {
        let fault = match self {
            Self::Token(_) => Fault::invalid("error validating token: error verifying token signature"),
            Self::Keys(_) => Fault::unavailable(
                "error validating token: the keys to verify its signature cannot be fetched now; try again",
            ),
            Self::Claim(claim) => Fault::invalid(format!("error validating token: {claim}")),
            Self::TooLongAgo => Fault::invalid("error validating token: auth_time is too far in the past"),
            Self::UnboundAudience | Self::Identity(_) => Fault::invalid(self.to_string()),
            Self::Bounds(bounds) => Fault::invalid(format!("error validating claims: {bounds}")),
        };
        fault.because(self.to_string())
    }
}
