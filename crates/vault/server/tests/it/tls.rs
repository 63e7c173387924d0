//! TLS: versions, certificates of the server and of clients, and changing them while running.

use std::path::PathBuf;
use std::sync::Arc;

use arca_fixtures::{Authority, Certificate};
use arca_server::config::{ClientCertificates, Listener, Tls, TlsVersion};
use arca_server::server::{BindError, Options, Server};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::Raw;
use crate::double::Double;
use crate::running::{Running, listener, soon, start, write};

/// An authority, and a folder with a certificate of it for the server.
pub(crate) struct Estate {
    pub(crate) authority: Authority,
    folder: TempDir,
}

impl Estate {
    pub(crate) fn new() -> Self {
        let estate = Self {
            authority: Authority::new().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        estate.renew();
        estate
    }

    /// Puts a new certificate and key in the place of the old.
    fn renew(&self) -> Certificate {
        let issued = self.authority.issue("localhost").unwrap();
        write(&self.folder, "cert.pem", &issued.certificate);
        write(&self.folder, "key.pem", &issued.key);
        issued
    }

    pub(crate) fn listener(&self, change: impl FnOnce(&mut Tls)) -> Listener {
        let mut tls = Tls::new(
            self.folder.path().join("cert.pem"),
            self.folder.path().join("key.pem"),
        );
        change(&mut tls);
        Listener {
            tls: Some(tls),
            ..listener()
        }
    }
}

/// How a client connects.
#[derive(Default)]
pub(crate) struct Client<'a> {
    pub(crate) alpn: &'a [&'a str],
    pub(crate) identity: Option<&'a Certificate>,
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
}

fn der(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(Result::unwrap)
        .collect()
}

impl Client<'_> {
    pub(crate) async fn connect(
        &self,
        server: &Running,
        authority: &Authority,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(der(&std::fs::read_to_string(authority.file()).unwrap()));
        let versions = if self.versions.is_empty() {
            &[&TLS13, &TLS12]
        } else {
            self.versions
        };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .unwrap();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap();
        let config = config.with_webpki_verifier(verifier);
        let mut config = match self.identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                config
                    .with_client_auth_cert(der(&identity.certificate), key)
                    .unwrap()
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(server.address()).await?;
        let name = ServerName::try_from("localhost").unwrap();
        soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }

    /// The number of certificates the server sees, or nothing if it does not talk.
    async fn certificates(&self, server: &Running, authority: &Authority) -> Option<u64> {
        let mut client = Raw::over(self.connect(server, authority).await.ok()?);
        let sent = crate::client::request("GET /v1/echo/a", "");
        tokio::io::AsyncWriteExt::write_all(&mut client.stream, sent.as_bytes())
            .await
            .ok()?;
        client.until(b"\"certificates\":").await?;
        let number = client.until(b",").await?;
        String::from_utf8(number)
            .unwrap()
            .trim_end_matches(',')
            .parse()
            .ok()
    }
}

fn server_certificate(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

#[tokio::test]
async fn the_protocol_is_agreed_upon() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    for (alpn, agreed) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let client = Client {
            alpn,
            ..Client::default()
        };
        let stream = client.connect(&server, &estate.authority).await.unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            agreed.map(str::as_bytes),
            "{alpn:?}"
        );
    }
    let stream = Client::default()
        .connect(&server, &estate.authority)
        .await
        .unwrap();
    assert_eq!(
        Raw::over(stream).ask("GET /v1/echo/a", "").await.json()["path"],
        "echo/a"
    );
    assert!(
        Client {
            alpn: &["spdy"],
            ..Client::default()
        }
        .connect(&server, &estate.authority)
        .await
        .is_err()
    );
}

#[tokio::test]
async fn versions_are_bounded() {
    let estate = Estate::new();
    let speaks = async |server: &Running, version| {
        let versions = &[version][..];
        Client {
            versions,
            ..Client::default()
        }
        .connect(server, &estate.authority)
        .await
        .is_ok()
    };
    let any = start(estate.listener(|_| {})).await;
    assert!(speaks(&any, &TLS12).await && speaks(&any, &TLS13).await);
    let new = start(estate.listener(|tls| tls.min_version = TlsVersion::Tls13)).await;
    assert!(!speaks(&new, &TLS12).await && speaks(&new, &TLS13).await);
    let old = start(estate.listener(|tls| tls.max_version = TlsVersion::Tls12)).await;
    assert!(speaks(&old, &TLS12).await && !speaks(&old, &TLS13).await);
}

#[tokio::test]
async fn cipher_suites_are_those_asked_for() {
    let estate = Estate::new();
    let suite = "tls_ecdhe_ecdsa_with_aes_256_gcm_sha384";
    let server = start(estate.listener(|tls| {
        tls.cipher_suites = vec![suite.to_owned(), "TLS_RSA_WITH_AES_128_CBC_SHA".to_owned()];
    }))
    .await;
    let client = Client {
        versions: &[&TLS12],
        ..Client::default()
    };
    let stream = client.connect(&server, &estate.authority).await.unwrap();
    let spoken = stream.get_ref().1.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(spoken.as_str().unwrap().to_lowercase(), suite);
    assert!(
        Client::default()
            .connect(&server, &estate.authority)
            .await
            .is_ok(),
        "TLS 1.3 has its own"
    );
}

#[tokio::test]
async fn certificates_change_without_a_break() {
    let estate = Estate::new();
    let listener = estate.listener(|_| {});
    let server = start(listener.clone()).await;
    let connect = async || {
        Client::default()
            .connect(&server, &estate.authority)
            .await
            .unwrap()
    };
    let first = connect().await;
    let old = server_certificate(&first);
    let mut first = Raw::over(first);

    let issued = estate.renew();
    assert_eq!(server_certificate(&connect().await), old, "not before it is told");
    assert!(server.control.reload(std::slice::from_ref(&listener)).is_empty());
    assert_eq!(server_certificate(&connect().await), der(&issued.certificate)[0]);
    assert_eq!(
        first.ask("GET /v1/echo/a", "").await.status,
        200,
        "open connections live on"
    );

    write(&estate.folder, "cert.pem", "nonsense");
    let failures = server.control.reload(&[listener]);
    assert_eq!(failures.len(), 1);
    assert!(
        failures[0]
            .1
            .to_string()
            .contains("cert.pem holds no certificate in PEM form"),
        "{}",
        failures[0].1
    );
    assert_eq!(
        server_certificate(&connect().await),
        der(&issued.certificate)[0],
        "the last good one stays"
    );
}

#[tokio::test]
async fn client_certificates_are_asked_for_and_not_judged() {
    let estate = Estate::new();
    let stranger = Authority::new().unwrap();
    let known = estate.authority.issue("client").unwrap();
    let unknown = stranger.issue("client").unwrap();
    let server = start(estate.listener(|_| {})).await;
    for versions in [&[&TLS13][..], &[&TLS12]] {
        for (identity, certificates) in [(None, 0), (Some(&known), 1), (Some(&unknown), 1)] {
            let client = Client {
                identity,
                versions,
                ..Client::default()
            };
            assert_eq!(
                client.certificates(&server, &estate.authority).await,
                Some(certificates)
            );
        }
    }
    let deaf = start(estate.listener(|tls| tls.client = ClientCertificates::Disabled)).await;
    let client = Client {
        identity: Some(&known),
        ..Client::default()
    };
    assert_eq!(client.certificates(&deaf, &estate.authority).await, Some(0));
}

#[tokio::test]
async fn required_client_certificates_are_judged() {
    let estate = Estate::new();
    let stranger = Authority::new().unwrap();
    let known = estate.authority.issue("client").unwrap();
    let unknown = stranger.issue("client").unwrap();
    let authorities = estate.authority.file();
    let server =
        start(estate.listener(|tls| tls.client = ClientCertificates::Required { authorities })).await;
    for (identity, certificates) in [(None, None), (Some(&known), Some(1)), (Some(&unknown), None)] {
        let client = Client {
            identity,
            ..Client::default()
        };
        assert_eq!(
            client.certificates(&server, &estate.authority).await,
            certificates
        );
    }
}

#[tokio::test]
async fn what_cannot_work_is_said_at_the_start() {
    let estate = Estate::new();
    let other_key = estate.authority.issue("localhost").unwrap().key;
    let other_key = write(&estate.folder, "other.pem", &other_key);
    let empty = write(&estate.folder, "empty.pem", "");
    let bind = async |change: &dyn Fn(&mut Tls)| {
        let listener = estate.listener(change);
        let clock = Arc::new(arca_server::SystemClock::new());
        match Server::bind(
            &[listener],
            Options::default(),
            Arc::new(Double::default()),
            clock,
        )
        .await
        {
            Err(error @ BindError::Tls { .. }) => error.to_string(),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("bound"),
        }
    };
    let nowhere = PathBuf::from("/does/not/exist");
    assert!(
        bind(&|tls| tls.certificate = nowhere.clone())
            .await
            .contains("cannot read /does/not/exist")
    );
    assert!(
        bind(&|tls| tls.key = empty.clone())
            .await
            .contains("holds no private key")
    );
    assert!(
        bind(&|tls| tls.key = other_key.clone())
            .await
            .contains("cannot be used with the key in")
    );
    let message = bind(&|tls| {
        tls.max_version = TlsVersion::Tls12;
        tls.cipher_suites = vec!["TLS_RSA_WITH_AES_128_CBC_SHA".to_owned()];
    })
    .await;
    assert!(message.contains("leaves nothing to speak"), "{message}");
    let message = bind(&|tls| {
        tls.client = ClientCertificates::Required {
            authorities: empty.clone(),
        }
    })
    .await;
    assert!(message.contains("empty.pem"), "{message}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let estate = Estate::new();
    let mut listener = estate.listener(|_| {});
    listener.timeouts.header = Some(std::time::Duration::from_millis(200));
    let server = start(listener).await;
    let mut silent = server.connect().await;
    assert!(silent.is_closed().await);
    crate::running::until(|| server.control.tasks() == 0).await;
}

#[tokio::test]
async fn plain_http_is_told_to_use_tls() {
    let estate = Estate::new();
    let server = start(estate.listener(|_| {})).await;
    let mut plain = server.connect().await;
    plain.send("GET /v1/echo/a HTTP/1.1\r\n").await;
    let answer = plain.until(b"in the address.\n").await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.0 400 "));
}
