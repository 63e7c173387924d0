//! Whether a TLS client's certificate can be trusted.

use std::time::Duration;

use arca_base::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::{Certificate, X509Error};

/// Checks that one of `anchors` vouches for `leaf` as a TLS client at `now`, by way of `intermediates` if need be:
/// RFC 5280, section 6, as the TLS stack does it.
///
/// # Errors
/// [`X509Error::Untrusted`].
pub fn verify_client(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Certificate],
    now: Timestamp,
) -> Result<(), X509Error> {
    let untrusted = |error: webpki::Error| X509Error::Untrusted(error.to_string());
    let leaf = CertificateDer::from(leaf.der());
    let leaf = EndEntityCert::try_from(&leaf).map_err(untrusted)?;
    let anchors: Vec<CertificateDer<'_>> = anchors.iter().map(|anchor| anchor.der().into()).collect();
    let anchors = anchors.iter().map(webpki::anchor_from_trusted_cert);
    let anchors = anchors.collect::<Result<Vec<_>, _>>().map_err(untrusted)?;
    let intermediates: Vec<CertificateDer<'_>> = intermediates.iter().map(|link| link.der().into()).collect();
    let seconds = u64::try_from(now.unix_seconds()).unwrap_or(0);
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        KeyUsage::client_auth(),
        None,
        None,
    )
    .map_err(untrusted)?;
    Ok(())
}
