//! Logging in.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::auth::cert as api;
use arca_base::{id, json_object};
use arca_core::Fault;
use arca_core::barrier::Rows;
use arca_core::engine::{Answer, ClientInfo, Cx, Login, Site, UnprovedLogin};
use arca_crypto::x509::{Certificate, X509Error, verify_client};

use super::Cert;
use super::crls::Revoked;
use super::entry::{Entry, entries};

/// The member of what is kept for renewals that names the entry.
pub(super) const CERT_NAME: &str = "cert_name";
/// The member of what is kept for renewals that tells the client, in hexadecimal.
pub(super) const KEY_FINGERPRINT: &str = "key_fingerprint";
/// Nobody vouches for the certificate.
pub(super) const STRANGER: &str = "invalid certificate or no client certificate supplied";
/// Somebody vouches for the certificate, but it is not as it must be.
pub(super) const INCOMPLETE: &str =
    "no chain matching all constraints could be found for this login certificate";
/// Why, for the log.
pub(super) const MISSING: &str = "a name or an extension that is asked for is missing";
/// Why, for the log.
pub(super) const REVOKED: &str = "it has been revoked";
/// Most entries a login without a name is tried against.
const MAX_ENTRIES: usize = 1000;

/// What a caller presented.
pub(super) struct Presented {
    pub(super) leaf: Certificate,
    intermediates: Vec<Certificate>,
}

/// How far a certificate came with an entry.
pub(super) enum Judged {
    /// The entry vouches for it, and everything that must stand in it does.
    Fits,
    /// The entry vouches for it, but something is missing from it.
    Incomplete,
    /// The entry vouches for it, but it or each way to it has been taken back.
    Revoked,
    /// The entry does not vouch for it, for this reason.
    Stranger(X509Error),
}

pub(super) async fn log_in(_: Arc<Cert>, cx: Cx, request: api::CertName) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let presented = presented(&cx.client)?;
    let rows = entries(&site.view);
    let names = names(&rows, &request.name).await?;
    let revoked = Revoked::stored(&site.view).await?;
    let mut vouched = false;
    let mut reason = "there is no such entry".to_owned();
    for name in names {
        let Some(row) = rows.get(&name).await? else {
            continue;
        };
        match judge(&row.value, &presented, &revoked, site)? {
            Judged::Fits => {
                row.value.token.admit(&cx.client)?;
                return Ok(Answer::login(login(&name, &row.value, &presented.leaf)?));
            }
            Judged::Incomplete => {
                vouched = true;
                reason = format!("{name}: {MISSING}");
            }
            Judged::Revoked => {
                vouched = true;
                reason = format!("{name}: {REVOKED}");
            }
            Judged::Stranger(error) if !vouched => reason = format!("{name}: {error}"),
            Judged::Stranger(_) => {}
        }
    }
    let refused = if vouched { INCOMPLETE } else { STRANGER };
    Err(Fault::invalid(refused).because(reason))
}

/// The entries that a login is tried against: the one it names, or all.
async fn names(rows: &Rows<Entry>, given: &str) -> Result<Vec<String>, Fault> {
    match given {
        "" => Ok(rows.list("", "", MAX_ENTRIES).await?.names),
        name => Ok(vec![name.to_lowercase()]),
    }
}

/// The entry that would let a login in.
pub(super) async fn entry_name(login: &UnprovedLogin) -> Result<Option<String>, Fault> {
    let Ok(presented) = presented(&login.client) else {
        return Ok(None);
    };
    if !login.is_to::<api::LogIn>() {
        return Ok(None);
    }
    let rows = entries(&login.site.view);
    let revoked = Revoked::stored(&login.site.view).await?;
    for name in names(&rows, &login.name("name")).await? {
        if let Some(row) = rows.get(&name).await?
            && matches!(
                judge(&row.value, &presented, &revoked, &login.site)?,
                Judged::Fits
            )
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

pub(super) fn presented(client: &ClientInfo) -> Result<Presented, Fault> {
    let unreadable = |_| Fault::invalid(STRANGER);
    let mut chain = client.certificates.iter().map(|der| Certificate::from_der(der));
    let leaf = chain
        .next()
        .ok_or_else(|| Fault::invalid("no client certificate found"))?
        .map_err(unreadable)?;
    let intermediates = chain.collect::<Result<_, _>>().map_err(unreadable)?;
    Ok(Presented { leaf, intermediates })
}

/// An entry is an authority, which vouches for others, or the certificate of one client, which must be the same.
pub(super) fn judge(
    entry: &Entry,
    presented: &Presented,
    revoked: &Revoked,
    site: &Site,
) -> Result<Judged, Fault> {
    let trusted = entry.certificates()?;
    let leaf = &presented.leaf;
    let pinned = trusted
        .iter()
        .any(|trusted| !trusted.is_authority() && trusted == leaf);
    let pinned = pinned && leaf.validity().contains(site.now);
    let authorities: Vec<Certificate> = trusted.into_iter().filter(Certificate::is_authority).collect();
    let vouch = |intermediates: &[Certificate], authorities: &[Certificate]| {
        if pinned {
            Ok(())
        } else {
            verify_client(leaf, intermediates, authorities, site.now)
        }
    };
    if let Err(error) = vouch(&presented.intermediates, &authorities) {
        return Ok(Judged::Stranger(error));
    }
    let good = (
        revoked.others(&presented.intermediates),
        revoked.others(&authorities),
    );
    Ok(if revoked.contains(leaf) || vouch(&good.0, &good.1).is_err() {
        Judged::Revoked
    } else if entry.rules.admit(leaf) {
        Judged::Fits
    } else {
        Judged::Incomplete
    })
}

fn login(name: &str, entry: &Entry, leaf: &Certificate) -> Result<Login, Fault> {
    let common_name = leaf.common_name();
    let colons = |bytes: Option<Vec<u8>>| {
        let bytes = bytes.unwrap_or_default();
        let pairs: Vec<String> = bytes.iter().map(|byte| id::hex(&[*byte])).collect();
        pairs.join(":")
    };
    let metadata: BTreeMap<String, String> = [
        (CERT_NAME, name.to_owned()),
        ("common_name", common_name.clone()),
        ("serial_number", leaf.serial().to_ascii_lowercase()),
        ("subject_key_id", colons(leaf.subject_key_id())),
        ("authority_key_id", colons(leaf.authority_key_id())),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let display_name = match &*entry.display_name {
        "" => name,
        display => display,
    };
    let fingerprint = key_fingerprint(leaf)?;
    Ok(Login {
        display_name: display_name.to_owned(),
        alias: common_name,
        metadata,
        role: name.to_owned(),
        terms: entry.token.terms(),
        internal: Some(json_object! { CERT_NAME => name, KEY_FINGERPRINT => fingerprint }.to_text()),
        ..Login::default()
    })
}

/// Tells the client by the key it proved to hold, in hexadecimal.
pub(super) fn key_fingerprint(leaf: &Certificate) -> Result<String, Fault> {
    let fingerprint = leaf.key_fingerprint();
    let fingerprint = fingerprint.map_err(|error| Fault::invalid(STRANGER).because(error.to_string()))?;
    Ok(id::hex(&fingerprint))
}
