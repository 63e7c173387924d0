//! Hashing passwords away from the threads that serve requests, a few at a time.

use std::sync::Arc;

use arca_base::{Entropy, Secret};
use arca_core::Fault;
use arca_crypto::password::PasswordHash;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Hashes in the making: each takes 19 MiB and a core, whatever the number of mounts.
static AT_WORK: Semaphore = Semaphore::const_new(4);
/// Requests that may be under way, those that wait included.
static WAITING: Semaphore = Semaphore::const_new(1024);

/// The right to hash; given back when it is dropped.
struct Turn {
    _waiting: SemaphorePermit<'static>,
    _working: SemaphorePermit<'static>,
}

/// Waits for a turn.
async fn turn() -> Result<Turn, Fault> {
    let waiting = WAITING
        .try_acquire()
        .map_err(|_| Fault::limited("too many passwords are being checked; try again later"))?;
    let working = AT_WORK.acquire().await.map_err(Fault::internal)?;
    Ok(Turn {
        _waiting: waiting,
        _working: working,
    })
}

/// Hashes a password.
pub(super) async fn hash(password: Secret<String>, entropy: Arc<dyn Entropy>) -> Result<PasswordHash, Fault> {
    run(move || PasswordHash::new(password.expose().as_bytes(), &*entropy)).await
}

/// Whether a password fits a hash.
pub(super) async fn verify(password: Secret<String>, hash: PasswordHash) -> Result<bool, Fault> {
    run(move || hash.verify(password.expose().as_bytes())).await
}

/// The turn ends with the work, not with the request: a caller that hangs up must not make room for more.
async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let turn = turn().await?;
    let job = move || {
        let done = work();
        drop(turn);
        done
    };
    tokio::task::spawn_blocking(job).await.map_err(Fault::internal)
}
