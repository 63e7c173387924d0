//! Stored records: any bytes are a record or refused, and what was read is written back as the same record.
//!
//! The first byte chooses the type, the second is the version.
#![no_main]

use arca_core::audit::DeviceRow;
use arca_core::barrier::Stored;
use arca_core::identity::{Alias, Entity};
use arca_core::leases::{Lease, LeaseLink};
use arca_core::router::Mount;
use arca_core::tokens::{AccessorRow, Role, Token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [kind, version, body @ ..] = bytes else { return };
    match kind % 9 {
        0 => check::<Token>(*version, body),
        1 => check::<AccessorRow>(*version, body),
        2 => check::<Role>(*version, body),
        3 => check::<Lease>(*version, body),
        4 => check::<LeaseLink>(*version, body),
        5 => check::<Entity>(*version, body),
        6 => check::<Alias>(*version, body),
        7 => check::<Mount>(*version, body),
        _ => check::<DeviceRow>(*version, body),
    }
});

fn check<T: Stored>(version: u8, body: &[u8]) {
    let Ok(record) = T::decode(version, body) else { return };
    let written = record.encode().expect("what was read can be written");
    let again = T::decode(T::VERSION, &written).expect("what was written can be read");
    assert_eq!(again.encode().expect("and again"), written);
}
