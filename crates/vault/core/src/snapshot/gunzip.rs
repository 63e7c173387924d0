//! Decompressing gzip (RFC 1952) as bytes come: what is complete comes out at once, and what is not is never taken for
//! it. As far as snapshots need it: one member, without a name or anything else in its header.

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// Bytes that come out at a time.
const PIECE: usize = 64 << 10;
/// Magic number, method and flags.
const HEAD: [u8; 4] = [0x1f, 0x8b, 8, 0];
const HEAD_BYTES: usize = 10;
const TAIL_BYTES: usize = 8;

/// Where in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Head,
    Body,
    Tail,
    End,
}

/// Why it does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadGzip {
    Foreign,
    Damaged,
    Trailing,
}

pub(super) struct Gunzip {
    inflate: Decompress,
    sum: Crc,
    place: Place,
    /// Of the head or the tail.
    gathered: Vec<u8>,
    piece: Vec<u8>,
}

impl Gunzip {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            sum: Crc::new(),
            place: Place::Head,
            gathered: Vec::new(),
            piece: vec![0; PIECE],
        }
    }

    pub(super) const fn place(&self) -> Place {
        self.place
    }

    /// Adds what `input` decompresses to.
    pub(super) fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), BadGzip> {
        while !input.is_empty() {
            input = match self.place {
                Place::Head => self.head(input)?,
                Place::Body => self.body(input, out)?,
                Place::Tail => self.tail(input)?,
                Place::End => return Err(BadGzip::Trailing),
            };
        }
        Ok(())
    }

    /// Takes in up to `wanted` bytes; `true` with the last of them.
    fn gather<'a>(&mut self, input: &'a [u8], wanted: usize) -> (bool, &'a [u8]) {
        let missing = wanted.saturating_sub(self.gathered.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.gathered.extend_from_slice(taken);
        (self.gathered.len() == wanted, rest)
    }

    fn head<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], BadGzip> {
        let (complete, rest) = self.gather(input, HEAD_BYTES);
        let seen = self.gathered.len().min(HEAD.len());
        if self.gathered.get(..seen) != HEAD.get(..seen) {
            return Err(BadGzip::Foreign);
        }
        if complete {
            self.gathered.clear();
            self.place = Place::Body;
        }
        Ok(rest)
    }

    fn body<'a>(&mut self, mut input: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], BadGzip> {
        loop {
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, &mut self.piece, FlushDecompress::None)
                .map_err(|_| BadGzip::Damaged)?;
            let count = |after: u64, before: u64| usize::try_from(after - before).unwrap_or(usize::MAX);
            let read = count(self.inflate.total_in(), read);
            let written = count(self.inflate.total_out(), written);
            let piece = self.piece.get(..written).ok_or(BadGzip::Damaged)?;
            self.sum.update(piece);
            out.extend_from_slice(piece);
            input = input.get(read..).ok_or(BadGzip::Damaged)?;
            if status == Status::StreamEnd {
                self.place = Place::Tail;
                return Ok(input);
            }
            // What was read may not have come out yet, with no input left too.
            if read == 0 && written == 0 {
                return if input.is_empty() {
                    Ok(input)
                } else {
                    Err(BadGzip::Damaged)
                };
            }
        }
    }

    fn tail<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], BadGzip> {
        let (complete, rest) = self.gather(input, TAIL_BYTES);
        if complete {
            let right = [self.sum.sum().to_le_bytes(), self.sum.amount().to_le_bytes()].concat();
            if self.gathered != right {
                return Err(BadGzip::Damaged);
            }
            self.place = Place::End;
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn zip(plain: &[u8], level: Compression) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), level);
        out.write_all(plain).unwrap();
        out.finish().unwrap()
    }

    fn unzip(file: &[u8], pieces: usize) -> Result<(Place, Vec<u8>), BadGzip> {
        let (mut gunzip, mut out) = (Gunzip::new(), Vec::new());
        for piece in file.chunks(pieces) {
            gunzip.feed(piece, &mut out)?;
        }
        Ok((gunzip.place(), out))
    }

    #[test]
    fn everything_comes_out_before_the_end_is_announced() {
        let plain = vec![7; 300_000];
        for level in [Compression::none(), Compression::best()] {
            let file = zip(&plain, level);
            for pieces in [1, 100, usize::MAX] {
                assert_eq!(unzip(&file, pieces), Ok((Place::End, plain.clone())));
            }
            let (place, out) = unzip(&file[..file.len() - TAIL_BYTES], 1000).unwrap();
            assert_eq!((place, out.len()), (Place::Tail, plain.len()));
        }
    }

    proptest! {
        #[test]
        fn damage_is_noticed(
            plain in proptest::collection::vec(any::<u8>(), 1..2000),
            at in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let file = zip(&plain, Compression::fast());
            let mut damaged = file.clone();
            damaged[at.index(file.len())] ^= 1 << bit;
            // A few bits mean nothing: the time and system of origin, and what fills the last byte.
            if let Ok((Place::End, read)) = unzip(&damaged, 100) {
                prop_assert_eq!(read, plain.clone());
            }
            let cut = at.index(file.len());
            prop_assert!(unzip(&file[..cut], 100).is_ok_and(|(place, _)| place != Place::End));
            let longer = [&file[..], b"x"].concat();
            prop_assert_eq!(unzip(&longer, 100), Err(BadGzip::Trailing));
        }
    }
}
