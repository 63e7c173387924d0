//! An authority brought along by a user, with a key of any kind, that signs certificates for clients.

use arca_base::Entropy;
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::der::asn1::BitString;
use x509_cert::der::{self, Document, Encode};
use x509_cert::spki::{
    self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding,
};

use super::authority::serial;
use super::extensions::Profile;
use super::key_pair::KeyPair;
use super::{Certificate, Validity, X509Error, names};

/// A certificate that may sign others, with its key.
#[derive(Debug)]
pub struct ClientIssuer {
    certificate: Certificate,
    key: KeyPair,
    signature_bits: u16,
    algorithm: AlgorithmIdentifierOwned,
}

impl ClientIssuer {
    /// An authority in PEM. `signature_bits` are those of the hash that is signed: 256, 384 or 512 with an RSA key,
    /// the one of the curve with another; 0 for the usual one.
    ///
    /// # Errors
    /// [`X509Error::NotAnAuthority`], [`X509Error::KeyMismatch`], [`X509Error::SignatureBits`]; what is wrong with
    /// the texts.
    pub fn from_pem(certificate: &str, key: &str, signature_bits: u16) -> Result<Self, X509Error> {
        let certificate = Certificate::from_pem(certificate)?;
        let key = KeyPair::from_pem(key)?;
        if !certificate.is_authority() {
            return Err(X509Error::NotAnAuthority(certificate.subject()));
        }
        if certificate.public_key() != key.public() {
            return Err(X509Error::KeyMismatch(certificate.subject()));
        }
        let algorithm = key.signature_algorithm(signature_bits)?;
        Ok(Self {
            certificate,
            key,
            signature_bits,
            algorithm,
        })
    }

    /// Signs a TLS client certificate for the holder of `key`, with this common name as its whole subject.
    ///
    /// # Errors
    /// [`X509Error::Name`], [`X509Error::OutlivesAuthority`].
    pub fn issue(
        &self,
        common_name: &str,
        validity: Validity,
        key: &KeyPair,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, X509Error> {
        let authority = self.certificate.validity().not_after();
        let asked = validity.not_after();
        if asked > authority {
            return Err(X509Error::OutlivesAuthority { asked, authority });
        }
        let profile = Profile::client(
            self.certificate.subject_name().clone(),
            self.certificate.key_id().clone(),
            names::common_name(common_name)?,
            key.public(),
        )
        .map_err(X509Error::encoding)?;
        let signed = CertificateBuilder::new(
            profile,
            serial(entropy)?,
            validity.encoded()?,
            key.public().clone(),
        )
        .and_then(|builder| builder.build::<_, Signature>(&Signer(self)))
        .map_err(X509Error::encoding)?;
        Certificate::from_der(&signed.to_der().map_err(X509Error::encoding)?)
    }
}

/// The key of an authority as the builder wants it.
struct Signer<'issuer>(&'issuer ClientIssuer);

/// Its public key.
#[derive(Clone)]
struct Verifier(SubjectPublicKeyInfo);

struct Signature(Vec<u8>);

impl signature::Keypair for Signer<'_> {
    type VerifyingKey = Verifier;

    fn verifying_key(&self) -> Verifier {
        Verifier(self.0.key.public().clone())
    }
}

impl signature::Signer<Signature> for Signer<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
        let signature = self.0.key.sign(self.0.signature_bits, message);
        signature.map(Signature).map_err(|_| signature::Error::new())
    }
}

impl DynSignatureAlgorithmIdentifier for Signer<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(self.0.algorithm.clone())
    }
}

impl EncodePublicKey for Verifier {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::encode_msg(&self.0)?)
    }
}

impl SignatureBitStringEncoding for Signature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use arca_base::Timestamp;

    use super::*;
    use crate::SystemEntropy;
    use crate::x509::{Authority, KeyAlgorithm};

    fn validity(from: i64, to: i64) -> Validity {
        Validity::new(Timestamp::from_unix(from, 0), Timestamp::from_unix(to, 0)).unwrap()
    }

    fn authority() -> (String, String) {
        let made = Authority::create("Users", validity(1_000, 9_000), &SystemEntropy).unwrap();
        let key = made.key().to_pem().unwrap().expose().clone();
        (made.certificate().to_pem().unwrap(), key)
    }

    #[test]
    fn a_client_certificate_says_what_was_asked_and_is_trusted() {
        let (certificate, key) = authority();
        let issuer = ClientIssuer::from_pem(&certificate, &key, 0).unwrap();
        for algorithm in [
            KeyAlgorithm::Rsa(2048),
            KeyAlgorithm::Ec(384),
            KeyAlgorithm::Ed25519,
        ] {
            let key = KeyPair::generate(algorithm).unwrap();
            let issued = issuer
                .issue("v-app", validity(2_000, 3_000), &key, &SystemEntropy)
                .unwrap();
            assert_eq!(
                (issued.subject(), issued.issuer()),
                ("CN=v-app".into(), "CN=Users".into())
            );
            assert_eq!(issued.validity(), validity(2_000, 3_000));
            assert_eq!(issued.public_key(), key.public());
            assert!(!issued.is_authority());
        }
    }

    #[test]
    fn what_cannot_sign_is_refused() {
        let (certificate, key) = authority();
        let other = KeyPair::generate(KeyAlgorithm::Ec(256))
            .unwrap()
            .to_pem()
            .unwrap();
        let refused =
            |certificate: &str, key: &str, bits| ClientIssuer::from_pem(certificate, key, bits).unwrap_err();
        assert_eq!(
            refused(&certificate, other.expose(), 0),
            X509Error::KeyMismatch("CN=Users".into())
        );
        assert_eq!(refused(&certificate, &key, 512), X509Error::SignatureBits);
        assert!(matches!(refused("", &key, 0), X509Error::NoBlock(_)));
        let issuer = ClientIssuer::from_pem(&certificate, &key, 0).unwrap();
        let key = KeyPair::generate(KeyAlgorithm::Ed25519).unwrap();
        assert!(matches!(
            issuer.issue("a", validity(1_000, 9_001), &key, &SystemEntropy),
            Err(X509Error::OutlivesAuthority { .. })
        ));
    }
}
