//! Passwords in the form the server keeps, so that it never sees them.

use arca_base::{Entropy, Secret};
use arca_crypto::digest::sha256;
use arca_crypto::mac::MacKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::driver::DriverError;

const ROUNDS: u32 = 4096;

/// What statements get for `{{password}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PasswordForm {
    /// The password.
    Plain,
    /// What the server would make of it (SCRAM-SHA-256).
    Scram,
}

impl PasswordForm {
    pub(super) fn named(name: &str) -> Result<Self, DriverError> {
        match name {
            "" | "password" => Ok(Self::Plain),
            "scram-sha-256" => Ok(Self::Scram),
            other => Err(DriverError::Setting(format!(
                "'{other}' is not a valid password authentication type"
            ))),
        }
    }

    pub(super) fn of(self, password: &Secret<String>, entropy: &dyn Entropy) -> Secret<String> {
        match self {
            Self::Plain => password.duplicate(),
            Self::Scram => Secret::new(verifier(
                password.expose(),
                &arca_base::entropy::bytes::<16>(entropy),
            )),
        }
    }
}

/// RFC 5803: `SCRAM-SHA-256$<rounds>:<salt>$<stored key>:<server key>`.
fn verifier(password: &str, salt: &[u8]) -> String {
    let salted = MacKey::new(&salted(password, salt));
    let stored = sha256(&salted.sign(b"Client Key"));
    let server = salted.sign(b"Server Key");
    format!(
        "SCRAM-SHA-256${ROUNDS}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored),
        STANDARD.encode(server)
    )
}

/// PBKDF2-HMAC-SHA-256, one block.
fn salted(password: &str, salt: &[u8]) -> [u8; 32] {
    let key = MacKey::new(password.as_bytes());
    let mut block = key.sign(&[salt, &1_u32.to_be_bytes()].concat());
    let mut out = block;
    for _ in 1..ROUNDS {
        block = key.sign(&block);
        for (byte, more) in out.iter_mut().zip(block) {
            *byte ^= more;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_those_of_the_server() {
        // RFC 7677: user "user", password "pencil".
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(
            verifier("pencil", &salt),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn forms_are_named() {
        assert_eq!(PasswordForm::named(""), Ok(PasswordForm::Plain));
        assert_eq!(
            PasswordForm::named("md5").unwrap_err().to_string(),
            "'md5' is not a valid password authentication type"
        );
    }
}
