//! Shamir's secret sharing over GF(2^8), one polynomial per byte of the secret.
//!
//! The field is that of AES: polynomials over GF(2) modulo x^8 + x^4 + x^3 + x + 1 (0x11b). A share of a secret
//! of `n` bytes has `n + 1` bytes,
//!
//! ```text
//! y (n bytes: the value of each byte's polynomial at x) || x (1 byte, not zero, another in every share)
//! ```
//!
//! which is the format of the unseal keys of other servers of this API, so shares made there combine here and
//! the other way round. The secret is the value at x = 0.
//!
//! Shares carry no checksum: too few or wrong ones combine to a wrong secret, and only what the secret opens
//! can tell. Time does not depend on the secret or on the y bytes.
//!
//! A. Shamir, "How to share a secret", Communications of the ACM 22 (1979).

use std::hint::black_box;

use arca_base::entropy::below;
use arca_base::{Entropy, Secret};

/// The most shares: every byte but zero is the x of one.
pub const MAX_SHARES: usize = 255;

/// Why a secret was not shared, or not combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShamirError {
    /// Nothing to share.
    #[error("the secret to share is empty")]
    EmptySecret,
    /// A threshold of one would make every share the secret.
    #[error("the threshold is {0}: it must be at least 2")]
    LowThreshold(usize),
    /// More shares needed than there are.
    #[error("the threshold {threshold} is larger than the number of shares, {shares}")]
    HighThreshold {
        /// Shares needed.
        threshold: usize,
        /// Shares there are to be.
        shares: usize,
    },
    /// There are only so many different shares.
    #[error("{0} shares asked for: there can be at most {MAX_SHARES}")]
    TooManyShares(usize),
    /// Bytes that no splitting gives.
    #[error("a share has at least 2 bytes and does not end in a zero byte")]
    NotAShare,
    /// One share or none.
    #[error("{0} shares given: combining takes at least 2")]
    TooFewShares(usize),
    /// Shares of different secrets.
    #[error("the shares have different lengths, so they are not of one secret")]
    DifferentLengths,
    /// The same share twice, or shares of two splittings.
    #[error("two shares have the same number, {0}: give each share once, all of one splitting")]
    Repeated(u8),
}

/// One share of a secret.
#[derive(Debug)]
pub struct Share(Secret<Vec<u8>>);

impl Share {
    /// Takes the bytes of a share.
    ///
    /// # Errors
    /// [`ShamirError::NotAShare`].
    pub fn parse(bytes: Secret<Vec<u8>>) -> Result<Self, ShamirError> {
        match bytes.expose().split_last() {
            Some((x, y)) if *x != 0 && !y.is_empty() => Ok(Self(bytes)),
            _ => Err(ShamirError::NotAShare),
        }
    }

    /// The bytes to hand out: y, then x.
    #[must_use]
    pub const fn bytes(&self) -> &Secret<Vec<u8>> {
        &self.0
    }

    fn x(&self) -> u8 {
        self.0.expose().last().copied().unwrap_or_default()
    }

    fn y(&self) -> &[u8] {
        self.0.expose().split_last().map_or(&[], |(_, y)| y)
    }
}

/// Splits `secret` into `shares` shares, any `threshold` of which give it back and fewer tell nothing of it.
///
/// # Errors
/// [`ShamirError`] when there is no such splitting: an empty secret, a threshold below 2 or above the number of
/// shares, or more than [`MAX_SHARES`] shares.
pub fn split(
    secret: &[u8],
    shares: usize,
    threshold: usize,
    entropy: &dyn Entropy,
) -> Result<Vec<Share>, ShamirError> {
    check(secret, shares, threshold)?;
    let xs = distinct_nonzero(shares, entropy);
    let mut out: Vec<Secret<Vec<u8>>> = xs
        .iter()
        .map(|_| Secret::new(Vec::with_capacity(secret.len() + 1)))
        .collect();
    let mut polynomial = Secret::new(vec![0; threshold]);
    for byte in secret {
        randomize(polynomial.expose_mut(), *byte, entropy);
        for (share, x) in out.iter_mut().zip(&xs) {
            share.expose_mut().push(evaluate(polynomial.expose(), *x));
        }
    }
    for (share, x) in out.iter_mut().zip(&xs) {
        share.expose_mut().push(*x);
    }
    Ok(out.into_iter().map(Share).collect())
}

/// The secret that `shares` are of, if they are enough and of one splitting; some other bytes if not.
///
/// # Errors
/// [`ShamirError`] for fewer than two shares, different lengths, or a share given twice.
pub fn combine(shares: &[Share]) -> Result<Secret<Vec<u8>>, ShamirError> {
    let [first, .., _] = shares else {
        return Err(ShamirError::TooFewShares(shares.len()));
    };
    let length = first.y().len();
    if shares.iter().any(|share| share.y().len() != length) {
        return Err(ShamirError::DifferentLengths);
    }
    let xs = distinct(shares)?;
    let mut secret = Secret::new(vec![0; length]);
    for share in shares {
        let weight = weight_at_zero(share.x(), &xs);
        for (byte, y) in secret.expose_mut().iter_mut().zip(share.y()) {
            *byte ^= multiply(weight, *y);
        }
    }
    Ok(secret)
}

const fn check(secret: &[u8], shares: usize, threshold: usize) -> Result<(), ShamirError> {
    if secret.is_empty() {
        return Err(ShamirError::EmptySecret);
    }
    if threshold < 2 {
        return Err(ShamirError::LowThreshold(threshold));
    }
    if shares < threshold {
        return Err(ShamirError::HighThreshold { threshold, shares });
    }
    if shares > MAX_SHARES {
        return Err(ShamirError::TooManyShares(shares));
    }
    Ok(())
}

/// `count` different bytes, none of them zero, each choice as likely as any other.
fn distinct_nonzero(count: usize, entropy: &dyn Entropy) -> Vec<u8> {
    let mut left: Vec<u8> = (1..=u8::MAX).collect();
    let mut draw = || {
        let at = below(entropy, left.len() as u64);
        left.swap_remove(usize::try_from(at).unwrap_or(0))
    };
    (0..count).map(|_| draw()).collect()
}

fn distinct(shares: &[Share]) -> Result<Vec<u8>, ShamirError> {
    let mut xs = Vec::with_capacity(shares.len());
    for x in shares.iter().map(Share::x) {
        if xs.contains(&x) {
            return Err(ShamirError::Repeated(x));
        }
        xs.push(x);
    }
    Ok(xs)
}

/// Makes `polynomial`, lowest coefficient first, a random one with the value `at_zero` at zero.
fn randomize(polynomial: &mut [u8], at_zero: u8, entropy: &dyn Entropy) {
    entropy.fill(polynomial);
    if let Some(constant) = polynomial.first_mut() {
        *constant = at_zero;
    }
}

/// Horner's rule, from the highest coefficient down.
fn evaluate(polynomial: &[u8], x: u8) -> u8 {
    polynomial
        .iter()
        .rev()
        .fold(0, |value, coefficient| multiply(value, x) ^ coefficient)
}

/// The Lagrange basis polynomial of `own` over `xs`, at zero: how much its y counts in the secret.
fn weight_at_zero(own: u8, xs: &[u8]) -> u8 {
    xs.iter()
        .filter(|x| **x != own)
        .fold(1, |weight, x| multiply(weight, multiply(*x, invert(*x ^ own))))
}

/// The product in the field: for each bit of `b` a masked addition, no branch and no table.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a & mask(b & 1);
        a = (a << 1) ^ (0x1b & mask(a >> 7));
        b >>= 1;
    }
    product
}

/// All ones for 1, all zeros for 0; opaque, so that the compiler makes no branch of it.
fn mask(bit: u8) -> u8 {
    black_box(bit.wrapping_neg())
}

/// The inverse in the field, `a` to the power of 254; zero for zero.
fn invert(a: u8) -> u8 {
    // 254 is binary 11111110: square seven times, multiplying each time.
    let mut power = a;
    let mut inverse = 1;
    for _ in 0..7 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}

#[cfg(test)]
mod tests {
    use arca_base::id::{hex, unhex};
    use proptest::prelude::*;

    use super::*;
    use crate::SystemEntropy;
    use crate::fixed::Repeatable;

    /// Shares from text: `threshold shares secret share,share,...` in decimal and hexadecimal, `#` comments.
    fn vectors(text: &str) -> impl Iterator<Item = (usize, usize, Vec<u8>, Vec<&str>)> {
        text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let [threshold, shares, secret, list] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("four columns: {line}");
            };
            let (threshold, shares) = (threshold.parse().unwrap(), shares.parse().unwrap());
            (
                threshold,
                shares,
                unhex(secret).unwrap(),
                list.split(',').collect(),
            )
        })
    }

    fn share(text: &str) -> Share {
        Share::parse(Secret::new(unhex(text).unwrap())).unwrap()
    }

    fn copies(shares: &[Share]) -> Vec<Share> {
        shares.iter().map(|share| Share(share.0.duplicate())).collect()
    }

    /// The shares whose bit is set in `mask`.
    fn subset(shares: &[Share], mask: u32) -> Vec<Share> {
        copies(shares)
            .into_iter()
            .enumerate()
            .filter_map(|(at, share)| (mask >> at & 1 == 1).then_some(share))
            .collect()
    }

    fn combined(shares: &[Share]) -> Vec<u8> {
        combine(shares).unwrap().expose().clone()
    }

    #[test]
    fn shares_made_by_another_server_combine_here() {
        let mut seen = 0;
        for (threshold, _, secret, list) in vectors(include_str!("../testdata/shamir-foreign.txt")) {
            let shares: Vec<Share> = list.into_iter().map(share).collect();
            assert_eq!(combined(&shares[..threshold]), secret);
            assert_eq!(combined(&shares[shares.len() - threshold..]), secret);
            if shares.len() <= 10 {
                for mask in 0_u32..1 << shares.len() {
                    if mask.count_ones() as usize >= threshold {
                        assert_eq!(combined(&subset(&shares, mask)), secret);
                    }
                }
            }
            seen += 1;
        }
        assert_eq!(seen, 6);
    }

    #[test]
    fn shares_made_here_are_those_another_server_combined() {
        let mut seen = 0;
        for (threshold, shares, secret, list) in vectors(include_str!("../testdata/shamir-own.txt")) {
            let made = split(&secret, shares, threshold, &Repeatable::default()).unwrap();
            let made: Vec<String> = made.iter().map(|share| hex(share.bytes().expose())).collect();
            assert_eq!(made, list);
            seen += 1;
        }
        assert_eq!(seen, 5);
    }

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2: {57} * {83} = {c1}, {57} * {13} = {fe}.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        assert_eq!(invert(0), 0);
        for a in 0..=u8::MAX {
            assert_eq!(multiply(a, 1), a);
            assert_eq!(multiply(a, 0), 0);
            assert_eq!(multiply(a, invert(a)), u8::from(a != 0));
            for b in 0..=u8::MAX {
                assert_eq!(multiply(a, b), multiply(b, a));
                assert_eq!(multiply(a, b ^ 0x35), multiply(a, b) ^ multiply(a, 0x35));
            }
        }
    }

    #[test]
    fn all_255_shares_differ_and_any_fill_the_threshold() {
        let shares = split(b"secret", MAX_SHARES, 3, &SystemEntropy).unwrap();
        let mut xs: Vec<u8> = shares.iter().map(Share::x).collect();
        xs.sort_unstable();
        assert_eq!(xs, (1..=255).collect::<Vec<u8>>());
        assert_eq!(combined(&shares), b"secret");
        assert_eq!(combined(&shares[252..]), b"secret");
    }

    #[test]
    fn refuses_what_cannot_be_split() {
        let refused =
            |secret: &[u8], shares, threshold| split(secret, shares, threshold, &SystemEntropy).unwrap_err();
        assert_eq!(refused(b"", 3, 2), ShamirError::EmptySecret);
        assert_eq!(refused(b"s", 3, 0), ShamirError::LowThreshold(0));
        assert_eq!(refused(b"s", 1, 1), ShamirError::LowThreshold(1));
        let (threshold, shares) = (4, 3);
        assert_eq!(
            refused(b"s", shares, threshold),
            ShamirError::HighThreshold { threshold, shares }
        );
        assert_eq!(refused(b"s", 256, 2), ShamirError::TooManyShares(256));
    }

    #[test]
    fn refuses_what_cannot_be_combined() {
        let shares = split(b"secret", 3, 2, &SystemEntropy).unwrap();
        let x = shares[0].x();
        assert_eq!(combine(&[]).unwrap_err(), ShamirError::TooFewShares(0));
        assert_eq!(combine(&shares[..1]).unwrap_err(), ShamirError::TooFewShares(1));
        let twice = subset(&shares, 0b001)
            .into_iter()
            .chain(copies(&shares))
            .collect::<Vec<_>>();
        assert_eq!(combine(&twice).unwrap_err(), ShamirError::Repeated(x));
        let mixed = [share("0102"), share("010203")];
        assert_eq!(combine(&mixed).unwrap_err(), ShamirError::DifferentLengths);
    }

    #[test]
    fn refuses_bytes_that_are_no_share() {
        for bytes in [&[][..], &[1], &[1, 0], &[0, 0, 0]] {
            let refused = Share::parse(Secret::new(bytes.to_vec())).unwrap_err();
            assert_eq!(refused, ShamirError::NotAShare, "{bytes:?}");
        }
    }

    #[test]
    fn fewer_shares_than_needed_leave_every_secret_possible() {
        // Over a one-byte secret and threshold 2, one share together with each guess at the second makes
        // every secret exactly once.
        let first = split(&[0x42], 2, 2, &SystemEntropy).unwrap().remove(0);
        let x = if first.x() == 1 { 2 } else { 1 };
        let mut secrets: Vec<u8> = (0..=u8::MAX)
            .map(|y| combined(&[Share(first.0.duplicate()), Share(Secret::new(vec![y, x]))])[0])
            .collect();
        secrets.sort_unstable();
        assert_eq!(secrets, (0..=u8::MAX).collect::<Vec<u8>>());
    }

    fn parameters() -> impl Strategy<Value = (usize, usize)> {
        (2_usize..=7).prop_flat_map(|shares| (Just(shares), 2..=shares))
    }

    proptest! {
        #[test]
        fn every_subset_of_the_threshold_gives_the_secret(
            secret in prop::collection::vec(any::<u8>(), 1..40),
            (shares, threshold) in parameters(),
        ) {
            let made = split(&secret, shares, threshold, &SystemEntropy).unwrap();
            for mask in 0_u32..1 << shares {
                if mask.count_ones() as usize >= threshold {
                    prop_assert_eq!(&combined(&subset(&made, mask)), &secret);
                }
            }
        }

        #[test]
        fn fewer_give_something_else(
            secret in prop::collection::vec(any::<u8>(), 16..40),
            (shares, threshold) in parameters(),
        ) {
            let made = split(&secret, shares, threshold, &SystemEntropy).unwrap();
            for mask in 0_u32..1 << shares {
                if (2..threshold).contains(&(mask.count_ones() as usize)) {
                    prop_assert_ne!(&combined(&subset(&made, mask)), &secret);
                }
            }
        }

        #[test]
        fn the_order_of_shares_does_not_matter(secret in prop::collection::vec(any::<u8>(), 1..40)) {
            let mut made = split(&secret, 5, 3, &SystemEntropy).unwrap();
            made.reverse();
            prop_assert_eq!(combined(&made), secret);
        }

        #[test]
        fn shares_survive_being_handed_out(secret in prop::collection::vec(any::<u8>(), 1..40)) {
            let made = split(&secret, 3, 2, &SystemEntropy).unwrap();
            let back: Vec<Share> = made
                .iter()
                .map(|made| share(&hex(made.bytes().expose())))
                .collect();
            prop_assert!(made.iter().all(|made| made.bytes().expose().len() == secret.len() + 1));
            prop_assert_eq!(combined(&back), secret);
        }
    }
}
