//! The file of a sink.

use std::io;

use arca_base::{Entropy, Secret};

use crate::config::Sink;
use crate::replace::Replacement;

/// Where a token is written.
#[derive(Clone)]
pub(super) struct Target(Replacement);

impl Target {
    pub(super) fn of(sink: &Sink) -> Self {
        Self(Replacement {
            path: sink.path.clone(),
            mode: sink.mode,
            owner: sink.owner.clone(),
            group: sink.group.clone(),
            former: None,
            backup: false,
        })
    }

    /// Whether a file can be made there, with its owners: said before there is a token to lose.
    pub(super) async fn probe(&self, entropy: &dyn Entropy) -> io::Result<()> {
        let (Self(target), temporary) = (self.clone(), self.0.temporary(entropy));
        blocking(move || target.probe(&temporary)).await
    }

    /// Puts `text` in the place of what is there.
    pub(super) async fn write(&self, text: Secret<String>, entropy: &dyn Entropy) -> io::Result<()> {
        let (Self(target), temporary) = (self.clone(), self.0.temporary(entropy));
        blocking(move || target.write(&temporary, text.expose().as_bytes())).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(io::Error::other(error)),
    }
}
