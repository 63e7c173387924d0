//! From what a person says about the server to a client of it.

use std::path::PathBuf;
use std::sync::Arc;

use arca_base::{Clock, Entropy};
use arca_client::{Address, Client, ClientConfig, ConfigError};

use crate::config::Server;

/// Attempts after the first, for templates and for others, unless configured.
pub const DEFAULT_RETRIES: u32 = 12;

/// Settings that come from flags: they count before the environment, which counts before files.
pub type Flags = Server;

/// Another TLS identity than that of the agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// File with certificates of authorities.
    pub ca_cert: Option<PathBuf>,
    /// Own certificate.
    pub client_cert: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
}

/// Makes clients of the one server.
pub trait Connect: Send + Sync + 'static {
    /// A client without a token that reads its files now; with another TLS identity if one is given.
    ///
    /// # Errors
    /// [`ConfigError`] when TLS settings cannot be used.
    fn connect(&self, identity: Option<&Identity>) -> Result<Client, ConfigError>;
}

/// Reaches the server over the network.
pub struct Connection {
    /// Where the server is and how to speak to it.
    pub config: ClientConfig,
    /// Measures timeouts.
    pub clock: Arc<dyn Clock>,
    /// Varies waits.
    pub entropy: Arc<dyn Entropy>,
}

impl Connect for Connection {
    fn connect(&self, identity: Option<&Identity>) -> Result<Client, ConfigError> {
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        let Some(identity) = identity else {
            return Ok(Client::connect(&self.config, clock, entropy)?.with_token(None));
        };
        let mut tls = self.config.tls.clone();
        if identity.ca_cert.is_some() {
            tls.ca_cert.clone_from(&identity.ca_cert);
        }
        if identity.client_cert.is_some() {
            tls.client_cert.clone_from(&identity.client_cert);
            tls.client_key.clone_from(&identity.client_key);
        }
        let network = arca_client::Network::new(&self.config.address, &tls, &self.config.proxies)?;
        let surroundings = arca_client::Surroundings {
            transport: Arc::new(network),
            clock,
            entropy,
        };
        Ok(Client::configured(&self.config, surroundings).with_token(None))
    }
}

/// Flags before environment before files. The agent has a token of its own: `TOKEN` in the environment does not
/// count, nor does the address of another agent, nor wrapping of every answer.
///
/// # Errors
/// [`ConfigError`] naming the variable or setting that cannot be used.
pub fn client_config(
    server: &Server,
    flags: &Flags,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<ClientConfig, ConfigError> {
    let of_server = |name: &str| match name.split_once('_') {
        Some((_, "TOKEN" | "AGENT_ADDR" | "WRAP_TTL" | "MFA")) => None,
        _ => environment(name),
    };
    let mut config = ClientConfig::from_env(of_server)?;
    let is_set = |name: &str| {
        arca_client::variable(of_server, name).is_some_and(|(_, value)| !value.trim().is_empty())
    };
    let address = flags
        .address
        .as_ref()
        .or_else(|| server.address.as_ref().filter(|_| !config.address_is_chosen));
    if let Some(address) = address {
        config.address = Address::parse(address)?;
        config.address_is_chosen = true;
    }
    let namespace = flags
        .namespace
        .as_ref()
        .or_else(|| server.namespace.as_ref().filter(|_| config.namespace.is_empty()));
    if let Some(namespace) = namespace {
        config.namespace.clone_from(namespace);
    }
    let has_authorities =
        config.tls.ca_cert.is_some() || config.tls.ca_cert_bytes.is_some() || config.tls.ca_path.is_some();
    let skips = flags
        .tls_skip_verify
        .or_else(|| server.tls_skip_verify.filter(|_| !is_set("SKIP_VERIFY")));
    let tls = &mut config.tls;
    // Authorities are one setting in several forms: a more important place replaces all of them.
    if flags.ca_cert.is_some() || flags.ca_path.is_some() {
        (tls.ca_cert, tls.ca_path, tls.ca_cert_bytes) = (flags.ca_cert.clone(), flags.ca_path.clone(), None);
    } else if !has_authorities {
        (tls.ca_cert, tls.ca_path) = (server.ca_cert.clone(), server.ca_path.clone());
    }
    let pick = |flag: &Option<PathBuf>, given: Option<PathBuf>, file: &Option<PathBuf>| {
        flag.clone().or(given).or_else(|| file.clone())
    };
    tls.client_cert = pick(&flags.client_cert, tls.client_cert.take(), &server.client_cert);
    tls.client_key = pick(&flags.client_key, tls.client_key.take(), &server.client_key);
    tls.server_name = flags
        .tls_server_name
        .clone()
        .or(tls.server_name.take())
        .or_else(|| server.tls_server_name.clone());
    tls.skip_verify = skips.unwrap_or(tls.skip_verify);
    // The environment counts before the file here too, as existing agents have it.
    config.max_retries = flags
        .retries
        .or(config.max_retries)
        .or(server.retries)
        .or(Some(DEFAULT_RETRIES));
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn flags_count_before_the_environment_and_that_before_files() {
        let file = Server {
            address: Some("https://file:1".into()),
            namespace: Some("file".into()),
            ca_cert: Some("/file".into()),
            tls_server_name: Some("file".into()),
            tls_skip_verify: Some(true),
            retries: Some(3),
            ..Server::default()
        };
        let config = client_config(&file, &Flags::default(), &of(&[])).unwrap();
        assert_eq!(
            (config.address.to_string().as_str(), config.namespace.as_str()),
            ("https://file:1", "file")
        );
        assert_eq!((config.tls.skip_verify, config.max_retries), (true, Some(3)));
        let environment = of(&[
            ("VAULT_ADDR", "https://env:1"),
            ("VAULT_NAMESPACE", "env"),
            ("VAULT_CACERT_BYTES", "pem"),
            ("VAULT_SKIP_VERIFY", "false"),
            ("VAULT_MAX_RETRIES", "0"),
            ("VAULT_TLS_SERVER_NAME", "env"),
        ]);
        let config = client_config(&file, &Flags::default(), &environment).unwrap();
        assert_eq!(
            (config.address.to_string().as_str(), config.namespace.as_str()),
            ("https://env:1", "env")
        );
        assert_eq!((config.tls.skip_verify, config.max_retries), (false, Some(0)));
        assert_eq!(
            (config.tls.ca_cert.as_ref(), config.tls.server_name.as_deref()),
            (None, Some("env"))
        );
        let flags = Flags {
            address: Some("https://flag:1".into()),
            ca_cert: Some("/flag".into()),
            tls_skip_verify: Some(true),
            ..Flags::default()
        };
        let config = client_config(&file, &flags, &environment).unwrap();
        assert_eq!(config.address.to_string(), "https://flag:1");
        assert_eq!(
            (config.tls.ca_cert, config.tls.ca_cert_bytes),
            (Some("/flag".into()), None)
        );
        assert!(config.tls.skip_verify);
    }

    #[test]
    fn an_agent_does_not_speak_with_somebody_elses_token() {
        let environment = of(&[
            ("VAULT_TOKEN", "t"),
            ("VAULT_AGENT_ADDR", "http://other:1"),
            ("VAULT_WRAP_TTL", "5m"),
        ]);
        let config = client_config(&Server::default(), &Flags::default(), &environment).unwrap();
        assert!(config.token.is_none() && config.wrap_ttl.is_none() && config.mfa.is_empty());
        assert_eq!(config.address.to_string(), "https://127.0.0.1:8200");
        assert_eq!(config.max_retries, Some(DEFAULT_RETRIES));
    }
}
