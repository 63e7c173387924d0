//! Lines on their way to a receiver outside: a socket, the syslog of the machine, a collector.
//!
//! Lines wait in a bounded queue, and one task sends them. A request that has no other device waits until the lines
//! of its moment are with the receiver, or until that has failed. Lines are kept for a receiver that is away and
//! sent when it is back; those that find the queue full are lost to it, which is counted and said once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arca_base::Clock;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::redact::Redacted;
use super::tally::Tally;
use super::ticket::{Batch, Pending, Ticket};
use super::wire::Wire;

/// Most bytes that are kept for a receiver, unless it is a single line.
const MOST_KEPT: usize = 8 << 20;

/// Waits between attempts: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A queue of lines, and the task that sends them.
pub(super) struct Outbox {
    clock: Arc<dyn Clock>,
    tally: Arc<Tally>,
    /// How long one attempt may take, connecting included.
    timeout: Duration,
    waiting: Mutex<Waiting>,
    arrived: Notify,
    closing: CancellationToken,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    count: u64,
    batch: Arc<Batch>,
    /// Bytes that were taken from here and are not sent yet.
    sending: usize,
    closed: bool,
}

/// Lines being sent.
struct Sending {
    lines: Vec<u8>,
    /// Bytes that are with the receiver.
    done: usize,
    count: u64,
    batch: Arc<Batch>,
}

impl Outbox {
    pub(super) fn new(clock: Arc<dyn Clock>, tally: Arc<Tally>, timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            clock,
            tally,
            timeout,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            closing: CancellationToken::new(),
        })
    }

    /// Starts the task that sends, until [`close`](Self::close).
    pub(super) fn start(self: &Arc<Self>, wire: Wire) {
        let running = Running(self.clone());
        tokio::spawn(async move { running.0.run(wire).await });
    }

    /// Puts a line among those to be sent.
    pub(super) fn append(&self, line: &Redacted) -> Ticket {
        let line = line.as_str().as_bytes();
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Ticket::Settled(false);
        }
        let kept = waiting.lines.len() + waiting.sending;
        if kept > 0 && kept + line.len() > MOST_KEPT {
            drop(waiting);
            self.tally
                .dropped(1, "it is too slow or away, and its queue is full");
            return Ticket::Settled(false);
        }
        waiting.lines.extend_from_slice(line);
        waiting.count += 1;
        let batch = waiting.batch.clone();
        drop(waiting);
        self.tally.queued();
        self.arrived.notify_one();
        Ticket::Waiting(Pending(batch))
    }

    /// Ends the task after the lines that are there, or at once if they cannot be sent.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.closing.cancel();
        self.arrived.notify_one();
    }

    async fn run(&self, mut wire: Wire) {
        loop {
            self.arrived.notified().await;
            tokio::task::yield_now().await;
            let (mut sending, closed) = self.take();
            if !sending.lines.is_empty() && !self.send_all(&mut wire, &mut sending).await {
                return;
            }
            if closed {
                return;
            }
        }
    }

    fn take(&self) -> (Sending, bool) {
        let mut waiting = self.waiting.lock();
        let lines = std::mem::take(&mut waiting.lines);
        waiting.sending = lines.len();
        let sending = Sending {
            lines,
            done: 0,
            count: std::mem::take(&mut waiting.count),
            batch: std::mem::take(&mut waiting.batch),
        };
        (sending, waiting.closed)
    }

    /// Tries until everything is sent. False when the device was closed before that.
    async fn send_all(&self, wire: &mut Wire, sending: &mut Sending) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            let started = self.clock.monotonic();
            match self.attempt(wire, sending).await {
                Ok(()) => {
                    let took = self.clock.monotonic().saturating_sub(started);
                    self.sent(sending, took);
                    return true;
                }
                Err(error) => self.failed(sending, &error),
            }
            wire.disconnect();
            sending.back_to_a_whole_line();
            tokio::select! {
                () = self.clock.sleep(pause) => {}
                () = self.closing.cancelled() => return self.abandon(sending),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, wire: &mut Wire, sending: &mut Sending) -> io::Result<()> {
        while sending.done < sending.lines.len() {
            let outcome = tokio::select! {
                outcome = wire.send(&sending.lines, &mut sending.done) => outcome,
                () = self.clock.sleep(self.timeout) => Err(timed_out(self.timeout)),
            };
            match outcome {
                // What no attempt will ever bring over must not be in the way of the rest.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.skip_line(sending, &error),
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn skip_line(&self, sending: &mut Sending, error: &io::Error) {
        self.tally.dropped(1, &error.to_string());
        self.tally.unqueued(1);
        sending.count = sending.count.saturating_sub(1);
        sending.batch.settle(false);
        sending.done = end_of_line(&sending.lines, sending.done);
    }

    fn sent(&self, sending: &Sending, took: Duration) {
        sending.batch.settle(true);
        self.waiting.lock().sending = 0;
        self.tally.unqueued(sending.count);
        self.tally.accepted(sending.count, took);
    }

    /// Tells whoever waits; the lines stay.
    fn failed(&self, sending: &Sending, error: &io::Error) {
        let (behind, count) = {
            let mut waiting = self.waiting.lock();
            waiting.sending = sending.lines.len() - sending.done.min(sending.lines.len());
            (std::mem::take(&mut waiting.batch), waiting.count)
        };
        let first = sending.batch.settle(false);
        behind.settle(false);
        self.tally
            .failed(if first { sending.count + count } else { count }, error);
    }

    fn abandon(&self, sending: &Sending) -> bool {
        self.tally.unqueued(sending.count);
        self.tally
            .dropped(sending.count, "it was disabled while it was away");
        false
    }
}

impl Sending {
    /// A receiver that got part of a line gets the whole of it over the next connection.
    fn back_to_a_whole_line(&mut self) {
        let sent = self.lines.get(..self.done).unwrap_or_default();
        self.done = memchr::memrchr(b'\n', sent).map_or(0, |at| at + 1);
    }
}

fn timed_out(timeout: Duration) -> io::Error {
    let text = format!("no answer within {timeout:?}");
    io::Error::new(io::ErrorKind::TimedOut, text)
}

/// Where the line that begins at `start` ends, its end included.
pub(super) fn end_of_line(lines: &[u8], start: usize) -> usize {
    let rest = lines.get(start..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(lines.len(), |at| start + at + 1)
}

/// The task of an outbox. However it ends, nobody waits for it afterwards.
struct Running(Arc<Outbox>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.waiting.lock().closed = true;
        let (left, _) = self.0.take();
        left.batch.settle(false);
        if left.count > 0 {
            self.0.tally.unqueued(left.count);
            self.0.tally.dropped(left.count, "it was disabled");
        }
    }
}
