//! Comparing secrets without telling how much of them matches.

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// Whether `a` and `b` are the same bytes, in a time that depends on their lengths only.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_must_match() {
        assert!(equal(b"", b""));
        assert!(!equal(b"a", b""));
        assert!(!equal(b"ab", b"a"));
    }

    proptest! {
        #[test]
        fn agrees_with_plain_comparison(a: Vec<u8>, b: Vec<u8>) {
            prop_assert!(equal(&a, &a.clone()));
            prop_assert_eq!(equal(&a, &b), a == b);
        }

        #[test]
        fn one_bit_is_enough(a in prop::collection::vec(any::<u8>(), 1..100), bit: prop::sample::Index) {
            let mut b = a.clone();
            let bit = bit.index(a.len() * 8);
            b[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!equal(&a, &b));
        }
    }
}
