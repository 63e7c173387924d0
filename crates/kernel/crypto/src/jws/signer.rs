//! Private keys that sign tokens.

use std::fmt;

use arca_base::json::Object;
use arca_base::{Json, Secret, json_object};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::{Algorithm, Family};
use super::error::{BadKey, JwsError};
use super::key::rsa_numbers;
use crate::x509::pem;

const LABEL: &str = "PRIVATE KEY";

/// A private key that signs tokens. `Debug` prints a placeholder.
pub struct SigningKey {
    family: Family,
    pair: Pair,
}

enum Pair {
    Rsa(rsa::KeyPair),
    Curve(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key; RSA keys have 2048 bits. The randomness is that of the crypto library, as for every signature
    /// with a curve.
    ///
    /// # Errors
    /// [`BadKey::Signer`] when the crypto library fails.
    pub fn generate(family: Family) -> Result<Self, BadKey> {
        let failed = |_| BadKey::Signer("the crypto library made none".to_owned());
        let pair = match (curve(family), family) {
            (Some(curve), _) => Pair::Curve(EcdsaKeyPair::generate(curve).map_err(failed)?),
            (None, Family::Ed25519) => Pair::Ed25519(Ed25519KeyPair::generate().map_err(failed)?),
            (None, _) => Pair::Rsa(rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?),
        };
        Ok(Self { family, pair })
    }

    /// Reads PKCS#8 in DER.
    ///
    /// # Errors
    /// [`BadKey::Signer`] when it is no key of a [`Family`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, BadKey> {
        if let Ok(pair) = rsa::KeyPair::from_pkcs8(der) {
            return Ok(Self {
                family: Family::Rsa,
                pair: Pair::Rsa(pair),
            });
        }
        for family in [Family::P256, Family::P384, Family::P521] {
            if let Some(pair) = curve(family).and_then(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok()) {
                return Ok(Self {
                    family,
                    pair: Pair::Curve(pair),
                });
            }
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der);
        let pair = pair.map_err(|cause| BadKey::Signer(cause.to_string()))?;
        Ok(Self {
            family: Family::Ed25519,
            pair: Pair::Ed25519(pair),
        })
    }

    /// Reads the first private key in PEM text.
    ///
    /// # Errors
    /// [`BadKey`] when there is none in PKCS#8.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        for block in pem::blocks(text) {
            let block = block?;
            if block.label == LABEL {
                return Self::from_pkcs8(block.der.expose());
            }
        }
        Err(BadKey::Signer("there is no PRIVATE KEY block".to_owned()))
    }

    /// The key as PKCS#8 in DER.
    ///
    /// # Errors
    /// [`BadKey::Signer`] when the crypto library fails.
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, BadKey> {
        let failed = |_| BadKey::Signer("the crypto library did not encode it".to_owned());
        let der: Vec<u8> = match &self.pair {
            Pair::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair)
                .map_err(failed)?
                .as_ref()
                .to_vec(),
            Pair::Curve(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
        };
        Ok(Secret::new(der))
    }

    /// Which keys it is like.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Its public half as a JWK called `id`.
    #[must_use]
    pub fn public_jwk(&self, id: &str) -> Json {
        let text = |bytes: &[u8]| Json::from(URL_SAFE_NO_PAD.encode(bytes));
        let mut members = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref()).unwrap_or_default();
                Object::from([
                    ("kty".to_owned(), "RSA".into()),
                    ("n".to_owned(), text(n)),
                    ("e".to_owned(), text(e)),
                ])
            }
            Pair::Curve(pair) => {
                // Behind the byte that says "uncompressed".
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                Object::from([
                    ("kty".to_owned(), "EC".into()),
                    ("crv".to_owned(), self.family.to_string().into()),
                    ("x".to_owned(), text(x)),
                    ("y".to_owned(), text(y)),
                ])
            }
            Pair::Ed25519(pair) => Object::from([
                ("kty".to_owned(), "OKP".into()),
                ("crv".to_owned(), "Ed25519".into()),
                ("x".to_owned(), text(pair.public_key().as_ref())),
            ]),
        };
        members.insert("use".to_owned(), "sig".into());
        members.insert("kid".to_owned(), id.into());
        Json::Object(members)
    }

    /// Signs claims as a token that names `key_id`.
    ///
    /// # Errors
    /// [`JwsError::WrongSigner`] when the key is not of the family of `algorithm`.
    pub fn sign(&self, algorithm: Algorithm, key_id: &str, claims: &Json) -> Result<String, JwsError> {
        let header = json_object! { "alg" => algorithm.name(), "kid" => key_id, "typ" => "JWT" };
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_text().as_str());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self.signature(algorithm, signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The signature of `message`, in the form it has in tokens.
    ///
    /// # Errors
    /// [`JwsError::WrongSigner`] when the key is not of the family of `algorithm`.
    pub fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, JwsError> {
        if algorithm.family() != self.family {
            return Err(JwsError::WrongSigner {
                family: self.family,
                algorithm,
            });
        }
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = padding(algorithm).ok_or(JwsError::NotSigned)?;
                let signed = pair.sign(padding, &random, message, &mut signature);
                signed.map_err(|_| JwsError::NotSigned)?;
                Ok(signature)
            }
            Pair::Curve(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| JwsError::NotSigned)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

fn curve(family: Family) -> Option<&'static EcdsaSigningAlgorithm> {
    match family {
        Family::P256 => Some(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Family::P384 => Some(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Family::P521 => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        Family::Rsa | Family::Ed25519 => None,
    }
}

fn padding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        _ => return None,
    })
}
