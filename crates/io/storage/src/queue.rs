//! Batches on their way to the one place that commits them.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::{Batch, Revision, StorageError};

/// Batches waiting may be this large together; whoever comes later waits before it hands its batch over.
const WAITING_BYTES: usize = 64 << 20;

/// The unit in which waiting batches are counted, so that many small ones are bounded too.
const ROOM_UNIT: usize = 1 << 10;

/// A group of batches ends at this size, so that the first of them does not wait for ever larger writes.
const GROUP_BYTES: usize = 8 << 20;

/// A batch that waits to be committed.
pub(crate) struct Job {
    pub(crate) batch: Batch,
    reply: oneshot::Sender<Result<Revision, StorageError>>,
    /// Its share of the memory for waiting batches.
    _room: OwnedSemaphorePermit,
}

/// Where to answer a batch that was taken out of its job.
pub(crate) struct Waiting {
    staged: Result<Revision, StorageError>,
    reply: oneshot::Sender<Result<Revision, StorageError>>,
    _room: OwnedSemaphorePermit,
}

/// The way in.
pub(crate) struct Queue {
    jobs: mpsc::UnboundedSender<Job>,
    room: Arc<Semaphore>,
}

impl Queue {
    /// A queue, and its end for the committer.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Job>) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(WAITING_BYTES / ROOM_UNIT));
        (Self { jobs, room }, receiver)
    }

    /// Waits until `batch` is committed or refused.
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Revision, StorageError> {
        batch.check()?;
        let units = u32::try_from(batch.bytes() / ROOM_UNIT + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room)
            .acquire_many_owned(units)
            .await
            .map_err(StorageError::unavailable)?;
        let (reply, answer) = oneshot::channel();
        let job = Job {
            batch,
            reply,
            _room: room,
        };
        if self.jobs.send(job).is_err() {
            return Err(StorageError::unavailable(
                "the committer of the store has stopped",
            ));
        }
        answer
            .await
            .unwrap_or_else(|_| Err(StorageError::unavailable("the committer of the store has failed")))
    }
}

/// What failed for a whole group, to be told to each of its batches.
pub(crate) fn reason(error: StorageError) -> String {
    match error {
        // Each of them says so by itself.
        StorageError::Unavailable(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// What waits behind `first`, as far as it fits into one group.
pub(crate) fn group(first: Job, jobs: &mut mpsc::UnboundedReceiver<Job>) -> Vec<Job> {
    let mut bytes = first.batch.bytes();
    let mut group = vec![first];
    while bytes < GROUP_BYTES
        && let Ok(job) = jobs.try_recv()
    {
        bytes += job.batch.bytes();
        group.push(job);
    }
    group
}

impl Job {
    /// Hands the batch to `stage` and keeps its verdict until [`Waiting::answer`].
    pub(crate) fn stage(self, stage: impl FnOnce(Batch) -> Result<Revision, StorageError>) -> Waiting {
        Waiting {
            staged: stage(self.batch),
            reply: self.reply,
            _room: self._room,
        }
    }

    /// Answers without having looked at the batch.
    pub(crate) fn refuse(self, reason: &str) {
        // The caller may have stopped waiting.
        let _ = self.reply.send(Err(StorageError::unavailable(reason.to_owned())));
    }
}

impl Waiting {
    /// Answers the verdict, or the `failure` to write the group. A conflict may be with a batch of the group, and means
    /// nothing when that was not written either.
    pub(crate) fn answer(self, failure: Option<&str>) {
        let answer = match failure {
            None => self.staged,
            Some(reason) => Err(StorageError::unavailable(reason.to_owned())),
        };
        // The caller may have stopped waiting.
        let _ = self.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn groups_end_at_a_size() {
        let (queue, mut jobs) = Queue::new();
        let queue = Arc::new(queue);
        let value = bytes::Bytes::from(vec![0; GROUP_BYTES / 2]);
        for n in 0..5 {
            let (queue, value) = (Arc::clone(&queue), value.clone());
            tokio::spawn(async move { queue.commit(Batch::new().put(format!("k{n}"), value)).await });
        }
        tokio::task::yield_now().await;
        let first = jobs.recv().await.unwrap();
        assert_eq!(group(first, &mut jobs).len(), 2);
        let third = jobs.recv().await.unwrap();
        assert_eq!(group(third, &mut jobs).len(), 2);
    }

    #[tokio::test]
    async fn what_waits_is_bounded() {
        let (queue, mut jobs) = Queue::new();
        let queue = Arc::new(queue);
        let value = bytes::Bytes::from(vec![0; 16 << 20]);
        for n in 0..10 {
            let (queue, value) = (Arc::clone(&queue), value.clone());
            tokio::spawn(async move { queue.commit(Batch::new().put(format!("k{n}"), value)).await });
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(jobs.len(), 3, "of 16 MiB each");
        jobs.recv().await.unwrap().refuse("not today");
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(jobs.len(), 3, "room for another one");
    }

    #[tokio::test]
    async fn a_committer_that_is_gone_is_told() {
        let (queue, jobs) = Queue::new();
        drop(jobs);
        let refused = queue.commit(Batch::new().put("a", "1")).await;
        assert!(
            matches!(refused, Err(StorageError::Unavailable(_))),
            "{refused:?}"
        );
    }
}
