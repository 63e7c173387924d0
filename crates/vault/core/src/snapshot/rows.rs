//! Rows in a part of a snapshot: `length (4 bytes, big endian) || key || length (4) || value`, one after the other.

use arca_storage::{MAX_KEY_BYTES, MAX_VALUE_BYTES, check_key};

use super::unpack::BadSnapshot;

/// Adds a row to a part.
pub(super) fn push(part: &mut Vec<u8>, key: &str, value: &[u8]) {
    for bytes in [key.as_bytes(), value] {
        // Keys and values are far below 4 GiB: storage holds no others.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        part.extend_from_slice(&length.to_be_bytes());
        part.extend_from_slice(bytes);
    }
}

/// The rows of a part, each checked for what a store could hold.
pub struct RowsOf<'a> {
    part: u64,
    rest: &'a [u8],
}

impl<'a> RowsOf<'a> {
    /// The rows in the bytes of the part with this number.
    #[must_use]
    pub const fn new(part: u64, bytes: &'a [u8]) -> Self {
        Self { part, rest: bytes }
    }

    fn bytes(&mut self, most: usize) -> Result<&'a [u8], BadSnapshot> {
        let broken = BadSnapshot::Rows { part: self.part };
        let (length, rest) = self.rest.split_first_chunk::<4>().ok_or_else(|| broken.clone())?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > most {
            return Err(broken);
        }
        let (bytes, rest) = rest.split_at_checked(length).ok_or(broken)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn row(&mut self) -> Result<(&'a str, &'a [u8]), BadSnapshot> {
        let broken = BadSnapshot::Rows { part: self.part };
        let key = self.bytes(MAX_KEY_BYTES)?;
        let key = std::str::from_utf8(key).map_err(|_| broken.clone())?;
        check_key(key).map_err(|_| broken)?;
        Ok((key, self.bytes(MAX_VALUE_BYTES)?))
    }
}

impl<'a> Iterator for RowsOf<'a> {
    type Item = Result<(&'a str, &'a [u8]), BadSnapshot>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.row();
        if row.is_err() {
            self.rest = &[];
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back_and_broken_ones_refused() {
        let mut part = Vec::new();
        push(&mut part, "a/b", b"one");
        push(&mut part, "c", b"");
        let rows: Result<Vec<_>, _> = RowsOf::new(1, &part).collect();
        assert_eq!(rows.unwrap(), [("a/b", &b"one"[..]), ("c", b"")]);
        for cut in 1..part.len() {
            let rows: Vec<_> = RowsOf::new(1, &part[..cut]).collect();
            let whole = cut == 4 + 3 + 4 + 3;
            assert_eq!(rows.iter().all(Result::is_ok), whole, "cut at {cut}");
        }
        let mut bad = Vec::new();
        push(&mut bad, "a//b", b"");
        assert_eq!(
            RowsOf::new(7, &bad).next(),
            Some(Err(BadSnapshot::Rows { part: 7 }))
        );
        let huge = [&u32::MAX.to_be_bytes()[..], b"x"].concat();
        assert!(RowsOf::new(1, &huge).next().unwrap().is_err());
    }
}
