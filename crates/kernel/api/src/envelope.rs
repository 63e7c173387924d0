//! The success envelope, as clients read it.

use std::collections::BTreeMap;

use arca_base::{Json, Timestamp};
use serde::{Deserialize, Serialize};

/// What a successful request answers with, for every endpoint that has no body shape of its own.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Envelope {
    /// Identifies the request in the audit log; empty in a wrapped answer.
    #[serde(default)]
    pub request_id: String,
    /// The lease of the secret, or empty.
    #[serde(default)]
    pub lease_id: String,
    /// Whether the lease can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// Length of the lease in seconds.
    #[serde(default)]
    pub lease_duration: u64,
    /// What was asked for.
    #[serde(default)]
    pub data: Option<Json>,
    /// Where the real answer is, when it was wrapped.
    #[serde(default)]
    pub wrap_info: Option<WrapBlock>,
    /// Things the caller should know.
    #[serde(default)]
    pub warnings: Option<Vec<String>>,
    /// A token that was issued or renewed.
    #[serde(default)]
    pub auth: Option<AuthBlock>,
    /// Type of the mount that answered.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount_type: String,
}

/// A token that was issued or renewed.
///
/// No `Debug` of the token: printing this type shows its accessor only.
#[derive(Default, Serialize, Deserialize)]
pub struct AuthBlock {
    /// The token itself; empty when it was addressed by accessor.
    #[serde(default)]
    pub client_token: String,
    /// Names the token without giving its power.
    #[serde(default)]
    pub accessor: String,
    /// Everything the token may use: its own and its identity's policies.
    #[serde(default, deserialize_with = "null_as_default")]
    pub policies: Vec<String>,
    /// Policies of the token itself.
    #[serde(default, deserialize_with = "null_as_default")]
    pub token_policies: Vec<String>,
    /// Policies its identity adds.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub identity_policies: Vec<String>,
    /// What the auth method recorded.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Seconds until it expires; 0 for never.
    #[serde(default)]
    pub lease_duration: u64,
    /// Whether it can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// Whom it belongs to, or empty.
    #[serde(default)]
    pub entity_id: String,
    /// `service` or `batch`.
    #[serde(default)]
    pub token_type: String,
    /// Whether it has no parent.
    #[serde(default)]
    pub orphan: bool,
    /// A second factor that is still missing.
    #[serde(default)]
    pub mfa_requirement: Option<Json>,
    /// Requests left; 0 for any number.
    #[serde(default)]
    pub num_uses: i64,
}

impl std::fmt::Debug for AuthBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthBlock")
            .field("accessor", &self.accessor)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}

/// Where a wrapped answer is kept.
#[derive(Clone, Serialize, Deserialize)]
pub struct WrapBlock {
    /// Opens the answer, once.
    pub token: String,
    /// Names the wrapping token.
    pub accessor: String,
    /// Seconds until it is gone.
    pub ttl: u64,
    /// When it was made.
    pub creation_time: Timestamp,
    /// What was asked for.
    pub creation_path: String,
    /// Accessor of a token inside.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wrapped_accessor: String,
}

impl std::fmt::Debug for WrapBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WrapBlock")
            .field("accessor", &self.accessor)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// Other servers write `null` where a list is empty.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
