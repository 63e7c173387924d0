//! Public keys.

use std::fmt;
use std::ops::RangeInclusive;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey};
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Encode, Error, Reader};

use super::algorithm::{Algorithm, Family};
use super::error::BadKey;
use crate::x509::{Certificate, pem};

// RFC 8017 (rsaEncryption), RFC 5480 (id-ecPublicKey and the curves), RFC 8410 (Ed25519).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// How large RSA keys may be.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// A public key, checked to be one of its family.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    family: Family,
    /// `SubjectPublicKeyInfo`, or for a curve the point itself: what the crypto library reads.
    encoded: Vec<u8>,
}

impl PublicKey {
    /// Reads the first `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE` in PEM text. Of a certificate only the key
    /// is taken; neither its validity nor who signed it matters.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        for block in pem::blocks(text) {
            let block = block?;
            let der = block.der.expose();
            match &*block.label {
                "PUBLIC KEY" => return Self::from_spki(der),
                "RSA PUBLIC KEY" => return Self::from_pkcs1(der),
                "CERTIFICATE" => {
                    let info = Certificate::from_der(der)?;
                    return Self::from_spki(&info.public_key().to_der().map_err(damaged)?);
                }
                label if label.ends_with("PRIVATE KEY") => return Err(BadKey::Private),
                _ => {}
            }
        }
        Err(BadKey::NoBlock)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280) in DER.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn from_spki(der: &[u8]) -> Result<Self, BadKey> {
        let info = SubjectPublicKeyInfo::from_der(der).map_err(damaged)?;
        let parameters = info.algorithm.parameters.as_ref();
        let curve = || parameters.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
        let family = match info.algorithm.oid {
            RSA => return Self::from_pkcs1(info.subject_public_key.raw_bytes()),
            ED25519 => Family::Ed25519,
            EC if curve() == Some(P256) => Family::P256,
            EC if curve() == Some(P384) => Family::P384,
            EC if curve() == Some(P521) => Family::P521,
            _ => return Err(BadKey::Unsupported),
        };
        Self::new(family, der.to_vec())
    }

    /// Reads an `RSAPublicKey` (RFC 8017, appendix A.1.1) in DER.
    fn from_pkcs1(der: &[u8]) -> Result<Self, BadKey> {
        let (modulus, exponent) = rsa_numbers(der)?;
        Self::rsa(modulus, exponent)
    }

    /// An RSA key of its modulus and exponent, most significant byte first.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        let (n, e) = (without_zeros(modulus), without_zeros(exponent));
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !RSA_BITS.contains(&bits(n)) || !odd(n) || !odd(e) || e == [1] {
            return Err(BadKey::Numbers(Family::Rsa));
        }
        let der = PublicKeyComponents { n, e }.as_der();
        let der = der.map_err(|_| BadKey::Numbers(Family::Rsa))?;
        Self::new(Family::Rsa, der.as_ref().to_vec())
    }

    /// The point of a curve: uncompressed, or the 32 bytes of Ed25519.
    pub(super) fn point(family: Family, point: Vec<u8>) -> Result<Self, BadKey> {
        Self::new(family, point)
    }

    fn new(family: Family, encoded: Vec<u8>) -> Result<Self, BadKey> {
        ParsedPublicKey::new(family.any().verification(), &encoded).map_err(|_| BadKey::Numbers(family))?;
        Ok(Self { family, encoded })
    }

    /// Which keys it is like.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Whether its private half made `signature` of `message` with `algorithm`.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm.family() == self.family
            && UnparsedPublicKey::new(algorithm.verification(), &self.encoded)
                .verify(message, signature)
                .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.family)
    }
}

/// Modulus and exponent of an `RSAPublicKey`, without zeros in front.
pub(super) fn rsa_numbers(der: &[u8]) -> Result<(&[u8], &[u8]), BadKey> {
    let sequence = AnyRef::from_der(der).map_err(damaged)?;
    let numbers = sequence.sequence(|reader| Ok::<_, Error>((reader.decode()?, reader.decode()?)));
    let (modulus, exponent): (UintRef<'_>, UintRef<'_>) = numbers.map_err(damaged)?;
    Ok((modulus.as_bytes(), exponent.as_bytes()))
}

fn damaged(cause: Error) -> BadKey {
    BadKey::Der(cause.to_string())
}

/// Bits of a number without zeros in front.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - unused
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
