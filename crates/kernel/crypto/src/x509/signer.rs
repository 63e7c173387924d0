//! The traits through which the certificate builder signs, over our own key.

use aws_lc_rs::rand::SystemRandom;
use signature::{Keypair, Signer};
use x509_cert::SubjectPublicKeyInfo;
use x509_cert::der::asn1::BitString;
use x509_cert::der::oid::db::rfc5912::ECDSA_WITH_SHA_256;
use x509_cert::der::{self, Document};
use x509_cert::spki::{
    self, AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding,
};

use super::PrivateKey;

/// A private key as the builder wants it.
pub(super) struct EcdsaSigner<'key>(pub(super) &'key PrivateKey);

/// Its public key.
#[derive(Clone)]
pub(super) struct EcdsaVerifier(SubjectPublicKeyInfo);

/// An `ECDSA-Sig-Value` in DER (RFC 3279, section 2.2.3).
pub(super) struct EcdsaSignature(Vec<u8>);

impl Keypair for EcdsaSigner<'_> {
    type VerifyingKey = EcdsaVerifier;

    fn verifying_key(&self) -> EcdsaVerifier {
        EcdsaVerifier(self.0.public().clone())
    }
}

impl Signer<EcdsaSignature> for EcdsaSigner<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<EcdsaSignature, signature::Error> {
        let signature = self
            .0
            .pair()
            .sign(&SystemRandom::new(), message)
            .map_err(|_| signature::Error::new())?;
        Ok(EcdsaSignature(signature.as_ref().to_vec()))
    }
}

impl DynSignatureAlgorithmIdentifier for EcdsaSigner<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        // Without parameters: RFC 5758, section 3.2.
        Ok(AlgorithmIdentifierOwned {
            oid: ECDSA_WITH_SHA_256,
            parameters: None,
        })
    }
}

impl EncodePublicKey for EcdsaVerifier {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::encode_msg(&self.0)?)
    }
}

impl SignatureBitStringEncoding for EcdsaSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
