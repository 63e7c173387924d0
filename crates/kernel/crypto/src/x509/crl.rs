//! Lists of certificates an authority has taken back.

use arca_base::Timestamp;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode as _;

use super::{X509Error, pem, validity};

const LABEL: &str = "X509 CRL";

/// What a certificate revocation list says (RFC 5280, section 5, version 2). Nothing has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    serials: Vec<String>,
    next_update: Option<Timestamp>,
}

impl RevocationList {
    /// Reads a list in DER.
    ///
    /// # Errors
    /// [`X509Error::RevocationList`].
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        let unreadable = |error: x509_cert::der::Error| X509Error::RevocationList(error.to_string());
        let list = <CertificateList>::from_der(der)
            .map_err(unreadable)?
            .tbs_cert_list;
        let revoked = list.revoked_certificates.unwrap_or_default();
        Ok(Self {
            serials: revoked.iter().map(|row| row.serial_number.to_string()).collect(),
            next_update: list.next_update.map(validity::decode),
        })
    }

    /// Reads the first list in PEM text.
    ///
    /// # Errors
    /// [`X509Error::NoBlock`], [`X509Error::Pem`] or [`X509Error::RevocationList`].
    pub fn from_pem(text: &str) -> Result<Self, X509Error> {
        for block in pem::blocks(text) {
            let block = block?;
            if block.label == LABEL {
                return Self::from_der(block.der.expose());
            }
        }
        Err(X509Error::NoBlock(LABEL))
    }

    /// The serial numbers on it, each as [`Certificate::serial`](super::Certificate::serial) shows it.
    #[must_use]
    pub fn serials(&self) -> &[String] {
        &self.serials
    }

    /// When the authority wanted to have published the next one, if it says so.
    #[must_use]
    pub const fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }
}
