//! A certificate that is in its file already, and good for long enough: it is used again, and none is issued.
//!
//! Only if the file stays as it is, byte by byte: what else the template prints is right then too.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arca_base::{Json, Secret, Timestamp, json_object};
use arca_crypto::x509::{AltName, Certificate, KeyPair};

use super::destination::Destination;
use super::text::{Outcome, Pass};
use crate::secrets::{Dependency, KeptLife, Saved, Secrets};

/// Most bytes of a file that is looked into.
const LARGEST: usize = 256 << 10;
/// Most certificates of a file.
const CERTIFICATES: usize = 20;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// What is in a file.
struct Found {
    certificate: Certificate,
    /// As `pkiCert` would have it.
    body: Secret<Vec<u8>>,
}

/// Renders once more with the certificate in the file, if one is missing. Gives that pass if it makes the file as it
/// is; otherwise everything is as it was.
pub(super) fn certificate(
    destination: &Destination,
    secrets: &Secrets,
    missing: &std::collections::BTreeSet<Arc<Dependency>>,
    pass: impl FnOnce() -> Pass,
) -> Option<Pass> {
    let dependency = missing
        .iter()
        .find(|dependency| matches!(***dependency, Dependency::Certificate { .. }))?;
    let now = secrets.now();
    let found = Found::read(destination.path())?;
    if !found.is_for(dependency) || !found.certificate.validity().contains(now) {
        return None;
    }
    let validity = found.certificate.validity();
    let life = secrets.life_of_certificate(validity.not_before(), validity.not_after())?;
    let saved = Saved {
        dependency: (**dependency).clone(),
        body: found.body,
        life,
    };
    if !secrets.offer(saved) {
        return None;
    }
    let again = pass();
    let is_same = match &again.outcome {
        Outcome::Complete { content, .. } => destination.holds(content.expose()),
        _ => false,
    };
    if !is_same {
        secrets.withdraw(dependency);
        return None;
    }
    tracing::info!(
        template = %destination.path().display(),
        "the certificate in the file is good until {}: it is used again", validity.not_after()
    );
    Some(again)
}

impl Found {
    fn read(path: &Path) -> Option<Self> {
        let length = std::fs::metadata(path).ok()?.len();
        if usize::try_from(length).ok()? > LARGEST {
            return None;
        }
        let text = Secret::new(std::fs::read_to_string(path).ok()?);
        let pair = KeyPair::from_pem(text.expose()).ok()?;
        let blocks: Vec<&str> = blocks(text.expose());
        let of_kind = |kind: &'static str| {
            blocks
                .iter()
                .copied()
                .filter(move |block| block.lines().next().is_some_and(|line| line.ends_with(kind)))
        };
        let key = of_kind("PRIVATE KEY-----").next()?;
        let certificates: Vec<&str> = of_kind("BEGIN CERTIFICATE-----").take(CERTIFICATES).collect();
        let leaf = certificates
            .iter()
            .position(|block| Certificate::from_pem(block).is_ok_and(|found| found.is_of_key(&pair)))?;
        let certificate = Certificate::from_pem(certificates.get(leaf)?).ok()?;
        let others: Vec<&str> = certificates
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != leaf)
            .map(|(_, block)| *block)
            .collect();
        let chain: Vec<Json> = others.iter().map(|block| Json::from(*block)).collect();
        let mut data = json_object! {
            "certificate" => *certificates.get(leaf)?,
            "private_key" => key,
            "ca_chain" => Json::Array(chain),
        };
        if let (Json::Object(members), Some(first)) = (&mut data, others.first()) {
            members.insert("issuing_ca".to_owned(), Json::from(*first));
        }
        let envelope = json_object! { "data" => data };
        let body = Secret::new(envelope.to_text().as_str().as_bytes().to_vec());
        Some(Self { certificate, body })
    }

    /// Whether it is what would be asked for.
    fn is_for(&self, dependency: &Dependency) -> bool {
        let Dependency::Certificate { arguments, .. } = dependency else {
            return false;
        };
        let common_name = arguments.get("common_name").filter(|name| !name.is_empty());
        let has_name = common_name.is_none_or(|name| self.certificate.common_name() == *name);
        has_name
            && names(arguments, &["alt_names", "ip_sans", "uri_sans"])
                .all(|name| self.certificate.alt_names().iter().any(|known| is(known, name)))
    }
}

fn names<'a>(
    arguments: &'a BTreeMap<String, String>,
    keys: &'static [&'static str],
) -> impl Iterator<Item = &'a str> {
    let texts = keys.iter().filter_map(|key| arguments.get(*key));
    texts
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

fn is(known: &AltName, name: &str) -> bool {
    match known {
        AltName::Dns(known) => known.eq_ignore_ascii_case(name),
        AltName::Ip(known) => name.parse() == Ok(*known),
        AltName::Email(known) | AltName::Uri(known) => known == name,
    }
}

/// The PEM blocks of a text as they stand there, without the ends of lines around them.
fn blocks(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        rest = rest.get(start..).unwrap_or_default();
        let Some(length) = length(rest) else { break };
        found.extend(rest.get(..length));
        rest = rest.get(length..).unwrap_or_default();
    }
    found
}

fn length(block: &str) -> Option<usize> {
    let (_, from_label) = block.split_once(END)?;
    let (_, after) = from_label.split_once(DASHES)?;
    Some(block.len() - after.len())
}

impl Secrets {
    fn life_of_certificate(&self, from: Timestamp, until: Timestamp) -> Option<KeptLife> {
        let due = self.replaced_at(from, until);
        (due > self.now()).then(|| KeptLife::of_certificate(from, until, due))
    }
}
