//! The record of a mount.

use std::collections::BTreeMap;

use arca_base::{Entropy, MountPath, Ttl, id};
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;
use crate::login::LockoutRules;

/// Secret engine or auth method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A secret engine.
    #[default]
    Secret,
    /// An auth method; its paths begin with `auth/`.
    Auth,
}

impl Class {
    /// The name in audit entries.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Auth => "auth",
        }
    }
}

/// Whether callers without a token see a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Not said.
    #[default]
    Unset,
    /// They do not.
    Hidden,
    /// They do.
    Unauth,
}

/// Settings of a mount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountConfig {
    /// How long leases live when nobody says otherwise; zero for the server's default.
    pub default_lease_ttl: Ttl,
    /// How long leases live at most; zero for the server's maximum.
    pub max_lease_ttl: Ttl,
    /// Accepted for compatibility.
    pub force_no_cache: bool,
    /// Request fields the audit log shows as they are.
    pub audit_non_hmac_request_keys: Vec<String>,
    /// Response fields the audit log shows as they are.
    pub audit_non_hmac_response_keys: Vec<String>,
    /// Whether callers without a token see the mount.
    pub listing_visibility: Visibility,
    /// Request headers handed to the engine.
    pub passthrough_request_headers: Vec<String>,
    /// Response headers the engine may set.
    pub allowed_response_headers: Vec<String>,
    /// Kind of the tokens an auth method issues: `service`, `batch`, `default-service`, `default-batch`.
    pub token_type: String,
    /// When callers of an auth method are locked out.
    pub user_lockout: LockoutRules,
}

/// A mount, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Where, with trailing slash and without `auth/`.
    pub path: String,
    /// Secret engine or auth method.
    pub class: Class,
    /// Which engine.
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Names its records; never changes.
    pub uuid: String,
    /// Names the mount in tokens and aliases; never changes.
    pub accessor: String,
    /// Settings of the engine; `None` for built-in mounts.
    pub options: Option<BTreeMap<String, String>>,
    /// Settings of the mount.
    pub config: MountConfig,
    /// Shown for compatibility.
    pub local: bool,
    /// Shown for compatibility.
    pub seal_wrap: bool,
    /// Shown for compatibility.
    pub external_entropy_access: bool,
    /// Set while it is being removed: it takes no requests any more.
    pub tainted: bool,
    /// Set while its records are turned into those of another version: it takes no requests until then.
    pub upgrading: bool,
}

impl Stored for Mount {
    const VERSION: u8 = 1;
    const NAME: &'static str = "mount";
}

impl Mount {
    /// A new mount with an accessor and a UUID of its own.
    pub fn new(class: Class, path: &MountPath, kind: &str, entropy: &dyn Entropy) -> Self {
        let prefix = match class {
            Class::Secret => "",
            Class::Auth => "auth_",
        };
        let random = id::hex(&arca_base::entropy::bytes::<4>(entropy));
        Self {
            path: path.as_str().to_owned(),
            class,
            kind: kind.to_owned(),
            uuid: id::uuid_v4(entropy),
            accessor: format!("{prefix}{kind}_{random}"),
            ..Self::default()
        }
    }

    /// The path clients use, with `auth/` in front for an auth method.
    #[must_use]
    pub fn full_path(&self) -> String {
        match self.class {
            Class::Secret => self.path.clone(),
            Class::Auth => format!("auth/{}", self.path),
        }
    }

    /// Name of its row.
    #[must_use]
    pub fn row(&self) -> &str {
        self.path.trim_end_matches('/')
    }

    /// An option of the engine.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.as_ref()?.get(name).map(String::as_str)
    }

    /// What an engine in memory is kept under: another version is another engine.
    pub(super) fn engine_key(&self) -> Box<str> {
        format!("{}/{}", self.uuid, self.option("version").unwrap_or_default()).into()
    }

    /// Whether the server cannot do without it.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        matches!(
            (self.class, &*self.kind),
            (Class::Secret, "system" | "identity" | "cubbyhole") | (Class::Auth, "token")
        )
    }
}
