//! How the directory is reached and searched.

use std::sync::Arc;
use std::time::Duration;

use arca_base::{Secret, Ttl};
use arca_client::{ConfigError, SessionTls, SessionTlsOptions};
use arca_core::Fault;
use arca_core::barrier::{Rows, Stored};
use arca_core::engine::Site;
use arca_core::login::TokenSettings;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::Ldap;
use super::directory::{Aliases, Manner};
use super::names::folded;

/// Where the one row is kept.
const ROW: &str = "config";

/// The settings, as stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) urls: Vec<String>,
    pub(super) starttls: bool,
    pub(super) insecure_tls: bool,
    pub(super) certificate: String,
    pub(super) tls_min_version: String,
    pub(super) tls_max_version: String,
    pub(super) client_tls_cert: String,
    #[serde(serialize_with = "sealed", deserialize_with = "opened")]
    pub(super) client_tls_key: Secret<String>,
    pub(super) bind_dn: String,
    #[serde(serialize_with = "sealed", deserialize_with = "opened")]
    pub(super) bind_password: Secret<String>,
    pub(super) user_dn: String,
    pub(super) user_attribute: String,
    pub(super) user_filter: String,
    pub(super) upn_domain: String,
    pub(super) discover_dn: bool,
    pub(super) deny_null_bind: bool,
    pub(super) anonymous_group_search: bool,
    pub(super) group_filter: String,
    pub(super) group_dn: String,
    pub(super) group_attribute: String,
    pub(super) use_token_groups: bool,
    pub(super) username_as_alias: bool,
    pub(super) case_sensitive_names: bool,
    pub(super) request_timeout: Ttl,
    pub(super) connection_timeout: Ttl,
    pub(super) dereference_aliases: String,
    pub(super) max_page_size: u16,
    pub(super) token: TokenSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: vec!["ldap://127.0.0.1".to_owned()],
            starttls: false,
            insecure_tls: false,
            certificate: String::new(),
            tls_min_version: "tls12".to_owned(),
            tls_max_version: "tls13".to_owned(),
            client_tls_cert: String::new(),
            client_tls_key: Secret::new(String::new()),
            bind_dn: String::new(),
            bind_password: Secret::new(String::new()),
            user_dn: String::new(),
            user_attribute: "cn".to_owned(),
            user_filter: "({{.UserAttr}}={{.Username}})".to_owned(),
            upn_domain: String::new(),
            discover_dn: false,
            deny_null_bind: true,
            anonymous_group_search: false,
            group_filter: "(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))"
                .to_owned(),
            group_dn: String::new(),
            group_attribute: "cn".to_owned(),
            use_token_groups: false,
            username_as_alias: false,
            case_sensitive_names: false,
            request_timeout: Ttl::from_seconds(90),
            connection_timeout: Ttl::from_seconds(30),
            dereference_aliases: "never".to_owned(),
            max_page_size: 0,
            token: TokenSettings::default(),
        }
    }
}

impl Stored for Config {
    const VERSION: u8 = 1;
    const NAME: &'static str = "configuration of an LDAP auth method";
}

/// The row is written behind the barrier, which is the one place a secret is spelled out for.
fn sealed<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.expose().serialize(serializer)
}

fn opened<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?))
}

impl Config {
    pub(super) fn rows(site: &Site) -> Rows<Self> {
        Rows::new(site.view.clone())
    }

    /// What was configured, if anything was.
    pub(super) async fn stored(site: &Site) -> Result<Option<Arc<Self>>, Fault> {
        Ok(Self::rows(site).get(ROW).await?.map(|row| row.value))
    }

    pub(super) async fn keep(&self, site: &Site) -> Result<(), Fault> {
        Self::rows(site).put(ROW, self).await?;
        Ok(())
    }

    /// The same once more, to change it.
    pub(super) fn copy(&self) -> Self {
        Self {
            urls: self.urls.clone(),
            certificate: self.certificate.clone(),
            tls_min_version: self.tls_min_version.clone(),
            tls_max_version: self.tls_max_version.clone(),
            client_tls_cert: self.client_tls_cert.clone(),
            client_tls_key: self.client_tls_key.duplicate(),
            bind_dn: self.bind_dn.clone(),
            bind_password: self.bind_password.duplicate(),
            user_dn: self.user_dn.clone(),
            user_attribute: self.user_attribute.clone(),
            user_filter: self.user_filter.clone(),
            upn_domain: self.upn_domain.clone(),
            group_filter: self.group_filter.clone(),
            group_dn: self.group_dn.clone(),
            group_attribute: self.group_attribute.clone(),
            dereference_aliases: self.dereference_aliases.clone(),
            token: self.token.clone(),
            ..*self
        }
    }

    /// The addresses, which were checked when they were written.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Url> {
        self.urls.iter().filter_map(|url| Url::parse(url).ok())
    }

    /// Whether passwords travel in the clear to this address.
    pub(super) fn is_clear(&self, url: &Url) -> bool {
        url.scheme() == "ldap" && !self.starttls
    }

    /// Whether there is an account that searches.
    pub(super) fn has_account(&self) -> bool {
        !self.bind_dn.is_empty() && !self.bind_password.expose().is_empty()
    }

    /// Whether the entry of a user is found by a search, and not made from the name.
    pub(super) fn searches_users(&self) -> bool {
        self.discover_dn || self.has_account()
    }

    /// A name in the form in which it is compared with those of this server.
    pub(super) fn compared(&self, name: &str) -> String {
        match self.case_sensitive_names {
            true => name.to_owned(),
            false => folded(name),
        }
    }

    fn aliases(&self) -> Aliases {
        match &*self.dereference_aliases {
            "finding" => Aliases::Finding,
            "searching" => Aliases::Searching,
            "always" => Aliases::Always,
            _ => Aliases::Never,
        }
    }

    /// What connections are encrypted with.
    pub(super) fn tls(&self) -> Result<SessionTls, ConfigError> {
        let identity = (!self.client_tls_cert.is_empty())
            .then(|| (&*self.client_tls_cert, &**self.client_tls_key.expose()));
        // Nothing is encrypted where no address says so: the authorities of the machine need not be there.
        let unused = self.addresses().all(|url| self.is_clear(&url));
        SessionTls::new(&SessionTlsOptions {
            authorities: Some(&*self.certificate).filter(|pem| !pem.is_empty()),
            skip_verify: self.insecure_tls || (unused && self.certificate.is_empty()),
            identity,
            no_tls12: self.tls_min_version == "tls13",
            no_tls13: self.tls_max_version == "tls12",
        })
    }

    /// How servers are reached and asked.
    pub(super) fn manner(&self, tls: SessionTls) -> Manner {
        let patience = |ttl: Ttl, longest: u64| Duration::from_secs(ttl.seconds().clamp(1, longest));
        Manner {
            starttls: self.starttls,
            tls,
            connection_timeout: patience(self.connection_timeout, 60),
            request_timeout: patience(self.request_timeout, 300),
            aliases: self.aliases(),
            page_size: self.max_page_size,
        }
    }
}

impl Ldap {
    /// How servers are reached; reading the authorities is done once for each configuration.
    pub(super) fn manner(&self, config: &Arc<Config>) -> Result<Manner, ConfigError> {
        let kept = self.tls.lock().clone();
        if let Some((_, tls)) = kept.filter(|(of, _)| Arc::ptr_eq(of, config)) {
            return Ok(config.manner(tls));
        }
        let tls = config.tls()?;
        *self.tls.lock() = Some((config.clone(), tls.clone()));
        Ok(config.manner(tls))
    }
}
