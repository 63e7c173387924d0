//! Randomness as a parameter.

/// A source of cryptographically secure random bytes.
///
/// The server hands in the operating system's generator; simulations hand in a seeded one.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for std::sync::Arc<E> {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// `N` random bytes from `entropy`.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0_u8; N];
    entropy.fill(&mut out);
    out
}

/// A number below `bound`, without modulo bias; 0 when `bound` is 0.
pub fn below(entropy: &dyn Entropy, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let zone = u64::MAX - (u64::MAX % bound + 1) % bound;
    loop {
        let value = u64::from_le_bytes(bytes::<8>(entropy));
        if value <= zone {
            return value % bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, out: &mut [u8]) {
            for byte in out {
                *byte = self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn below_stays_below() {
        let entropy = Counting(AtomicU8::new(0));
        for bound in 1..200 {
            assert!(below(&entropy, bound) < bound);
        }
        assert_eq!(below(&entropy, 0), 0);
    }
}
