//! Taking a snapshot while the server serves: one moment of the store, in pieces as fast as they are taken.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arca_base::Timestamp;
use arca_storage::Snapshot;
use bytes::Bytes;
use futures_util::{Stream, stream};

use super::manifest::{FORMAT, Header, VERSION};
use super::pack::Packer;
use super::{PART_BYTES, SEAL_LABEL};
use crate::active::Active;
use crate::barrier::Barrier;
use crate::fault::Fault;
use crate::layout;

/// Most rows read at a time.
const MOST_ROWS: usize = 1024;

type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Fault>> + Send>>;

/// The bytes of an answer that is not kept in memory. Ends after an error.
pub struct Download(Pieces);

impl Stream for Download {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Download")
    }
}

/// A snapshot being taken.
struct Export {
    rows: Box<dyn Snapshot>,
    packer: Packer,
    barrier: Arc<Barrier>,
    /// Rows to read next: as many as make about a part.
    limit: usize,
}

impl Download {
    /// Everything the store holds now.
    ///
    /// # Errors
    /// [`Fault::unavailable`] when the store cannot answer.
    pub(crate) async fn of_store(active: &Active, now: Timestamp) -> Result<Self, Fault> {
        let unanswered = |error: arca_storage::StorageError| Fault::unavailable(error.to_string());
        let storage = active.barrier.storage();
        let rows = storage.snapshot().await.map_err(unanswered)?;
        let header = Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            created: now,
            revision: rows.revision().0,
            cluster_name: active.cluster.name.clone(),
            cluster_id: active.cluster.id.clone(),
            storage: storage.kind().to_owned(),
            seal: active.settings.seal.kind().as_str().to_owned(),
            arca_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let export = Export {
            rows,
            packer: Packer::new(&header).map_err(Fault::internal)?,
            barrier: active.barrier.clone(),
            limit: 16,
        };
        let pieces = stream::unfold(Some(export), |export| async move {
            match export?.step().await {
                Ok((bytes, rest)) => Some((Ok(bytes), rest)),
                Err(fault) => {
                    tracing::error!(%fault, cause = fault.cause().map(tracing::field::display), "a snapshot was not completed");
                    Some((Err(fault), None))
                }
            }
        });
        Ok(Self(Box::pin(pieces)))
    }
}

impl Export {
    /// The next bytes, and what is left to do.
    async fn step(mut self) -> Result<(Bytes, Option<Self>), Fault> {
        loop {
            let rows = self.rows.next(self.limit).await;
            let rows = rows.map_err(|error| Fault::unavailable(error.to_string()))?;
            if rows.is_empty() {
                let sums = self.packer.sums().map_err(Fault::internal)?;
                let sealed = self.barrier.seal_bytes(SEAL_LABEL, sums.as_bytes())?;
                let bytes = self.packer.finish(&sealed).map_err(Fault::internal)?;
                return Ok((bytes, None));
            }
            let mut bytes = 0;
            for (key, entry) in &rows {
                bytes += key.len() + entry.sealed.len();
                if !layout::is_of_restore(key) {
                    self.packer.row(key, &entry.sealed).map_err(Fault::internal)?;
                }
            }
            self.limit = (PART_BYTES / (bytes / rows.len()).max(1)).clamp(1, MOST_ROWS);
            let bytes = self.packer.take();
            if !bytes.is_empty() {
                return Ok((bytes, Some(self)));
            }
        }
    }
}
