//! Whom an encrypted connection trusts, and how the client shows who it is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::config::ConfigError;

/// What the TLS settings of a client say.
///
/// The first of `ca_cert`, `ca_cert_bytes` and `ca_path` that is set replaces the authorities of the machine.
#[derive(Clone, Default)]
pub struct TlsOptions {
    /// File with the certificates of the authorities to trust, in PEM.
    pub ca_cert: Option<PathBuf>,
    /// The certificates of the authorities to trust, in PEM.
    pub ca_cert_bytes: Option<String>,
    /// Folder of such files.
    pub ca_path: Option<PathBuf>,
    /// File with the certificate the client shows, in PEM.
    pub client_cert: Option<PathBuf>,
    /// File with the private key of that certificate, in PEM.
    pub client_key: Option<PathBuf>,
    /// Name the certificate of the server must carry, instead of the host of the address.
    pub server_name: Option<String>,
    /// Accept any certificate.
    pub skip_verify: bool,
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("server_name", &self.server_name)
            .field("skip_verify", &self.skip_verify)
            .finish_non_exhaustive()
    }
}

/// The configuration of encrypted connections.
pub(crate) fn config(options: &TlsOptions) -> Result<ClientConfig, ConfigError> {
    check_server_name(options)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if options.skip_verify {
        Arc::new(Anyone(Arc::clone(&provider)))
    } else {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots(options)?), Arc::clone(&provider))
            .build()
            .map_err(|error| ConfigError::tls("the authorities to trust", &error.to_string()))?
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::tls("the protocol versions", &error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity(options)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| ConfigError::tls("the client certificate and its key", &error.to_string()))?,
    };
    config.alpn_protocols = protocols(options);
    Ok(config)
}

/// With a name of its own for the certificate, the URL no longer says the host, and HTTP/2 has no other place for it.
fn protocols(options: &TlsOptions) -> Vec<Vec<u8>> {
    match options.server_name {
        None => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Some(_) => vec![b"http/1.1".to_vec()],
    }
}

/// The configuration of a client that only speaks plain HTTP: it trusts nobody, and reads nothing from disk.
pub(crate) fn unused() -> Result<ClientConfig, ConfigError> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::tls("the protocol versions", &error.to_string()))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(config)
}

fn check_server_name(options: &TlsOptions) -> Result<(), ConfigError> {
    match options.server_name.as_deref().map(ServerName::try_from) {
        None | Some(Ok(ServerName::DnsName(_))) => Ok(()),
        _ => Err(ConfigError::tls(
            "the TLS server name",
            "it must be a host name such as vault.example.com",
        )),
    }
}

pub(crate) fn roots(options: &TlsOptions) -> Result<RootCertStore, ConfigError> {
    if let Some(path) = &options.ca_cert {
        return store(&path.display().to_string(), certificates_in(path)?);
    }
    if let Some(text) = &options.ca_cert_bytes {
        const NAME: &str = "the CA certificates given as text";
        return store(NAME, certificates(NAME, text.as_bytes())?);
    }
    if let Some(folder) = &options.ca_path {
        return store(&folder.display().to_string(), certificates_below(folder)?);
    }
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = store.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(ConfigError::tls(
            "the authorities of this machine",
            "there are none; install ca-certificates, or name the authority of the server with -ca-cert or VAULT_CACERT",
        ));
    }
    Ok(store)
}

fn store(origin: &str, found: Vec<CertificateDer<'static>>) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for certificate in found {
        store
            .add(certificate)
            .map_err(|error| ConfigError::tls(origin, &error.to_string()))?;
    }
    if store.is_empty() {
        return Err(ConfigError::tls(origin, "it holds no certificate in PEM"));
    }
    Ok(store)
}

fn certificates_below(folder: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let unreadable =
        |error: std::io::Error| ConfigError::tls(&folder.display().to_string(), &error.to_string());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        found.extend(certificates_in(&path)?);
    }
    Ok(found)
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    certificates(&path.display().to_string(), &read(path)?)
}

pub(crate) fn certificates(origin: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| ConfigError::tls(origin, &error.to_string()))
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(options: &TlsOptions) -> Result<Option<Identity>, ConfigError> {
    let (certificate, key) = match (&options.client_cert, &options.client_key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => {
            return Err(ConfigError::tls(
                "the client certificate",
                "certificate and key go together: give both -client-cert and -client-key, or neither",
            ));
        }
    };
    let chain = certificates_in(certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| ConfigError::tls(&key.display().to_string(), &error.to_string()))?;
    Ok(Some((chain, key)))
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| ConfigError::tls(&path.display().to_string(), &error.to_string()))
}

/// Accepts whoever answers; signatures of the handshake are still checked.
#[derive(Debug)]
pub(crate) struct Anyone(pub(crate) Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, schemes)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let schemes = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, schemes)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
