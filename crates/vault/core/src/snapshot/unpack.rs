//! Reading a snapshot: bytes in, members out, checked as far as that needs no key.

use arca_base::id;
use arca_crypto::digest::{Sha256, sha256};
use arca_storage::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

use super::gunzip::{BadGzip, Gunzip, Place};
use super::manifest::{FORMAT, Header, Summary, VERSION, sums};
use super::rows::RowsOf;
use super::{PART_BYTES, member};
use crate::layout;

/// Bytes that are decompressed at a time: at most a thousand times as many come out.
const SLICE: usize = 8 << 10;
/// Largest member with rows: a part that lacked one byte, and the largest row.
const LARGEST_PART: usize = PART_BYTES + MAX_KEY_BYTES + MAX_VALUE_BYTES + 8;
/// Largest other member.
const LARGEST_TEXT: usize = 64 << 10;

/// A file that is not a whole snapshot as it was written. Says where, never what is written there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSnapshot {
    /// Something else.
    #[error("this is not a snapshot: {0}")]
    Foreign(&'static str),
    /// A version this program does not know.
    #[error("the snapshot has version {0}, which a newer server wrote; this one reads version {known}", known = VERSION)]
    Version(u32),
    /// It ends too early.
    #[error("the snapshot is truncated: it ends before {0}")]
    Truncated(String),
    /// Compressed bytes do not decompress.
    #[error("the snapshot is damaged in or after {0}: it does not decompress")]
    Compression(String),
    /// A member out of its place.
    #[error("the snapshot is damaged: {expected} was expected and {found} was found")]
    Member {
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A member larger than any that is written.
    #[error("{member} has {bytes} bytes, and at most {limit} are allowed")]
    TooLarge {
        /// Its name.
        member: String,
        /// Its size.
        bytes: usize,
        /// The largest size.
        limit: usize,
    },
    /// A text that does not decode.
    #[error("{0} does not decode")]
    Malformed(&'static str),
    /// Rows without their form.
    #[error("the rows in rows/{part:08} are damaged")]
    Rows {
        /// Which part.
        part: u64,
    },
    /// Rows out of order, or twice.
    #[error("the row {key:?} in rows/{part:08} is not after the row before it")]
    Order {
        /// Its key.
        key: String,
        /// Which part.
        part: u64,
    },
    /// A row that is never part of a snapshot.
    #[error("the row {0:?} does not belong into a snapshot")]
    Stray(String),
    /// What was counted is not what was read.
    #[error("the snapshot holds other rows than summary.json counts")]
    Counts,
    /// A digest that does not fit.
    #[error("SHA256SUMS does not fit: the snapshot was altered, or damaged on its way")]
    Digest,
    /// Bytes after the end.
    #[error("there are bytes after the end of the snapshot")]
    Trailing,
    /// A row without which nothing can be restored.
    #[error("the snapshot is incomplete: it has no {0}")]
    Missing(&'static str),
    /// The seal over the digests does not open.
    #[error("SHA256SUMS.sealed was refused: the snapshot was altered, or put together from others")]
    Seal,
    /// A record that does not open.
    #[error("{0}")]
    Record(String),
}

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// The header, first.
    Header(Header),
    /// Rows, whose form and order are checked.
    Part {
        /// From 1.
        number: u64,
        /// See [`RowsOf`].
        bytes: Vec<u8>,
    },
}

/// What is known at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole {
    /// The header.
    pub header: Header,
    /// What was read.
    pub summary: Summary,
    /// The text of `SHA256SUMS`, which fits.
    pub sums: String,
    /// The sealed text of `SHA256SUMS`, not opened.
    pub sealed: Vec<u8>,
}

/// Which member is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Header,
    RowsOrSummary,
    Sums,
    Sealed,
    End,
}

/// Reads a snapshot. Holds one member at a time.
pub struct Unpacker {
    gzip: Gunzip,
    plain: Vec<u8>,
    next: Next,
    header: Option<Header>,
    digests: Digests,
    counted: Summary,
    last_key: String,
    sums: String,
    sealed: Option<Vec<u8>>,
}

#[derive(Default)]
struct Digests {
    header: [u8; 32],
    rows: Sha256,
    summary: [u8; 32],
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new()
    }
}

impl Unpacker {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            gzip: Gunzip::new(),
            plain: Vec::new(),
            next: Next::Header,
            header: None,
            digests: Digests::default(),
            counted: Summary::default(),
            last_key: String::new(),
            sums: String::new(),
            sealed: None,
        }
    }

    /// Takes the next bytes, and gives what is complete with them.
    ///
    /// # Errors
    /// [`BadSnapshot`]; nothing more can be read then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Item>, BadSnapshot> {
        let mut items = Vec::new();
        for slice in bytes.chunks(SLICE) {
            let fed = self.gzip.feed(slice, &mut self.plain);
            fed.map_err(|error| self.undecodable(error))?;
            while let Some(item) = self.member()? {
                items.extend(item);
            }
        }
        Ok(items)
    }

    /// Says that there are no more bytes.
    ///
    /// # Errors
    /// [`BadSnapshot`] unless the snapshot is whole.
    pub fn end(self) -> Result<Whole, BadSnapshot> {
        if self.gzip.place() == Place::Head {
            return Err(BadSnapshot::Foreign("it is empty, or not compressed by gzip"));
        }
        if self.gzip.place() != Place::End {
            return Err(BadSnapshot::Truncated(self.expected()));
        }
        match (self.next, self.header, self.sealed) {
            (Next::End, Some(header), Some(sealed)) if self.plain.len() == 2 * member::BLOCK => Ok(Whole {
                header,
                summary: self.counted,
                sums: self.sums,
                sealed,
            }),
            (Next::End, ..) => Err(BadSnapshot::Truncated("the end of the archive".to_owned())),
            (next, ..) => Err(BadSnapshot::Truncated(expected(next, self.counted.parts))),
        }
    }

    fn undecodable(&self, error: BadGzip) -> BadSnapshot {
        match error {
            BadGzip::Foreign => BadSnapshot::Foreign("it is not compressed by gzip"),
            BadGzip::Damaged => BadSnapshot::Compression(self.expected()),
            BadGzip::Trailing => BadSnapshot::Trailing,
        }
    }

    fn expected(&self) -> String {
        expected(self.next, self.counted.parts)
    }

    /// Takes a member off the front of what was decompressed, if it is there as a whole. Members that are only looked
    /// at give an empty list.
    fn member(&mut self) -> Result<Option<Vec<Item>>, BadSnapshot> {
        let Some(block) = self.plain.first_chunk::<{ member::BLOCK }>() else {
            return Ok(None);
        };
        if self.next == Next::End {
            return self.zeros().map(|()| None);
        }
        let Some((name, size)) = member::parse(block) else {
            return Err(match self.next {
                Next::Header => BadSnapshot::Foreign("it is not an archive of this form"),
                _ => BadSnapshot::Member {
                    expected: self.expected(),
                    found: "something else".to_owned(),
                },
            });
        };
        let limit = if name.starts_with("rows/") {
            LARGEST_PART
        } else {
            LARGEST_TEXT
        };
        if size > limit {
            return Err(BadSnapshot::TooLarge {
                member: printable(&name),
                bytes: size,
                limit,
            });
        }
        let end = member::BLOCK + size;
        let padded = end + member::padding(size);
        let Some(whole) = self.plain.get(..padded) else {
            return Ok(None);
        };
        if whole
            .get(end..)
            .is_some_and(|padding| padding.iter().any(|byte| *byte != 0))
        {
            return Err(BadSnapshot::Digest);
        }
        let content = whole.get(member::BLOCK..end).unwrap_or_default().to_vec();
        self.plain.drain(..padded);
        self.take(&name, content).map(Some)
    }

    /// After the last member there are two blocks of zeros.
    fn zeros(&self) -> Result<(), BadSnapshot> {
        if self.plain.len() > 2 * member::BLOCK || self.plain.iter().any(|byte| *byte != 0) {
            return Err(BadSnapshot::Trailing);
        }
        Ok(())
    }

    fn take(&mut self, name: &str, content: Vec<u8>) -> Result<Vec<Item>, BadSnapshot> {
        match (self.next, name) {
            (Next::Header, "meta.json") => self.take_header(&content).map(|item| vec![item]),
            (Next::RowsOrSummary, "summary.json") => self.take_summary(&content).map(|()| Vec::new()),
            (Next::RowsOrSummary, name) if name == part_name(self.counted.parts + 1) => {
                self.take_part(content).map(|item| vec![item])
            }
            (Next::Sums, "SHA256SUMS") => self.take_sums(content).map(|()| Vec::new()),
            (Next::Sealed, "SHA256SUMS.sealed") => {
                self.sealed = Some(content);
                self.next = Next::End;
                Ok(Vec::new())
            }
            _ => Err(BadSnapshot::Member {
                expected: self.expected(),
                found: printable(name),
            }),
        }
    }

    fn take_header(&mut self, content: &[u8]) -> Result<Item, BadSnapshot> {
        let text: serde_json::Value =
            serde_json::from_slice(content).map_err(|_| BadSnapshot::Malformed("meta.json"))?;
        if text.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
            return Err(BadSnapshot::Foreign("meta.json is that of another program"));
        }
        // The version first: the rest of a newer header may look different.
        let version = text.get("version").and_then(serde_json::Value::as_u64);
        let version = version.ok_or(BadSnapshot::Malformed("meta.json"))?;
        if version != u64::from(VERSION) {
            return Err(BadSnapshot::Version(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        let header: Header = serde_json::from_value(text).map_err(|_| BadSnapshot::Malformed("meta.json"))?;
        self.digests.header = sha256(content);
        self.header = Some(header.clone());
        self.next = Next::RowsOrSummary;
        Ok(Item::Header(header))
    }

    fn take_part(&mut self, bytes: Vec<u8>) -> Result<Item, BadSnapshot> {
        let number = self.counted.parts + 1;
        for row in RowsOf::new(number, &bytes) {
            let (key, value) = row?;
            if *key <= *self.last_key {
                return Err(BadSnapshot::Order {
                    key: key.to_owned(),
                    part: number,
                });
            }
            if layout::is_of_restore(key) {
                return Err(BadSnapshot::Stray(key.to_owned()));
            }
            key.clone_into(&mut self.last_key);
            self.counted.rows += 1;
            self.counted.bytes += (key.len() + value.len()) as u64;
        }
        self.counted.parts = number;
        self.digests.rows.update(&bytes);
        Ok(Item::Part { number, bytes })
    }

    fn take_summary(&mut self, content: &[u8]) -> Result<(), BadSnapshot> {
        let summary: Summary =
            serde_json::from_slice(content).map_err(|_| BadSnapshot::Malformed("summary.json"))?;
        if summary != self.counted {
            return Err(BadSnapshot::Counts);
        }
        self.digests.summary = sha256(content);
        self.next = Next::Sums;
        Ok(())
    }

    fn take_sums(&mut self, content: Vec<u8>) -> Result<(), BadSnapshot> {
        let rows = std::mem::take(&mut self.digests.rows).finish();
        let right = sums(&self.digests.header, &rows, &self.digests.summary);
        if content != right.as_bytes() {
            return Err(BadSnapshot::Digest);
        }
        self.sums = right;
        self.next = Next::Sealed;
        Ok(())
    }
}

fn part_name(number: u64) -> String {
    format!("rows/{number:08}")
}

fn expected(next: Next, parts: u64) -> String {
    match next {
        Next::Header => "meta.json".to_owned(),
        Next::RowsOrSummary => format!("{} or summary.json", part_name(parts + 1)),
        Next::Sums => "SHA256SUMS".to_owned(),
        Next::Sealed => "SHA256SUMS.sealed".to_owned(),
        Next::End => "the end of the archive".to_owned(),
    }
}

/// A name from a file, for a message.
fn printable(name: &str) -> String {
    if name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        name.to_owned()
    } else {
        format!(
            "a name of {} bytes ({}...)",
            name.len(),
            id::hex(name.as_bytes().get(..4).unwrap_or_default())
        )
    }
}
