//! The machine's random generator.

use arca_base::Entropy;

/// Random bytes from the crypto library's generator, which the operating system seeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the generator fails. Nothing secret can be made without it, so the request that asked must end.
    #[expect(
        clippy::expect_used,
        reason = "continuing with bytes that are not random would be worse than any failure"
    )]
    fn fill(&self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).expect("the system's random generator works");
    }
}

#[cfg(test)]
mod tests {
    use arca_base::entropy::bytes;

    use super::*;

    #[test]
    fn every_byte_is_written_and_draws_differ() {
        let mut seen = [0_u8; 67];
        for _ in 0..64 {
            for (seen, byte) in seen.iter_mut().zip(bytes::<67>(&SystemEntropy)) {
                *seen |= byte;
            }
        }
        assert!(
            seen.iter().all(|byte| *byte != 0),
            "a byte stayed zero in 64 draws"
        );
        assert_ne!(bytes::<32>(&SystemEntropy), bytes::<32>(&SystemEntropy));
    }
}
