//! What a power cut may leave at the end of a journal, and its repair.
//!
//! The database appends each group of commits to a journal and syncs it before the next group begins. When the power
//! goes during the sync, any of the sectors of that last group may have reached the disk and any other not. The
//! database copes when the group simply ends early, but when its end made it to the disk and something in the
//! middle did not, it takes that for damage and does not open any more. And what is really damaged, a group that
//! others follow, it drops in silence together with all that follow. So the journals are read here first:
//!
//! * what follows the last whole group of the newest journal was never acknowledged, and is cut off;
//! * a group that is not whole although later ones are, or in a journal that is no longer written to, was
//!   acknowledged and is damaged. The store is not opened.
//!
//! A journal is a sequence of groups, and then zeros up to the size it was created with. Numbers are little-endian:
//!
//! ```text
//! group   start item* end
//! start   1u8  items u32  number u64
//! item    2u8  type u8  0u8 (not compressed)  keyspace u64  key length u16  value length u32, twice  key  value
//! end     3u8  xxh3 of the items u64  "FJL" 3u8
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::error::OpenError;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const MAGIC: [u8; 4] = *b"FJL\x03";

/// Checks the journals of the database in `folder`, and cuts off what a power cut left of the last group.
pub(super) fn repair(folder: &Path) -> Result<(), OpenError> {
    let mut journals = journals(folder).map_err(|error| OpenError::io(folder, error))?;
    journals.sort_unstable();
    let newest = journals.pop();
    for (_, sealed) in journals {
        if let Ending::Torn { at, .. } = ending(&sealed)? {
            return Err(damaged(&sealed, at));
        }
    }
    let Some((_, newest)) = newest else {
        return Ok(());
    };
    match ending(&newest)? {
        Ending::Clean => Ok(()),
        Ending::Torn { at, followed: true } => Err(damaged(&newest, at)),
        Ending::Torn { at, followed: false } => {
            tracing::info!(
                "cutting off an unfinished commit at byte {at} of {}",
                newest.display()
            );
            cut(&newest, at).map_err(|error| OpenError::io(&newest, error))
        }
    }
}

fn damaged(journal: &Path, at: u64) -> OpenError {
    OpenError::damaged(
        journal,
        format!("the commit at byte {at} is not whole, and it was acknowledged"),
    )
}

/// The journals in `folder` with their numbers.
fn journals(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_suffix(".jnl")?.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    Ok(found)
}

fn cut(journal: &Path, at: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(journal)?;
    file.set_len(at)?;
    file.sync_all()
}

/// How the groups of a journal end.
enum Ending {
    /// With a whole group, and then nothing or zeros.
    Clean,
    /// With bytes that are not a whole group.
    Torn {
        /// Where the last whole group ends.
        at: u64,
        /// Whether a whole group comes later.
        followed: bool,
    },
}

fn ending(journal: &Path) -> Result<Ending, OpenError> {
    read_ending(journal).map_err(|error| OpenError::io(journal, error))
}

fn read_ending(journal: &Path) -> io::Result<Ending> {
    let mut reader = BufReader::with_capacity(256 << 10, File::open(journal)?);
    let (mut at, mut last) = (0, None);
    while let Some(group) = whole_group(&mut reader)? {
        at += group.bytes;
        last = Some(group.number);
    }
    let mut file = reader.into_inner();
    if only_zeros_from(&mut file, at)? {
        return Ok(Ending::Clean);
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.read_to_end(&mut rest)?;
    let followed = holds_group_after(&rest, last);
    Ok(Ending::Torn { at, followed })
}

/// Whether nothing but zeros follows. A journal is created with 64 MiB of them, which the file system does not store
/// and which are not read here either.
fn only_zeros_from(file: &mut File, mut at: u64) -> io::Result<bool> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut chunk = vec![0; ZEROS.len()];
    while let Some(stored) = next_stored(file, at)? {
        file.seek(SeekFrom::Start(stored))?;
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(true);
        }
        if chunk.get(..length) != ZEROS.get(..length) {
            return Ok(false);
        }
        at = stored + length as u64;
    }
    Ok(true)
}

/// Where the file system stores something, at `at` or later.
#[cfg(target_os = "linux")]
fn next_stored(file: &File, at: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
        Ok(stored) => Ok(Some(stored)),
        Err(rustix::io::Errno::NXIO) => Ok(None),
        Err(rustix::io::Errno::INVAL) => Ok(Some(at)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn next_stored(_file: &File, at: u64) -> io::Result<Option<u64>> {
    Ok(Some(at))
}

/// Whether a whole group with a number above `last` begins somewhere in `bytes`.
fn holds_group_after(bytes: &[u8], last: Option<u64>) -> bool {
    (0..bytes.len()).any(|at| {
        let mut rest = bytes.get(at..).unwrap_or_default();
        rest.first() == Some(&START)
            && whole_group(&mut rest).is_ok_and(|group| group.is_some_and(|group| Some(group.number) > last))
    })
}

struct Group {
    number: u64,
    bytes: u64,
}

/// Reads a group; `None` when there is none, or not all of it.
fn whole_group(reader: &mut impl BufRead) -> io::Result<Option<Group>> {
    match read_group(reader) {
        Ok(group) => Ok(group),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_group(reader: &mut impl BufRead) -> io::Result<Option<Group>> {
    let [tag, start @ ..]: [u8; 13] = take(reader)?;
    let (items, number) = split_start(start);
    if tag != START {
        return Ok(None);
    }
    let mut hasher = Xxh3::new();
    let mut bytes = 2 * 13;
    for _ in 0..items {
        match read_item(reader, &mut hasher)? {
            Some(read) => bytes += read,
            None => return Ok(None),
        }
    }
    let [tag, end @ ..]: [u8; 13] = take(reader)?;
    let (checksum, magic) = split_end(end);
    let whole = tag == END && magic == MAGIC && checksum == hasher.digest();
    Ok(whole.then_some(Group { number, bytes }))
}

/// Feeds an item to `hasher` and returns its size; `None` when it is not an item.
fn read_item(reader: &mut impl BufRead, hasher: &mut Xxh3) -> io::Result<Option<u64>> {
    let header: [u8; 21] = take(reader)?;
    let [tag, _, compression, _, _, _, _, _, _, _, _, lengths @ ..] = header;
    let (key, value, stored) = split_lengths(lengths);
    if tag != ITEM || compression != 0 || value != stored {
        return Ok(None);
    }
    hasher.update(&header);
    let body = u64::from(key) + u64::from(value);
    hash_exactly(reader, body, hasher)?;
    Ok(Some(body + 21))
}

fn hash_exactly(reader: &mut impl BufRead, mut count: u64, hasher: &mut Xxh3) -> io::Result<()> {
    while count > 0 {
        let chunk = reader.fill_buf()?;
        let wanted = usize::try_from(count).unwrap_or(usize::MAX).min(chunk.len());
        let Some(chunk) = chunk.get(..wanted).filter(|chunk| !chunk.is_empty()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        hasher.update(chunk);
        reader.consume(wanted);
        count -= wanted as u64;
    }
    Ok(())
}

fn take<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

const fn split_start(start: [u8; 12]) -> (u32, u64) {
    let [a, b, c, d, number @ ..] = start;
    (u32::from_le_bytes([a, b, c, d]), u64::from_le_bytes(number))
}

const fn split_end(end: [u8; 12]) -> (u64, [u8; 4]) {
    let [a, b, c, d, e, f, g, h, magic @ ..] = end;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), magic)
}

const fn split_lengths(lengths: [u8; 10]) -> (u16, u32, u32) {
    let [a, b, c, d, e, f, stored @ ..] = lengths;
    let (key, value) = (u16::from_le_bytes([a, b]), u32::from_le_bytes([c, d, e, f]));
    (key, value, u32::from_le_bytes(stored))
}

#[cfg(test)]
mod tests {
    use fjall::{Database, PersistMode};

    use super::*;

    /// Offsets where the groups of a journal end.
    struct Written {
        folder: tempfile::TempDir,
        ends: Vec<usize>,
        bytes: Vec<u8>,
    }

    impl Written {
        /// A journal as the database writes it: groups of a few items, one of them large.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::builder(folder.path()).open().unwrap();
            let entries = database.keyspace("entries", Default::default).unwrap();
            let mut ends = vec![0];
            for size in [10, 0, 5_000, 100] {
                let mut batch = database.batch().durability(Some(PersistMode::SyncData));
                batch.insert(&entries, "first", vec![b'x'; size]);
                batch.remove(&entries, "second");
                batch.insert(&entries, "third", vec![1; size]);
                batch.commit().unwrap();
                ends.push(ends.last().unwrap() + 13 + 3 * 21 + 5 + 6 + 5 + 2 * size + 13);
            }
            drop((entries, database));
            let mut bytes = fs::read(folder.path().join("0.jnl")).unwrap();
            let zeros = bytes.split_off(ends.last().unwrap() + 100_000);
            assert!(zeros.len() > 60 << 20 && zeros.iter().max() == Some(&0));
            Self { folder, ends, bytes }
        }

        fn journal(&self) -> PathBuf {
            self.folder.path().join("0.jnl")
        }

        /// Puts `bytes` in place of the journal, repairs it and reads what is left.
        fn repaired(&self, bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
            fs::write(self.journal(), bytes).unwrap();
            repair(self.folder.path())?;
            Ok(fs::read(self.journal()).unwrap())
        }

        fn used(&self) -> &[u8] {
            &self.bytes[..*self.ends.last().unwrap()]
        }

        fn all_but_the_last(&self) -> &[u8] {
            &self.bytes[..self.ends[self.ends.len() - 2]]
        }
    }

    #[test]
    fn a_whole_journal_is_left_as_it_is() {
        let written = Written::new();
        assert!(written.repaired(&written.bytes).unwrap() == written.bytes);
        assert!(written.repaired(written.used()).unwrap() == written.used());
        assert!(written.repaired(b"").unwrap().is_empty());
    }

    #[test]
    fn a_hole_in_the_last_group_is_cut_off() {
        let written = Written::new();
        let start = written.all_but_the_last().len();
        for hole in [start, start + 1, start + 14, start + 40, written.used().len() - 4] {
            let mut torn = written.bytes.clone();
            torn[hole] ^= 0x55;
            let left = written.repaired(&torn).unwrap();
            assert!(left == written.all_but_the_last(), "hole at {hole}");
        }
    }

    #[test]
    fn an_early_end_is_cut_off() {
        let written = Written::new();
        for end in (written.all_but_the_last().len() + 1..written.used().len()).step_by(3) {
            assert!(written.repaired(&written.bytes[..end]).unwrap() == written.all_but_the_last());
        }
    }

    #[test]
    fn damage_before_a_whole_group_is_not_repaired() {
        let written = Written::new();
        for damaged in [0, 20, written.ends[1] + 3, written.ends[2] + 2_000] {
            let mut bytes = written.bytes.clone();
            bytes[damaged] ^= 0x55;
            let refused = written.repaired(&bytes).unwrap_err();
            assert!(
                matches!(refused, OpenError::Damaged { .. }),
                "byte {damaged}: {refused}"
            );
            assert!(
                fs::read(written.journal()).unwrap() == bytes,
                "and nothing is changed"
            );
        }
    }

    #[test]
    fn an_older_journal_has_to_be_whole() {
        let written = Written::new();
        fs::write(written.folder.path().join("1.jnl"), b"").unwrap();
        assert!(written.repaired(&written.bytes).is_ok());
        let torn = &written.bytes[..written.used().len() - 1];
        assert!(matches!(written.repaired(torn), Err(OpenError::Damaged { .. })));
    }
}
