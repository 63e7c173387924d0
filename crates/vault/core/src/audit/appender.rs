//! Lines of many requests, written to a log file together.
//!
//! A request waits until its line is in the file. Lines that come while others are on their way are written with
//! the next call, so that the cost of a call is shared by all requests of that moment: one request alone waits for
//! one write, and sixty-four at a time need a few writes and not sixty-four. Lines stand in the file in the order
//! in which they came.
//!
//! A file that hangs holds up nobody who has another device: what waits for it is bounded, and whoever waits is told
//! after a few seconds that it failed. After a slow write, and always for standard output, writes have a
//! thread of their own, so that they hold up no other task.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arca_base::Clock;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::file::LogFile;
use super::redact::Redacted;
use super::tally::Tally;
use super::ticket::{Batch, Pending, Ticket};

/// Largest buffer that is kept for the next lines.
const KEPT_CAPACITY: usize = 1 << 20;

/// Most bytes that wait for a file that hangs, unless it is a single line.
const MOST_WAITING: usize = 16 << 20;

/// How long a write may hang before its requests are told that it failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a full pipe is tried.
const PIPE_PATIENCE: Duration = Duration::from_secs(2);
/// How often a full pipe is tried.
const PIPE_PACE: Duration = Duration::from_millis(20);

/// A write that took this long makes the next ones happen on a thread of their own.
const SLOW: Duration = Duration::from_millis(100);

/// Writes lines to a file from a task of its own.
pub(super) struct Appender {
    file: LogFile,
    clock: Arc<dyn Clock>,
    tally: Arc<Tally>,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    slow: AtomicBool,
}

/// Lines that are not written yet.
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    count: u64,
    batch: Arc<Batch>,
    /// What is being written, and since when.
    writing: Option<(Arc<Batch>, Duration)>,
    /// Nobody writes them any more: who comes now writes for himself.
    closed: bool,
}

/// Lines being written. Dropped before its end, their requests fail rather than wait for ever.
struct Writing {
    lines: Vec<u8>,
    count: u64,
    batch: Arc<Batch>,
    since: Duration,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.batch.settle(false);
    }
}

impl Appender {
    /// An appender to `file`, which nobody writes to until [`start`](Self::start).
    pub(super) fn new(file: LogFile, clock: Arc<dyn Clock>, tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self {
            file,
            clock,
            tally,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            slow: AtomicBool::new(false),
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

    /// Puts a line among those to be written.
    pub(super) fn append(&self, line: &Redacted) -> Ticket {
        if self.file.discards() {
            return Ticket::Settled(true);
        }
        let line = line.as_str().as_bytes();
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            let hangs = waiting.writing.is_some();
            drop(waiting);
            return Ticket::Settled(!hangs && self.write_alone(line));
        }
        let is_first = waiting.lines.is_empty();
        if !is_first && waiting.lines.len() + line.len() > MOST_WAITING {
            drop(waiting);
            self.tally.dropped(1, "it is too slow and its queue is full");
            return Ticket::Settled(false);
        }
        waiting.lines.extend_from_slice(line);
        waiting.count += 1;
        let batch = waiting.batch.clone();
        drop(waiting);
        self.tally.queued();
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

    /// Looks at the path before the next write, and gives up on a write that hangs: its requests fail, and those
    /// behind it.
    pub(super) fn look_again(&self) {
        self.file.look_again();
        let now = self.clock.monotonic();
        let mut waiting = self.waiting.lock();
        let Some((writing, since)) = &waiting.writing else {
            return;
        };
        if now.saturating_sub(*since) < PATIENCE {
            return;
        }
        let hanging = writing.clone();
        let behind = std::mem::take(&mut waiting.batch);
        let count = waiting.count + 1;
        drop(waiting);
        if hanging.settle(false) {
            self.tally.failed(count, &"a write hangs");
        }
        behind.settle(false);
    }

    async fn run(self: &Arc<Self>) {
        let mut spare = Vec::new();
        loop {
            self.arrived.notified().await;
            // Whoever is ready to run comes first and may add a line.
            tokio::task::yield_now().await;
            let (mut writing, closed) = self.take(std::mem::take(&mut spare));
            if !writing.lines.is_empty() {
                self.write(&mut writing).await;
                self.waiting.lock().writing = None;
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
        let since = self.clock.monotonic();
        let mut waiting = self.waiting.lock();
        let writing = Writing {
            lines: std::mem::replace(&mut waiting.lines, spare),
            count: std::mem::take(&mut waiting.count),
            batch: std::mem::take(&mut waiting.batch),
            since,
        };
        if !writing.lines.is_empty() {
            waiting.writing = Some((writing.batch.clone(), since));
        }
        (writing, waiting.closed)
    }

    async fn write(self: &Arc<Self>, writing: &mut Writing) {
        let outcome = if self.file.is_stdout() || self.slow.load(Ordering::Relaxed) {
            self.write_on_a_thread(writing).await
        } else {
            self.write_here(writing).await
        };
        let took = self.clock.monotonic().saturating_sub(writing.since);
        self.slow.store(took > SLOW, Ordering::Relaxed);
        self.tally.unqueued(writing.count);
        match outcome {
            Ok(()) => {
                writing.batch.settle(true);
                self.tally.accepted(writing.count, took);
            }
            Err(error) => {
                self.tally.failed(writing.count, &error);
                writing.batch.settle(false);
            }
        }
    }

    /// Writes from this task; a full pipe is tried for a while, unless it was full before.
    async fn write_here(&self, writing: &Writing) -> std::io::Result<()> {
        let mut done = 0;
        loop {
            match self.file.append(&writing.lines, &mut done) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let waited = self.clock.monotonic().saturating_sub(writing.since);
                    if self.tally.is_failing() || waited >= PIPE_PATIENCE || self.waiting.lock().closed {
                        return Err(error);
                    }
                    self.clock.sleep(PIPE_PACE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn write_on_a_thread(self: &Arc<Self>, writing: &mut Writing) -> std::io::Result<()> {
        let (appender, lines) = (self.clone(), std::mem::take(&mut writing.lines));
        let written = tokio::task::spawn_blocking(move || {
            let outcome = appender.file.append(&lines, &mut 0);
            (lines, outcome)
        });
        let (lines, outcome) = written.await.map_err(std::io::Error::other)?;
        writing.lines = lines;
        outcome
    }

    /// Writes a line when the task has ended.
    fn write_alone(&self, line: &[u8]) -> bool {
        match self.file.append(line, &mut 0) {
            Ok(()) => {
                self.tally.accepted(1, Duration::ZERO);
                true
            }
            Err(error) => {
                self.tally.failed(1, &error);
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
        let (left, _) = self.0.take(Vec::new());
        self.0.tally.unqueued(left.count);
        self.0.waiting.lock().writing = None;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    /// A clock that stands still.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> arca_base::Timestamp {
            arca_base::Timestamp::from_unix(0, 0)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) -> arca_base::time::Sleep {
            Box::pin(std::future::pending())
        }
    }

    struct Log {
        folder: tempfile::TempDir,
        appender: Arc<Appender>,
    }

    impl Log {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("audit.log");
            let file = LogFile::new(path.to_str().unwrap(), Some(0o600));
            let appender = Appender::new(file, Arc::new(Still), Tally::of_test());
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
        assert_eq!(log.appender.tally.not_accepted(), 2);
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
