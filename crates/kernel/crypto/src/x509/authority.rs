//! An authority that signs server certificates.

use arca_base::Entropy;
use arca_base::entropy::bytes;
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::Encode;
use x509_cert::serial_number::SerialNumber;

use super::extensions::Profile;
use super::signer::{EcdsaSignature, EcdsaSigner};
use super::{AltName, Certificate, PrivateKey, Validity, X509Error, names};

const SERIAL_BYTES: usize = 16;

/// A certificate that may sign others, with its key.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    key: PrivateKey,
}

/// What a server certificate is to say.
#[derive(Clone, Debug)]
pub struct ServerIdentity<'a> {
    /// Name for people to read, 1 to 64 characters; clients look at the alternative names.
    pub common_name: &'a str,
    /// The host names and addresses of the server, at least one.
    pub alt_names: &'a [AltName],
    /// When it is valid; ends no later than its authority.
    pub validity: Validity,
}

impl Authority {
    /// Makes a key and a certificate for it, signed by itself.
    ///
    /// # Errors
    /// [`X509Error::Name`] for a common name that is empty, longer than 64 characters or has control characters;
    /// [`X509Error::KeyGeneration`].
    pub fn create(common_name: &str, validity: Validity, entropy: &dyn Entropy) -> Result<Self, X509Error> {
        let subject = names::common_name(common_name)?;
        let key = PrivateKey::generate(entropy)?;
        let profile = Profile::authority(subject, key.public()).map_err(X509Error::encoding)?;
        let certificate = sign(profile, key.public(), validity, &key, entropy)?;
        Ok(Self { certificate, key })
    }

    /// An authority made earlier.
    ///
    /// # Errors
    /// [`X509Error::NotAnAuthority`] or [`X509Error::KeyMismatch`].
    pub fn from_parts(certificate: Certificate, key: PrivateKey) -> Result<Self, X509Error> {
        if !certificate.is_authority() {
            return Err(X509Error::NotAnAuthority(certificate.subject()));
        }
        if certificate.public_key() != key.public() {
            return Err(X509Error::KeyMismatch(certificate.subject()));
        }
        Ok(Self { certificate, key })
    }

    /// Its certificate, which clients are to trust.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its private key.
    #[must_use]
    pub const fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Signs a TLS server certificate for the holder of `key`.
    ///
    /// # Errors
    /// [`X509Error::Name`] and [`X509Error::NoAltNames`] for names no server can have;
    /// [`X509Error::OutlivesAuthority`].
    pub fn issue_server(
        &self,
        identity: &ServerIdentity<'_>,
        key: &PrivateKey,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, X509Error> {
        self.check_end(identity.validity)?;
        let profile = self.server_profile(identity, key)?;
        sign(profile, key.public(), identity.validity, &self.key, entropy)
    }

    fn check_end(&self, validity: Validity) -> Result<(), X509Error> {
        let authority = self.certificate.validity().not_after();
        let asked = validity.not_after();
        if asked > authority {
            return Err(X509Error::OutlivesAuthority { asked, authority });
        }
        Ok(())
    }

    fn server_profile(&self, identity: &ServerIdentity<'_>, key: &PrivateKey) -> Result<Profile, X509Error> {
        if identity.alt_names.is_empty() {
            return Err(X509Error::NoAltNames);
        }
        let alt_names = identity
            .alt_names
            .iter()
            .map(AltName::encode)
            .collect::<Result<Vec<_>, _>>()?;
        Profile::server(
            self.certificate.subject_name().clone(),
            self.certificate.key_id().clone(),
            names::common_name(identity.common_name)?,
            key.public(),
            alt_names,
        )
        .map_err(X509Error::encoding)
    }
}

fn sign(
    profile: Profile,
    subject_key: &SubjectPublicKeyInfo,
    validity: Validity,
    signing_key: &PrivateKey,
    entropy: &dyn Entropy,
) -> Result<Certificate, X509Error> {
    let serial = serial(entropy)?;
    let signed = CertificateBuilder::new(profile, serial, validity.encoded()?, subject_key.clone())
        .and_then(|builder| builder.build::<_, EcdsaSignature>(&EcdsaSigner(signing_key)))
        .map_err(X509Error::encoding)?;
    Certificate::from_der(&signed.to_der().map_err(X509Error::encoding)?)
}

/// 126 random bits under a fixed top: positive, never zero, always 16 bytes (RFC 5280, section 4.1.2.2).
pub(super) fn serial(entropy: &dyn Entropy) -> Result<SerialNumber, X509Error> {
    let mut number = bytes::<SERIAL_BYTES>(entropy);
    number[0] = (number[0] & 0x3f) | 0x40;
    SerialNumber::new(&number).map_err(X509Error::encoding)
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;

    use super::*;
    use crate::SystemEntropy;
    use crate::fixed::Repeatable;

    fn validity(from: i64, to: i64) -> Validity {
        Validity::new(Timestamp::from_unix(from, 0), Timestamp::from_unix(to, 0)).unwrap()
    }

    fn names() -> Vec<AltName> {
        ["arca.test", "*.arca.test", "127.0.0.1", "::1"]
            .map(|name| name.parse().unwrap())
            .to_vec()
    }

    fn server<'a>(alt_names: &'a [AltName], validity: Validity) -> ServerIdentity<'a> {
        ServerIdentity {
            common_name: "arca server",
            alt_names,
            validity,
        }
    }

    #[test]
    fn an_authority_says_what_it_is() {
        let authority = Authority::create("Arca root", validity(1_000, 9_000), &SystemEntropy).unwrap();
        let certificate = authority.certificate();
        assert_eq!(certificate.subject(), "CN=Arca root");
        assert_eq!(certificate.issuer(), "CN=Arca root");
        assert_eq!(certificate.validity(), validity(1_000, 9_000));
        assert!(certificate.is_authority());
        assert!(certificate.alt_names().is_empty());
    }

    #[test]
    fn a_server_certificate_says_what_was_asked() {
        let authority = Authority::create("Arca root", validity(1_000, 9_000), &SystemEntropy).unwrap();
        let key = PrivateKey::generate(&SystemEntropy).unwrap();
        let names = names();
        let certificate = authority
            .issue_server(&server(&names, validity(2_000, 9_000)), &key, &SystemEntropy)
            .unwrap();
        assert_eq!(certificate.subject(), "CN=arca server");
        assert_eq!(certificate.issuer(), "CN=Arca root");
        assert_eq!(certificate.alt_names(), names);
        assert_eq!(certificate.validity(), validity(2_000, 9_000));
        assert_eq!(certificate.public_key(), key.public());
        assert!(!certificate.is_authority());
        assert_ne!(certificate.key_id(), authority.certificate().key_id());
    }

    #[test]
    fn names_and_periods_are_checked() {
        let authority = Authority::create("Arca root", validity(1_000, 9_000), &SystemEntropy).unwrap();
        let key = PrivateKey::generate(&SystemEntropy).unwrap();
        let issue = |identity: &ServerIdentity<'_>| authority.issue_server(identity, &key, &SystemEntropy);
        let inside = validity(1_000, 9_000);
        assert_eq!(issue(&server(&[], inside)).unwrap_err(), X509Error::NoAltNames);
        assert_eq!(
            issue(&server(&names(), validity(1_000, 9_001))).unwrap_err(),
            X509Error::OutlivesAuthority {
                asked: Timestamp::from_unix(9_001, 0),
                authority: Timestamp::from_unix(9_000, 0),
            }
        );
        let bad = [AltName::Dns("not a host".to_owned())];
        assert!(matches!(
            issue(&server(&bad, inside)),
            Err(X509Error::Name { .. })
        ));
        let names = names();
        let nameless = ServerIdentity {
            common_name: "",
            ..server(&names, inside)
        };
        assert!(matches!(issue(&nameless), Err(X509Error::Name { .. })));
        assert!(matches!(
            Authority::create("", inside, &SystemEntropy),
            Err(X509Error::Name { .. })
        ));
    }

    #[test]
    fn an_authority_survives_storage() {
        let made = Authority::create("Arca root", validity(1_000, 9_000), &SystemEntropy).unwrap();
        let load = |certificate: &Certificate, key: &PrivateKey| {
            Authority::from_parts(
                Certificate::from_pem(&certificate.to_pem().unwrap()).unwrap(),
                PrivateKey::from_pem(key.to_pem().unwrap().expose()).unwrap(),
            )
        };
        let loaded = load(made.certificate(), made.key()).unwrap();
        assert_eq!(loaded.certificate(), made.certificate());

        let other = PrivateKey::generate(&SystemEntropy).unwrap();
        assert_eq!(
            load(made.certificate(), &other).unwrap_err(),
            X509Error::KeyMismatch("CN=Arca root".to_owned())
        );
        let leaf = made
            .issue_server(&server(&names(), validity(1_000, 9_000)), &other, &SystemEntropy)
            .unwrap();
        assert_eq!(
            load(&leaf, &other).unwrap_err(),
            X509Error::NotAnAuthority("CN=arca server".to_owned())
        );
    }

    #[test]
    fn everything_but_the_signature_follows_from_the_arguments() {
        let make = || Authority::create("Arca root", validity(1_000, 9_000), &Repeatable::default()).unwrap();
        let (one, two) = (make(), make());
        assert_eq!(one.key().pkcs8().expose(), two.key().pkcs8().expose());
        assert_eq!(one.certificate().serial(), two.certificate().serial());
    }

    #[test]
    fn serials_are_positive_16_bytes_and_differ() {
        struct Only(u8);
        impl Entropy for Only {
            fn fill(&self, out: &mut [u8]) {
                out.fill(self.0);
            }
        }
        for byte in [0, 0x7f, 0x80, 0xff] {
            let serial = serial(&Only(byte)).unwrap();
            assert_eq!(serial.as_bytes().len(), SERIAL_BYTES);
            assert_eq!(serial.as_bytes()[0] & 0xc0, 0x40);
            assert_eq!(serial.as_bytes()[1..], [byte; 15]);
        }
        assert_ne!(serial(&SystemEntropy).unwrap(), serial(&SystemEntropy).unwrap());
    }
}
