//! Key pairs of the kinds that clients of other systems use: RSA, ECDSA on the NIST curves, Ed25519.
//!
//! They are drawn inside the crypto library, which takes no other source of randomness for them. Making an RSA key
//! takes from a tenth of a second to some seconds: not on a thread that others wait for.

use std::fmt;

use arca_base::Secret;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RsaKeyPair,
};
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::oid::db::{rfc5912, rfc8410};
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::{X509Error, pem};

const LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";
const CURVES: [(u16, &EcdsaSigningAlgorithm); 3] = [
    (256, &ECDSA_P256_SHA256_ASN1_SIGNING),
    (384, &ECDSA_P384_SHA384_ASN1_SIGNING),
    (521, &ECDSA_P521_SHA512_ASN1_SIGNING),
];

/// A kind of key with its size in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA of 2048, 3072 or 4096 bits.
    Rsa(u16),
    /// ECDSA on P-256, P-384 or P-521.
    Ec(u16),
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// The kind called `rsa`, `ec` or `ed25519`; `bits` 0 stands for the usual size.
    ///
    /// # Errors
    /// [`X509Error::KeyAlgorithm`].
    pub fn named(kind: &str, bits: u16) -> Result<Self, X509Error> {
        match (kind, bits) {
            ("rsa", 0) => Ok(Self::Rsa(2048)),
            ("rsa", 2048 | 3072 | 4096) => Ok(Self::Rsa(bits)),
            ("ec", 0) => Ok(Self::Ec(256)),
            ("ec", 256 | 384 | 521) => Ok(Self::Ec(bits)),
            ("ed25519", _) => Ok(Self::Ed25519),
            _ => Err(X509Error::KeyAlgorithm),
        }
    }

    /// Its name: `rsa`, `ec` or `ed25519`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ec(_) => "ec",
            Self::Ed25519 => "ed25519",
        }
    }
}

enum Inner {
    Rsa(RsaKeyPair),
    Ec(u16, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key with its public one. `Debug` prints a placeholder.
pub struct KeyPair {
    inner: Inner,
    pkcs8: Secret<Vec<u8>>,
    public: SubjectPublicKeyInfo,
}

impl KeyPair {
    /// A new random key.
    ///
    /// # Errors
    /// [`X509Error::KeyAlgorithm`] for a size there is none of; [`X509Error::Encoding`] when the library refuses.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, X509Error> {
        let inner = match algorithm {
            KeyAlgorithm::Rsa(bits) => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    _ => return Err(X509Error::KeyAlgorithm),
                };
                Inner::Rsa(RsaKeyPair::generate(size).map_err(X509Error::encoding)?)
            }
            KeyAlgorithm::Ec(bits) => {
                let (bits, curve) = CURVES
                    .into_iter()
                    .find(|(known, _)| *known == bits)
                    .ok_or(X509Error::KeyAlgorithm)?;
                Inner::Ec(bits, EcdsaKeyPair::generate(curve).map_err(X509Error::encoding)?)
            }
            KeyAlgorithm::Ed25519 => Inner::Ed25519(Ed25519KeyPair::generate().map_err(X509Error::encoding)?),
        };
        Self::new(inner)
    }

    /// Reads the first private key in PEM text: PKCS#8 (RFC 5208), PKCS#1 (RFC 8017) or SEC 1 (RFC 5915).
    ///
    /// # Errors
    /// [`X509Error::NoBlock`] without one, [`X509Error::Pem`] and [`X509Error::UnknownKey`] when it is damaged,
    /// encrypted or of another kind.
    pub fn from_pem(text: &str) -> Result<Self, X509Error> {
        for block in pem::blocks(text) {
            let block = block?;
            let der = block.der.expose();
            let inner = match block.label.as_str() {
                LABEL => of_pkcs8(der),
                "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).ok().map(Inner::Rsa),
                "EC PRIVATE KEY" => of_curve(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok()),
                label if label.ends_with(LABEL) => None,
                _ => continue,
            };
            return Self::new(inner.ok_or(X509Error::UnknownKey)?);
        }
        Err(X509Error::NoBlock(LABEL))
    }

    /// What kind of key it is.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        match &self.inner {
            Inner::Rsa(pair) => {
                KeyAlgorithm::Rsa(u16::try_from(pair.public_modulus_len() * 8).unwrap_or(u16::MAX))
            }
            Inner::Ec(bits, _) => KeyAlgorithm::Ec(*bits),
            Inner::Ed25519(_) => KeyAlgorithm::Ed25519,
        }
    }

    /// The private key as PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`X509Error::Encoding`], which does not happen to a key that could be read.
    pub fn to_pem(&self) -> Result<Secret<String>, X509Error> {
        pem::encode(LABEL, self.pkcs8.expose()).map(Secret::new)
    }

    /// The public key as `SubjectPublicKeyInfo` (RFC 5280) in PEM.
    ///
    /// # Errors
    /// [`X509Error::Encoding`], which does not happen to a key that could be read.
    pub fn public_pem(&self) -> Result<String, X509Error> {
        let der = self.public.to_der().map_err(X509Error::encoding)?;
        pem::encode(PUBLIC_LABEL, &der)
    }

    pub(super) const fn public(&self) -> &SubjectPublicKeyInfo {
        &self.public
    }

    /// How signatures of this key with this hash are called in certificates. `bits` 0 stands for the usual hash; a
    /// curve has one of its own, Ed25519 none to choose.
    pub(super) fn signature_algorithm(&self, bits: u16) -> Result<AlgorithmIdentifierOwned, X509Error> {
        let without_parameters = |oid| AlgorithmIdentifierOwned {
            oid,
            parameters: None,
        };
        match (&self.inner, bits) {
            // With NULL as parameters: RFC 4055, section 5.
            (Inner::Rsa(_), _) => Ok(AlgorithmIdentifierOwned {
                oid: rsa_oid(bits)?,
                parameters: Some(Any::null()),
            }),
            (Inner::Ec(256, _), 0 | 256) => Ok(without_parameters(rfc5912::ECDSA_WITH_SHA_256)),
            (Inner::Ec(384, _), 0 | 384) => Ok(without_parameters(rfc5912::ECDSA_WITH_SHA_384)),
            (Inner::Ec(521, _), 0 | 512) => Ok(without_parameters(rfc5912::ECDSA_WITH_SHA_512)),
            (Inner::Ed25519(_), 0) => Ok(without_parameters(rfc8410::ID_ED_25519)),
            _ => Err(X509Error::SignatureBits),
        }
    }

    /// A signature as it stands in a certificate.
    pub(super) fn sign(&self, bits: u16, message: &[u8]) -> Result<Vec<u8>, X509Error> {
        match &self.inner {
            Inner::Rsa(pair) => {
                let encoding = match bits {
                    0 | 256 => &RSA_PKCS1_SHA256,
                    384 => &RSA_PKCS1_SHA384,
                    512 => &RSA_PKCS1_SHA512,
                    _ => return Err(X509Error::SignatureBits),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(X509Error::encoding)?;
                Ok(signature)
            }
            Inner::Ec(_, pair) => {
                let signature = pair.sign(&SystemRandom::new(), message);
                Ok(signature.map_err(X509Error::encoding)?.as_ref().to_vec())
            }
            Inner::Ed25519(pair) => {
                let signature = pair.try_sign(message).map_err(X509Error::encoding)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }

    fn new(inner: Inner) -> Result<Self, X509Error> {
        let pkcs8 = match &inner {
            Inner::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair)
                .map_err(X509Error::encoding)?
                .as_ref()
                .to_vec(),
            Inner::Ec(_, pair) => pair.to_pkcs8v1().map_err(X509Error::encoding)?.as_ref().to_vec(),
            Inner::Ed25519(pair) => pair.to_pkcs8v1().map_err(X509Error::encoding)?.as_ref().to_vec(),
        };
        let public: PublicKeyX509Der<'_> = match &inner {
            Inner::Rsa(pair) => pair.public_key().as_der(),
            Inner::Ec(_, pair) => pair.public_key().as_der(),
            Inner::Ed25519(pair) => pair.public_key().as_der(),
        }
        .map_err(X509Error::encoding)?;
        let public = SubjectPublicKeyInfo::from_der(public.as_ref()).map_err(X509Error::encoding)?;
        Ok(Self {
            inner,
            pkcs8: Secret::new(pkcs8),
            public,
        })
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(redacted)")
    }
}

fn rsa_oid(bits: u16) -> Result<ObjectIdentifier, X509Error> {
    match bits {
        0 | 256 => Ok(rfc5912::SHA_256_WITH_RSA_ENCRYPTION),
        384 => Ok(rfc5912::SHA_384_WITH_RSA_ENCRYPTION),
        512 => Ok(rfc5912::SHA_512_WITH_RSA_ENCRYPTION),
        _ => Err(X509Error::SignatureBits),
    }
}

fn of_pkcs8(der: &[u8]) -> Option<Inner> {
    RsaKeyPair::from_pkcs8(der)
        .ok()
        .map(Inner::Rsa)
        .or_else(|| of_curve(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok()))
        .or_else(|| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                .ok()
                .map(Inner::Ed25519)
        })
}

fn of_curve(read: impl Fn(&'static EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>) -> Option<Inner> {
    CURVES
        .into_iter()
        .find_map(|(bits, curve)| read(curve).map(|pair| Inner::Ec(bits, pair)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_pem() {
        for algorithm in [
            KeyAlgorithm::Rsa(2048),
            KeyAlgorithm::Ec(256),
            KeyAlgorithm::Ec(384),
            KeyAlgorithm::Ec(521),
            KeyAlgorithm::Ed25519,
        ] {
            let key = KeyPair::generate(algorithm).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let pem = key.to_pem().unwrap();
            assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
            let read = KeyPair::from_pem(pem.expose()).unwrap();
            assert_eq!(read.algorithm(), algorithm);
            assert_eq!(read.public_pem().unwrap(), key.public_pem().unwrap());
            assert!(
                key.public_pem()
                    .unwrap()
                    .starts_with("-----BEGIN PUBLIC KEY-----\n")
            );
        }
    }

    #[test]
    fn sizes_and_damaged_keys_are_refused() {
        for (kind, bits) in [("rsa", 1024), ("ec", 255), ("dsa", 0)] {
            assert_eq!(
                KeyAlgorithm::named(kind, bits).unwrap_err(),
                X509Error::KeyAlgorithm
            );
        }
        assert_eq!(KeyAlgorithm::named("ec", 0).unwrap(), KeyAlgorithm::Ec(256));
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
        ] {
            let text = pem::encode(label, &[1, 2, 3]).unwrap();
            assert_eq!(
                KeyPair::from_pem(&text).unwrap_err(),
                X509Error::UnknownKey,
                "{label}"
            );
        }
        assert_eq!(KeyPair::from_pem("").unwrap_err(), X509Error::NoBlock(LABEL));
    }

    #[test]
    fn hashes_belong_to_keys() {
        let key = KeyPair::generate(KeyAlgorithm::Ec(384)).unwrap();
        assert!(key.signature_algorithm(384).is_ok());
        assert_eq!(
            key.signature_algorithm(256).unwrap_err(),
            X509Error::SignatureBits
        );
    }
}
