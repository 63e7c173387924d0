//! An authority and a server it certified, as every test here needs them.

use arca_base::Timestamp;
use arca_crypto::SystemEntropy;
use arca_crypto::x509::{AltName, Authority, Certificate, PrivateKey, ServerIdentity, Validity};

/// 2026-01-01T00:00:00Z.
pub(crate) const BEGIN: i64 = 1_767_225_600;
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const YEAR: i64 = 365 * 24 * HOUR;

/// An authority valid for ten years from [`BEGIN`], and a server valid for one.
pub(crate) struct Estate {
    pub(crate) authority: Authority,
    pub(crate) server: Certificate,
    pub(crate) server_key: PrivateKey,
}

impl Estate {
    pub(crate) fn new(names: &[&str]) -> Self {
        let names: Vec<AltName> = names.iter().map(|name| name.parse().unwrap()).collect();
        let authority = Authority::create("Arca test root", from_begin(10 * YEAR), &SystemEntropy).unwrap();
        let server_key = PrivateKey::generate(&SystemEntropy).unwrap();
        let identity = ServerIdentity {
            common_name: "arca",
            alt_names: &names,
            validity: from_begin(YEAR),
        };
        let server = authority
            .issue_server(&identity, &server_key, &SystemEntropy)
            .unwrap();
        Self {
            authority,
            server,
            server_key,
        }
    }
}

fn from_begin(seconds: i64) -> Validity {
    Validity::new(
        Timestamp::from_unix(BEGIN, 0),
        Timestamp::from_unix(BEGIN + seconds, 0),
    )
    .unwrap()
}
