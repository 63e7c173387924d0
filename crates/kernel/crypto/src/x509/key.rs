//! Private keys on the curve P-256.

use std::fmt;

use arca_base::{Entropy, Secret};
use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::der::Decode;
use x509_cert::der::asn1::AnyRef;

use super::{X509Error, pem};

const LABEL: &str = "PRIVATE KEY";
const SCALAR_BYTES: usize = 32;
/// One draw in four billion is no key (FIPS 186-5, A.2.2: draw again); so many in a row are no accident.
const DRAWS: usize = 8;

/// A P-256 private key for ECDSA, wiped on drop. `Debug` prints a placeholder.
pub struct PrivateKey {
    pair: EcdsaKeyPair,
    pkcs8: Secret<Vec<u8>>,
    public: SubjectPublicKeyInfo,
}

impl PrivateKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`X509Error::KeyGeneration`] when `entropy` keeps giving numbers that are no key, as only a broken
    /// source does.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, X509Error> {
        let mut scalar = Secret::new([0; SCALAR_BYTES]);
        let pair = (0..DRAWS)
            .find_map(|_| {
                entropy.fill(scalar.expose_mut());
                pair_of(scalar.expose())
            })
            .ok_or(X509Error::KeyGeneration)?;
        Self::new(pair)
    }

    /// Reads PKCS#8 (`PrivateKeyInfo`, RFC 5208, DER, not encrypted).
    ///
    /// # Errors
    /// [`X509Error::Key`] when it is damaged or not a P-256 key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, X509Error> {
        // The library would overlook bytes behind the key.
        AnyRef::from_der(der).map_err(|cause| X509Error::Key(cause.to_string()))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map_err(|cause| X509Error::Key(cause.to_string()))?;
        Self::new(pair)
    }

    /// Reads the first private key in PEM text.
    ///
    /// # Errors
    /// [`X509Error::NoBlock`] without one, [`X509Error::KeyForm`] when it is not PKCS#8, [`X509Error::Pem`] and
    /// [`X509Error::Key`] when it is damaged or not a P-256 key.
    pub fn from_pem(text: &str) -> Result<Self, X509Error> {
        for block in pem::blocks(text) {
            let block = block?;
            if block.label == LABEL {
                return Self::from_pkcs8(block.der.expose());
            }
            if block.label.ends_with(LABEL) {
                return Err(X509Error::KeyForm(block.label));
            }
        }
        Err(X509Error::NoBlock(LABEL))
    }

    /// The key as PKCS#8 version 1 in DER, its public key included.
    #[must_use]
    pub const fn pkcs8(&self) -> &Secret<Vec<u8>> {
        &self.pkcs8
    }

    /// The key as PKCS#8 in PEM.
    ///
    /// # Errors
    /// [`X509Error::Encoding`], which does not happen to a key that could be read.
    pub fn to_pem(&self) -> Result<Secret<String>, X509Error> {
        pem::encode(LABEL, self.pkcs8.expose()).map(Secret::new)
    }

    pub(super) const fn pair(&self) -> &EcdsaKeyPair {
        &self.pair
    }

    pub(super) const fn public(&self) -> &SubjectPublicKeyInfo {
        &self.public
    }

    fn new(pair: EcdsaKeyPair) -> Result<Self, X509Error> {
        let pkcs8 = pair.to_pkcs8v1().map_err(X509Error::encoding)?;
        let pkcs8 = Secret::new(pkcs8.as_ref().to_vec());
        let der = pair.public_key().as_der().map_err(X509Error::encoding)?;
        let public = SubjectPublicKeyInfo::from_der(der.as_ref()).map_err(X509Error::encoding)?;
        Ok(Self { pair, pkcs8, public })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

/// The key pair of a private number; `None` when the number is zero or not below the order of the curve.
fn pair_of(scalar: &[u8]) -> Option<EcdsaKeyPair> {
    let private = agreement::PrivateKey::from_private_key(&ECDH_P256, scalar).ok()?;
    let public = private.compute_public_key().ok()?;
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, scalar, public.as_ref())
        .ok()
}

#[cfg(test)]
mod tests {
    use arca_base::id::{hex, unhex};

    use super::*;
    use crate::SystemEntropy;
    use crate::fixed::Draws;

    // FIPS 186-5 by way of SP 800-186, 3.2.1.3: the order of P-256.
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    fn generate(draws: &[&str]) -> Result<PrivateKey, X509Error> {
        PrivateKey::generate(&Draws::new(draws.iter().map(|draw| unhex(draw).unwrap())))
    }

    // RFC 6979, appendix A.2.5: a private number and its public point.
    #[test]
    fn the_public_key_belongs_to_the_private_number() {
        let key = generate(&["c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"]).unwrap();
        assert_eq!(
            hex(key.public().subject_public_key.raw_bytes()),
            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
             7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
        );
    }

    #[test]
    fn numbers_that_are_no_key_are_drawn_again() {
        let zero = "00".repeat(32);
        let good = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
        let key = generate(&[&zero, ORDER, &"ff".repeat(32), good]).unwrap();
        assert_eq!(key.public(), generate(&[good]).unwrap().public());
        assert_eq!(
            generate(&[zero.as_str(); DRAWS]).unwrap_err(),
            X509Error::KeyGeneration
        );
    }

    #[test]
    fn survives_der_and_pem() {
        let key = PrivateKey::generate(&SystemEntropy).unwrap();
        let pem = key.to_pem().unwrap();
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let noise = format!("Bag Attributes\n{}", pem.expose());
        for same in [
            PrivateKey::from_pkcs8(key.pkcs8().expose()).unwrap(),
            PrivateKey::from_pem(&noise).unwrap(),
        ] {
            assert_eq!(same.pkcs8().expose(), key.pkcs8().expose());
            assert_eq!(same.public(), key.public());
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let key = PrivateKey::generate(&SystemEntropy).unwrap();
        let der = key.pkcs8().expose();
        for length in 0..der.len() {
            let refused = PrivateKey::from_pkcs8(&der[..length]).unwrap_err();
            assert!(matches!(refused, X509Error::Key(_)), "{length}: {refused}");
        }
        let longer = [der.as_slice(), &[0]].concat();
        assert!(matches!(PrivateKey::from_pkcs8(&longer), Err(X509Error::Key(_))));
    }

    #[test]
    fn other_keys_are_refused_with_advice() {
        let sec1 = pem::encode("EC PRIVATE KEY", &[1, 2, 3]).unwrap();
        let refused = PrivateKey::from_pem(&sec1).unwrap_err();
        assert_eq!(refused, X509Error::KeyForm("EC PRIVATE KEY".to_owned()));
        assert!(refused.to_string().contains("openssl pkcs8"));
        let certificate = pem::encode("CERTIFICATE", &[1, 2, 3]).unwrap();
        assert_eq!(
            PrivateKey::from_pem(&certificate).unwrap_err(),
            X509Error::NoBlock(LABEL)
        );
        // An Ed25519 key: RFC 8410, section 10.3.
        let ed25519 = "-----BEGIN PRIVATE KEY-----\n\
                       MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                       -----END PRIVATE KEY-----\n";
        assert!(matches!(PrivateKey::from_pem(ed25519), Err(X509Error::Key(_))));
    }
}
