//! Certificates in a TLS handshake: the client is rustls with its usual verifier, and time is a parameter.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection,
};

use crate::estate::{BEGIN, Estate, HOUR, YEAR};

#[derive(Debug)]
struct At(i64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0).unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn server_config(estate: &Estate) -> ServerConfig {
    let key = PrivatePkcs8KeyDer::from(estate.server_key.pkcs8().expose().clone());
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(estate.server.der().to_vec())],
            PrivateKeyDer::from(key),
        )
        .unwrap()
}

fn client_config(trusted: &Estate, now: i64) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(
            trusted.authority.certificate().der().to_vec(),
        ))
        .unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    ClientConfig::builder_with_details(provider, Arc::new(At(now)))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_webpki_verifier(verifier)
        .with_no_client_auth()
}

/// A whole handshake in memory; the error is the client's.
fn handshake(server: &Estate, trusted: &Estate, name: &str, now: i64) -> Result<(), Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client_config(trusted, now)), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server_config(server))).unwrap();
    for _ in 0..8 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets()?;
        }
        if !client.is_handshaking() && !server.is_handshaking() {
            return Ok(());
        }
    }
    panic!("the handshake does not end");
}

fn refused(outcome: Result<(), Error>) -> CertificateError {
    match outcome {
        Err(Error::InvalidCertificate(reason)) => reason,
        other => panic!("not refused for its certificate: {other:?}"),
    }
}

#[test]
fn a_client_that_trusts_the_authority_connects_by_every_name() {
    let estate = Estate::new(&["arca.test", "*.apps.test", "127.0.0.1", "2001:db8::1"]);
    for name in ["arca.test", "a.apps.test", "127.0.0.1", "2001:db8::1"] {
        for now in [BEGIN, BEGIN + HOUR, BEGIN + YEAR] {
            assert_eq!(handshake(&estate, &estate, name, now), Ok(()), "{name} at {now}");
        }
    }
}

#[test]
fn other_names_are_refused() {
    let estate = Estate::new(&["arca.test", "*.apps.test", "127.0.0.1"]);
    for name in ["other.test", "a.b.apps.test", "apps.test", "127.0.0.2", "arca"] {
        let reason = refused(handshake(&estate, &estate, name, BEGIN + HOUR));
        assert!(
            matches!(reason, CertificateError::NotValidForNameContext { .. }),
            "{name}: {reason:?}"
        );
    }
}

#[test]
fn other_times_are_refused() {
    let estate = Estate::new(&["arca.test"]);
    let before = refused(handshake(&estate, &estate, "arca.test", BEGIN - 1));
    assert!(
        matches!(before, CertificateError::NotValidYetContext { .. }),
        "{before:?}"
    );
    let after = refused(handshake(&estate, &estate, "arca.test", BEGIN + YEAR + 1));
    assert!(
        matches!(after, CertificateError::ExpiredContext { .. }),
        "{after:?}"
    );
}

#[test]
fn another_authority_of_the_same_name_is_refused() {
    let (estate, other) = (Estate::new(&["arca.test"]), Estate::new(&["arca.test"]));
    let reason = refused(handshake(&estate, &other, "arca.test", BEGIN + HOUR));
    assert!(
        matches!(
            reason,
            CertificateError::BadSignature | CertificateError::UnknownIssuer
        ),
        "{reason:?}"
    );
}
