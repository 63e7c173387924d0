//! TLS to the server.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use super::ConnectError;

/// How sure to be of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// TLS when the server offers it, with anyone.
    IfOffered,
    /// TLS with anyone.
    Nothing,
    /// Its certificate comes from a trusted authority.
    Authority,
    /// And is for the name that was connected to.
    AuthorityAndName,
}

/// The settings of a connection URL about TLS.
pub(super) struct TlsOptions {
    /// `None`: no TLS.
    pub(super) verify: Option<Verify>,
    /// Certificates of authorities; else those of the operating system.
    pub(super) root: Option<Pem>,
    /// Certificate and key of this client.
    pub(super) client: Option<(Pem, Pem)>,
}

/// Where certificates or a key are.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Pem {
    /// In a file.
    File(PathBuf),
    /// Here.
    Text(String),
}

impl Pem {
    /// What stands for it in errors.
    fn name(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Text(_) => Path::new("the PEM text of the configuration"),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
        match self {
            Self::File(path) => CertificateDer::pem_file_iter(path).and_then(Iterator::collect),
            Self::Text(text) => CertificateDer::pem_slice_iter(text.as_bytes()).collect(),
        }
        .map_err(|error| unusable(self.name(), error))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, ConnectError> {
        match self {
            Self::File(path) => PrivateKeyDer::from_pem_file(path),
            Self::Text(text) => PrivateKeyDer::from_pem_slice(text.as_bytes()),
        }
        .map_err(|error| unusable(self.name(), error))
    }
}

impl TlsOptions {
    /// Reads the files and makes a connector.
    pub(super) fn connector(&self) -> Result<Tls, ConnectError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.verify {
            None | Some(Verify::IfOffered | Verify::Nothing) => Arc::new(Anyone(Arc::clone(&provider))),
            Some(Verify::Authority) => Arc::new(AnyName(self.authorities(&provider)?)),
            Some(Verify::AuthorityAndName) => self.authorities(&provider)?,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("the TLS library", error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.client {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(certificate.certificates()?, key.key()?)
                .map_err(|error| unusable(certificate.name(), error))?,
        };
        Ok(Tls(Arc::new(config)))
    }

    fn authorities(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ConnectError> {
        let mut roots = RootCertStore::empty();
        let origin = match &self.root {
            Some(pem) => {
                for certificate in pem.certificates()? {
                    roots
                        .add(certificate)
                        .map_err(|error| unusable(pem.name(), error))?;
                }
                pem.name()
            }
            None => {
                // Some certificates of the system may be beyond this library; the rest is what counts.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                Path::new("the certificates of the operating system")
            }
        };
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| unusable(origin, error))
    }
}

fn unusable(path: impl AsRef<Path>, reason: impl fmt::Display) -> ConnectError {
    ConnectError::Tls {
        path: path.as_ref().to_owned(),
        reason: reason.to_string(),
    }
}

/// Takes every certificate, for `sslmode=prefer` and `sslmode=require`, which promise secrecy from those who only
/// listen.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes a certificate of a trusted authority for any name, for `sslmode=verify-ca`.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self
            .0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is looked at after everything else has been found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Makes TLS connections.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

/// Makes one TLS connection.
pub(super) struct Handshake {
    connector: TlsConnector,
    /// `None` for what has no name, such as a socket; no TLS is spoken there.
    name: Option<ServerName<'static>>,
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, Self::Error> {
        Ok(Handshake {
            connector: TlsConnector::from(Arc::clone(&self.0)),
            name: ServerName::try_from(domain).ok().map(|name| name.to_owned()),
        })
    }
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let name = self
                .name
                .ok_or_else(|| io::Error::other("the host has no name that a certificate could be for"))?;
            let stream = self.connector.connect(name, socket).await?;
            Ok(Stream(Box::new(stream)))
        })
    }
}

/// A TLS connection to the server.
pub(super) struct Stream(Box<tokio_rustls::client::TlsStream<Socket>>);

impl TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
