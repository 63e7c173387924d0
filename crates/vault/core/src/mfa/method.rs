//! A way to prove a second factor.

use arca_api::mfa as api;
use arca_base::{Json, Ttl, json_object};
use arca_crypto::otp::OtpAlgorithm;
use serde::{Deserialize, Serialize};

use crate::barrier::Stored;
use crate::fault::Fault;
use crate::namespaces::Namespace;

/// Longest name, and longest issuer, in bytes.
const LONGEST: usize = 128;

/// A method, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Method {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) issuer: String,
    pub(super) period: Ttl,
    pub(super) key_size: u16,
    pub(super) qr_size: u16,
    pub(super) algorithm: String,
    pub(super) digits: u32,
    pub(super) skew: u64,
    pub(super) max_attempts: u32,
}

impl Stored for Method {
    const VERSION: u8 = 1;
    const NAME: &'static str = "method of second factors";
}

impl Default for Method {
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            issuer: String::new(),
            period: Ttl::from_seconds(30),
            key_size: 20,
            qr_size: 200,
            algorithm: "SHA1".to_owned(),
            digits: 6,
            skew: 1,
            max_attempts: 5,
        }
    }
}

impl Method {
    /// Changes what was given and leaves the rest.
    pub(super) fn change(&mut self, request: &api::WriteTotp) -> Result<(), Fault> {
        let texts = [
            ("method_name", &request.method_name, &mut self.name),
            ("issuer", &request.issuer, &mut self.issuer),
        ];
        for (field, given, kept) in texts {
            if let Some(given) = given {
                if given.len() > LONGEST || given.chars().any(char::is_control) {
                    return Err(Fault::invalid(format!(
                        "{field} may have at most {LONGEST} bytes and no control characters"
                    )));
                }
                given.clone_into(kept);
            }
        }
        if self.issuer.is_empty() {
            return Err(Fault::invalid("issuer must be set"));
        }
        self.period = request.period.unwrap_or(self.period);
        if !(1..=3600).contains(&self.period.seconds()) {
            return Err(Fault::invalid("period must be between one second and one hour"));
        }
        self.key_size = within("key_size", request.key_size, self.key_size, 10..=128)?;
        self.qr_size = within("qr_size", request.qr_size, self.qr_size, 0..=1024)?;
        self.max_attempts = within(
            "max_validation_attempts",
            request.max_validation_attempts,
            self.max_attempts,
            1..=100,
        )?;
        self.skew = within("skew", request.skew, self.skew, 0..=1)?;
        if let Some(digits) = request.digits {
            self.digits = match digits {
                6 => 6,
                8 => 8,
                _ => return Err(Fault::invalid("digits can only be 6 or 8")),
            };
        }
        if let Some(algorithm) = &request.algorithm {
            if !matches!(&**algorithm, "SHA1" | "SHA256" | "SHA512") {
                return Err(Fault::invalid(
                    "unrecognized algorithm: use SHA1, SHA256 or SHA512",
                ));
            }
            self.algorithm.clone_from(algorithm);
        }
        Ok(())
    }

    pub(super) fn describe(&self, namespace: &Namespace) -> Json {
        json_object! {
            "id" => self.id.as_str(),
            "name" => self.name.as_str(),
            "type" => "totp",
            "namespace_id" => namespace.id.as_str(),
            "namespace_path" => &*namespace.path,
            "issuer" => self.issuer.as_str(),
            "period" => self.period.seconds(),
            "key_size" => u64::from(self.key_size),
            "qr_size" => u64::from(self.qr_size),
            "algorithm" => self.algorithm.as_str(),
            "digits" => u64::from(self.digits),
            "skew" => self.skew,
            "max_validation_attempts" => u64::from(self.max_attempts),
        }
    }

    /// What a login that needs it is told.
    pub(super) fn offer(&self) -> Json {
        json_object! {
            "type" => "totp",
            "id" => self.id.as_str(),
            "uses_passcode" => true,
            "name" => self.name.as_str(),
        }
    }

    pub(super) fn hash(&self) -> OtpAlgorithm {
        match &*self.algorithm {
            "SHA256" => OtpAlgorithm::Sha256,
            "SHA512" => OtpAlgorithm::Sha512,
            _ => OtpAlgorithm::Sha1,
        }
    }

    /// What an authenticator is told, as the text of a QR code.
    pub(super) fn url(&self, account: &str, key: &[u8]) -> String {
        let issuer = percent_encoded(&self.issuer);
        format!(
            "otpauth://totp/{issuer}:{}?algorithm={}&digits={}&issuer={issuer}&period={}&secret={}",
            percent_encoded(account),
            self.algorithm,
            self.digits,
            self.period.seconds(),
            arca_crypto::otp::base32(key),
        )
    }
}

/// A number that was given, if it is one of those that can be.
fn within<T: TryFrom<i64> + PartialOrd + std::fmt::Display>(
    field: &str,
    given: Option<i64>,
    kept: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<T, Fault> {
    let Some(given) = given else {
        return Ok(kept);
    };
    let number = T::try_from(given).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        Fault::invalid(format!(
            "{field} must be between {} and {}",
            range.start(),
            range.end()
        ))
    })
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
