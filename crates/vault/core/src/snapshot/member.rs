//! Members of a tar archive (POSIX ustar), as far as a snapshot needs them: plain files with short names. Written by hand,
//! because libraries for it read and write files where bytes come and go in pieces here.

/// Tar archives are made of blocks of this size.
pub(super) const BLOCK: usize = 512;

const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const KIND: usize = 156;
const MAGIC: std::ops::Range<usize> = 257..265;

/// The header block of a file.
pub(super) fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, NAME, name.as_bytes());
    put(&mut block, 100..108, b"0000600\0");
    put(&mut block, 108..116, b"0000000\0");
    put(&mut block, 116..124, b"0000000\0");
    put(&mut block, SIZE, format!("{size:011o}\0").as_bytes());
    put(&mut block, 136..148, b"00000000000\0");
    put(&mut block, KIND..KIND + 1, b"0");
    put(&mut block, MAGIC, b"ustar\x0000");
    let sum = checksum(&block);
    put(&mut block, CHECKSUM, format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Name and size of the file a header block announces; nothing if it is not one.
pub(super) fn parse(block: &[u8; BLOCK]) -> Option<(String, usize)> {
    let ours = block.get(MAGIC)? == b"ustar\x0000" && block.get(KIND) == Some(&b'0');
    if !ours || octal(block.get(CHECKSUM)?)? != u64::from(checksum(block)) {
        return None;
    }
    let name = block.get(NAME)?.split(|byte| *byte == 0).next()?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let size = usize::try_from(octal(block.get(SIZE)?)?).ok()?;
    Some((name, size))
}

/// Zeros that fill the last block of a file.
pub(super) const fn padding(size: usize) -> usize {
    (BLOCK - size % BLOCK) % BLOCK
}

fn put(block: &mut [u8; BLOCK], range: std::ops::Range<usize>, bytes: &[u8]) {
    if let Some(place) = block.get_mut(range) {
        place.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    }
}

/// The sum of all bytes of a header, those of the sum itself as spaces.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let byte = |(at, byte): (usize, &u8)| {
        if CHECKSUM.contains(&at) {
            u32::from(b' ')
        } else {
            u32::from(*byte)
        }
    };
    block.iter().enumerate().map(byte).sum()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_back_and_any_change_is_noticed() {
        let block = header("rows/00000001", 4_194_305);
        assert_eq!(parse(&block), Some(("rows/00000001".to_owned(), 4_194_305)));
        for at in 0..BLOCK {
            let mut changed = block;
            changed[at] ^= 0x01;
            assert_ne!(parse(&changed), parse(&block), "byte {at}");
        }
        assert_eq!(parse(&[0; BLOCK]), None);
    }

    #[test]
    fn files_fill_whole_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
