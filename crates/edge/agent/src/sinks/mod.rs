//! Writing the token where programs find it.
//!
//! | part | holds |
//! |---|---|
//! | [`Sinks`] | one loop for all sinks: each new token, to each of them, until it is written |
//! | [`Written`] | whether each has been written once |
//! | `file` | how a file is replaced |
//! | `encryption` | for whom it can be read |

mod encryption;
mod file;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arca_base::json::Object;
use arca_base::{Clock, Entropy, Json, Secret, entropy};
use arca_client::{Client, ClientError};
use futures_util::future::join_all;
use tokio::sync::watch;
use tracing::{debug, error, info};

use crate::auth::FileError;
use crate::config::Sink;
use crate::replace::advice;
use crate::token::{HeldToken, TokenFeed};

use self::file::Target;

/// After a failure: two seconds, one more or less.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_SPREAD_MILLIS: u64 = 2000;

/// Why a token was not written. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The file.
    #[error("cannot write the token to {path}: {source}{}", advice(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The key of the reader cannot be read.
    #[error("cannot encrypt the token: {0}")]
    KeyFile(#[from] FileError),
    /// The key of the reader is of no use.
    #[error("cannot encrypt the token for the key in {path}: {reason}")]
    PublicKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server did not wrap it.
    #[error("cannot have the token wrapped: {}", .0.in_one_line())]
    Wrapping(#[from] ClientError),
    /// The server answered something else.
    #[error("cannot have the token wrapped: the answer of the server holds no wrapping token")]
    NotWrapped,
}

/// Whether each sink has been written once. Cloning shares it.
#[derive(Clone)]
pub struct Written(watch::Receiver<usize>);

impl Written {
    /// Whether nothing is missing now.
    #[must_use]
    pub fn all(&self) -> bool {
        *self.0.borrow() == 0
    }

    /// Completes when nothing is missing; never, if the sinks end before.
    pub async fn wait(&mut self) {
        if self.0.wait_for(|missing| *missing == 0).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// All sinks, and what they work with.
pub struct Sinks {
    sinks: Vec<Sink>,
    client: Client,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    missing: watch::Sender<usize>,
}

impl Sinks {
    /// Sinks that have written nothing yet. `client` has tokens wrapped.
    #[must_use]
    pub fn new(sinks: Vec<Sink>, client: Client, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let missing = watch::Sender::new(sinks.len());
        Self {
            sinks,
            client,
            clock,
            entropy,
            missing,
        }
    }

    /// Whether each has been written once, for whoever waits for that.
    #[must_use]
    pub fn written(&self) -> Written {
        Written(self.missing.subscribe())
    }

    /// Makes and removes a file beside each sink: a folder that cannot be written is a reason not to start.
    ///
    /// # Errors
    /// [`SinkError::File`] for the first that cannot be written.
    pub async fn probe(&self) -> Result<(), SinkError> {
        for sink in &self.sinks {
            let probed = Target::of(sink).probe(&*self.entropy).await;
            probed.map_err(|source| SinkError::File {
                path: sink.path.clone(),
                source,
            })?;
        }
        Ok(())
    }

    /// Writes each new token, until the feed ends or this is dropped. A renewed token is the same token.
    pub async fn run(self, feed: TokenFeed) {
        join_all(self.sinks.iter().map(|sink| self.keep(sink, feed.clone()))).await;
    }

    async fn keep(&self, sink: &Sink, mut feed: TokenFeed) {
        let mut written = None;
        loop {
            let held = feed.borrow_and_update().clone();
            let outdated = held.filter(|held| written != Some(held.generation));
            let Some(held) = outdated else {
                if feed.changed().await.is_err() {
                    return;
                }
                continue;
            };
            match self.put(sink, &held).await {
                Ok(()) => {
                    if written.replace(held.generation).is_none() {
                        self.missing
                            .send_modify(|missing| *missing = missing.saturating_sub(1));
                    }
                    info!("wrote the token to {}", sink.path.display());
                }
                Err(fault) => {
                    let spread = entropy::below(&*self.entropy, PAUSE_SPREAD_MILLIS + 1);
                    let pause = SHORTEST_PAUSE + Duration::from_millis(spread);
                    error!("{fault}; trying again in {:.1}s", pause.as_secs_f64());
                    self.clock.sleep(pause).await;
                }
            }
        }
    }

    async fn put(&self, sink: &Sink, held: &HeldToken) -> Result<(), SinkError> {
        let mut text = held.token.duplicate();
        if let Some(ttl) = sink.wrap_ttl {
            text = self.wrapped(&text, ttl).await?;
        }
        if let Some(how) = &sink.encryption {
            text = encryption::encrypt(&text, how, &*self.entropy).await?;
        }
        debug!("writing the token to {}", sink.path.display());
        let outcome = Target::of(sink).write(text, &*self.entropy).await;
        outcome.map_err(|source| SinkError::File {
            path: sink.path.clone(),
            source,
        })
    }

    async fn wrapped(&self, token: &Secret<String>, ttl: Duration) -> Result<Secret<String>, SinkError> {
        let ttl = ttl.as_secs().max(1).to_string();
        let client = self
            .client
            .clone()
            .with_token(Some(token.duplicate()))
            .with_wrap_ttl(Some(&ttl));
        let fields = Object::from([("token".to_owned(), Json::from(token.expose().as_str()))]);
        let answer = client.write("sys/wrapping/wrap", &fields).await?;
        let wrapped = answer
            .and_then(|answer| answer.wrap_info)
            .ok_or(SinkError::NotWrapped)?;
        let text = serde_json::to_string(&wrapped).map_err(|_| SinkError::NotWrapped)?;
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_files_come_with_a_remedy() {
        for (kind, remedy) in [
            (io::ErrorKind::StorageFull, "make room on that file system"),
            (io::ErrorKind::QuotaExceeded, "make room on that file system"),
            (
                io::ErrorKind::PermissionDenied,
                "let the agent write into that folder",
            ),
            (
                io::ErrorKind::ReadOnlyFilesystem,
                "a file system that can be written",
            ),
            (io::ErrorKind::NotFound, "make the folder"),
        ] {
            let error = SinkError::File {
                path: "/run/token".into(),
                source: kind.into(),
            };
            let text = error.to_string();
            assert!(
                text.starts_with("cannot write the token to /run/token: ") && text.contains(remedy),
                "{text}"
            );
        }
    }
}
