//! Shares of a key as people type them.

use arca_base::{Entropy, Secret, id};
use arca_crypto::shamir::{self, Share};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Fewest bytes of a share.
const MIN_BYTES: usize = 16;
/// Bytes of a share of a 32-byte key: the key and one byte for its number.
const MAX_BYTES: usize = 33;

/// Why shares were refused. Texts follow what existing clients show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadShares {
    /// Neither hexadecimal nor base64.
    #[error("'key' must be a valid hex or base64 string")]
    Encoding,
    /// Too short for any key.
    #[error("invalid key: key is shorter than minimum 16 bytes")]
    TooShort,
    /// Too long for any key.
    #[error("invalid key: key is longer than maximum 33 bytes")]
    TooLong,
    /// They do not belong together.
    #[error("invalid key: the shares do not belong together")]
    Mismatch,
}

/// Reads a share: hexadecimal if that gives 16 to 33 bytes, else base64.
///
/// # Errors
/// [`BadShares`].
pub fn decode_share(text: &str) -> Result<Secret<Vec<u8>>, BadShares> {
    let text = text.trim();
    if let Some(bytes) = id::unhex(text).map(Secret::new)
        && (MIN_BYTES..=MAX_BYTES).contains(&bytes.expose().len())
    {
        return Ok(bytes);
    }
    let bytes = STANDARD
        .decode(text)
        .map(Secret::new)
        .map_err(|_| BadShares::Encoding)?;
    match bytes.expose().len() {
        ..MIN_BYTES => Err(BadShares::TooShort),
        MIN_BYTES..=MAX_BYTES => Ok(bytes),
        _ => Err(BadShares::TooLong),
    }
}

/// Splits a key; one share of one is the key itself.
///
/// # Errors
/// [`BadShares::Mismatch`] when the numbers make no sense; [`SealConfig`](super::SealConfig) rules that out.
pub fn split(
    key: &Secret<Vec<u8>>,
    shares: u8,
    threshold: u8,
    entropy: &dyn Entropy,
) -> Result<Vec<Secret<Vec<u8>>>, BadShares> {
    if shares <= 1 {
        return Ok(vec![key.duplicate()]);
    }
    let split = shamir::split(key.expose(), usize::from(shares), usize::from(threshold), entropy);
    let split = split.map_err(|_| BadShares::Mismatch)?;
    Ok(split.iter().map(|share| share.bytes().duplicate()).collect())
}

/// Combines as many shares as the threshold asks for.
///
/// # Errors
/// [`BadShares::Mismatch`].
pub fn combine(shares: &[Secret<Vec<u8>>], threshold: u8) -> Result<Secret<Vec<u8>>, BadShares> {
    if threshold <= 1 {
        return shares.first().map(Secret::duplicate).ok_or(BadShares::Mismatch);
    }
    let parsed: Result<Vec<Share>, _> = shares
        .iter()
        .map(|share| Share::parse(share.duplicate()))
        .collect();
    let parsed = parsed.map_err(|_| BadShares::Mismatch)?;
    shamir::combine(&parsed).map_err(|_| BadShares::Mismatch)
}

#[cfg(test)]
mod tests {
    use arca_crypto::SystemEntropy;

    use super::*;

    #[test]
    fn reads_hexadecimal_and_base64() {
        let bytes = vec![7_u8; 33];
        for text in [
            id::hex(&bytes),
            STANDARD.encode(&bytes),
            format!(" {}\n", id::hex(&bytes)),
        ] {
            assert_eq!(decode_share(&text).unwrap().expose(), &bytes);
        }
        // Forty hexadecimal digits are twenty bytes; read as base64 they would be thirty.
        assert_eq!(decode_share(&"ab".repeat(20)).unwrap().expose().len(), 20);
        for (text, error) in [
            ("", BadShares::TooShort),
            ("!!", BadShares::Encoding),
            ("YWJj", BadShares::TooShort),
            (&*STANDARD.encode([0_u8; 34]), BadShares::TooLong),
        ] {
            assert_eq!(decode_share(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn any_threshold_of_shares_gives_the_key_back() {
        let key = Secret::new(vec![9_u8; 32]);
        let shares = split(&key, 5, 3, &SystemEntropy).unwrap();
        assert_eq!(combine(&shares[1..4], 3).unwrap().expose(), key.expose());
        assert_ne!(combine(&shares[..2], 3).unwrap().expose(), key.expose());
        let only = split(&key, 1, 1, &SystemEntropy).unwrap();
        assert_eq!(only[0].expose().len(), 32);
        assert_eq!(combine(&only, 1).unwrap().expose(), key.expose());
    }
}
