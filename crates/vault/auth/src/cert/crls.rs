//! Certificates that are no longer good.
//!
//! As on existing servers a list is what an operator wrote: its signature and issuer are not looked at, every
//! certificate with a serial number on it is refused, and it counts until it is replaced or deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use arca_api::auth::cert as api;
use arca_api::sys::Page;
use arca_base::json::Object;
use arca_base::{Json, Timestamp, json_object};
use arca_core::Fault;
use arca_core::barrier::{Rows, Stored, View};
use arca_core::engine::{Answer, Cx, list_limit};
use arca_crypto::x509::{Certificate, RevocationList, X509Error};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Cert;

/// Longest text of one list, in bytes.
const MAX_CRL_BYTES: usize = 1024 * 1024;
/// Most lists of one mount.
const MAX_CRLS: usize = 100;

/// A list, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Crl {
    /// In hexadecimal, bytes separated by colons.
    serials: BTreeSet<String>,
    /// When the authority wanted to have published the next one.
    next_update: Option<Timestamp>,
}

impl Stored for Crl {
    const VERSION: u8 = 1;
    const NAME: &'static str = "certificate revocation list";
}

fn crls(view: &View) -> Rows<Crl> {
    Rows::new(view.folder("crl/"))
}

/// Every list of a mount.
pub(super) struct Revoked(Vec<Arc<Crl>>);

impl Revoked {
    pub(super) async fn stored(view: &View) -> Result<Self, Fault> {
        let rows = crls(view);
        let mut all = Vec::new();
        for name in rows.list("", "", MAX_CRLS).await?.names {
            all.extend(rows.get(&name).await?.map(|row| row.value));
        }
        Ok(Self(all))
    }

    pub(super) fn contains(&self, certificate: &Certificate) -> bool {
        let serial = certificate.serial();
        self.0.iter().any(|crl| crl.serials.contains(&serial))
    }

    /// Those that are not on any list.
    pub(super) fn others(&self, certificates: &[Certificate]) -> Vec<Certificate> {
        let good = certificates
            .iter()
            .filter(|certificate| !self.contains(certificate));
        good.cloned().collect()
    }
}

pub(super) async fn list(_: Arc<Cert>, cx: Cx, page: Page) -> Result<Answer, Fault> {
    let found = crls(&cx.site()?.view)
        .list("", &page.after, list_limit(page.limit)?)
        .await?;
    Ok(Answer::names(found.names))
}

pub(super) async fn read(_: Arc<Cert>, cx: Cx, request: api::CrlName) -> Result<Answer, Fault> {
    let (_, crl) = find(&cx, &request.name).await?;
    let serials = crl.serials.iter().map(|serial| (decimal(serial), Json::object()));
    let serials: Object = serials.collect();
    Ok(Answer::data(
        &json_object! { "serials" => Json::Object(serials), "cdp" => Json::Null },
    ))
}

pub(super) async fn write(_: Arc<Cert>, cx: Cx, request: api::WriteCrl) -> Result<Answer, Fault> {
    let site = cx.site()?;
    let name = request.name.to_lowercase();
    let crl = parse(&request)?;
    let rows = crls(&site.view);
    let others = rows.list("", "", MAX_CRLS).await?.names;
    if others.len() >= MAX_CRLS && !others.contains(&name) {
        return Err(Fault::invalid(format!(
            "there may be at most {MAX_CRLS} certificate revocation lists: delete one first"
        )));
    }
    rows.put(&name, &crl).await?;
    Ok(match crl.next_update.filter(|next| *next < site.now) {
        Some(next) => Answer::empty().warn(format!(
            "the list should have been replaced by {next}; it counts until it is replaced or deleted"
        )),
        None => Answer::empty(),
    })
}

pub(super) async fn delete(_: Arc<Cert>, cx: Cx, request: api::CrlName) -> Result<Answer, Fault> {
    let (name, _) = find(&cx, &request.name).await?;
    crls(&cx.site()?.view).delete(&name).await?;
    Ok(Answer::empty())
}

async fn find(cx: &Cx, name: &str) -> Result<(String, Arc<Crl>), Fault> {
    let name = name.to_lowercase();
    match crls(&cx.site()?.view).get(&name).await? {
        Some(row) => Ok((name, row.value)),
        None => Err(Fault::invalid(format!("no such CRL {name}"))),
    }
}

fn parse(request: &api::WriteCrl) -> Result<Crl, Fault> {
    if request.url.as_ref().is_some_and(|url| !url.is_empty()) {
        return Err(Fault::invalid(
            "url is not supported: fetch the list yourself, and write it as crl whenever it changes",
        ));
    }
    let text = request.crl.as_deref().unwrap_or_default().trim();
    if text.is_empty() {
        return Err(Fault::invalid("one of CRL or URL must be provided"));
    }
    if text.len() > MAX_CRL_BYTES {
        return Err(Fault::invalid(format!(
            "crl has {} bytes but may have at most {MAX_CRL_BYTES}",
            text.len()
        )));
    }
    let list = decode(text).map_err(|reason| Fault::invalid(format!("failed to parse CRL: {reason}")))?;
    Ok(Crl {
        serials: list.serials().iter().cloned().collect(),
        next_update: list.next_update(),
    })
}

fn decode(text: &str) -> Result<RevocationList, String> {
    let reason = |error: X509Error| error.to_string();
    if text.contains("-----BEGIN ") {
        return RevocationList::from_pem(text).map_err(reason);
    }
    let text: String = text.split_ascii_whitespace().collect();
    let der = STANDARD.decode(text);
    let der = der.map_err(|error| format!("it is neither PEM nor DER in base64: {error}"))?;
    RevocationList::from_der(&der).map_err(reason)
}

/// A serial number as existing servers show it.
fn decimal(serial: &str) -> String {
    const BASE: u64 = 1_000_000_000;
    let mut limbs: Vec<u64> = Vec::new();
    for byte in serial.split(':') {
        let mut carry = u64::from_str_radix(byte, 16).unwrap_or(0);
        for limb in &mut limbs {
            carry += *limb * 256;
            *limb = carry % BASE;
            carry /= BASE;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut limbs = limbs.into_iter().rev();
    let first = limbs.next().unwrap_or(0).to_string();
    limbs.fold(first, |text, limb| format!("{text}{limb:09}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_format_is_read() {
        let stored = br#"{"serials":["01:AB"],"next_update":"2026-01-02T03:04:05Z"}"#;
        let crl = Crl::decode(1, stored).unwrap();
        assert!(crl.serials.contains("01:AB"));
        assert_eq!(crl.next_update.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(crl.encode().unwrap(), stored);
    }

    #[test]
    fn serial_numbers_in_decimal() {
        for (serial, shown) in [
            ("00", "0"),
            ("01", "1"),
            ("01:00", "256"),
            ("3B:9A:CA:00", "1000000000"),
            ("00:FF:FF:FF:FF:FF:FF:FF:FF", "18446744073709551615"),
            (
                "01:00:00:00:00:00:00:00:00:00:00:00:00",
                "79228162514264337593543950336",
            ),
        ] {
            assert_eq!(decimal(serial), shown, "{serial}");
        }
    }
}
