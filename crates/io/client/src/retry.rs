//! When the same request is worth sending again, and after how long.

use std::time::Duration;

use arca_base::{Entropy, entropy};
use http::header::RETRY_AFTER;
use http::{Response, StatusCode};

use crate::transport::TransportError;

/// Waits grow linearly with the attempt, between these two.
const SHORTEST: Duration = Duration::from_millis(1000);
const LONGEST: Duration = Duration::from_millis(1500);

/// Most the client waits because a server asked it to.
const MOST_PATIENCE: Duration = Duration::from_secs(60);

/// Whether what came of a request may be different in a moment.
pub(crate) fn is_worth_it<B>(outcome: &Result<Response<B>, TransportError>) -> bool {
    match outcome {
        Ok(response) => is_transient(response.status()),
        Err(error) => error.is_transient(),
    }
}

fn is_transient(status: StatusCode) -> bool {
    match status {
        StatusCode::PRECONDITION_FAILED | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED => false,
        other => other.is_server_error(),
    }
}

/// How long to wait before attempt number `attempt + 1`, the first being 0.
///
/// `Retry-After` in whole seconds is honored up to a minute; its other form, a date, is not read.
pub(crate) fn delay<B>(
    attempt: u32,
    outcome: &Result<Response<B>, TransportError>,
    entropy: &dyn Entropy,
) -> Duration {
    if let Some(asked) = outcome.as_ref().ok().and_then(asked_for) {
        return asked.min(MOST_PATIENCE);
    }
    let spread = LONGEST.saturating_sub(SHORTEST).as_millis();
    let jitter = entropy::below(entropy, u64::try_from(spread).unwrap_or(0) + 1);
    (SHORTEST + Duration::from_millis(jitter)) * (attempt + 1)
}

/// What `Retry-After` says, in whole seconds.
pub(crate) fn asked_for<B>(response: &Response<B>) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?;
    header.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    struct Filled(u8);

    impl Entropy for Filled {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    fn answer(status: u16, retry_after: Option<&str>) -> Result<Response<Bytes>, TransportError> {
        let mut response = Response::builder().status(status);
        if let Some(text) = retry_after {
            response = response.header(RETRY_AFTER, text);
        }
        Ok(response.body(Bytes::new()).unwrap())
    }

    fn connect_error() -> TransportError {
        TransportError::Connect {
            address: "http://h".into(),
            reason: "refused".into(),
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, worth) in [
            (200, false),
            (307, false),
            (400, false),
            (403, false),
            (404, false),
            (412, true),
            (429, true),
            (500, true),
            (501, false),
            (502, true),
            (503, true),
        ] {
            assert_eq!(is_worth_it(&answer(status, None)), worth, "{status}");
        }
        assert!(is_worth_it::<Bytes>(&Err(connect_error())));
        assert!(!is_worth_it::<Bytes>(&Err(TransportError::TooLarge { limit: 1 })));
        assert!(!is_worth_it::<Bytes>(&Err(TransportError::NotSent)));
    }

    #[test]
    fn waits_grow_and_vary_within_bounds() {
        for attempt in 0..3 {
            let low = delay::<Bytes>(attempt, &Err(connect_error()), &Filled(0));
            let high = delay::<Bytes>(attempt, &Err(connect_error()), &Filled(250));
            assert_eq!(low, SHORTEST * (attempt + 1));
            assert!(high > low && high <= LONGEST * (attempt + 1), "{high:?}");
        }
    }

    #[test]
    fn the_server_may_name_the_wait() {
        assert_eq!(
            delay(0, &answer(429, Some("7")), &Filled(0)),
            Duration::from_secs(7)
        );
        assert_eq!(delay(0, &answer(503, Some("86400")), &Filled(0)), MOST_PATIENCE);
        let date = answer(429, Some("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert_eq!(delay(0, &date, &Filled(0)), SHORTEST);
    }
}
