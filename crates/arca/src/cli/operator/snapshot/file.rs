//! Snapshots as files: read in pieces, whatever their size.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use arca_client::{Chunks, TransportError};
use arca_core::snapshot::{BadSnapshot, Item, Unpacker, Whole};
use bytes::Bytes;
use futures_util::stream;

use crate::cli::failure::Failure;

/// Bytes read at a time.
const PIECE: usize = 256 << 10;

pub(super) fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::local(format!("Error reading {}: {error}", path.display()))
}

/// Reads a whole snapshot and hands each member to `look`.
pub(super) fn read(
    path: &Path,
    mut look: impl FnMut(&Item) -> Result<(), BadSnapshot>,
) -> Result<Whole, Failure> {
    let bad = |error: BadSnapshot| Failure::local(format!("{}: {error}", path.display()));
    let mut file = open(path)?;
    let mut unpacker = Unpacker::new();
    let mut buffer = vec![0; PIECE];
    loop {
        let count = file.read(&mut buffer).map_err(|error| unreadable(path, &error))?;
        if count == 0 {
            return unpacker.end().map_err(bad);
        }
        let items = unpacker
            .feed(buffer.get(..count).unwrap_or_default())
            .map_err(bad)?;
        items.iter().try_for_each(&mut look).map_err(bad)?;
    }
}

/// A file as the body of a request.
pub(super) fn chunks(file: File) -> Chunks {
    Chunks::new(stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let mut buffer = vec![0; PIECE];
        match file.read(&mut buffer) {
            Ok(0) => None,
            Ok(count) => {
                buffer.truncate(count);
                Some((Ok(Bytes::from(buffer)), Some(file)))
            }
            Err(error) => Some((
                Err(TransportError::Unsupported(format!("reading the file: {error}"))),
                None,
            )),
        }
    }))
}
