//! Certificates, read and written.

use std::fmt;

use x509_cert::SubjectPublicKeyInfo;
use x509_cert::certificate::Certificate as Decoded;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::oid::db::rfc4519::{COMMON_NAME, ORGANIZATIONAL_UNIT};
use x509_cert::der::{self, Decode, Encode as _};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::extensions::key_identifier;
use super::{AltName, KeyPair, Validity, X509Error, pem};
use crate::digest::{DIGEST_BYTES, sha256};

const LABEL: &str = "CERTIFICATE";

/// A certificate whose contents have been read. Nothing has been verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    decoded: Decoded,
    der: Vec<u8>,
    alt_names: Vec<AltName>,
    key_id: OctetString,
    authority: bool,
}

impl Certificate {
    /// Reads one certificate in DER.
    ///
    /// # Errors
    /// [`X509Error::Certificate`].
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let decoded = Decoded::from_der(der).map_err(X509Error::certificate)?;
        Self::new(decoded, der.to_vec()).map_err(X509Error::certificate)
    }

    /// Reads the first certificate in PEM text.
    ///
    /// # Errors
    /// [`X509Error::NoBlock`], [`X509Error::Pem`] or [`X509Error::Certificate`].
    pub fn from_pem(text: &str) -> Result<Self, X509Error> {
        certificates(text)
            .next()
            .unwrap_or(Err(X509Error::NoBlock(LABEL)))
    }

    /// Reads every certificate in PEM text, at least one, in their order; other blocks are left out.
    ///
    /// # Errors
    /// [`X509Error::NoBlock`], [`X509Error::Pem`] or [`X509Error::Certificate`].
    pub fn chain_from_pem(text: &str) -> Result<Vec<Self>, X509Error> {
        let chain = certificates(text).collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() {
            return Err(X509Error::NoBlock(LABEL));
        }
        Ok(chain)
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    ///
    /// # Errors
    /// [`X509Error::Encoding`], which does not happen to a certificate that could be read.
    pub fn to_pem(&self) -> Result<String, X509Error> {
        pem::encode(LABEL, &self.der)
    }

    /// The subject as RFC 4514 text, such as `CN=arca,O=Example`.
    #[must_use]
    pub fn subject(&self) -> String {
        self.subject_name().to_string()
    }

    /// The issuer as RFC 4514 text.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.decoded.tbs_certificate().issuer().to_string()
    }

    /// The serial number in upper-case hexadecimal, bytes separated by colons.
    #[must_use]
    pub fn serial(&self) -> String {
        self.decoded.tbs_certificate().serial_number().to_string()
    }

    /// The common name of the subject, empty when it has none.
    #[must_use]
    pub fn common_name(&self) -> String {
        self.subject_texts(COMMON_NAME).pop().unwrap_or_default()
    }

    /// The organizational units of the subject, in their order.
    #[must_use]
    pub fn organizational_units(&self) -> Vec<String> {
        self.subject_texts(ORGANIZATIONAL_UNIT)
    }

    /// The subject key identifier, if the certificate has one.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<Vec<u8>> {
        let found = self.decoded.tbs_certificate().get_extension();
        let (_, id): (_, SubjectKeyIdentifier) = found.ok()??;
        Some(id.0.into_bytes().into_vec())
    }

    /// The key identifier of the authority, if the certificate names it.
    #[must_use]
    pub fn authority_key_id(&self) -> Option<Vec<u8>> {
        let found = self.decoded.tbs_certificate().get_extension();
        let (_, id): (_, AuthorityKeyIdentifier) = found.ok()??;
        Some(id.key_identifier?.into_bytes().into_vec())
    }

    /// The value of an extension, in DER; `oid` is in dotted form.
    #[must_use]
    pub fn extension(&self, oid: &str) -> Option<&[u8]> {
        let oid: ObjectIdentifier = oid.parse().ok()?;
        let extensions = self.decoded.tbs_certificate().extensions()?;
        let found = extensions.iter().find(|extension| extension.extn_id == oid)?;
        Some(found.extn_value.as_bytes())
    }

    fn subject_texts(&self, oid: ObjectIdentifier) -> Vec<String> {
        let attributes = self.subject_name().iter();
        attributes
            .filter(|attribute| attribute.oid == oid)
            .map(|attribute| String::from_utf8_lossy(attribute.value.value()).into_owned())
            .collect()
    }

    /// The period in which it is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        Validity::from(self.decoded.tbs_certificate().validity())
    }

    /// Host names, addresses, mailboxes and URIs that it vouches for; other kinds are left out.
    #[must_use]
    pub fn alt_names(&self) -> &[AltName] {
        &self.alt_names
    }

    /// Whether it may sign other certificates.
    #[must_use]
    pub const fn is_authority(&self) -> bool {
        self.authority
    }

    /// SHA-256 of the DER, by which people tell certificates apart.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; DIGEST_BYTES] {
        sha256(&self.der)
    }

    /// SHA-256 of the public key and of the key identifier of the authority: stays the same when the authority
    /// certifies the same key again.
    ///
    /// # Errors
    /// [`X509Error::Encoding`], which does not happen to a certificate that could be read.
    pub fn key_fingerprint(&self) -> Result<[u8; DIGEST_BYTES], X509Error> {
        let mut bytes = self.public_key().to_der().map_err(X509Error::encoding)?;
        bytes.extend(self.authority_key_id().unwrap_or_default());
        Ok(sha256(&bytes))
    }

    /// Whether it is about the public half of this key.
    #[must_use]
    pub fn is_of_key(&self, key: &KeyPair) -> bool {
        self.public_key().subject_public_key == key.public().subject_public_key
    }

    pub(super) fn subject_name(&self) -> &Name {
        self.decoded.tbs_certificate().subject()
    }

    pub(crate) fn public_key(&self) -> &SubjectPublicKeyInfo {
        self.decoded.tbs_certificate().subject_public_key_info()
    }

    /// What certificates signed by this one name as their authority's key.
    pub(super) const fn key_id(&self) -> &OctetString {
        &self.key_id
    }

    fn new(decoded: Decoded, der: Vec<u8>) -> der::Result<Self> {
        let alt_names = alt_names(&decoded)?;
        let key_id = key_id(&decoded)?;
        let authority = is_authority(&decoded)?;
        Ok(Self {
            decoded,
            der,
            alt_names,
            key_id,
            authority,
        })
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("serial", &self.serial())
            .field("validity", &self.validity())
            .finish_non_exhaustive()
    }
}

fn certificates(text: &str) -> impl Iterator<Item = Result<Certificate, X509Error>> {
    pem::blocks(text).filter_map(|block| match block {
        Ok(block) if block.label == LABEL => Some(Certificate::from_der(block.der.expose())),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

fn alt_names(decoded: &Decoded) -> der::Result<Vec<AltName>> {
    let names = decoded.tbs_certificate().get_extension::<SubjectAltName>()?;
    Ok(names.map_or_else(Vec::new, |(_, names)| {
        names.0.iter().filter_map(AltName::decode).collect()
    }))
}

fn key_id(decoded: &Decoded) -> der::Result<OctetString> {
    match decoded
        .tbs_certificate()
        .get_extension::<SubjectKeyIdentifier>()?
    {
        Some((_, id)) => Ok(id.0),
        None => key_identifier(decoded.tbs_certificate().subject_public_key_info()),
    }
}

fn is_authority(decoded: &Decoded) -> der::Result<bool> {
    let certificate = decoded.tbs_certificate();
    let constraints = certificate.get_extension::<BasicConstraints>()?;
    let usage = certificate.get_extension::<KeyUsage>()?;
    Ok(constraints.is_some_and(|(_, constraints)| constraints.ca)
        && usage.is_none_or(|(_, usage)| usage.key_cert_sign()))
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::SystemEntropy;
    use crate::x509::Authority;

    fn made() -> Certificate {
        let validity = Validity::new(Timestamp::EPOCH, Timestamp::from_unix(4_000_000_000, 0)).unwrap();
        Authority::create("Arca root", validity, &SystemEntropy)
            .unwrap()
            .certificate()
            .clone()
    }

    #[test]
    fn survives_der_and_pem() {
        let certificate = made();
        assert_eq!(Certificate::from_der(certificate.der()).unwrap(), certificate);
        let pem = certificate.to_pem().unwrap();
        assert_eq!(Certificate::from_pem(&pem).unwrap(), certificate);
    }

    #[test]
    fn chains_keep_their_order_and_leave_out_keys() {
        let (one, two) = (made(), made());
        let key = pem::encode("PRIVATE KEY", &[1, 2, 3]).unwrap();
        let text = [key, one.to_pem().unwrap(), "\n".to_owned(), two.to_pem().unwrap()].concat();
        assert_eq!(Certificate::chain_from_pem(&text).unwrap(), [one.clone(), two]);
        assert_eq!(Certificate::from_pem(&text).unwrap(), one);
        for empty in ["", "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n"] {
            assert_eq!(
                Certificate::from_pem(empty).unwrap_err(),
                X509Error::NoBlock(LABEL)
            );
            assert_eq!(
                Certificate::chain_from_pem(empty).unwrap_err(),
                X509Error::NoBlock(LABEL)
            );
        }
        assert!(matches!(
            Certificate::chain_from_pem(&text[..text.len() - 30]),
            Err(X509Error::Pem(_))
        ));
    }

    #[test]
    fn every_truncation_is_refused() {
        let certificate = made();
        let der = certificate.der();
        for length in 0..der.len() {
            assert!(Certificate::from_der(&der[..length]).is_err(), "{length}");
        }
        assert!(Certificate::from_der(&[der, &[0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn any_damage_is_read_or_refused(at: prop::sample::Index, byte: u8) {
            let mut der = made().der().to_vec();
            let at = at.index(der.len());
            der[at] = byte;
            if let Ok(certificate) = Certificate::from_der(&der) {
                let _shown = (format!("{certificate:?}"), certificate.issuer());
            }
        }
    }
}
