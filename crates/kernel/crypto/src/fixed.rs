//! Entropy for tests: chosen bytes, and repeatable ones.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use arca_base::Entropy;

use crate::digest::sha256;

/// Gives these draws in turn; each must be as long as what is asked for.
pub(crate) struct Draws {
    draws: Vec<Vec<u8>>,
    next: AtomicUsize,
}

impl Draws {
    pub(crate) fn new<D: AsRef<[u8]>>(draws: impl IntoIterator<Item = D>) -> Self {
        Self {
            draws: draws.into_iter().map(|draw| draw.as_ref().to_vec()).collect(),
            next: AtomicUsize::new(0),
        }
    }
}

impl Entropy for Draws {
    fn fill(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.draws[self.next.fetch_add(1, Ordering::Relaxed)]);
    }
}

/// The SHA-256 digests of 0, 1, 2, ... (eight bytes, most significant first), a new one for each draw.
#[derive(Default)]
pub(crate) struct Repeatable(AtomicU64);

impl Entropy for Repeatable {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let digest = sha256(&self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
    }
}
