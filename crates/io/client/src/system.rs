//! Answers of `sys/*` that have a shape of their own.

use arca_base::{Json, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether the server is sealed, and how unsealing proceeds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SealStatus {
    /// Kind of the seal.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether there is a store to unseal.
    pub initialized: bool,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Shares needed.
    pub t: u64,
    /// Shares there are.
    pub n: u64,
    /// Shares given so far.
    pub progress: u64,
    /// Names the unsealing under way.
    pub nonce: String,
    /// Version of the server.
    pub version: String,
    /// When the server was built.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub build_date: String,
    /// When the source of the server was committed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub commit_date: String,
    /// Whether the store is moving to another seal.
    pub migration: bool,
    /// Name of the cluster, once unsealed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster_name: String,
    /// Identifier of the cluster, once unsealed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster_id: String,
    /// Whether the shares are of a recovery key.
    pub recovery_seal: bool,
    /// Kind of the recovery seal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub recovery_seal_type: String,
    /// Where data is kept.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub storage_type: String,
    /// What the operator should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<String>>,
}

/// Which node is active.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Leader {
    /// Whether there can be several nodes.
    pub ha_enabled: bool,
    /// Whether the node that answered is the active one.
    #[serde(skip_serializing_if = "is_false")]
    pub is_self: bool,
    /// Since when it is active.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time_or_nothing")]
    pub active_time: Option<Timestamp>,
    /// Where clients reach the active node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leader_address: String,
    /// Where nodes reach the active node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub leader_cluster_address: String,
    /// Last committed entry of the log.
    #[serde(skip_serializing_if = "is_zero")]
    pub raft_committed_index: u64,
    /// Last applied entry of the log.
    #[serde(skip_serializing_if = "is_zero")]
    pub raft_applied_index: u64,
}

/// Whether there is a store.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Initialized {
    /// Whether there is.
    pub initialized: bool,
}

/// The keys of a new store. No `Debug`: this is everything there is to protect.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct InitKeys {
    /// Shares of the unseal key, in hexadecimal.
    pub keys: Vec<String>,
    /// Shares of the unseal key, in base64.
    pub keys_base64: Vec<String>,
    /// Shares of the recovery key, in hexadecimal.
    pub recovery_keys: Vec<String>,
    /// Shares of the recovery key, in base64.
    pub recovery_keys_base64: Vec<String>,
    /// The first token.
    pub root_token: String,
}

/// What a path is for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Help {
    /// The text.
    pub help: String,
    /// The same for programs.
    pub openapi: Option<Json>,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

const fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Servers write year 1 for "never".
fn time_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() || text.starts_with("0001-") {
        return Ok(None);
    }
    Timestamp::parse(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_alone_says_little() {
        let leader: Leader = serde_json::from_str(
            r#"{"ha_enabled":false,"is_self":false,"active_time":"0001-01-01T00:00:00Z","leader_address":""}"#,
        )
        .unwrap();
        assert_eq!(serde_json::to_string(&leader).unwrap(), r#"{"ha_enabled":false}"#);
    }

    #[test]
    fn an_active_node_says_since_when() {
        let leader: Leader = serde_json::from_str(
            r#"{"ha_enabled":true,"is_self":true,"active_time":"2026-01-02T03:04:05.6Z"}"#,
        )
        .unwrap();
        assert_eq!(leader.active_time.unwrap().to_string(), "2026-01-02T03:04:05.6Z");
    }
}
