//! What users prove themselves with: settings of roles, and credentials made by them.
//!
//! | `credential_type` | settings | a user gets | statements get |
//! |---|---|---|---|
//! | `password` | `password_policy` | `password` | `{{password}}` |
//! | `rsa_private_key` | `key_bits`, `format` | `rsa_private_key` (PKCS#8) | `{{public_key}}` (PEM) |
//! | `client_certificate` | the authority, names, kind of key | `client_certificate`, `private_key` | `{{subject}}` |

use std::collections::BTreeMap;
use std::fmt;

use arca_base::{Entropy, Json, Secret, Timestamp};
use arca_core::Fault;
use arca_core::engine::Site;
use arca_crypto::x509::{ClientIssuer, KeyAlgorithm, KeyPair, Validity, X509Error};
use serde::{Deserialize, Serialize};

use super::driver::{Credential, CredentialKind, Kind};
use super::statements;
use super::username::{self, Facts};

/// Clocks of others may be this much behind.
const BACKDATED_SECONDS: i64 = 30;
const CA_KEY: &str = "ca_private_key";
const CA_CERTIFICATE: &str = "ca_cert";
const COMMON_NAME: &str = "common_name_template";

/// What the users of a role prove themselves with, as stored within it. May hold the key of an authority.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Plan {
    credential_type: String,
    credential_config: BTreeMap<String, String>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("credential_type", &self.credential_type)
            .finish_non_exhaustive()
    }
}

/// A credential that was made.
pub(super) struct Made {
    /// What the database is told.
    pub(super) credential: Credential,
    /// What the client is told.
    answer: Vec<(&'static str, Secret<String>)>,
}

impl Made {
    pub(super) fn answer(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.answer
            .iter()
            .map(|(name, value)| (*name, value.expose().as_str()))
    }
}

/// For whom a credential is made.
pub(super) struct Holder<'a> {
    pub(super) username: &'a str,
    pub(super) facts: &'a Facts<'a>,
    pub(super) expiration: Timestamp,
}

impl Plan {
    pub(super) fn kind(&self) -> CredentialKind {
        CredentialKind::named(&self.credential_type).unwrap_or_default()
    }

    /// The plan with what a client gives. A certificate given again without its key keeps the key.
    pub(super) fn changed(
        &self,
        kind: Option<&str>,
        config: Option<&BTreeMap<String, String>>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        let mut next = self.clone();
        if let Some(kind) = kind {
            next.credential_type = CredentialKind::named(kind)
                .map(|kind| kind.as_str().to_owned())
                .ok_or_else(|| Fault::invalid(format!("invalid credential_type {kind:?}")))?;
        }
        if let Some(config) = config {
            next.credential_config.clone_from(config);
            let kept = self.credential_config.get(CA_KEY);
            if let Some(kept) = kept.filter(|_| config.get(CA_CERTIFICATE) == self.setting_of(CA_CERTIFICATE))
            {
                let key = next.credential_config.entry(CA_KEY.to_owned());
                key.or_insert_with(|| kept.clone());
            }
        } else if next.kind() != self.kind() {
            next.credential_config.clear();
        }
        next.check(entropy, now)
            .map_err(|reason| Fault::invalid(format!("credential_config validation failed: {reason}")))?;
        Ok(next)
    }

    fn setting_of(&self, name: &str) -> Option<&String> {
        self.credential_config.get(name)
    }

    fn setting(&self, name: &str) -> &str {
        self.setting_of(name).map_or("", String::as_str).trim()
    }

    fn number(&self, name: &str) -> Result<u16, String> {
        match self.setting(name) {
            "" => Ok(0),
            text => text.parse().map_err(|_| format!("{name} must be a number")),
        }
    }

    fn check(&self, entropy: &dyn Entropy, now: Timestamp) -> Result<(), String> {
        let known: &[&str] = match self.kind() {
            CredentialKind::Password => &["password_policy"],
            CredentialKind::RsaPrivateKey => &["key_bits", "format"],
            CredentialKind::ClientCertificate => &[
                COMMON_NAME,
                CA_CERTIFICATE,
                CA_KEY,
                "key_type",
                "key_bits",
                "signature_bits",
            ],
        };
        let names = self.credential_config.keys();
        if let Some(unknown) = names.map(String::as_str).find(|name| !known.contains(name)) {
            return Err(format!(
                "{unknown:?} is not a setting of credential_type {:?}; known: {}",
                self.kind().as_str(),
                known.join(", ")
            ));
        }
        match self.kind() {
            CredentialKind::Password => Ok(()),
            CredentialKind::RsaPrivateKey => self.rsa().map(drop),
            CredentialKind::ClientCertificate => self.check_certificate(entropy, now),
        }
    }

    fn rsa(&self) -> Result<KeyAlgorithm, String> {
        if !matches!(self.setting("format"), "" | "pkcs8") {
            return Err("format must be pkcs8".to_owned());
        }
        KeyAlgorithm::named("rsa", self.number("key_bits")?)
            .map_err(|_| "key_bits must be 2048, 3072 or 4096".to_owned())
    }

    fn check_certificate(&self, entropy: &dyn Entropy, now: Timestamp) -> Result<(), String> {
        for name in [COMMON_NAME, CA_CERTIFICATE, CA_KEY] {
            if self.setting(name).is_empty() {
                return Err(format!(
                    "{name} is required for credential_type \"client_certificate\""
                ));
            }
        }
        username::check_common_name(self.setting(COMMON_NAME), entropy, now)?;
        self.key_algorithm()?;
        self.issuer()
            .map(drop)
            .map_err(|error| format!("ca_cert and ca_private_key: {error}"))
    }

    fn key_algorithm(&self) -> Result<KeyAlgorithm, String> {
        let kind = match self.setting("key_type") {
            "" => "rsa",
            given => given,
        };
        KeyAlgorithm::named(kind, self.number("key_bits")?)
            .map_err(|error| format!("key_type and key_bits: {error}"))
    }

    fn issuer(&self) -> Result<ClientIssuer, String> {
        let bits = self.number("signature_bits")?;
        ClientIssuer::from_pem(self.setting(CA_CERTIFICATE), self.setting(CA_KEY), bits)
            .map_err(|error| error.to_string())
    }

    /// Refuses what a kind of database, or the statements of a role, have no place for.
    pub(super) fn check_place(&self, kind: &Kind, statements: &[String], field: &str) -> Result<(), Fault> {
        let credential = self.kind();
        if !kind.credentials.contains(&credential) {
            return Err(unsupported(credential));
        }
        if credential == CredentialKind::RsaPrivateKey && !names(statements, "public_key") {
            return Err(Fault::invalid(format!(
                "unsupported credential_type: \"rsa_private_key\": {} knows no login by key pair of its own; {field} must put {{{{public_key}}}} where it is looked for",
                kind.plugin_name
            )));
        }
        Ok(())
    }

    /// The policy of passwords, before that of the configuration.
    pub(super) fn password_policy<'a>(&'a self, of_config: &'a str) -> &'a str {
        match self.setting("password_policy") {
            "" => of_config,
            policy => policy,
        }
    }

    /// The settings without keys.
    pub(super) fn shown(&self) -> Json {
        self.credential_config
            .iter()
            .filter(|(name, _)| *name != CA_KEY)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// A credential for a new user.
    pub(super) async fn make(
        &self,
        site: &Site,
        policy_of_config: &str,
        holder: &Holder<'_>,
    ) -> Result<Made, Fault> {
        match self.kind() {
            CredentialKind::Password | CredentialKind::RsaPrivateKey => {
                let secret = self.secret(site, policy_of_config).await?;
                let name = self.kind().as_str();
                Ok(Made {
                    credential: credential_of(self.kind(), &secret)?,
                    answer: vec![(name, secret)],
                })
            }
            CredentialKind::ClientCertificate => self.certificate(site, holder).await,
        }
    }

    /// The secret half of a new password or key pair.
    pub(super) async fn secret(&self, site: &Site, policy_of_config: &str) -> Result<Secret<String>, Fault> {
        match self.kind() {
            CredentialKind::Password => Ok(site
                .passwords
                .generate(self.password_policy(policy_of_config))
                .await?),
            CredentialKind::RsaPrivateKey => {
                let key = generate(self.rsa().map_err(Fault::failed)?).await?;
                key.to_pem().map_err(broken)
            }
            kind @ CredentialKind::ClientCertificate => Err(unsupported(kind)),
        }
    }

    async fn certificate(&self, site: &Site, holder: &Holder<'_>) -> Result<Made, Fault> {
        let template = self.setting(COMMON_NAME);
        let common_name =
            username::common_name(template, holder.facts, holder.username, &*site.entropy, site.now)?;
        let issuer = self.issuer().map_err(Fault::failed)?;
        let validity = Validity::new(
            Timestamp::from_unix(site.now.unix_seconds() - BACKDATED_SECONDS, 0),
            holder.expiration,
        )
        .map_err(broken)?;
        let key = generate(self.key_algorithm().map_err(Fault::failed)?).await?;
        let certificate = issuer
            .issue(&common_name, validity, &key, &*site.entropy)
            .map_err(broken)?;
        let text = |text: &str| Secret::new(text.to_owned());
        Ok(Made {
            credential: Credential::Subject(certificate.subject()),
            answer: vec![
                (
                    "client_certificate",
                    Secret::new(certificate.to_pem().map_err(broken)?),
                ),
                ("private_key", key.to_pem().map_err(broken)?),
                ("private_key_type", text(key.algorithm().as_str())),
                (
                    "expiration",
                    text(&certificate.validity().not_after().to_string()),
                ),
            ],
        })
    }
}

/// What the database is told of the secret half of a password or key pair.
pub(super) fn credential_of(kind: CredentialKind, secret: &Secret<String>) -> Result<Credential, Fault> {
    match kind {
        CredentialKind::Password => Ok(Credential::Password(Secret::new(secret.expose().clone()))),
        CredentialKind::RsaPrivateKey => {
            let key = KeyPair::from_pem(secret.expose()).map_err(broken)?;
            Ok(Credential::PublicKey(key.public_pem().map_err(broken)?))
        }
        CredentialKind::ClientCertificate => Err(unsupported(kind)),
    }
}

/// Making a key takes long: on a thread of its own.
async fn generate(algorithm: KeyAlgorithm) -> Result<KeyPair, Fault> {
    tokio::task::spawn_blocking(move || KeyPair::generate(algorithm))
        .await
        .map_err(Fault::internal)?
        .map_err(broken)
}

fn unsupported(kind: CredentialKind) -> Fault {
    Fault::invalid(format!("unsupported credential_type: {:?}", kind.as_str()))
}

#[expect(clippy::needless_pass_by_value, reason = "stands in map_err")]
fn broken(error: X509Error) -> Fault {
    Fault::failed(format!("no credential could be made: {error}"))
}

/// Whether statements have a place for a value.
fn names(elements: &[String], value: &str) -> bool {
    let place = format!("{{{{{value}}}}}");
    statements::split(elements)
        .iter()
        .any(|text| text.contains(&place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::catalog::kind;

    #[test]
    fn databases_without_key_pairs_refuse_them() {
        let plan = Plan {
            credential_type: "rsa_private_key".to_owned(),
            ..Plan::default()
        };
        let statements = vec!["SET KEY '{{public_key}}'".to_owned()];
        for name in ["redis-database-plugin", "valkey-database-plugin"] {
            let refused = plan.check_place(kind(name).unwrap(), &statements, "creation_statements");
            assert_eq!(
                refused.unwrap_err().text(),
                "unsupported credential_type: \"rsa_private_key\""
            );
        }
        let postgres = kind("postgresql-database-plugin").unwrap();
        assert!(
            plan.check_place(postgres, &statements, "creation_statements")
                .is_ok()
        );
        assert!(plan.check_place(postgres, &[], "creation_statements").is_err());
    }

    #[test]
    fn the_key_of_an_authority_is_not_printed() {
        let mut plan = Plan::default();
        plan.credential_config
            .insert(CA_KEY.to_owned(), "CANARY".to_owned());
        assert!(!format!("{plan:?}").contains("CANARY"));
        assert!(!plan.shown().to_text().into_string().contains("CANARY"));
    }
}
