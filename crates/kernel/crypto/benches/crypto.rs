//! What one record, one MAC and one unsealing cost. Run with `cargo bench -p arca-crypto`.
#![expect(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use arca_base::{Entropy, Secret, Timestamp};
use arca_crypto::aead::AeadKey;
use arca_crypto::mac::MacKey;
use arca_crypto::x509::{Authority, Validity};
use arca_crypto::{SystemEntropy, digest, shamir};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

const AAD: &[u8] = b"ns/0123456789/mount/0123456789/data/team/app/config#1";
const SIZES: [usize; 2] = [300, 4096];

fn main() {
    divan::main();
}

/// Takes the generator out of the measurement.
struct Constant;

impl Entropy for Constant {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

#[divan::bench(args = SIZES)]
fn seal(bencher: Bencher<'_, '_>, size: usize) {
    let (key, plaintext) = (AeadKey::generate(&SystemEntropy), vec![1; size]);
    bencher
        .counter(BytesCount::new(size))
        .bench(|| key.seal(&SystemEntropy, AAD, black_box(&plaintext)));
}

#[divan::bench(args = SIZES)]
fn seal_without_generator(bencher: Bencher<'_, '_>, size: usize) {
    let (key, plaintext) = (AeadKey::generate(&SystemEntropy), vec![1; size]);
    bencher
        .counter(BytesCount::new(size))
        .bench(|| key.seal(&Constant, AAD, black_box(&plaintext)));
}

#[divan::bench(args = SIZES)]
fn open(bencher: Bencher<'_, '_>, size: usize) {
    let key = AeadKey::generate(&SystemEntropy);
    let record = key.seal(&SystemEntropy, AAD, &vec![1; size]).unwrap();
    bencher
        .counter(BytesCount::new(size))
        .bench(|| drop(black_box(key.open(AAD, black_box(&record)).unwrap())));
}

#[divan::bench(args = SIZES)]
fn open_into(bencher: Bencher<'_, '_>, size: usize) {
    let key = AeadKey::generate(&SystemEntropy);
    let record = key.seal(&SystemEntropy, AAD, &vec![1; size]).unwrap();
    let mut plaintext = Secret::new(Vec::with_capacity(size));
    bencher
        .counter(BytesCount::new(size))
        .bench_local(|| key.open_into(AAD, black_box(&record), &mut plaintext).unwrap());
}

#[divan::bench(args = SIZES)]
fn open_in_place(bencher: Bencher<'_, '_>, size: usize) {
    let key = AeadKey::generate(&SystemEntropy);
    let record = key.seal(&SystemEntropy, AAD, &vec![1; size]).unwrap();
    bencher
        .counter(BytesCount::new(size))
        .with_inputs(|| record.clone())
        .bench_local_refs(|record| key.open_in_place(AAD, record).unwrap().len());
}

#[divan::bench]
fn key_schedule(bencher: Bencher<'_, '_>) {
    bencher.bench(|| AeadKey::from_slice(black_box(&[7; 32])).unwrap());
}

#[divan::bench]
fn nonce() -> [u8; 12] {
    arca_base::entropy::bytes(&SystemEntropy)
}

#[divan::bench]
fn mac_64_bytes(bencher: Bencher<'_, '_>) {
    let key = MacKey::new(b"5c8e4b58-7c3a-4d2e-9a52-0a3d4e0c9f11");
    bencher.bench(|| key.sign(black_box(&[b'a'; 64])));
}

#[divan::bench]
fn mac_hex_64_bytes(bencher: Bencher<'_, '_>) {
    let key = MacKey::new(b"5c8e4b58-7c3a-4d2e-9a52-0a3d4e0c9f11");
    let mut line = String::with_capacity(4096);
    bencher.bench_local(|| {
        line.clear();
        key.sign_hex_onto(black_box(&[b'a'; 64]), &mut line);
    });
}

#[divan::bench]
fn sha256_64_bytes() -> [u8; 32] {
    digest::sha256(black_box(&[b'a'; 64]))
}

#[divan::bench]
fn shamir_split_5_of_10() {
    shamir::split(black_box(&[7; 32]), 10, 5, &SystemEntropy).unwrap();
}

#[divan::bench]
fn shamir_combine_5(bencher: Bencher<'_, '_>) {
    let shares = shamir::split(&[7; 32], 5, 5, &SystemEntropy).unwrap();
    bencher.bench(|| shamir::combine(black_box(&shares)).unwrap());
}

#[divan::bench]
fn create_authority(bencher: Bencher<'_, '_>) {
    let validity = Validity::new(Timestamp::EPOCH, Timestamp::from_unix(4_000_000_000, 0)).unwrap();
    bencher.bench(|| Authority::create("bench", validity, &SystemEntropy).unwrap());
}
