//! Why a login was refused: one text for the operator, another for whoever tried.

use std::io;

use arca_client::ConfigError;
use arca_core::Fault;
use arca_crypto::jws::BadClaim;

use super::claims::Unreadable;
use super::cluster::ApiError;
use crate::keys::Unproved;

/// Why a login was refused, in the words for operators.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("{0}")]
    Claim(#[from] BadClaim),
    #[error("{0}")]
    Unproved(#[from] Unproved),
    #[error("pem_keys: {0}")]
    GivenKeys(String),
    #[error(
        "the role has no audience, without which a token made for any other service would do (use_local_verification)"
    )]
    NoAudience,
    #[error(
        "the token has no end (exp), so without the API server nobody could take it back (use_local_verification)"
    )]
    Endless,
    #[error("the role does not name the service account (bound_service_account_names)")]
    Name,
    #[error(
        "the role names neither the namespace nor labels it has (bound_service_account_namespaces, bound_service_account_namespace_selector)"
    )]
    Namespace,
    #[error("the labels of the namespace cannot be read, which the role selects by: {0}")]
    Labels(#[source] ApiError),
    #[error("the token cannot be reviewed with {reviewer}: {cause}")]
    Review {
        reviewer: &'static str,
        #[source]
        cause: ApiError,
    },
    #[error(
        "lookup failed: service account unauthorized; this could mean it has been deleted or recreated with a new token"
    )]
    Unauthorized,
    #[error("lookup failed: service account jwt not valid ({0})")]
    NotAuthenticated(String),
    #[error("the API server does not confirm the audience of the token")]
    AudienceNotConfirmed,
    #[error("the API server says the token belongs to another account than it names ({0})")]
    Mismatch(&'static str),
    #[error("kubernetes_ca_cert is not set, and this server does not run in a pod that has one")]
    NoAuthority,
    #[error("{0}")]
    Settings(#[source] ConfigError),
    #[error("what this server's own pod was given cannot be read: {0}")]
    Pod(#[source] io::Error),
}

impl Refused {
    /// What whoever tried is told: what their token says of itself, and else only that it failed.
    pub(super) fn fault(&self) -> Fault {
        let fault = match self {
            Self::Claim(claim) | Self::Unreadable(Unreadable::Claim(claim)) => {
                Fault::denied_with(claim.to_string())
            }
            Self::Name => Fault::denied_with("service account name not authorized"),
            Self::Namespace | Self::Labels(_) => Fault::denied_with("namespace not authorized"),
            _ => Fault::denied(),
        };
        fault.because(self.to_string())
    }
}
