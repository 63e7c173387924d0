//! Where the server is and how to speak to it, from environment variables.

use std::path::PathBuf;
use std::time::Duration;

use arca_api::field::parse_flag;
use arca_base::{GoDuration, Secret};

use crate::address::Address;
use crate::network::Proxies;
use crate::pace::Pace;
use crate::tls::TlsOptions;

/// Prefixes of environment variables, the first found wins.
const PREFIXES: [&str; 3] = ["ARCA_", "BAO_", "VAULT_"];

const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_RETRIES: u32 = 2;

/// Everything a client needs to know about its server.
///
/// Every setting can come from the environment: `ARCA_X` is looked up first, then `BAO_X`, then `VAULT_X`; a
/// variable that is set to nothing hides those after it. `X` is one of `ADDR`, `AGENT_ADDR`, `TOKEN`, `NAMESPACE`,
/// `CACERT`, `CACERT_BYTES`, `CAPATH`, `CLIENT_CERT`, `CLIENT_KEY`, `TLS_SERVER_NAME`, `SKIP_VERIFY`,
/// `CLIENT_TIMEOUT`, `MAX_RETRIES`, `RATE_LIMIT`, `SRV_LOOKUP`, `WRAP_TTL`, `MFA`, `HTTP_PROXY`, `PROXY_ADDR`,
/// `DISABLE_REDIRECTS`. `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` count too, in either case.
#[derive(Debug)]
pub struct ClientConfig {
    /// Where the server listens.
    pub address: Address,
    /// Whether somebody chose the address; otherwise it is the default.
    pub address_is_chosen: bool,
    /// The token to speak with.
    pub token: Option<Secret<String>>,
    /// Namespace of every request, or empty.
    pub namespace: String,
    /// Whom to trust.
    pub tls: TlsOptions,
    /// Which requests go through a proxy.
    pub proxies: Proxies,
    /// Time for one call, retries included; `None` for any.
    pub timeout: Option<Duration>,
    /// How often a failed request is sent again; `None` when nobody said.
    pub max_retries: Option<u32>,
    /// Most requests per second.
    pub pace: Option<Pace>,
    /// Wrap every answer for this long, as text for the header.
    pub wrap_ttl: Option<String>,
    /// Second factors, each `method[:passcode]`.
    pub mfa: Vec<String>,
    /// Do not follow redirects.
    pub disable_redirects: bool,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not an address.
    #[error(
        "{address:?} is not the address of a server ({reason}): use https://host:8200, http://host:8200 or unix:///path/of/socket"
    )]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable that cannot be read.
    #[error("{variable} {reason}")]
    Variable {
        /// The variable.
        variable: String,
        /// What it must be.
        reason: String,
    },
    /// TLS settings that do not work.
    #[error("cannot prepare TLS: {what}: {reason}")]
    Tls {
        /// File or setting.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A proxy that cannot be used. Never quotes the address, which may hold a password.
    #[error("the proxy cannot be used: {0}")]
    Proxy(String),
    /// A combination the client does not have.
    #[error("a TLS server name cannot be used together with a proxy: unset one of the two")]
    NameBehindProxy,
}

impl ConfigError {
    pub(crate) fn tls(what: &str, reason: &str) -> Self {
        Self::Tls {
            what: what.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Looks a setting up: `ARCA_<name>`, then `BAO_<name>`, then `VAULT_<name>`. Gives the variable and its value.
pub fn variable(vars: impl Fn(&str) -> Option<String>, name: &str) -> Option<(String, String)> {
    PREFIXES.iter().find_map(|prefix| {
        let variable = format!("{prefix}{name}");
        vars(&variable).map(|value| (variable, value))
    })
}

impl ClientConfig {
    /// Retries when nobody said.
    pub const DEFAULT_RETRIES: u32 = DEFAULT_RETRIES;

    /// Reads the environment through `vars`.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable and what it must be. Files are not opened yet.
    pub fn from_env(vars: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Environment(&vars);
        if env.flag("SRV_LOOKUP")? {
            let (variable, _) = variable(&vars, "SRV_LOOKUP").unwrap_or_default();
            return Err(ConfigError::Variable {
                variable,
                reason: "is not supported: name host and port of the server in the address".to_owned(),
            });
        }
        let address = env.text("AGENT_ADDR").or_else(|| env.text("ADDR"));
        Ok(Self {
            address: Address::parse(address.as_deref().unwrap_or(DEFAULT_ADDRESS))?,
            address_is_chosen: address.is_some(),
            token: env.text("TOKEN").map(Secret::new),
            namespace: env.text("NAMESPACE").unwrap_or_default(),
            tls: env.tls()?,
            proxies: env.proxies(),
            timeout: env.timeout()?,
            max_retries: env.parsed("MAX_RETRIES", "must be a whole number", |text| text.parse().ok())?,
            pace: env.pace()?,
            wrap_ttl: env.wrap_ttl()?,
            mfa: env.list("MFA"),
            disable_redirects: env.flag("DISABLE_REDIRECTS")?,
        })
    }
}

struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    fn find(&self, name: &str) -> Option<(String, String)> {
        let (variable, value) = variable(self.0, name)?;
        let value = value.trim().to_owned();
        (!value.is_empty()).then_some((variable, value))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.find(name).map(|(_, value)| value)
    }

    fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    fn parsed<T>(
        &self,
        name: &str,
        must: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((variable, value)) = self.find(name) else {
            return Ok(None);
        };
        let parsed = parse(&value).ok_or_else(|| ConfigError::Variable {
            variable,
            reason: must.to_owned(),
        })?;
        Ok(Some(parsed))
    }

    fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        let flag = self.parsed(name, "must be true or false", parse_flag)?;
        Ok(flag.unwrap_or(false))
    }

    fn duration(&self, name: &str) -> Result<Option<(String, Duration)>, ConfigError> {
        self.parsed(name, "must be a duration such as 60s or 5m", |text| {
            let nanos = GoDuration::parse_lenient(text).ok()?.nanos();
            let duration = Duration::from_nanos(u64::try_from(nanos).ok()?);
            Some((text.to_owned(), duration))
        })
    }

    fn timeout(&self) -> Result<Option<Duration>, ConfigError> {
        let given = self.duration("CLIENT_TIMEOUT")?.map(|(_, duration)| duration);
        Ok(Some(given.unwrap_or(DEFAULT_TIMEOUT)).filter(|timeout| !timeout.is_zero()))
    }

    fn wrap_ttl(&self) -> Result<Option<String>, ConfigError> {
        let given = self.duration("WRAP_TTL")?;
        Ok(given.filter(|(_, ttl)| !ttl.is_zero()).map(|(text, _)| text))
    }

    fn pace(&self) -> Result<Option<Pace>, ConfigError> {
        let must = "must be requests per second, such as 10 or 10:20";
        self.parsed("RATE_LIMIT", must, |text| Pace::parse(text).ok())
    }

    fn tls(&self) -> Result<TlsOptions, ConfigError> {
        let path = |name| self.text(name).map(PathBuf::from);
        Ok(TlsOptions {
            ca_cert: path("CACERT"),
            ca_cert_bytes: self.text("CACERT_BYTES"),
            ca_path: path("CAPATH"),
            client_cert: path("CLIENT_CERT"),
            client_key: path("CLIENT_KEY"),
            server_name: self.text("TLS_SERVER_NAME"),
            skip_verify: self.flag("SKIP_VERIFY")?,
        })
    }

    fn proxies(&self) -> Proxies {
        let usual = |name: &str| {
            let value = (self.0)(name).or_else(|| (self.0)(&name.to_ascii_lowercase()));
            value.filter(|value| !value.trim().is_empty())
        };
        let fallback = usual("ALL_PROXY");
        Proxies {
            all: self.text("PROXY_ADDR").or_else(|| self.text("HTTP_PROXY")),
            http: usual("HTTP_PROXY").or_else(|| fallback.clone()),
            https: usual("HTTPS_PROXY").or(fallback),
            except: usual("NO_PROXY"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<ClientConfig, ConfigError> {
        ClientConfig::from_env(|name| {
            let found = vars.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn has_the_defaults_of_existing_clients() {
        let config = read(&[]).unwrap();
        assert_eq!(config.address.to_string(), "https://127.0.0.1:8200");
        assert!(!config.address_is_chosen);
        assert_eq!(config.timeout, Some(Duration::from_secs(60)));
        assert_eq!(config.max_retries, None);
        assert!(config.token.is_none() && config.wrap_ttl.is_none() && config.pace.is_none());
    }

    #[test]
    fn the_first_prefix_wins_even_when_empty() {
        let address = |vars: &[(&str, &str)]| read(vars).unwrap().address.to_string();
        assert_eq!(
            address(&[("VAULT_ADDR", "http://v"), ("BAO_ADDR", "http://b")]),
            "http://b"
        );
        assert_eq!(
            address(&[
                ("VAULT_ADDR", "http://v"),
                ("BAO_ADDR", "http://b"),
                ("ARCA_ADDR", "http://a")
            ]),
            "http://a"
        );
        assert_eq!(
            address(&[("VAULT_ADDR", "http://v"), ("BAO_ADDR", "")]),
            DEFAULT_ADDRESS
        );
        assert_eq!(
            address(&[("VAULT_ADDR", "http://v"), ("VAULT_AGENT_ADDR", "http://g")]),
            "http://g"
        );
    }

    #[test]
    fn reads_every_variable() {
        let config = read(&[
            ("VAULT_ADDR", "https://v:1"),
            ("VAULT_TOKEN", " t \n"),
            ("VAULT_NAMESPACE", "team"),
            ("VAULT_CACERT", "/ca.pem"),
            ("VAULT_CACERT_BYTES", "pem"),
            ("VAULT_CAPATH", "/ca"),
            ("VAULT_CLIENT_CERT", "/c.pem"),
            ("VAULT_CLIENT_KEY", "/k.pem"),
            ("VAULT_TLS_SERVER_NAME", "name"),
            ("VAULT_SKIP_VERIFY", "1"),
            ("VAULT_CLIENT_TIMEOUT", "5"),
            ("VAULT_MAX_RETRIES", "7"),
            ("VAULT_RATE_LIMIT", "10:20"),
            ("VAULT_WRAP_TTL", "5m"),
            ("VAULT_MFA", "a:1,b"),
            ("VAULT_PROXY_ADDR", "http://p"),
            ("https_proxy", "http://s"),
            ("NO_PROXY", "localhost"),
            ("VAULT_DISABLE_REDIRECTS", "true"),
            ("VAULT_SRV_LOOKUP", "false"),
        ])
        .unwrap();
        assert_eq!(config.address.to_string(), "https://v:1");
        assert_eq!(config.token.unwrap().expose(), "t");
        assert_eq!(config.namespace, "team");
        assert_eq!(config.tls.ca_cert, Some("/ca.pem".into()));
        assert_eq!(config.tls.ca_cert_bytes.as_deref(), Some("pem"));
        assert_eq!(config.tls.ca_path, Some("/ca".into()));
        assert_eq!(config.tls.client_cert, Some("/c.pem".into()));
        assert_eq!(config.tls.client_key, Some("/k.pem".into()));
        assert_eq!(config.tls.server_name.as_deref(), Some("name"));
        assert!(config.tls.skip_verify && config.disable_redirects);
        assert_eq!(
            (config.timeout, config.max_retries),
            (Some(Duration::from_secs(5)), Some(7))
        );
        assert_eq!(config.pace, Pace::parse("10:20").ok());
        assert_eq!(config.wrap_ttl.as_deref(), Some("5m"));
        assert_eq!(config.mfa, ["a:1", "b"]);
        assert_eq!(config.proxies.all.as_deref(), Some("http://p"));
        assert_eq!(config.proxies.https.as_deref(), Some("http://s"));
        assert_eq!(config.proxies.except.as_deref(), Some("localhost"));
    }

    #[test]
    fn a_bad_value_names_its_variable() {
        for (name, value) in [
            ("VAULT_SKIP_VERIFY", "maybe"),
            ("BAO_CLIENT_TIMEOUT", "soon"),
            ("ARCA_CLIENT_TIMEOUT", "-1s"),
            ("VAULT_MAX_RETRIES", "-1"),
            ("VAULT_RATE_LIMIT", "fast"),
            ("VAULT_WRAP_TTL", "x"),
            ("VAULT_SRV_LOOKUP", "true"),
        ] {
            let message = read(&[(name, value)]).unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
        }
    }

    #[test]
    fn zero_means_no_timeout_and_no_wrapping() {
        let config = read(&[("VAULT_CLIENT_TIMEOUT", "0"), ("VAULT_WRAP_TTL", "0")]).unwrap();
        assert_eq!((config.timeout, config.wrap_ttl), (None, None));
    }

    #[test]
    fn debug_shows_no_secret() {
        let config = read(&[
            ("VAULT_TOKEN", "canary"),
            ("HTTPS_PROXY", "http://u:canary@p"),
            ("VAULT_ADDR", "https://u:canary@h"),
            ("VAULT_CACERT_BYTES", "canary"),
        ]);
        let shown = format!("{config:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
