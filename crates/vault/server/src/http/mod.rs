//! Connections: from a socket to requests, and back.
//!
//! | part | does |
//! |---|---|
//! | [`listen`] | opens sockets |
//! | [`accept`] | takes connections from one of them, within a number |
//! | [`proxy_protocol`] | reads the address a proxy puts in front |
//! | [`tls`] | certificates, versions, what is asked of clients |
//! | [`wire`] | the bytes of a connection, watched as they pass |
//! | [`connection`] | serves a connection to its end |
//! | [`keeper`], [`pulse`] | ends connections whose clients take too long |
//! | [`exchange`] | one request and its answer |
//! | [`streaming`], [`websocket`] | answers that go on |
//! | [`cors`] | browsers on pages of other origins |
//! | [`completion`] | lets a request end although its connection has |
//! | [`endpoint`] | what all connections of a listener share |

pub(crate) mod accept;
pub(crate) mod completion;
pub(crate) mod connection;
pub(crate) mod cors;
pub(crate) mod endpoint;
pub(crate) mod exchange;
pub(crate) mod keeper;
pub(crate) mod listen;
pub(crate) mod proxy_protocol;
pub(crate) mod pulse;
pub(crate) mod streaming;
pub(crate) mod tls;
pub(crate) mod websocket;
pub(crate) mod wire;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use arca_base::Clock;
use arca_base::time::Sleep;
use parking_lot::Mutex;

/// What `work` gives, or nothing when it takes longer than `limit`. Costs no timer unless it has to wait.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Option<Duration>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut sleep: Option<Sleep> = None;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        let Some(limit) = limit else {
            return Poll::Pending;
        };
        let sleep = sleep.get_or_insert_with(|| clock.sleep(limit));
        sleep.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// A limit that many pieces of work keep one after the other, with one timer for all of them.
///
/// A timer for each request would be put among the timers of the runtime and taken out again. This one stays
/// there: when it ends, the work of that moment gets the time it has left.
#[derive(Default)]
pub(crate) struct Deadline {
    idle: Mutex<Option<Sleep>>,
}

impl Deadline {
    /// What `work` gives, or nothing when it takes longer than `limit`, which is the same each time.
    pub(crate) async fn within<T>(
        &self,
        clock: &dyn Clock,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        let mut running: Option<(Duration, Sleep)> = None;
        let done = poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            let (end, sleep) = running.get_or_insert_with(|| {
                let earlier = self.idle.lock().take();
                let sleep = earlier.unwrap_or_else(|| clock.sleep(limit));
                (clock.monotonic() + limit, sleep)
            });
            while sleep.as_mut().poll(context).is_ready() {
                let left = end.saturating_sub(clock.monotonic());
                if left.is_zero() {
                    return Poll::Ready(None);
                }
                *sleep = clock.sleep(left);
            }
            Poll::Pending
        })
        .await;
        if let (Some(_), Some((_, sleep))) = (&done, running) {
            *self.idle.lock() = Some(sleep);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    use crate::clock::SystemClock;
    use crate::clock::fake::FakeClock;

    #[tokio::test(start_paused = true)]
    async fn work_ends_or_its_time_does() {
        let clock = SystemClock::new();
        let second = Duration::from_secs(1);
        assert_eq!(within(&clock, Some(second), async { 7 }).await, Some(7));
        assert_eq!(
            within(&clock, Some(second), clock.sleep(second / 2)).await,
            Some(())
        );
        assert_eq!(within(&clock, Some(second), clock.sleep(second * 2)).await, None);
        assert_eq!(within(&clock, None, clock.sleep(second * 9999)).await, Some(()));
    }

    #[test]
    fn work_that_takes_over_a_timer_has_its_whole_time() {
        let clock = FakeClock::default();
        let limit = Duration::from_secs(10);
        let deadline = Deadline::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(deadline.within(&clock, limit, clock.sleep(limit / 2)));
        assert_eq!(first.as_mut().poll(&mut context), Poll::Pending);
        clock.advance(limit / 2);
        assert_eq!(first.as_mut().poll(&mut context), Poll::Ready(Some(())));
        let mut second = pin!(deadline.within(&clock, limit, std::future::pending::<()>()));
        assert_eq!(second.as_mut().poll(&mut context), Poll::Pending);
        assert!(deadline.idle.lock().is_none(), "the timer is in use");
        for _ in 0..9 {
            clock.advance(limit / 10);
            assert_eq!(second.as_mut().poll(&mut context), Poll::Pending);
        }
        clock.advance(limit / 10);
        assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(None));
    }
}
