//! Passwords that fit a policy, each as likely as any other.

use arca_base::{Entropy, Secret};
use zeroize::Zeroizing;

use super::PasswordPolicy;

/// Characters drawn before a policy is given up: about a second's worth.
const DRAWS: usize = 5_000_000;

/// Random bytes asked for at once.
const CHUNK: usize = 256;

/// How many passwords may be tried.
pub(super) const fn budget(policy: &PasswordPolicy) -> usize {
    DRAWS / policy.length()
}

/// Tries a number of passwords. `None` if none of them fits.
///
/// A password that does not fit is thrown away as a whole: mending it would make some passwords more likely than
/// others.
pub(super) fn attempt(
    policy: &PasswordPolicy,
    entropy: &dyn Entropy,
    tries: usize,
) -> Option<Secret<String>> {
    let mut draws = Draws::new(entropy, policy.charset());
    // Rooms for the longest characters: a string that grows would leave copies behind.
    let mut password = Zeroizing::new(String::with_capacity(policy.length() * char::MAX_LEN_UTF8));
    for _ in 0..tries {
        password.clear();
        password.extend((0..policy.length()).map(|_| draws.next()));
        if policy.fits(&password) {
            return Some(Secret::new(std::mem::take(&mut *password)));
        }
    }
    None
}

/// Draws characters of a set.
struct Draws<'a> {
    entropy: &'a dyn Entropy,
    charset: &'a [char],
    /// Bytes from this one on are not used: they would favor the first characters.
    end: usize,
    chunk: Zeroizing<[u8; CHUNK]>,
    used: usize,
}

impl<'a> Draws<'a> {
    fn new(entropy: &'a dyn Entropy, charset: &'a [char]) -> Self {
        Self {
            entropy,
            charset,
            end: 256 - 256 % charset.len().max(1),
            chunk: Zeroizing::new([0; CHUNK]),
            used: CHUNK,
        }
    }

    fn next(&mut self) -> char {
        loop {
            if self.used == CHUNK {
                self.entropy.fill(&mut *self.chunk);
                self.used = 0;
            }
            let byte = self.chunk.get(self.used).copied().map_or(0, usize::from);
            self.used += 1;
            if byte < self.end
                && let Some(c) = self.charset.get(byte % self.charset.len().max(1))
            {
                return *c;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Repeatable, and even enough for counting.
    struct Digests(AtomicU64);

    impl Entropy for Digests {
        fn fill(&self, out: &mut [u8]) {
            for chunk in out.chunks_mut(32) {
                let number = self.0.fetch_add(1, Ordering::Relaxed);
                let digest = arca_crypto::digest::sha256(&number.to_be_bytes());
                chunk.copy_from_slice(&digest[..chunk.len()]);
            }
        }
    }

    fn entropy() -> Digests {
        Digests(AtomicU64::new(0))
    }

    fn policy(text: &str) -> PasswordPolicy {
        PasswordPolicy::parse(text).unwrap()
    }

    #[test]
    fn the_built_in_policy_has_one_of_each_kind() {
        let policy = PasswordPolicy::built_in();
        let entropy = entropy();
        for _ in 0..500 {
            let password = attempt(&policy, &entropy, 1000).unwrap();
            let password = password.expose();
            assert_eq!(password.len(), 20);
            assert!(password.contains(|c: char| c.is_ascii_lowercase()));
            assert!(password.contains(|c: char| c.is_ascii_uppercase()));
            assert!(password.contains(|c: char| c.is_ascii_digit()));
            assert!(password.contains('-'));
            assert!(password.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        }
    }

    #[test]
    fn passwords_that_fit_are_equally_likely() {
        let policy = policy(
            "length = 4\nrule \"charset\" { charset = \"ab\" min-chars = 1 }\nrule \"charset\" { charset = \"c\" min-chars = 2 }",
        );
        let entropy = entropy();
        let mut counts = BTreeMap::new();
        for _ in 0..20_000 {
            let password = attempt(&policy, &entropy, 1000).unwrap();
            *counts.entry(password.expose().clone()).or_insert(0) += 1;
        }
        // Two of c among four places and two letters of two kinds, or three of c and one letter.
        assert_eq!(counts.len(), 6 * 4 + 4 * 2);
        let expected = 20_000 / counts.len();
        for (password, count) in counts {
            assert!(
                (expected * 3 / 4..expected * 5 / 4).contains(&count),
                "{password}: {count} of {expected}"
            );
        }
    }

    #[test]
    fn characters_are_equally_likely() {
        let set: String = (0x4e00..).filter_map(char::from_u32).take(200).collect();
        let policy = policy(&format!(
            "length = 100\nrule \"charset\" {{ charset = \"{set}\" }}"
        ));
        let entropy = entropy();
        let mut counts = BTreeMap::new();
        for _ in 0..2000 {
            for c in attempt(&policy, &entropy, 1).unwrap().expose().chars() {
                *counts.entry(c).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len(), 200);
        assert!(
            counts.values().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn rare_passwords_are_given_up() {
        let text = "length = 100\nrule \"charset\" { charset = \"a\" min-chars = 99 }\nrule \"charset\" { charset = \"bcdefghij\" }";
        let policy = policy(text);
        assert!(attempt(&policy, &entropy(), 1000).is_none());
        assert_eq!(budget(&policy), 50_000);
    }
}
