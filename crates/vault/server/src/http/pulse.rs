//! What a connection is doing and since when, and the word that it has to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use arca_base::Clock;
use futures_util::task::AtomicWaker;

use crate::config::Timeouts;

/// What a connection is doing. Written by its task at each request, read by the keeper now and then.
pub(crate) struct Pulse {
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    /// Requests being answered.
    active: AtomicUsize,
    /// Whether part of the head of a request has arrived. Only of HTTP/1: elsewhere bytes say little.
    in_head: AtomicBool,
    counts_heads: bool,
    /// When `active` or `in_head` changed, in microseconds of monotonic time.
    since: AtomicU64,
    /// Since when bytes wait for the client to take them; zero when none do.
    unsent_since: AtomicU64,
    order: AtomicU8,
    waker: AtomicWaker,
}

/// What a connection has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Go on.
    Serve = 0,
    /// End what was begun, take nothing new.
    Drain = 1,
    /// End at once.
    Close = 2,
}

/// A request being answered, until dropped.
pub(crate) struct Busy<'a>(&'a Pulse);

impl Pulse {
    /// `counts_heads` is for HTTP/1, where a connection carries one request at a time.
    pub(crate) fn new(clock: Arc<dyn Clock>, timeouts: Timeouts, counts_heads: bool) -> Self {
        let pulse = Self {
            clock,
            timeouts,
            active: AtomicUsize::new(0),
            in_head: AtomicBool::new(counts_heads),
            counts_heads,
            since: AtomicU64::new(0),
            unsent_since: AtomicU64::new(0),
            order: AtomicU8::new(Order::Serve as u8),
            waker: AtomicWaker::new(),
        };
        pulse.mark();
        pulse
    }

    fn now(&self) -> u64 {
        micros(self.clock.monotonic())
    }

    fn mark(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        let waiting = self.counts_heads && self.active.load(Ordering::Relaxed) == 0;
        if waiting && !self.in_head.load(Ordering::Relaxed) {
            // The instant first: the keeper must not see a new head with the age of the pause before it.
            self.mark();
            self.in_head.store(true, Ordering::Release);
        }
    }

    /// Bytes have to wait until the client takes earlier ones.
    pub(crate) fn stalled(&self) {
        if self.unsent_since.load(Ordering::Relaxed) == 0 {
            self.unsent_since.store(self.now().max(1), Ordering::Relaxed);
        }
    }

    /// All bytes are sent.
    pub(crate) fn flushed(&self) {
        if self.unsent_since.load(Ordering::Relaxed) != 0 {
            self.unsent_since.store(0, Ordering::Relaxed);
        }
    }

    /// A request has arrived.
    pub(crate) fn begin(&self) -> Busy<'_> {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
        Busy(self)
    }

    /// Whether the client has taken longer than it may.
    pub(crate) fn is_overdue(&self) -> bool {
        let now = self.now();
        let passed = |since: u64, limit: Option<Duration>| {
            limit.is_some_and(|limit| now.saturating_sub(since) >= micros(limit))
        };
        let unsent = self.unsent_since.load(Ordering::Relaxed);
        if unsent != 0 && passed(unsent, self.timeouts.write.or(self.timeouts.idle)) {
            return true;
        }
        if self.active.load(Ordering::Acquire) > 0 {
            return false;
        }
        let in_head = self.in_head.load(Ordering::Acquire);
        let limit = if in_head {
            self.timeouts.header
        } else {
            self.timeouts.idle
        };
        passed(self.since.load(Ordering::Relaxed), limit)
    }

    /// How long the connection has been waiting for a request; nothing if it is not.
    pub(crate) fn idle_for(&self) -> Option<Duration> {
        let waiting = self.active.load(Ordering::Acquire) == 0 && !self.in_head.load(Ordering::Acquire);
        let since = self.since.load(Ordering::Relaxed);
        waiting.then(|| Duration::from_micros(self.now().saturating_sub(since)))
    }

    /// Tells the connection what to do. A harder word is never taken back.
    pub(crate) fn give(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::Release);
        self.waker.wake();
    }

    /// What the connection has to do; `waker` learns of the next order.
    pub(crate) fn order(&self, waker: &Waker) -> Order {
        self.waker.register(waker);
        match self.order.load(Ordering::Acquire) {
            0 => Order::Serve,
            1 => Order::Drain,
            _ => Order::Close,
        }
    }
}

/// An answer that goes on after its request was answered, until dropped.
pub(crate) struct Streaming(Arc<Pulse>);

impl Streaming {
    pub(crate) fn begin(pulse: &Arc<Pulse>) -> Self {
        pulse.active.fetch_add(1, Ordering::Relaxed);
        Self(pulse.clone())
    }
}

impl Drop for Streaming {
    fn drop(&mut self) {
        drop(Busy(&self.0));
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        // The instant first, as above.
        self.0.mark();
        self.0.active.fetch_sub(1, Ordering::Release);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::fake::FakeClock;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn pulse(counts_heads: bool) -> (Arc<FakeClock>, Pulse) {
        let clock = Arc::new(FakeClock::default());
        let timeouts = Timeouts {
            header: Some(seconds(10)),
            body: Some(seconds(30)),
            write: None,
            idle: Some(seconds(300)),
        };
        (clock.clone(), Pulse::new(clock, timeouts, counts_heads))
    }

    #[test]
    fn the_first_head_is_due_from_the_start() {
        let (clock, pulse) = pulse(true);
        clock.advance(seconds(9));
        assert!(!pulse.is_overdue());
        pulse.received();
        clock.advance(seconds(1));
        assert!(pulse.is_overdue(), "a byte now and then does not prolong it");
    }

    #[test]
    fn a_request_may_take_its_time_and_then_the_next_may() {
        let (clock, pulse) = pulse(true);
        let busy = pulse.begin();
        clock.advance(seconds(9999));
        assert!(!pulse.is_overdue());
        assert_eq!(pulse.idle_for(), None);
        drop(busy);
        clock.advance(seconds(299));
        assert!(!pulse.is_overdue());
        assert_eq!(pulse.idle_for(), Some(seconds(299)));
        clock.advance(seconds(1));
        assert!(pulse.is_overdue());
    }

    #[test]
    fn a_later_head_is_due_from_its_first_byte() {
        let (clock, pulse) = pulse(true);
        drop(pulse.begin());
        clock.advance(seconds(200));
        pulse.received();
        assert_eq!(pulse.idle_for(), None);
        clock.advance(seconds(9));
        assert!(!pulse.is_overdue());
        clock.advance(seconds(1));
        assert!(pulse.is_overdue());
    }

    #[test]
    fn bytes_of_several_requests_at_a_time_start_nothing() {
        let (clock, pulse) = pulse(false);
        pulse.received();
        clock.advance(seconds(299));
        assert!(!pulse.is_overdue());
        clock.advance(seconds(1));
        assert!(pulse.is_overdue());
    }

    #[test]
    fn an_answer_nobody_takes_is_given_up() {
        let (clock, pulse) = pulse(true);
        let _busy = pulse.begin();
        clock.advance(seconds(1));
        pulse.stalled();
        clock.advance(seconds(200));
        pulse.stalled();
        clock.advance(seconds(100));
        assert!(pulse.is_overdue(), "counts from the first byte that waits");
        pulse.flushed();
        assert!(!pulse.is_overdue());
    }

    #[test]
    fn orders_only_get_harder() {
        let (_, pulse) = pulse(true);
        let waker = Waker::noop();
        assert_eq!(pulse.order(waker), Order::Serve);
        pulse.give(Order::Close);
        pulse.give(Order::Drain);
        assert_eq!(pulse.order(waker), Order::Close);
    }
}
