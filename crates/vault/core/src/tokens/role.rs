//! Roles: settings that tokens made with them take.

use arca_base::Ttl;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;

/// Settings that tokens made with a role take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Policies tokens may ask for.
    pub allowed_policies: Vec<String>,
    /// Policies tokens may not ask for.
    pub disallowed_policies: Vec<String>,
    /// Globs of policies tokens may ask for.
    pub allowed_policies_glob: Vec<String>,
    /// Globs of policies tokens may not ask for.
    pub disallowed_policies_glob: Vec<String>,
    /// Whether tokens have no parent.
    pub orphan: bool,
    /// Whether tokens can be renewed.
    pub renewable: bool,
    /// Last segment of the path tokens are made at.
    pub path_suffix: String,
    /// Globs of entity aliases tokens may ask for.
    pub allowed_entity_aliases: Vec<String>,
    /// Tokens are renewable for ever, each time by this long.
    pub period: Ttl,
    /// How long tokens live at most.
    pub explicit_max_ttl: Ttl,
    /// Networks tokens may be used from.
    pub bound_cidrs: Vec<IpNet>,
    /// Leave the `default` policy out.
    pub no_default_policy: bool,
    /// Requests tokens are good for; 0 for any number.
    pub num_uses: i64,
    /// `service`, `batch`, `default-service` or `default-batch`.
    pub token_type: String,
    /// Whether `period` was set by its former name, which is then shown too.
    pub old_period: bool,
    /// Whether `explicit_max_ttl` was set by its former name.
    pub old_explicit_max_ttl: bool,
    /// Whether `bound_cidrs` was set by its former name.
    pub old_bound_cidrs: bool,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            name: String::new(),
            allowed_policies: Vec::new(),
            disallowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            allowed_entity_aliases: Vec::new(),
            period: Ttl::ZERO,
            explicit_max_ttl: Ttl::ZERO,
            bound_cidrs: Vec::new(),
            no_default_policy: false,
            num_uses: 0,
            token_type: "default-service".to_owned(),
            old_period: false,
            old_explicit_max_ttl: false,
            old_bound_cidrs: false,
        }
    }
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "token role";
}
