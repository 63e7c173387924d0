//! The configuration, as stored.

use serde::{Deserialize, Serialize};

use crate::barrier::Stored;

/// A request header that stands in the audit log.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AuditedHeader {
    pub(crate) hmac: bool,
}

impl Stored for AuditedHeader {
    const VERSION: u8 = 1;
    const NAME: &'static str = "audited header";
}

/// A request header that some mount hands to its engine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PassedHeader {}

impl Stored for PassedHeader {
    const VERSION: u8 = 1;
    const NAME: &'static str = "header for engines";
}

/// From where browsers may use the API.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cors {
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) allowed_headers: Vec<String>,
}

impl Stored for Cors {
    const VERSION: u8 = 1;
    const NAME: &'static str = "configuration of CORS";
}

impl Cors {
    pub(super) fn allows(&self, origin: &str) -> bool {
        let mut allowed = self.allowed_origins.iter();
        allowed.any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }
}

/// A header of what is answered outside the API.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UiHeader {
    pub(crate) values: Vec<String>,
}

impl Stored for UiHeader {
    const VERSION: u8 = 1;
    const NAME: &'static str = "header of the web interface";
}
