//! The record of a trusted certificate.

use arca_api::auth::cert::WriteCert;
use arca_base::Json;
use arca_base::json::Object;
use arca_core::Fault;
use arca_core::barrier::{Rows, Stored, View};
use arca_core::login::TokenSettings;
use arca_crypto::x509::Certificate;
use serde::{Deserialize, Serialize};

use super::rules::Rules;

/// Longest PEM text of one entry, in bytes.
const MAX_PEM_BYTES: usize = 64 * 1024;

/// A trusted certificate, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    /// In PEM, as it was written.
    pub(super) certificate: String,
    /// Name shown with the tokens.
    pub(super) display_name: String,
    /// What must stand in the certificates it vouches for.
    pub(super) rules: Rules,
    /// What tokens are like.
    pub(super) token: TokenSettings,
}

impl Stored for Entry {
    const VERSION: u8 = 1;
    const NAME: &'static str = "trusted certificate";
}

/// Entries by name.
pub(super) fn entries(view: &View) -> Rows<Entry> {
    Rows::new(view.folder("cert/"))
}

impl Entry {
    /// The certificates it trusts.
    pub(super) fn certificates(&self) -> Result<Vec<Certificate>, Fault> {
        Certificate::chain_from_pem(&self.certificate)
            .map_err(|error| Fault::invalid(format!("failed to parse certificate: {error}")))
    }

    /// Changes what was given and leaves the rest.
    pub(super) fn change(&mut self, given: &WriteCert) -> Result<(), Fault> {
        if let Some(pem) = &given.certificate {
            if pem.len() > MAX_PEM_BYTES {
                return Err(Fault::invalid(format!(
                    "certificate has {} bytes but may have at most {MAX_PEM_BYTES}",
                    pem.len()
                )));
            }
            self.certificate.clone_from(pem);
        }
        self.certificates()?;
        if let Some(name) = &given.display_name {
            self.display_name.clone_from(name);
        }
        self.rules.change(given)?;
        self.token.change(&given.token_parameters())
    }

    /// What it shows. A certificate is no secret.
    pub(super) fn describe(&self, name: &str) -> Json {
        let mut members = Object::new();
        let display = if self.display_name.is_empty() {
            name
        } else {
            &self.display_name
        };
        members.insert("certificate".to_owned(), self.certificate.as_str().into());
        members.insert("display_name".to_owned(), display.into());
        self.rules.describe_in(&mut members);
        self.token.describe_in(&mut members);
        Json::Object(members)
    }
}
