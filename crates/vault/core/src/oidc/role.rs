//! What identity tokens of a role are like.

use arca_api::oidc as api;
use arca_base::{Entropy, Json, Ttl, id, json_object};
use serde::{Deserialize, Serialize};

use super::template::Template;
use super::{LONGEST_NAME, check_name};
use crate::barrier::Stored;
use crate::fault::Fault;

/// Characters of a client identifier that is made up.
const CLIENT_ID_LENGTH: usize = 26;

/// A role, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) key: String,
    /// As JSON with placeholders; empty for no more claims.
    pub(super) template: String,
    pub(super) ttl: Ttl,
    pub(super) client_id: String,
}

impl Stored for Role {
    const VERSION: u8 = 1;
    const NAME: &'static str = "role of identity tokens";
}

impl Default for Role {
    fn default() -> Self {
        Self {
            key: String::new(),
            template: String::new(),
            ttl: Ttl::from_hours(24),
            client_id: String::new(),
        }
    }
}

impl Role {
    /// Changes what was given and leaves the rest.
    ///
    /// # Errors
    /// 400 that names the field.
    pub(super) fn change(&mut self, request: &api::WriteRole, entropy: &dyn Entropy) -> Result<(), Fault> {
        if let Some(key) = &request.key {
            check_name(key)?;
            self.key.clone_from(key);
        }
        if self.key.is_empty() {
            return Err(Fault::invalid("the key parameter is required"));
        }
        if let Some(template) = &request.template {
            self.template = Template::decoded(template)?;
            Template::parse(&self.template)?;
        }
        self.ttl = request.ttl.unwrap_or(self.ttl);
        if self.ttl.is_zero() {
            return Err(Fault::invalid("ttl must be greater than 0"));
        }
        if let Some(client_id) = request.client_id.as_ref().filter(|id| !id.is_empty()) {
            let is_known = |byte: u8| byte.is_ascii_graphic();
            if client_id.len() > LONGEST_NAME || !client_id.bytes().all(is_known) {
                return Err(Fault::invalid(format!(
                    "client_id may have at most {LONGEST_NAME} bytes and only printable characters without spaces"
                )));
            }
            self.client_id.clone_from(client_id);
        }
        if self.client_id.is_empty() {
            self.client_id = id::base62(entropy, CLIENT_ID_LENGTH);
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> Json {
        json_object! {
            "client_id" => self.client_id.as_str(),
            "key" => self.key.as_str(),
            "template" => self.template.as_str(),
            "ttl" => self.ttl.seconds(),
        }
    }
}
