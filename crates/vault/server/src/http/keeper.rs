//! Ends connections whose clients take too long, from one place for all connections.
//!
//! A timer for each connection would be set anew with each request. Here a request costs a few atomic stores, and
//! the keeper looks at all connections now and then.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arca_base::Clock;
use parking_lot::Mutex;

use super::pulse::{Order, Pulse};
use crate::config::Timeouts;

/// Longest time between two looks.
const LONGEST_STEP: Duration = Duration::from_secs(1);
/// Shortest time between two looks.
const SHORTEST_STEP: Duration = Duration::from_millis(10);
/// A client that was active this recently is spared when connections run out.
const SPARED: Duration = Duration::from_secs(1);

/// Knows all connections of a server.
pub(crate) struct Keeper {
    clock: Arc<dyn Clock>,
    connections: Mutex<HashMap<u64, Arc<Pulse>>>,
    next: AtomicU64,
    draining: AtomicBool,
    step: Duration,
}

/// The place of a connection with its keeper, until dropped.
pub(crate) struct Kept {
    keeper: Arc<Keeper>,
    number: u64,
    pub(crate) pulse: Arc<Pulse>,
}

impl Keeper {
    /// Looks often enough for these timeouts.
    pub(crate) fn new<'a>(clock: Arc<dyn Clock>, timeouts: impl Iterator<Item = &'a Timeouts>) -> Self {
        let limits = timeouts.flat_map(|timeouts| [timeouts.header, timeouts.write, timeouts.idle]);
        let shortest = limits.flatten().min().unwrap_or(LONGEST_STEP * 8);
        Self {
            clock,
            connections: Mutex::default(),
            next: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            step: (shortest / 8).clamp(SHORTEST_STEP, LONGEST_STEP),
        }
    }

    /// Takes a connection in.
    pub(crate) fn admit(self: &Arc<Self>, timeouts: Timeouts, counts_heads: bool) -> Kept {
        let pulse = Arc::new(Pulse::new(self.clock.clone(), timeouts, counts_heads));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.connections.lock().insert(number, pulse.clone());
        // Read after the insertion: a connection is either seen by `drain` or sees it.
        if self.draining.load(Ordering::SeqCst) {
            pulse.give(Order::Drain);
        }
        Kept {
            keeper: self.clone(),
            number,
            pulse,
        }
    }

    /// Looks at all connections now and then, forever.
    pub(crate) async fn watch(&self) {
        loop {
            self.clock.sleep(self.step).await;
            self.sweep();
        }
    }

    fn sweep(&self) {
        for pulse in self.connections.lock().values() {
            if pulse.is_overdue() {
                pulse.give(Order::Close);
            }
        }
    }

    /// Tells all connections, and those still to come, to end what they have begun.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.tell_all(Order::Drain);
    }

    /// Ends all connections.
    pub(crate) fn close(&self) {
        self.tell_all(Order::Close);
    }

    fn tell_all(&self, order: Order) {
        for pulse in self.connections.lock().values() {
            pulse.give(order);
        }
    }

    /// Ends a sixteenth of the connections, and one at least: those that have waited longest for a request.
    pub(crate) fn relieve(&self) {
        let connections = self.connections.lock();
        let idle = connections
            .values()
            .filter_map(|pulse| Some((pulse.idle_for()?, pulse)));
        let mut idle: Vec<_> = idle.filter(|(since, _)| *since >= SPARED).collect();
        idle.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
        for (_, pulse) in idle.into_iter().take((connections.len() / 16).max(1)) {
            pulse.give(Order::Close);
        }
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> usize {
        self.connections.lock().len()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.connections.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::clock::fake::FakeClock;

    fn keeper() -> (Arc<FakeClock>, Arc<Keeper>) {
        let clock = Arc::new(FakeClock::default());
        let keeper = Keeper::new(clock.clone(), [Timeouts::default()].iter());
        (clock, Arc::new(keeper))
    }

    fn order(kept: &Kept) -> Order {
        kept.pulse.order(Waker::noop())
    }

    #[test]
    fn the_step_follows_the_shortest_timeout() {
        let step = |header| {
            let timeouts = Timeouts {
                header,
                ..Timeouts::default()
            };
            Keeper::new(Arc::new(FakeClock::default()), [timeouts].iter()).step
        };
        assert_eq!(step(Some(Duration::from_secs(10))), LONGEST_STEP);
        assert_eq!(step(Some(Duration::from_millis(400))), Duration::from_millis(50));
        assert_eq!(step(Some(Duration::from_millis(1))), SHORTEST_STEP);
        assert_eq!(step(None), LONGEST_STEP);
    }

    #[test]
    fn overdue_connections_are_closed_and_others_not() {
        let (clock, keeper) = keeper();
        let slow = keeper.admit(Timeouts::default(), true);
        clock.advance(Duration::from_secs(9));
        let young = keeper.admit(Timeouts::default(), true);
        clock.advance(Duration::from_secs(2));
        keeper.sweep();
        assert_eq!((order(&slow), order(&young)), (Order::Close, Order::Serve));
        drop(slow);
        assert_eq!(keeper.count(), 1);
    }

    #[test]
    fn draining_reaches_those_there_and_those_to_come() {
        let (_, keeper) = keeper();
        let before = keeper.admit(Timeouts::default(), true);
        keeper.drain();
        let after = keeper.admit(Timeouts::default(), true);
        assert_eq!((order(&before), order(&after)), (Order::Drain, Order::Drain));
        keeper.close();
        assert_eq!(order(&after), Order::Close);
    }

    #[test]
    fn relief_ends_the_longest_idle() {
        let (clock, keeper) = keeper();
        let timeouts = Timeouts::default();
        let oldest = keeper.admit(timeouts, false);
        clock.advance(Duration::from_secs(1));
        let older = keeper.admit(timeouts, false);
        let busy = keeper.admit(timeouts, false);
        let _request = busy.pulse.begin();
        clock.advance(Duration::from_secs(5));
        let young = keeper.admit(timeouts, false);
        keeper.relieve();
        let orders = [&oldest, &older, &busy, &young].map(order);
        assert_eq!(orders, [Order::Close, Order::Serve, Order::Serve, Order::Serve]);
    }
}
