//! Snapshots: whatever a file holds, it is read whole or refused with a short message, and pieces of another size change
//! nothing.
#![no_main]

use arca_core::snapshot::{BadSnapshot, Examiner, Item, RowsOf, Unpacker, Whole};
use libfuzzer_sys::fuzz_target;

fn read(file: &[u8], pieces: usize) -> Result<(Vec<Item>, Whole), BadSnapshot> {
    let mut unpacker = Unpacker::new();
    let mut items = Vec::new();
    for piece in file.chunks(pieces) {
        items.extend(unpacker.feed(piece)?);
    }
    Ok((items, unpacker.end()?))
}

fuzz_target!(|data: &[u8]| {
    let (whole, pieces) = (read(data, usize::MAX), read(data, 7));
    assert_eq!(whole.is_ok(), pieces.is_ok());
    match whole {
        Err(error) => assert!(error.to_string().len() < 40_000),
        Ok((items, whole)) => {
            let mut examiner = Examiner::new();
            let mut rows = 0;
            for item in &items {
                examiner.take(item).expect("rows were checked");
                if let Item::Part { number, bytes } = item {
                    rows += RowsOf::new(*number, bytes).map(|row| row.expect("checked")).count();
                }
            }
            assert_eq!(rows as u64, whole.summary.rows);
            examiner.finish(&whole).expect("no keys, no seal to open");
        }
    }
});
