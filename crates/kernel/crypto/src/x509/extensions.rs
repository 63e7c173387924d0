//! What the certificates made here say about themselves.

use x509_cert::SubjectPublicKeyInfo;
use x509_cert::builder::Result;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::certificate::TbsCertificate;
use x509_cert::der;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions, ToExtension};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::digest::sha256;

/// Issuer, subject and extensions of a certificate to be built.
pub(super) struct Profile {
    issuer: Name,
    subject: Name,
    extensions: Extensions,
}

impl Profile {
    /// A self-signed authority that signs end-entity certificates.
    pub(super) fn authority(subject: Name, key: &SubjectPublicKeyInfo) -> der::Result<Self> {
        let mut profile = Self::between(subject.clone(), subject);
        let key_id = key_identifier(key)?;
        profile.add(&BasicConstraints {
            ca: true,
            path_len_constraint: Some(0),
        })?;
        profile.add(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))?;
        profile.add(&SubjectKeyIdentifier(key_id.clone()))?;
        profile.add(&authority_key_identifier(key_id))?;
        Ok(profile)
    }

    /// A TLS server, certified by `issuer` whose key has the identifier `issuer_key_id`.
    pub(super) fn server(
        issuer: Name,
        issuer_key_id: OctetString,
        subject: Name,
        key: &SubjectPublicKeyInfo,
        names: GeneralNames,
    ) -> der::Result<Self> {
        let mut profile = Self::between(issuer, subject);
        profile.add(&BasicConstraints {
            ca: false,
            path_len_constraint: None,
        })?;
        profile.add(&KeyUsage(FlagSet::from(KeyUsages::DigitalSignature)))?;
        profile.add(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH]))?;
        profile.add(&SubjectAltName(names))?;
        profile.add(&SubjectKeyIdentifier(key_identifier(key)?))?;
        profile.add(&authority_key_identifier(issuer_key_id))?;
        Ok(profile)
    }

    /// A TLS client.
    pub(super) fn client(
        issuer: Name,
        issuer_key_id: OctetString,
        subject: Name,
        key: &SubjectPublicKeyInfo,
    ) -> der::Result<Self> {
        let mut profile = Self::between(issuer, subject);
        profile.add(&BasicConstraints {
            ca: false,
            path_len_constraint: None,
        })?;
        profile.add(&KeyUsage(FlagSet::from(KeyUsages::DigitalSignature)))?;
        profile.add(&ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH]))?;
        profile.add(&SubjectKeyIdentifier(key_identifier(key)?))?;
        profile.add(&authority_key_identifier(issuer_key_id))?;
        Ok(profile)
    }

    const fn between(issuer: Name, subject: Name) -> Self {
        Self {
            issuer,
            subject,
            extensions: Extensions::new(),
        }
    }

    fn add<E: ToExtension<Error = der::Error>>(&mut self, extension: E) -> der::Result<()> {
        let extension = extension.to_extension(&self.subject, &self.extensions)?;
        self.extensions.push(extension);
        Ok(())
    }
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        _certificate: &TbsCertificate,
    ) -> Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// RFC 7093, method 1: the first 160 bits of the SHA-256 of the public key's bits.
pub(super) fn key_identifier(key: &SubjectPublicKeyInfo) -> der::Result<OctetString> {
    let digest = sha256(key.subject_public_key.raw_bytes());
    OctetString::new(digest.first_chunk::<20>().map_or(&digest[..], |id| &id[..]))
}

fn authority_key_identifier(key_id: OctetString) -> AuthorityKeyIdentifier {
    AuthorityKeyIdentifier {
        key_identifier: Some(key_id),
        ..AuthorityKeyIdentifier::default()
    }
}

#[cfg(test)]
mod tests {
    use x509_cert::der::Encode;
    use x509_cert::der::oid::db::rfc5280::{
        ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_EXT_KEY_USAGE, ID_CE_KEY_USAGE,
        ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER,
    };
    use x509_cert::ext::pkix::name::GeneralName;

    use super::*;
    use crate::fixed::Repeatable;
    use crate::x509::{PrivateKey, names};

    /// Identifier, criticality and DER in hexadecimal of each extension.
    fn listed(profile: &Profile) -> Vec<(String, bool, String)> {
        profile
            .extensions
            .iter()
            .map(|extension| {
                let der = arca_base::id::hex(extension.extn_value.as_bytes());
                (extension.extn_id.to_string(), extension.critical, der)
            })
            .collect()
    }

    fn key_id(key: &PrivateKey) -> String {
        let bits = key.public().subject_public_key.raw_bytes();
        arca_base::id::hex(&sha256(bits)[..20])
    }

    #[test]
    fn an_authority_signs_end_entities_only() {
        let key = PrivateKey::generate(&Repeatable::default()).unwrap();
        let profile = Profile::authority(names::common_name("root").unwrap(), key.public()).unwrap();
        let id = key_id(&key);
        assert_eq!(
            listed(&profile),
            [
                // SEQUENCE { TRUE, 0 }
                (
                    ID_CE_BASIC_CONSTRAINTS.to_string(),
                    true,
                    "30060101ff020100".to_owned()
                ),
                // Bits 5 (keyCertSign) and 6 (cRLSign), counted from the left.
                (ID_CE_KEY_USAGE.to_string(), true, "03020106".to_owned()),
                (
                    ID_CE_SUBJECT_KEY_IDENTIFIER.to_string(),
                    false,
                    format!("0414{id}")
                ),
                (
                    ID_CE_AUTHORITY_KEY_IDENTIFIER.to_string(),
                    false,
                    format!("30168014{id}")
                ),
            ]
        );
        assert_eq!(profile.issuer, profile.subject);
    }

    #[test]
    fn a_server_can_serve_and_nothing_else() {
        let key = PrivateKey::generate(&Repeatable::default()).unwrap();
        let name = |text| names::common_name(text).unwrap();
        let alt_names = vec![GeneralName::from(std::net::IpAddr::from([127, 0, 0, 1]))];
        let issuer_id = OctetString::new([0xab; 20]).unwrap();
        let profile =
            Profile::server(name("root"), issuer_id, name("server"), key.public(), alt_names).unwrap();
        assert_eq!(
            listed(&profile),
            [
                (ID_CE_BASIC_CONSTRAINTS.to_string(), true, "3000".to_owned()),
                // Bit 0 (digitalSignature).
                (ID_CE_KEY_USAGE.to_string(), true, "03020780".to_owned()),
                // SEQUENCE { id-kp-serverAuth }
                (
                    ID_CE_EXT_KEY_USAGE.to_string(),
                    false,
                    "300a06082b06010505070301".to_owned()
                ),
                (
                    ID_CE_SUBJECT_ALT_NAME.to_string(),
                    false,
                    "300687047f000001".to_owned()
                ),
                (
                    ID_CE_SUBJECT_KEY_IDENTIFIER.to_string(),
                    false,
                    format!("0414{}", key_id(&key))
                ),
                (
                    ID_CE_AUTHORITY_KEY_IDENTIFIER.to_string(),
                    false,
                    format!("30168014{}", "ab".repeat(20))
                ),
            ]
        );
        assert_ne!(
            profile.issuer.to_der().unwrap(),
            profile.subject.to_der().unwrap()
        );
    }
}
