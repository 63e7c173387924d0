//! Waiting, in real time: the programs under test live in it.

use std::time::{Duration, Instant};

/// This moment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the programs run in real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits for `time`.
#[expect(clippy::disallowed_methods, reason = "the programs run in real time")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks again and again until there is an answer, for at most `limit`.
pub fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > limit {
            return None;
        }
        pause(Duration::from_millis(5));
    }
}

/// Fails the test unless `holds` within `limit`; `what` says what was waited for.
#[track_caller]
pub fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Duration {
    let start = now();
    let held = wait_for(limit, || holds().then_some(()));
    assert!(held.is_some(), "not within {limit:?}: {what}");
    start.elapsed()
}
