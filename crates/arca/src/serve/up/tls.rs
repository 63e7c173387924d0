//! A certificate authority of this server's own, and the certificate it serves with.

use std::path::Path;

use arca_base::{Timestamp, Ttl};
use arca_crypto::x509::{AltName, Authority, Certificate, PrivateKey, ServerIdentity, Validity};
use arca_server::config::{ClientCertificates, Tls, TlsVersion};

use super::super::{ServeError, World, files};

/// How long the authority lives: ten years.
const AUTHORITY_LIFE: Ttl = Ttl::from_hours(10 * 365 * 24);
/// How long a server certificate lives, and when it is replaced at the next start.
const CERTIFICATE_LIFE: Ttl = Ttl::from_hours(397 * 24);
const RENEWED_BEFORE: Ttl = Ttl::from_hours(60 * 24);
/// Clocks of clients may be behind.
const BACKDATED_SECONDS: i64 = 3600;

/// Makes what is missing and renews what is about to expire.
pub(crate) fn ensure(folder: &Path, listen: &str, world: &World) -> Result<Tls, ServeError> {
    files::private_folder(folder)?;
    let names = names(listen)?;
    let tls = Tls {
        certificate: folder.join("server.pem"),
        key: folder.join("server-key.pem"),
        min_version: TlsVersion::Tls12,
        max_version: TlsVersion::Tls13,
        cipher_suites: Vec::new(),
        client: ClientCertificates::Requested { authorities: None },
    };
    let now = world.clock.now();
    if is_good(&tls, &names, now)? && folder.join("ca.pem").exists() {
        return Ok(tls);
    }
    let authority = authority(folder, world)?;
    let key = PrivateKey::generate(&*world.entropy)?;
    let identity = ServerIdentity {
        common_name: "arca",
        alt_names: &names,
        validity: validity(now, CERTIFICATE_LIFE, Some(authority.certificate()))?,
    };
    let certificate = authority.issue_server(&identity, &key, &*world.entropy)?;
    files::write_private(&tls.key, key.to_pem()?.expose().as_bytes())?;
    files::write_private(&tls.certificate, certificate.to_pem()?.as_bytes())?;
    Ok(tls)
}

fn validity(now: Timestamp, life: Ttl, within: Option<&Certificate>) -> Result<Validity, ServeError> {
    let start = Timestamp::from_unix(now.unix_seconds() - BACKDATED_SECONDS, 0);
    let end = now.plus(life);
    match within.map(Certificate::validity) {
        None => Ok(Validity::new(start, end)?),
        Some(outer) => Ok(Validity::new(
            start.max(outer.not_before()),
            end.min(outer.not_after()),
        )?),
    }
}

/// The names a client on this machine may use.
fn names(listen: &str) -> Result<Vec<AltName>, ServeError> {
    let host = listen
        .rsplit_once(':')
        .map_or(listen, |(host, _)| host)
        .trim_matches(['[', ']']);
    let mut texts = vec!["localhost", "127.0.0.1", "::1"];
    if !texts.contains(&host) && !matches!(host, "" | "0.0.0.0" | "::") {
        texts.push(host);
    }
    texts
        .into_iter()
        .map(|text| text.parse().map_err(ServeError::Tls))
        .collect()
}

fn is_good(tls: &Tls, names: &[AltName], now: Timestamp) -> Result<bool, ServeError> {
    let (Some(pem), true) = (files::read(&tls.certificate)?, tls.key.exists()) else {
        return Ok(false);
    };
    let Ok(certificate) = Certificate::from_pem(&String::from_utf8_lossy(&pem)) else {
        return Ok(false);
    };
    let lasts = certificate.validity().contains(now.plus(RENEWED_BEFORE));
    let shown = certificate.alt_names();
    Ok(lasts && names.iter().all(|name| shown.contains(name)))
}

fn authority(folder: &Path, world: &World) -> Result<Authority, ServeError> {
    let (certificate, key) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
    if let (Some(pem), Some(key)) = (files::read(&certificate)?, files::read(&key)?) {
        let certificate = Certificate::from_pem(&String::from_utf8_lossy(&pem))?;
        let key = PrivateKey::from_pem(&String::from_utf8_lossy(&key))?;
        return Ok(Authority::from_parts(certificate, key)?);
    }
    let validity = validity(world.clock.now(), AUTHORITY_LIFE, None)?;
    let authority = Authority::create("Arca local authority", validity, &*world.entropy)?;
    files::write_private(&key, authority.key().to_pem()?.expose().as_bytes())?;
    files::write_private(&certificate, authority.certificate().to_pem()?.as_bytes())?;
    Ok(authority)
}
