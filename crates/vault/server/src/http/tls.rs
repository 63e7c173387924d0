//! TLS: certificates, versions, and what is asked of clients.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion,
};

use crate::config::{ClientCertificates, Tls, TlsVersion};

/// Most certificates taken from a client.
const MAX_CHAIN: usize = 10;

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file without what it should hold.
    #[error("{path} holds no {what} in PEM form")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// A file with something that cannot be read.
    #[error("{path} holds a {what} that cannot be read: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not fit each other, or TLS.
    #[error("the certificate in {certificate} cannot be used with the key in {key}: {source}")]
    Unusable {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// Why.
        source: Error,
    },
    /// Nothing is left to speak.
    #[error("tls_cipher_suites leaves nothing to speak: {0}")]
    Suites(String),
    /// The authorities for client certificates cannot be used.
    #[error("tls_client_ca_file {path}: {reason}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Reads certificates and keys, and builds what handshakes need.
///
/// # Errors
/// [`TlsError`] naming the file.
pub(crate) fn build(tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(provider(tls)?);
    let versions = versions(tls);
    let chain = certificates(&tls.certificate)?;
    let key = key(&tls.key)?;
    let unusable = |source| TlsError::Unusable {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        source,
    };
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&versions).map_err(unusable)?;
    let builder = match &tls.client {
        ClientCertificates::Disabled => builder.with_no_client_auth(),
        ClientCertificates::Requested { authorities } => {
            let hints = authorities.as_deref().map(roots).transpose()?;
            builder.with_client_cert_verifier(Arc::new(AnyClient::new(provider, hints.as_ref())))
        }
        ClientCertificates::Required { authorities } => {
            builder.with_client_cert_verifier(strict_verifier(authorities, provider)?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Sessions live in the client's memory, sealed: any number of them costs nothing here.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

fn versions(tls: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let all = [
        (TlsVersion::Tls13, &rustls::version::TLS13),
        (TlsVersion::Tls12, &rustls::version::TLS12),
    ];
    let allowed = all
        .into_iter()
        .filter(|(version, _)| (tls.min_version..=tls.max_version).contains(version));
    allowed.map(|(_, version)| version).collect()
}

/// The cipher suites asked for. As in existing servers the list is about TLS 1.2 only: every suite of TLS 1.3 is good.
fn provider(tls: &Tls) -> Result<CryptoProvider, TlsError> {
    let mut provider = aws_lc_rs::default_provider();
    if tls.cipher_suites.is_empty() {
        return Ok(provider);
    }
    let names: Vec<String> = provider.cipher_suites.iter().map(suite_name).collect();
    for unknown in tls
        .cipher_suites
        .iter()
        .filter(|wanted| !names.contains(&wanted.to_ascii_uppercase()))
    {
        tracing::warn!(suite = %unknown, "tls_cipher_suites: this suite is not spoken, it is weak or unknown");
    }
    let wanted = |suite: &SupportedCipherSuite| {
        let name = suite_name(suite);
        suite.tls13().is_some()
            || tls
                .cipher_suites
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(&name))
    };
    provider.cipher_suites.retain(wanted);
    let speaks_tls13 = tls.max_version == TlsVersion::Tls13;
    if !speaks_tls13 && provider.cipher_suites.iter().all(|suite| suite.tls13().is_some()) {
        return Err(TlsError::Suites(format!(
            "known for TLS 1.2 are {}",
            names.join(", ")
        )));
    }
    Ok(provider)
}

/// The standard name: the library puts `TLS13_` before those of TLS 1.3.
fn suite_name(suite: &SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    name.replace("TLS13_", "TLS_")
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "certificate";
    let malformed = |error: pem::Error| TlsError::Malformed {
        path: path.to_owned(),
        what,
        reason: error.to_string(),
    };
    let pem = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(malformed)?;
    if chain.is_empty() {
        return Err(TlsError::Empty {
            path: path.to_owned(),
            what,
        });
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let what = "private key without a password";
    let pem = arca_base::Secret::new(read(path)?);
    PrivateKeyDer::from_pem_slice(pem.expose()).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::Empty {
            path: path.to_owned(),
            what,
        },
        error => TlsError::Malformed {
            path: path.to_owned(),
            what,
            reason: error.to_string(),
        },
    })
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsError::Authorities {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(roots)
}

fn strict_verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider).build();
    verifier.map_err(|error| TlsError::Authorities {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Takes any certificate, or none. The client proves that it holds the key; whom the certificate names, and
/// whether anybody vouches for that, is for the auth method to judge that reads it.
#[derive(Debug)]
struct AnyClient {
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
}

impl AnyClient {
    fn new(provider: Arc<CryptoProvider>, hints: Option<&RootCertStore>) -> Self {
        Self {
            provider,
            hints: hints.map(RootCertStore::subjects).unwrap_or_default(),
        }
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if intermediates.len() >= MAX_CHAIN {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
