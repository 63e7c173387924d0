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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A list of `CN=a` with one row and a signature of zeros, which nobody looks at.
    const SMALL: &[u8] = b"\x30\x65\x30\x52\x02\x01\x01\
        \x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\
        \x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a\
        \x17\x0d260101000000Z\x17\x0d260102000000Z\
        \x30\x15\x30\x13\x02\x02\x01\x02\x17\x0d260101000000Z\
        \x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x03\x03\x00\x00\x00";

    #[test]
    fn serial_numbers_and_the_next_list_are_read() {
        let list = RevocationList::from_der(SMALL).unwrap();
        assert_eq!(list.serials(), ["01:02"]);
        assert_eq!(list.next_update(), Timestamp::parse("2026-01-02T00:00:00Z").ok());
        let text = pem::encode(LABEL, SMALL).unwrap();
        assert_eq!(RevocationList::from_pem(&text), Ok(list));
        let other = pem::encode("CERTIFICATE", SMALL).unwrap();
        assert_eq!(
            RevocationList::from_pem(&other),
            Err(X509Error::NoBlock("X509 CRL"))
        );
    }

    proptest! {
        #[test]
        fn damaged_lists_are_read_or_refused(at in 0..SMALL.len(), byte: u8, end in 0..=SMALL.len()) {
            let mut der = SMALL.to_vec();
            der[at] = byte;
            der.truncate(end);
            let _outcome = RevocationList::from_der(&der);
        }
    }
}
