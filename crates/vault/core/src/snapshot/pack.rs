//! Writing a snapshot: members in, bytes out, piece by piece.

use std::io::Write as _;

use arca_crypto::digest::{Sha256, sha256};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::manifest::{Header, Summary, sums};
use super::{member, rows};

/// Writes a snapshot. What is written is taken out as it comes.
pub struct Packer {
    out: GzEncoder<Vec<u8>>,
    header: [u8; 32],
    rows: Sha256,
    summary: Summary,
    part: Vec<u8>,
}

impl Packer {
    /// A snapshot that begins with `header`.
    ///
    /// # Errors
    /// When the header has no JSON form.
    pub fn new(header: &Header) -> std::io::Result<Self> {
        let text = serde_json::to_vec_pretty(header)?;
        let mut packer = Self {
            // Sealed bytes cannot be made smaller.
            out: GzEncoder::new(Vec::new(), Compression::none()),
            header: sha256(&text),
            rows: Sha256::new(),
            summary: Summary::default(),
            part: Vec::new(),
        };
        packer.member("meta.json", &text)?;
        Ok(packer)
    }

    /// Adds a row; keys come in their order.
    ///
    /// # Errors
    /// When the archive cannot be written, which memory always can.
    pub fn row(&mut self, key: &str, value: &[u8]) -> std::io::Result<()> {
        rows::push(&mut self.part, key, value);
        self.summary.rows += 1;
        self.summary.bytes += (key.len() + value.len()) as u64;
        if self.part.len() >= super::PART_BYTES {
            self.end_part()?;
        }
        Ok(())
    }

    fn end_part(&mut self) -> std::io::Result<()> {
        let part = std::mem::take(&mut self.part);
        self.summary.parts += 1;
        self.rows.update(&part);
        self.member(&format!("rows/{:08}", self.summary.parts), &part)
    }

    /// Ends the rows; gives the text of `SHA256SUMS`, which is to be sealed.
    ///
    /// # Errors
    /// As [`Packer::row`].
    pub fn sums(&mut self) -> std::io::Result<String> {
        if !self.part.is_empty() {
            self.end_part()?;
        }
        let summary = serde_json::to_vec_pretty(&self.summary)?;
        self.member("summary.json", &summary)?;
        let rows = std::mem::take(&mut self.rows).finish();
        let text = sums(&self.header, &rows, &sha256(&summary));
        self.member("SHA256SUMS", text.as_bytes())?;
        Ok(text)
    }

    /// Ends the snapshot with the sealed text of `SHA256SUMS`; gives what was not taken yet.
    ///
    /// # Errors
    /// As [`Packer::row`].
    pub fn finish(mut self, sealed: &[u8]) -> std::io::Result<Bytes> {
        self.member("SHA256SUMS.sealed", sealed)?;
        self.out.write_all(&[0; 2 * member::BLOCK])?;
        self.out.finish().map(Bytes::from)
    }

    /// What was written since the last time.
    #[must_use]
    pub fn take(&mut self) -> Bytes {
        std::mem::take(self.out.get_mut()).into()
    }

    fn member(&mut self, name: &str, content: &[u8]) -> std::io::Result<()> {
        self.out.write_all(&member::header(name, content.len()))?;
        self.out.write_all(content)?;
        let zeros = [0; member::BLOCK];
        let padding = zeros.get(..member::padding(content.len())).unwrap_or_default();
        self.out.write_all(padding)
    }
}
