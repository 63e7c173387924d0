//! TLS for clients of other protocols than HTTP, such as LDAP, with the same trust and the same crypto library.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::config::ConfigError;
use crate::tls::{self, Anyone, TlsOptions};

/// What the settings of a connection say. All certificates and keys are PEM texts.
#[derive(Clone, Copy, Default)]
pub struct SessionTlsOptions<'a> {
    /// Authorities to trust; those of the machine when absent.
    pub authorities: Option<&'a str>,
    /// Accept any certificate.
    pub skip_verify: bool,
    /// Certificate to show, with its key.
    pub identity: Option<(&'a str, &'a str)>,
    /// Speak TLS 1.3 only.
    pub no_tls12: bool,
    /// Speak TLS 1.2 only.
    pub no_tls13: bool,
}

/// The configuration of encrypted connections.
#[derive(Clone)]
pub struct SessionTls(Arc<ClientConfig>);

impl fmt::Debug for SessionTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTls")
    }
}

impl SessionTls {
    /// Reads the settings. Without authorities of its own it reads those of the machine from disk.
    ///
    /// # Errors
    /// [`ConfigError::Tls`] naming what cannot be used.
    pub fn new(options: &SessionTlsOptions<'_>) -> Result<Self, ConfigError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if options.skip_verify {
            Arc::new(Anyone(Arc::clone(&provider)))
        } else {
            let trusted = TlsOptions {
                ca_cert_bytes: options.authorities.map(str::to_owned),
                ..TlsOptions::default()
            };
            WebPkiServerVerifier::builder_with_provider(
                Arc::new(tls::roots(&trusted)?),
                Arc::clone(&provider),
            )
            .build()
            .map_err(|error| ConfigError::tls("the authorities to trust", &error.to_string()))?
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(options)?)
            .map_err(|error| ConfigError::tls("the protocol versions", &error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = tls::certificates("the client certificate", certificate.as_bytes())?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                    .map_err(|error| ConfigError::tls("the client key", &error.to_string()))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    ConfigError::tls("the client certificate and its key", &error.to_string())
                })?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// What the TLS library takes.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];
static OLDEST: [&SupportedProtocolVersion; 1] = [&TLS12];

fn versions(
    options: &SessionTlsOptions<'_>,
) -> Result<&'static [&'static SupportedProtocolVersion], ConfigError> {
    match (options.no_tls12, options.no_tls13) {
        (false, false) => Ok(&BOTH),
        (true, false) => Ok(&NEWEST),
        (false, true) => Ok(&OLDEST),
        (true, true) => Err(ConfigError::tls(
            "the protocol versions",
            "the newest allowed is older than the oldest",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_named() {
        let failed = |options: SessionTlsOptions<'_>| SessionTls::new(&options).unwrap_err().to_string();
        let none = SessionTlsOptions {
            authorities: Some("no certificate"),
            ..SessionTlsOptions::default()
        };
        assert!(failed(none).contains("no certificate in PEM"));
        let never = SessionTlsOptions {
            skip_verify: true,
            no_tls12: true,
            no_tls13: true,
            ..SessionTlsOptions::default()
        };
        assert!(failed(never).contains("the protocol versions"));
        let keyless = SessionTlsOptions {
            skip_verify: true,
            identity: Some(("", "CANARY")),
            ..SessionTlsOptions::default()
        };
        let text = failed(keyless);
        assert!(
            text.contains("the client key") && !text.contains("CANARY"),
            "{text}"
        );
    }
}
