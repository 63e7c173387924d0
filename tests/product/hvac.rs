//! hvac, the Python client: a whole session, from the first unseal key to the seal, with TLS and without, and
//! logins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use arca_fixtures::{Authority, Certificate};
use arca_tests::node::{configuration, folder};
use arca_tests::program::{bare, checked_in, python};
use arca_tests::server::Launch;
use arca_tests::{Ran, Server};

/// How many parts the sessions have, so that none is left out unseen.
const PARTS: usize = 16;
const LOGIN_PARTS: usize = 7;

/// A server on a `file` stanza that nobody has initialized.
fn server(home: &Path, listener: &str) -> Server {
    let storage = format!("\"file\" {{ path = \"{}\" }}", home.join("data").display());
    let path = home.join("arca.hcl");
    fs::write(&path, configuration(&storage, listener, "")).unwrap();
    Launch::new(home, ["server", "-config", &path.display().to_string()]).start()
}

/// The same with TLS.
pub(crate) fn tls_server(home: &Path, authority: &Authority) -> Server {
    let [certificate, key] = write_pair(home, "server", &authority.issue("IP:127.0.0.1").unwrap());
    let listener = format!(
        "  tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"",
        certificate.display(),
        key.display()
    );
    server(home, &listener)
}

/// Puts a certificate and its key into files.
pub(crate) fn write_pair(home: &Path, name: &str, pair: &Certificate) -> [PathBuf; 2] {
    let files = [
        home.join(format!("{name}.pem")),
        home.join(format!("{name}-key.pem")),
    ];
    fs::write(&files[0], &pair.certificate).unwrap();
    fs::write(&files[1], &pair.key).unwrap();
    files
}

fn script(name: &str, home: &Path, server: &Server, authority: Option<&Path>) -> Command {
    let mut command = bare(&python(), home);
    command
        .arg(checked_in(&format!("clients/python/{name}")))
        .env("VAULT_ADDR", server.address().url());
    if let Some(authority) = authority {
        command.env("VAULT_CACERT", authority);
    }
    command
}

fn finish(command: &mut Command) -> Ran {
    arca_tests::commands::finish(command, None, Duration::from_secs(120))
}

fn session(home: &Path, server: &Server, authority: Option<&Path>) -> Ran {
    let mut command = script("hvac_session.py", home, server, authority);
    finish(command.env("AUDIT_LOG", home.join("audit/audit.log")))
}

#[track_caller]
fn check(ran: Ran) {
    let ran = ran.expect(0);
    assert_eq!(ran.out.lines().count(), PARTS, "{ran:?}");
}

#[test]
fn a_session_over_plain_http() {
    let home = folder();
    let server = server(home.path(), "");
    check(session(home.path(), &server, None));
}

#[test]
fn a_session_over_tls_with_an_authority_of_ones_own() {
    let home = folder();
    let authority = Authority::new().unwrap();
    let server = tls_server(home.path(), &authority);
    let stranger = session(home.path(), &server, None);
    assert!(
        stranger.code != 0 && stranger.errors.contains("CERTIFICATE_VERIFY_FAILED"),
        "{stranger:?}"
    );
    check(session(home.path(), &server, Some(&authority.file())));
}

#[test]
fn logins_of_machines_people_and_tls_clients() {
    let home = folder();
    let authority = Authority::new().unwrap();
    let server = tls_server(home.path(), &authority);
    let client = authority.issue("app.example.com").unwrap();
    let [certificate, key] = write_pair(home.path(), "client", &client);
    let mut logins = script("hvac_logins.py", home.path(), &server, Some(&authority.file()));
    logins.env("CLIENT_CERT", certificate).env("CLIENT_KEY", key);
    let ran = finish(&mut logins).expect(0);
    assert_eq!(ran.out.lines().count(), LOGIN_PARTS, "{ran:?}");
}
