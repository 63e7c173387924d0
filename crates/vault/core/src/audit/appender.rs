//! Lines of many requests, written to a log file together.
//!
//! A request waits until its line is in the file. Lines that come while others are on their way are written with
//! the next call, so that the cost of a call is shared by all requests of that moment: one request alone waits for
//! one write, and sixty-four at a time need a few writes and not sixty-four. Lines stand in the file in the order
//! in which they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::file::LogFile;
use super::redact::Redacted;

/// Largest buffer that is kept for the next lines.
const KEPT_CAPACITY: usize = 1 << 20;

/// Writes lines to a file from a task of its own.
pub(super) struct Appender {
    /// The device, for the log of the server.
    device: String,
    file: LogFile,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    failures: AtomicU64,
    failing: AtomicBool,
}

/// Lines that are not written yet.
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    count: u64,
    batch: Arc<Batch>,
    /// Nobody writes them any more: who comes now writes for himself.
    closed: bool,
}

/// Lines that are written in one call, and how that went.
#[derive(Default)]
struct Batch {
    outcome: AtomicU8,
    settled: Notify,
}

const PENDING: u8 = 0;
const WRITTEN: u8 = 1;
const FAILED: u8 = 2;

/// A line on its way.
#[must_use]
pub(super) enum Ticket {
    /// It was written, or not.
    Settled(bool),
    /// It is being written.
    Waiting(Pending),
}

/// A line that is written with others.
pub(super) struct Pending(Arc<Batch>);

impl Ticket {
    /// Waits until the line is written, and says whether it was.
    pub(super) async fn written(self) -> bool {
        match self {
            Self::Settled(written) => written,
            Self::Waiting(Pending(batch)) => batch.written().await,
        }
    }
}

impl Batch {
    async fn written(&self) -> bool {
        loop {
            // Listening comes before looking, or the word between the two would be missed.
            let settled = self.settled.notified();
            match self.outcome.load(Ordering::Acquire) {
                PENDING => settled.await,
                outcome => return outcome == WRITTEN,
            }
        }
    }

    fn settle(&self, outcome: u8) {
        let _ = self
            .outcome
            .compare_exchange(PENDING, outcome, Ordering::Release, Ordering::Relaxed);
        self.settled.notify_waiters();
    }
}

/// Lines being written. Dropped before its end, their requests fail rather than wait for ever.
struct Writing {
    lines: Vec<u8>,
    count: u64,
    batch: Arc<Batch>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.batch.settle(FAILED);
    }
}

impl Appender {
    /// An appender to `file`, which nobody writes to until [`start`](Self::start).
    pub(super) fn new(device: String, file: LogFile) -> Arc<Self> {
        Arc::new(Self {
            device,
            file,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            failures: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        })
    }

    /// Starts the task that writes, until [`close`](Self::close).
    pub(super) fn start(self: &Arc<Self>) {
        let running = Running(self.clone());
        tokio::spawn(async move { running.0.run().await });
    }

    /// The file.
    pub(super) const fn file(&self) -> &LogFile {
        &self.file
    }

    /// Lines that could not be written.
    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Puts a line among those to be written.
    pub(super) fn append(&self, line: &Redacted) -> Ticket {
        if self.file.discards() {
            return Ticket::Settled(true);
        }
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            drop(waiting);
            return Ticket::Settled(self.write(line.as_str().as_bytes(), 1));
        }
        let is_first = waiting.lines.is_empty();
        waiting.lines.extend_from_slice(line.as_str().as_bytes());
        waiting.count += 1;
        let batch = waiting.batch.clone();
        drop(waiting);
        if is_first {
            self.arrived.notify_one();
        }
        Ticket::Waiting(Pending(batch))
    }

    /// Ends the task after the lines that are there.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.arrived.notify_one();
    }

    async fn run(&self) {
        let mut spare = Vec::new();
        loop {
            self.arrived.notified().await;
            // Whoever is ready to run comes first and may add a line.
            tokio::task::yield_now().await;
            let (mut writing, closed) = self.take(std::mem::take(&mut spare));
            if !writing.lines.is_empty() && self.write(&writing.lines, writing.count) {
                writing.batch.settle(WRITTEN);
            }
            spare = std::mem::take(&mut writing.lines);
            if spare.capacity() > KEPT_CAPACITY {
                spare = Vec::new();
            }
            if closed {
                return;
            }
        }
    }

    fn take(&self, mut spare: Vec<u8>) -> (Writing, bool) {
        spare.clear();
        let mut waiting = self.waiting.lock();
        let writing = Writing {
            lines: std::mem::replace(&mut waiting.lines, spare),
            count: std::mem::take(&mut waiting.count),
            batch: std::mem::take(&mut waiting.batch),
        };
        (writing, waiting.closed)
    }

    /// Writes lines; says once when that begins to fail and once when it works again.
    fn write(&self, lines: &[u8], count: u64) -> bool {
        match self.file.append(lines) {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::warn!(device = %self.device, "audit device works again");
                }
                true
            }
            Err(error) => {
                self.failures.fetch_add(count, Ordering::Relaxed);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(device = %self.device, %error, "audit device failed");
                }
                false
            }
        }
    }
}

/// The task of an appender. However it ends, nobody waits for it afterwards.
struct Running(Arc<Appender>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.waiting.lock().closed = true;
        drop(self.0.take(Vec::new()));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
        appender: Arc<Appender>,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("audit.log");
            let file = LogFile::new(path.to_str().unwrap(), Some(0o600));
            let appender = Appender::new("file/".to_owned(), file);
            Self { folder, appender }
        }

        fn append(&self, text: &str) -> Ticket {
            let mut line = Redacted::default();
            line.plain().push_str(text);
            self.appender.append(&line)
        }

        fn content(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap_or_default()
        }
    }

    #[tokio::test]
    async fn lines_of_a_moment_are_written_together_and_in_order() {
        let log = Log::new();
        let tickets: Vec<Ticket> = (0..100)
            .map(|number| log.append(&format!("{number}\n")))
            .collect();
        assert_eq!(log.content(), "", "nothing is written before the task runs");
        log.appender.start();
        let written = join_all(tickets.into_iter().map(Ticket::written)).await;
        assert!(written.iter().all(|written| *written));
        let expected: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(log.content(), expected);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_line_is_in_the_file_once_its_ticket_says_so() {
        let log = Arc::new(Log::new());
        log.appender.start();
        let requests = (0..64).map(|client| {
            let log = log.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    let line = format!("{client}/{number}\n");
                    assert!(log.append(&line).written().await);
                    assert!(log.content().contains(&line));
                }
            })
        });
        for request in join_all(requests).await {
            request.unwrap();
        }
        assert_eq!(log.content().lines().count(), 64 * 50);
    }

    #[tokio::test]
    async fn all_lines_of_a_failed_write_fail_and_later_ones_do_not() {
        let log = Log::new();
        let in_the_way = log.folder.path().join("audit.log");
        std::fs::create_dir(&in_the_way).unwrap();
        log.appender.start();
        let (one, two) = (log.append("one\n"), log.append("two\n"));
        assert_eq!((one.written().await, two.written().await), (false, false));
        assert_eq!(log.appender.failures(), 2);
        std::fs::remove_dir(&in_the_way).unwrap();
        assert!(log.append("three\n").written().await);
        assert_eq!(log.content(), "three\n");
    }

    #[tokio::test]
    async fn a_line_written_though_nobody_waits_for_it() {
        let log = Log::new();
        log.appender.start();
        drop(log.append("abandoned\n"));
        assert!(log.append("awaited\n").written().await);
        assert_eq!(log.content(), "abandoned\nawaited\n");
    }

    #[tokio::test]
    async fn a_closed_appender_writes_what_it_has_and_then_at_once() {
        let log = Log::new();
        log.appender.start();
        let before = log.append("before\n");
        log.appender.close();
        assert!(before.written().await);
        assert!(matches!(log.append("after\n"), Ticket::Settled(true)));
        assert_eq!(log.content(), "before\nafter\n");
    }

    #[tokio::test]
    async fn requests_fail_when_the_task_is_gone() {
        let log = Log::new();
        let ticket = log.append("lost\n");
        drop(Running(log.appender.clone()));
        assert!(!ticket.written().await);
    }
}
