//! The shares given to a ceremony so far.

use arca_base::Secret;
use arca_crypto::constant_time;

use crate::fault::Fault;

/// Shares given so far, each once.
#[derive(Default)]
pub(crate) struct Given(Vec<Secret<Vec<u8>>>);

impl Given {
    /// Adds a share.
    ///
    /// # Errors
    /// 400 for one that was given before.
    pub(crate) fn add(&mut self, share: Secret<Vec<u8>>) -> Result<(), Fault> {
        let same = |given: &Secret<Vec<u8>>| constant_time::equal(given.expose(), share.expose());
        if self.0.iter().any(same) {
            return Err(Fault::invalid(
                "given key has already been provided during this generation operation",
            ));
        }
        self.0.push(share);
        Ok(())
    }

    pub(crate) fn shares(&self) -> &[Secret<Vec<u8>>] {
        &self.0
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}
