//! TLS for programs that answer others on behalf of the server, such as the agent.

use std::fmt;
use std::io;
use std::sync::Arc;

use arca_base::Secret;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::config::ConfigError;
use crate::tls::{self, TlsOptions};

/// What a listener shows and asks for, as PEM texts.
#[derive(Clone, Copy)]
pub struct ListenerTlsOptions<'a> {
    /// Certificate chain.
    pub certificate: &'a str,
    /// Its key.
    pub key: &'a Secret<String>,
    /// Authorities of the clients; `None` asks for no certificate.
    pub client_authorities: Option<&'a str>,
}

/// Encrypts connections that arrive. Cheap to clone.
#[derive(Clone)]
pub struct ListenerTls(TlsAcceptor);

impl fmt::Debug for ListenerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ListenerTls")
    }
}

impl ListenerTls {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// [`ConfigError::Tls`] naming what cannot be used.
    pub fn new(options: &ListenerTlsOptions<'_>) -> Result<Self, ConfigError> {
        const CERTIFICATE: &str = "the certificate of the listener";
        const PAIR: &str = "the certificate of the listener and its key";
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = tls::certificates(CERTIFICATE, options.certificate.as_bytes())?;
        if chain.is_empty() {
            return Err(ConfigError::tls(CERTIFICATE, "it holds no certificate in PEM"));
        }
        let key = PrivateKeyDer::from_pem_slice(options.key.expose().as_bytes())
            .map_err(|error| ConfigError::tls("the key of the listener", &error.to_string()))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::tls("the protocol versions", &error.to_string()))?;
        let builder =
            match options.client_authorities {
                None => builder.with_no_client_auth(),
                Some(authorities) => {
                    let trusted = TlsOptions {
                        ca_cert_bytes: Some(authorities.to_owned()),
                        ..TlsOptions::default()
                    };
                    let roots = Arc::new(tls::roots(&trusted)?);
                    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                    builder.with_client_cert_verifier(verifier.map_err(|error| {
                        ConfigError::tls("the authorities of clients", &error.to_string())
                    })?)
                }
            };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| ConfigError::tls(PAIR, &error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// Those of the connection, and what is wrong with the handshake.
    pub async fn accept<S>(
        &self,
        stream: S,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<S>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        self.0.accept(stream).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_named_and_not_quoted() {
        let failed = |certificate: &str, key: &str| {
            let key = Secret::new(key.to_owned());
            let options = ListenerTlsOptions {
                certificate,
                key: &key,
                client_authorities: None,
            };
            ListenerTls::new(&options).unwrap_err().to_string()
        };
        let text = failed("CANARY", "CANARY");
        assert!(
            text.contains("certificate of the listener") && !text.contains("CANARY"),
            "{text}"
        );
    }
}
