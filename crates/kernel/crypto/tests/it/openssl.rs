//! The same certificates before OpenSSL, and OpenSSL's before our parser. Machines without `openssl` skip these;
//! the handshakes in `tls` run everywhere.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use arca_crypto::x509::{AltName, Certificate, PrivateKey};
use tempfile::TempDir;

use crate::estate::{BEGIN, Estate, HOUR, YEAR};

/// Runs `openssl` in `folder`; `None` when there is none on this machine.
fn openssl(folder: &Path, arguments: &[&str]) -> Option<Output> {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("openssl: {error}"),
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn written(estate: &Estate) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &estate.authority.certificate().to_pem().unwrap());
    write("server.pem", &estate.server.to_pem().unwrap());
    write("key.pem", estate.server_key.to_pem().unwrap().expose());
    folder
}

fn verify(folder: &Path, now: i64, more: &[&str]) -> Option<Output> {
    let now = now.to_string();
    let arguments = [
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-CAfile",
        "ca.pem",
        "-attime",
        &now,
    ];
    openssl(folder, &[&arguments, more, &["server.pem"]].concat())
}

#[test]
fn openssl_verifies_the_chain_strictly() {
    let folder = written(&Estate::new(&["arca.test", "127.0.0.1", "2001:db8::1"]));
    for (now, more, good) in [
        (BEGIN + HOUR, &["-verify_hostname", "arca.test"][..], true),
        (BEGIN + HOUR, &["-verify_ip", "127.0.0.1"], true),
        (BEGIN + HOUR, &["-verify_ip", "2001:db8::1"], true),
        (BEGIN + HOUR, &["-verify_hostname", "other.test"], false),
        (BEGIN + HOUR, &["-verify_ip", "127.0.0.2"], false),
        (BEGIN - 1, &[], false),
        (BEGIN + YEAR + 1, &[], false),
    ] {
        let Some(output) = verify(folder.path(), now, more) else {
            return;
        };
        assert_eq!(
            output.status.success(),
            good,
            "{more:?} at {now}: {}",
            text(&output)
        );
    }
}

#[test]
fn openssl_shows_the_extensions() {
    let folder = written(&Estate::new(&["arca.test", "127.0.0.1"]));
    let Some(server) = openssl(folder.path(), &["x509", "-in", "server.pem", "-noout", "-text"]) else {
        return;
    };
    let server = text(&server);
    for expected in [
        "Version: 3 (0x2)",
        "Signature Algorithm: ecdsa-with-SHA256",
        "ASN1 OID: prime256v1",
        "Issuer: CN = Arca test root",
        "Subject: CN = arca",
        "Basic Constraints: critical\n                CA:FALSE",
        "Key Usage: critical\n                Digital Signature\n",
        "Extended Key Usage: \n                TLS Web Server Authentication\n",
        "DNS:arca.test, IP Address:127.0.0.1",
    ] {
        assert!(server.contains(expected), "{expected:?} in {server}");
    }
    let authority = openssl(folder.path(), &["x509", "-in", "ca.pem", "-noout", "-text"]).unwrap();
    let authority = text(&authority);
    for expected in [
        "Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "Key Usage: critical\n                Certificate Sign, CRL Sign\n",
    ] {
        assert!(authority.contains(expected), "{expected:?} in {authority}");
    }
    let identifier = line_after(&authority, "Subject Key Identifier:");
    assert_eq!(line_after(&authority, "Authority Key Identifier:"), identifier);
    assert_eq!(line_after(&server, "Authority Key Identifier:"), identifier);
    assert_ne!(line_after(&server, "Subject Key Identifier:"), identifier);
}

fn line_after<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, after) = text.split_once(heading).unwrap();
    after.lines().nth(1).unwrap().trim()
}

#[test]
fn openssl_accepts_the_private_key() {
    let folder = written(&Estate::new(&["arca.test"]));
    let Some(checked) = openssl(folder.path(), &["pkey", "-in", "key.pem", "-check", "-noout"]) else {
        return;
    };
    assert!(checked.status.success(), "{}", text(&checked));
    let of_key = openssl(folder.path(), &["pkey", "-in", "key.pem", "-pubout"]).unwrap();
    let of_certificate = openssl(folder.path(), &["x509", "-in", "server.pem", "-noout", "-pubkey"]).unwrap();
    assert_eq!(text(&of_key), text(&of_certificate));
}

#[test]
fn certificates_and_keys_of_openssl_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "30",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
        "-text",
        "-subj",
        "/C=DE/O=One, Two/OU=a/OU=b/CN=x",
        "-addext",
        "subjectAltName=DNS:a.test,IP:10.0.0.1,email:me@a.test,URI:spiffe://a/b,RID:1.2.3,dirName:d",
        "-config",
        "req.cnf",
    ];
    let configuration = "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nbasicConstraints=CA:TRUE\n[d]\nCN=y\n";
    fs::write(folder.path().join("req.cnf"), configuration).unwrap();
    let Some(made) = openssl(folder.path(), &arguments) else {
        return;
    };
    assert!(made.status.success(), "{}", text(&made));
    let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
    let certificate = Certificate::from_pem(&read("cert.pem")).unwrap();
    assert_eq!(certificate.subject(), "CN=x,OU=b,OU=a,O=One\\, Two,C=DE");
    assert!(certificate.is_authority());
    assert_eq!(
        certificate.alt_names(),
        [
            AltName::Dns("a.test".into()),
            AltName::Ip([10, 0, 0, 1].into()),
            AltName::Email("me@a.test".into()),
            AltName::Uri("spiffe://a/b".into()),
        ]
    );
    assert!(PrivateKey::from_pem(&read("key.pem")).is_ok());
    let fingerprint = openssl(
        folder.path(),
        &["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"],
    );
    let fingerprint = text(&fingerprint.unwrap()).to_lowercase().replace(':', "");
    assert!(
        fingerprint.contains(&arca_base::id::hex(&certificate.fingerprint())),
        "{fingerprint}"
    );
}
