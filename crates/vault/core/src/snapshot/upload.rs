//! Bodies of requests that are not data but a snapshot: bytes that come while the request is answered.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::fault::Fault;

/// Pieces that may wait to be taken: what a client sends faster than it is stored waits with the client.
const WAITING: usize = 16;

/// Whether writes to `path`, below `/v1/`, bring a snapshot instead of data.
#[must_use]
pub fn takes_upload(path: &str) -> bool {
    matches!(
        path.trim_end_matches('/'),
        "sys/storage/snapshot"
            | "sys/storage/snapshot-force"
            | "sys/storage/raft/snapshot"
            | "sys/storage/raft/snapshot-force"
    )
}

/// Where the pieces of a body go. When it is dropped without [`UploadSender::end`], the body has broken off.
pub struct UploadSender(mpsc::Sender<Piece>);

enum Piece {
    Bytes(Bytes),
    End,
}

/// A body on its way, taken by the first who asks.
#[derive(Clone)]
pub struct Upload(Arc<Mutex<Option<mpsc::Receiver<Piece>>>>);

/// A body and its other end.
#[must_use]
pub fn upload() -> (UploadSender, Upload) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (UploadSender(sender), Upload(Arc::new(Mutex::new(Some(receiver)))))
}

impl UploadSender {
    /// Hands bytes over; waits while too many wait. `false` when nobody wants more.
    pub async fn send(&self, bytes: Bytes) -> bool {
        bytes.is_empty() || self.0.send(Piece::Bytes(bytes)).await.is_ok()
    }

    /// Says that the body is complete.
    pub async fn end(self) {
        // Whoever has stopped reading does not care.
        let _ = self.0.send(Piece::End).await;
    }
}

/// The pieces of a body, for the one who reads it.
pub(crate) struct Pieces(mpsc::Receiver<Piece>);

impl Upload {
    /// The pieces, once.
    ///
    /// # Errors
    /// 400 when somebody has taken them already.
    pub(crate) fn take(&self) -> Result<Pieces, Fault> {
        let pieces = self.0.lock().take();
        pieces
            .map(Pieces)
            .ok_or_else(|| Fault::invalid("the body was read already"))
    }
}

impl Pieces {
    /// The next bytes; nothing after the last.
    ///
    /// # Errors
    /// 400 for a body that breaks off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        match self.0.recv().await {
            Some(Piece::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Piece::End) => Ok(None),
            None => Err(Fault::invalid("the request body broke off")),
        }
    }
}
