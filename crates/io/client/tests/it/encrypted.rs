//! TLS with an authority made for the test.

use std::path::Path;
use std::sync::Arc;

use arca_base::Timestamp;
use arca_client::{ConfigError, TransportError};
use arca_crypto::SystemEntropy;
use arca_crypto::x509::{AltName, Authority, Certificate, PrivateKey, ServerIdentity, Validity};
use http::Version;
use parking_lot::Mutex;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use tempfile::TempDir;

use crate::clock::Waits;
use crate::double::{Double, client, client_with, json, redirect};

const ANSWER: &str = r#"{"data":{"k":"v"}}"#;

/// An authority, a server it certified, and the files a client needs.
struct Estate {
    folder: TempDir,
    server: Certificate,
    key: PrivateKey,
}

impl Estate {
    fn new(names: &[&str]) -> Self {
        Self::of("Test authority", names)
    }

    fn of(authority: &str, names: &[&str]) -> Self {
        let until = |year| Timestamp::parse(&format!("{year}-01-01T00:00:00Z")).unwrap();
        let validity = Validity::new(until(2020), until(2070)).unwrap();
        let authority = Authority::create(authority, validity, &SystemEntropy).unwrap();
        let names: Vec<AltName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let key = PrivateKey::generate(&SystemEntropy).unwrap();
        let identity = ServerIdentity {
            common_name: "test",
            alt_names: &names,
            validity,
        };
        let server = authority.issue_server(&identity, &key, &SystemEntropy).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", &authority.certificate().to_pem().unwrap());
        write("cert.pem", &server.to_pem().unwrap());
        write("key.pem", key.to_pem().unwrap().expose());
        write("empty.pem", "no certificate\n");
        Self { folder, server, key }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn server_config(&self, verifier: Option<Arc<dyn ClientCertVerifier>>) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match verifier {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let key = PrivatePkcs8KeyDer::from(self.key.pkcs8().expose().clone());
        let mut config = builder
            .with_single_cert(
                vec![CertificateDer::from(self.server.der().to_vec())],
                PrivateKeyDer::from(key),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    async fn double(&self) -> Double {
        Double::answering_tls(self.server_config(None), |_, _| json(200, ANSWER)).await
    }
}

#[tokio::test]
async fn trusts_the_authority_it_is_given_and_speaks_http_2() {
    let estate = Estate::new(&["127.0.0.1"]);
    let double = estate.double().await;
    let pem = std::fs::read_to_string(estate.path("ca.pem")).unwrap();
    let only_authorities = tempfile::tempdir().unwrap();
    std::fs::copy(estate.path("ca.pem"), only_authorities.path().join("a.pem")).unwrap();
    for (variable, value) in [
        ("VAULT_CACERT", estate.path("ca.pem")),
        ("VAULT_CACERT_BYTES", pem),
        (
            "VAULT_CAPATH",
            only_authorities.path().to_str().unwrap().to_owned(),
        ),
    ] {
        let vars = [("VAULT_ADDR", double.url.as_str()), (variable, value.as_str())];
        client(&vars)
            .read("a")
            .await
            .unwrap_or_else(|error| panic!("{variable}: {error}"));
    }
    assert!(
        double
            .asked()
            .iter()
            .all(|asked| asked.version == Version::HTTP_2)
    );
}

#[tokio::test]
async fn nobody_else_is_trusted() {
    let estate = Estate::new(&["127.0.0.1"]);
    let double = estate.double().await;
    for (stranger, expected) in [("Test authority", "another key"), ("Stranger", "does not know")] {
        let stranger = Estate::of(stranger, &["127.0.0.1"]);
        let vars = [
            ("VAULT_ADDR", double.url.as_str()),
            ("VAULT_CACERT", &stranger.path("ca.pem")),
        ];
        let waits = Waits::up_to(30);
        let error = client_with(&vars, waits.clone())
            .unwrap()
            .read("a")
            .await
            .unwrap_err();
        let Some(TransportError::Tls { reason, .. }) = error.transport() else {
            panic!("{error:?}");
        };
        assert!(reason.contains(expected), "{reason}");
        assert!(
            waits.passed.lock().is_empty(),
            "a bad certificate does not improve by waiting"
        );
    }
    assert!(double.asked().is_empty());
}

#[tokio::test]
async fn anybody_is_trusted_only_when_told_so() {
    let estate = Estate::new(&["other.example"]);
    let double = estate.double().await;
    let vars = [("VAULT_ADDR", double.url.as_str()), ("VAULT_SKIP_VERIFY", "true")];
    client(&vars).read("a").await.unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_name_needs_that_name() {
    let estate = Estate::new(&["vault.example"]);
    let double = estate.double().await;
    let (url, ca) = (double.url.as_str(), estate.path("ca.pem"));
    let error = client(&[("VAULT_ADDR", url), ("VAULT_CACERT", &ca)])
        .read("a")
        .await
        .unwrap_err();
    assert!(
        matches!(error.transport(), Some(TransportError::Tls { .. })),
        "{error}"
    );
    let named = [
        ("VAULT_ADDR", url),
        ("VAULT_CACERT", &ca),
        ("VAULT_TLS_SERVER_NAME", "vault.example"),
    ];
    client(&named).read("a").await.unwrap();
    let host = url.strip_prefix("https://").unwrap();
    assert_eq!(double.asked()[0].header("host"), Some(host));
}

#[tokio::test]
async fn a_redirect_keeps_the_name_and_changes_the_host() {
    let estate = Estate::new(&["vault.example"]);
    let active = estate.double().await;
    let target = format!("{}/v1/a", active.url.replace("127.0.0.1", "localhost"));
    let standby = Double::answering_tls(estate.server_config(None), move |_, _| redirect(307, &target)).await;
    let vars = [
        ("VAULT_ADDR", standby.url.as_str()),
        ("VAULT_CACERT", &estate.path("ca.pem")),
        ("VAULT_TLS_SERVER_NAME", "vault.example"),
    ];
    client(&vars).read("a").await.unwrap();
    assert_eq!((standby.asked().len(), active.asked().len()), (1, 1));
}

#[tokio::test]
async fn a_redirect_out_of_encryption_is_refused() {
    let estate = Estate::new(&["127.0.0.1"]);
    let plain = Double::answering(|_, _| json(200, ANSWER)).await;
    let target = format!("{}/v1/a", plain.url);
    let double = Double::answering_tls(estate.server_config(None), move |_, _| redirect(307, &target)).await;
    let vars = [
        ("VAULT_ADDR", double.url.as_str()),
        ("VAULT_CACERT", &estate.path("ca.pem")),
    ];
    let error = client(&vars).read("a").await.unwrap_err();
    assert!(error.to_string().contains("not encrypted"), "{error}");
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_into_encryption_is_followed() {
    let estate = Estate::new(&["127.0.0.1"]);
    let double = estate.double().await;
    let target = format!("{}/v1/a", double.url);
    let plain = Double::answering(move |_, _| redirect(307, &target)).await;
    let vars = [
        ("VAULT_ADDR", plain.url.as_str()),
        ("VAULT_CACERT", &estate.path("ca.pem")),
    ];
    client(&vars).read("a").await.unwrap();
}

#[tokio::test]
async fn plain_and_encrypted_are_told_apart() {
    let plain = Double::answering(|_, _| json(200, ANSWER)).await;
    let address = plain.url.replace("http://", "https://");
    let vars = [("VAULT_ADDR", address.as_str()), ("VAULT_SKIP_VERIFY", "1")];
    let error = client(&vars).read("a").await.unwrap_err();
    assert_eq!(error.transport(), Some(&TransportError::NotTls { address }));

    let gate = Double::answering(|_, _| json(400, "Client sent an HTTP request to an HTTPS server.\n")).await;
    let error = gate.client().read("a").await.unwrap_err();
    let address = gate.url.clone();
    assert_eq!(error.transport(), Some(&TransportError::NotPlain { address }));

    let estate = Estate::new(&["127.0.0.1"]);
    let double = estate.double().await;
    let address = double.url.replace("https://", "http://");
    let error = client(&[("VAULT_ADDR", &address)]).read("a").await.unwrap_err();
    assert_eq!(error.transport(), Some(&TransportError::NotPlain { address }));
}

#[tokio::test]
async fn shows_its_own_certificate() {
    let estate = Estate::new(&["127.0.0.1"]);
    let guest = Estate::new(&["guest"]);
    let seen = Arc::new(Guests::default());
    let config = estate.server_config(Some(seen.clone()));
    let double = Double::answering_tls(config, |_, _| json(200, ANSWER)).await;
    let vars = [
        ("VAULT_ADDR", double.url.as_str()),
        ("VAULT_CACERT", &estate.path("ca.pem")),
        ("VAULT_CLIENT_CERT", &guest.path("cert.pem")),
        ("VAULT_CLIENT_KEY", &guest.path("key.pem")),
    ];
    client(&vars).read("a").await.unwrap();
    assert_eq!(*seen.0.lock(), [guest.server.der().to_vec()]);
}

#[test]
fn files_are_checked_before_anything_is_sent() {
    let estate = Estate::new(&["127.0.0.1"]);
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    for (vars, expected) in [
        (vec![("VAULT_CACERT", "/nonexistent.pem")], "/nonexistent.pem"),
        (
            vec![("VAULT_CACERT", &*estate.path("empty.pem"))],
            "no certificate in PEM",
        ),
        (vec![("VAULT_CAPATH", empty)], "no certificate in PEM"),
        (
            vec![("VAULT_CLIENT_CERT", &*estate.path("cert.pem"))],
            "go together",
        ),
        (
            vec![
                ("VAULT_CLIENT_CERT", &*estate.path("cert.pem")),
                ("VAULT_CLIENT_KEY", &*estate.path("empty.pem")),
            ],
            "empty.pem",
        ),
        (vec![("VAULT_TLS_SERVER_NAME", "10.0.0.1")], "must be a host name"),
        (vec![("VAULT_PROXY_ADDR", "http://u:canary@[")], "proxy"),
    ] {
        let mut all = vec![("VAULT_ADDR", "https://127.0.0.1:1"), ("VAULT_SKIP_VERIFY", "0")];
        if !vars.iter().any(|(name, _)| name.starts_with("VAULT_CA")) {
            all.push((
                "VAULT_CACERT",
                Path::new(&*estate.path("ca.pem"))
                    .to_str()
                    .unwrap()
                    .to_owned()
                    .leak(),
            ));
        }
        all.extend(vars);
        let error = client_with(&all, Waits::up_to(1)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn without_encryption_no_file_is_read() {
    let double = Double::answering(|_, _| json(200, ANSWER)).await;
    let vars = [
        ("VAULT_ADDR", double.url.as_str()),
        ("VAULT_CACERT", "/nonexistent.pem"),
    ];
    client(&vars).read("a").await.unwrap();
}

#[test]
fn a_name_behind_a_proxy_is_refused_instead_of_ignored() {
    let estate = Estate::new(&["127.0.0.1"]);
    let vars = [
        ("VAULT_ADDR", "https://127.0.0.1:1"),
        ("VAULT_CACERT", &*estate.path("ca.pem")),
        ("VAULT_TLS_SERVER_NAME", "vault.example"),
        ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ];
    assert_eq!(
        client_with(&vars, Waits::up_to(1)).unwrap_err(),
        ConfigError::NameBehindProxy
    );
}

/// Accepts every client certificate and remembers it.
#[derive(Debug, Default)]
struct Guests(Mutex<Vec<Vec<u8>>>);

impl ClientCertVerifier for Guests {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.lock().push(certificate.to_vec());
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
