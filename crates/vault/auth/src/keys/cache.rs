//! Keeping fetched keys: for how long, and who waits when they are fetched again.

use std::sync::Arc;
use std::time::Duration;

use arca_base::Timestamp;
use arca_crypto::jws::{Algorithms, Claims, Jws, JwsError, KeySet};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::remote::FetchError;

/// How long keys are good without asking again: so long is a key accepted that its owner has withdrawn.
const FRESH: Duration = Duration::from_mins(15);

/// Time between two attempts, whatever callers send.
const PAUSE: Duration = Duration::from_secs(10);

/// Gets keys from where they are published.
#[async_trait]
pub(crate) trait Fetch: Send + Sync + 'static {
    /// Gets them, within limits of time and size of its own.
    async fn fetch(&self) -> Result<KeySet, FetchError>;
}

/// Why a token was not proved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproved {
    /// By the fault of whoever sent it.
    #[error("{0}")]
    Token(#[from] JwsError),
    /// There are no keys to prove it with.
    #[error("there are no keys to prove tokens with: {0}")]
    Keys(#[from] FetchError),
}

/// Keys of one place, with when they were fetched.
///
/// Keys are fetched by a task of their own, at most one at a time, and the attempt is written down before it begins:
/// callers who hang up neither interrupt it nor cause another one.
#[derive(Default)]
pub(crate) struct KeyCache {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    attempted: Option<Timestamp>,
    /// How the last attempt failed, if it did.
    failure: Option<FetchError>,
    flight: Option<watch::Receiver<Option<Outcome>>>,
}

#[derive(Clone)]
struct Kept {
    keys: Arc<KeySet>,
    fetched: Timestamp,
}

type Outcome = Result<Arc<KeySet>, FetchError>;

/// What comes of wanting newer keys.
enum Started {
    /// They are being fetched.
    Flight(watch::Receiver<Option<Outcome>>),
    /// They were asked for a moment ago; this is what there is.
    TooSoon(Outcome),
}

impl KeyCache {
    /// Proves a token, with newer keys where these could make the difference.
    ///
    /// # Errors
    /// [`Unproved`].
    pub(crate) async fn prove(
        &self,
        token: &Jws<'_>,
        allowed: Algorithms,
        now: Timestamp,
        fetch: &Arc<dyn Fetch>,
    ) -> Result<Claims, Unproved> {
        let keys = self.keys(now, fetch).await?;
        let refusal = match token.verify(&keys, allowed) {
            Err(refusal) if refusal.may_mend_with_new_keys() => refusal,
            proved => return Ok(proved?),
        };
        match arrival(self.start(now, fetch)).await {
            Ok(newer) if newer != keys => Ok(token.verify(&newer, allowed)?),
            _ => Err(refusal.into()),
        }
    }

    /// The keys of this moment. The last good ones stay while there are no newer ones; who asks waits for newer ones,
    /// unless the last attempt failed: then nobody waits again for a server that is known to be down.
    ///
    /// # Errors
    /// [`FetchError`] when there never were any.
    pub(crate) async fn keys(&self, now: Timestamp, fetch: &Arc<dyn Fetch>) -> Outcome {
        let (kept, failing) = {
            let state = self.state.lock();
            (state.kept.clone(), state.failure.is_some())
        };
        let Some(kept) = kept else {
            return arrival(self.start(now, fetch)).await;
        };
        if !has_passed(FRESH, kept.fetched, now) {
            return Ok(kept.keys);
        }
        let started = self.start(now, fetch);
        if failing {
            return Ok(kept.keys);
        }
        Ok(arrival(started).await.unwrap_or(kept.keys))
    }

    /// Whether there are keys, fresh or not.
    pub(crate) fn has_keys(&self) -> bool {
        self.state.lock().kept.is_some()
    }

    /// How the last attempt failed, if it did.
    pub(crate) fn failure(&self) -> Option<FetchError> {
        self.state.lock().failure.clone()
    }

    /// Begins to fetch, unless that is under way or was tried a moment ago.
    fn start(&self, now: Timestamp, fetch: &Arc<dyn Fetch>) -> Started {
        let mut state = self.state.lock();
        if let Some(flight) = state.flight.as_ref().filter(|flight| is_under_way(flight)) {
            return Started::Flight(flight.clone());
        }
        if state.attempted.is_some_and(|last| !has_passed(PAUSE, last, now)) {
            return Started::TooSoon(match (&state.kept, &state.failure) {
                (Some(kept), _) => Ok(kept.keys.clone()),
                (None, failure) => Err(failure.clone().unwrap_or(FetchError::NotYet)),
            });
        }
        state.attempted = Some(now);
        let (done, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        let (kept_by, fetch) = (self.state.clone(), fetch.clone());
        tokio::spawn(async move {
            let outcome = fetch.fetch().await.map(Arc::new);
            kept_by.lock().arrived(&outcome, now);
            done.send_replace(Some(outcome));
        });
        Started::Flight(flight)
    }
}

impl State {
    fn arrived(&mut self, outcome: &Outcome, now: Timestamp) {
        self.flight = None;
        match outcome {
            Ok(keys) => {
                self.failure = None;
                self.kept = Some(Kept {
                    keys: keys.clone(),
                    fetched: now,
                });
            }
            Err(error) => {
                tracing::warn!(%error, keeps_keys = self.kept.is_some(), "keys of tokens could not be fetched");
                self.failure = Some(error.clone());
            }
        }
    }
}

/// A task that ended without an outcome, as when the process stops, is not waited for.
fn is_under_way(flight: &watch::Receiver<Option<Outcome>>) -> bool {
    flight.has_changed().is_ok()
}

async fn arrival(started: Started) -> Outcome {
    match started {
        Started::TooSoon(outcome) => outcome,
        Started::Flight(mut flight) => match flight.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or(Err(FetchError::NotYet)),
            Err(_) => Err(FetchError::NotYet),
        },
    }
}

/// Whether `length` has passed since `then`. Requests that began a little earlier may come a little later; a clock
/// that was set back must not stop time.
fn has_passed(length: Duration, then: Timestamp, now: Timestamp) -> bool {
    now.since(then) >= length || then.since(now) >= length
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arca_base::json_object;
    use arca_crypto::jws::{Algorithm, Family, SigningKey};
    use tokio::sync::Semaphore;

    use super::*;

    /// A place that publishes what the test says, when the test says so.
    struct Place {
        published: Mutex<Result<KeySet, FetchError>>,
        asked: AtomicUsize,
        open: Semaphore,
    }

    #[async_trait]
    impl Fetch for Place {
        async fn fetch(&self) -> Result<KeySet, FetchError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let _pass = self.open.acquire().await;
            self.published.lock().clone()
        }
    }

    fn key() -> SigningKey {
        SigningKey::generate(Family::Ed25519).unwrap()
    }

    fn set(keys: &[(&str, &SigningKey)]) -> KeySet {
        let keys: Vec<_> = keys.iter().map(|(id, key)| key.public_jwk(id)).collect();
        KeySet::from_jwks(json_object! { "keys" => keys }.to_text().as_str().as_bytes()).unwrap()
    }

    fn place(keys: KeySet) -> Arc<Place> {
        Arc::new(Place {
            published: Mutex::new(Ok(keys)),
            asked: AtomicUsize::new(0),
            open: Semaphore::new(1),
        })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(1_000_000 + seconds, 0)
    }

    async fn prove(cache: &KeyCache, place: &Arc<Place>, token: &str, now: i64) -> Result<Claims, Unproved> {
        let fetch: Arc<dyn Fetch> = place.clone();
        let token = Jws::parse(token).unwrap();
        cache.prove(&token, Algorithms::all(), at(now), &fetch).await
    }

    fn token(key: &SigningKey, id: &str) -> String {
        key.sign(Algorithm::EdDsa, id, &json_object! { "sub" => "s" })
            .unwrap()
    }

    #[tokio::test]
    async fn keys_are_fetched_again_when_old_or_unknown_and_never_in_a_storm() {
        let (old, new) = (key(), key());
        let place = place(set(&[("old", &old)]));
        let cache = KeyCache::default();
        let asked = || place.asked.load(Ordering::Relaxed);
        assert!(prove(&cache, &place, &token(&old, "old"), 0).await.is_ok());
        assert!(prove(&cache, &place, &token(&old, "old"), 899).await.is_ok());
        assert_eq!(asked(), 1, "keys are good for a quarter of an hour");
        assert!(prove(&cache, &place, &token(&old, "old"), 900).await.is_ok());
        assert_eq!(asked(), 2);

        *place.published.lock() = Ok(set(&[("new", &new)]));
        for second in 0..10 {
            let refused = prove(&cache, &place, &token(&new, "new"), 900 + second).await;
            assert_eq!(refused.unwrap_err(), Unproved::Token(JwsError::UnknownKey));
        }
        assert_eq!(asked(), 2, "not again within ten seconds");
        assert!(prove(&cache, &place, &token(&new, "new"), 910).await.is_ok());
        assert_eq!(asked(), 3);
        let withdrawn = prove(&cache, &place, &token(&old, "old"), 911).await;
        assert_eq!(withdrawn.unwrap_err(), Unproved::Token(JwsError::UnknownKey));
        let forged = prove(&cache, &place, &token(&old, "new"), 930).await;
        assert!(matches!(
            forged.unwrap_err(),
            Unproved::Token(JwsError::BadSignature { .. })
        ));
        assert_eq!(asked(), 3, "a bad signature by a known key is no reason to ask");
    }

    #[tokio::test]
    async fn the_last_good_keys_stay_while_the_place_is_down() {
        let key = key();
        let place = place(set(&[("k", &key)]));
        let cache = KeyCache::default();
        assert!(prove(&cache, &place, &token(&key, "k"), 0).await.is_ok());
        *place.published.lock() = Err(FetchError::NotYet);
        assert!(prove(&cache, &place, &token(&key, "k"), 10_000).await.is_ok());
        assert!(cache.failure().is_some());
        // Known to be down, and now it also hangs: nobody waits.
        let pass = place.open.acquire().await.unwrap();
        assert!(prove(&cache, &place, &token(&key, "k"), 20_000).await.is_ok());
        *place.published.lock() = Ok(set(&[("k", &key)]));
        drop(pass);
        assert!(prove(&cache, &place, &token(&key, "x"), 20_001).await.is_err());
        assert!(cache.failure().is_none(), "it is back");
    }

    #[tokio::test]
    async fn many_callers_wait_for_one_fetch_and_those_who_hang_up_disturb_nobody() {
        let key = key();
        let place = place(set(&[("k", &key)]));
        let cache = Arc::new(KeyCache::default());
        let pass = place.open.acquire().await.unwrap();
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let (cache, place, text) = (cache.clone(), place.clone(), token(&key, "k"));
                tokio::spawn(async move { prove(&cache, &place, &text, 0).await.is_ok() })
            })
            .collect();
        tokio::task::yield_now().await;
        for caller in &callers[..10] {
            caller.abort();
        }
        drop(pass);
        for caller in callers.into_iter().skip(10) {
            assert!(caller.await.unwrap());
        }
        assert_eq!(place.asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_place_that_never_answered_is_asked_again_after_a_pause() {
        let key = key();
        let place = place(set(&[("k", &key)]));
        *place.published.lock() = Err(FetchError::NotYet);
        let cache = KeyCache::default();
        for second in 0..10 {
            let refused = prove(&cache, &place, &token(&key, "k"), second).await;
            assert!(matches!(refused.unwrap_err(), Unproved::Keys(_)));
        }
        assert_eq!(place.asked.load(Ordering::Relaxed), 1);
        *place.published.lock() = Ok(set(&[("k", &key)]));
        assert!(prove(&cache, &place, &token(&key, "k"), 10).await.is_ok());
        // A clock that was set back far does not keep old keys for ever.
        assert!(prove(&cache, &place, &token(&key, "k"), -100_000).await.is_ok());
        assert_eq!(place.asked.load(Ordering::Relaxed), 3);
    }
}
