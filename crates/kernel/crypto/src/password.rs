//! Hashes of passwords: Argon2id (RFC 9106).
//!
//! A hash carries its salt and what it cost to make, so that the cost can be raised without locking anybody out.

use std::fmt;

use arca_base::{Entropy, entropy, id};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::constant_time;

const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;

/// What a hash made today costs: 19 MiB and two passes, the floor that OWASP's Password Storage Cheat Sheet sets.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The most a stored hash may make this process spend, ten times what hashes cost today.
const MOST_MEMORY_KIB: u32 = 10 * MEMORY_KIB;
const MOST_PASSES: u32 = 10 * PASSES;
const MOST_LANES: u32 = 16;

/// A hash, with all that is needed to try a password against it.
///
/// `Debug` prints a placeholder: a hash of a weak password is nearly the password.
pub struct PasswordHash {
    params: Params,
    salt: [u8; SALT_BYTES],
    digest: [u8; DIGEST_BYTES],
}

impl PasswordHash {
    /// Hashes a password with a random salt. Takes tens of milliseconds and 19 MiB: not for an async thread.
    #[must_use]
    pub fn new(password: &[u8], entropy: &dyn Entropy) -> Self {
        let salt = entropy::bytes(entropy);
        let params = cost_today();
        let digest = digest(&params, &salt, password).unwrap_or_default();
        Self { params, salt, digest }
    }

    /// A hash that no password fits and that costs as much to try as any other: for users who do not exist.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self {
            params: cost_today(),
            salt: [0; SALT_BYTES],
            digest: [0; DIGEST_BYTES],
        }
    }

    /// Whether it is the hash of `password`, compared in constant time. Costs what making it did.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        digest(&self.params, &self.salt, password)
            .is_some_and(|digest| constant_time::equal(&digest, &self.digest))
    }

    /// Reads the text that [`to_text`](Self::to_text) wrote; nothing for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (Some("argon2id"), Some("v=19")) = (parts.next(), parts.next()) else {
            return None;
        };
        let params = parse_cost(parts.next()?)?;
        let salt = id::unhex(parts.next()?)?.try_into().ok()?;
        let digest: [u8; DIGEST_BYTES] = id::unhex(parts.next()?)?.try_into().ok()?;
        // Nothing hashes to nothing but zeros; it is what a failure would leave.
        let sound = parts.next().is_none() && digest != [0; DIGEST_BYTES];
        sound.then_some(Self { params, salt, digest })
    }

    /// The form in which it is stored: `argon2id$v=19$m=19456,t=2,p=1$salt$digest`, the last two in hexadecimal.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!(
            "argon2id$v=19$m={},t={},p={}${}${}",
            self.params.m_cost(),
            self.params.t_cost(),
            self.params.p_cost(),
            id::hex(&self.salt),
            id::hex(&self.digest)
        )
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(redacted)")
    }
}

#[expect(
    clippy::expect_used,
    reason = "the library refuses costs that are out of range, and these are constants that a test tries"
)]
fn cost_today() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(DIGEST_BYTES)).expect("a cost within range")
}

fn parse_cost(text: &str) -> Option<Params> {
    let mut parts = text.split(',');
    let mut number = |name: &str| -> Option<u32> { parts.next()?.strip_prefix(name)?.parse().ok() };
    let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    let bounded = memory <= MOST_MEMORY_KIB && passes <= MOST_PASSES && lanes <= MOST_LANES;
    if !bounded || parts.next().is_some() {
        return None;
    }
    Params::new(memory, passes, lanes, Some(DIGEST_BYTES)).ok()
}

/// Nothing when the library refuses, as it does for passwords of gigabytes.
fn digest(params: &Params, salt: &[u8], password: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
    let mut digest = [0; DIGEST_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into(password, salt, &mut digest)
        .ok()?;
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    // From the tests of the reference implementation, github.com/P-H-C/phc-winner-argon2, src/test.c: version 19,
    // t=2, m=2^8, p=1, "password", "somesalt".
    #[test]
    fn known_answer() {
        let params = Params::new(256, 2, 1, Some(DIGEST_BYTES)).unwrap();
        let digest = digest(&params, b"somesalt", b"password").unwrap();
        assert_eq!(
            id::hex(&digest),
            "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"
        );
    }

    #[test]
    fn only_the_password_fits_also_after_storage() {
        let hash = PasswordHash::new(b"correct horse", &SystemEntropy);
        let text = hash.to_text();
        assert!(text.starts_with("argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let read = PasswordHash::parse(&text).unwrap();
        assert!(hash.verify(b"correct horse") && read.verify(b"correct horse"));
        assert!(!read.verify(b"correct horsf") && !read.verify(b""));
        assert_ne!(
            PasswordHash::new(b"correct horse", &SystemEntropy).to_text(),
            text
        );
        assert!(!PasswordHash::of_nobody().verify(b""));
        assert!(!format!("{hash:?}").contains(&id::hex(&hash.digest)));
    }

    #[test]
    fn hashes_of_another_cost_are_read_within_reason() {
        let (salt, digest) = ("00".repeat(16), "01".repeat(32));
        let with =
            |cost: &str| PasswordHash::parse(&format!("argon2id$v=19${cost}${salt}${digest}")).is_some();
        assert!(with("m=8,t=1,p=1") && with("m=65536,t=3,p=4"));
        for refused in [
            "m=999999999,t=2,p=1",
            "m=19456,t=999,p=1",
            "m=19456,t=2,p=99",
            "m=0,t=0,p=0",
            "m=19456,t=2",
            "m=19456,t=2,p=1,x=1",
            "",
        ] {
            assert!(!with(refused), "{refused}");
        }
        let good = format!("argon2id$v=19$m=8,t=1,p=1${salt}${digest}");
        for refused in [
            good.replace("argon2id", "argon2i"),
            good.replace("v=19", "v=16"),
            good.replace(&digest, &"00".repeat(32)),
            format!("{good}$"),
            good[..good.len() - 2].to_owned(),
        ] {
            assert!(PasswordHash::parse(&refused).is_none(), "{refused}");
        }
    }
}
