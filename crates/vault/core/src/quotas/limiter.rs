//! Counting requests: the generic cell rate algorithm, one instant for each client and limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// Most clients remembered.
const MOST: usize = 50_000;

/// How often one client may ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// Time that one request takes up.
    pub(super) emission: Duration,
    /// How far ahead of its time a client may be.
    pub(super) tolerance: Duration,
    /// How long a client that is further ahead is refused everything.
    pub(super) block: Duration,
}

/// What a client has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Requests that would be answered at once.
    pub(super) requests: u64,
    /// How long until it is as if it had asked for nothing.
    pub(super) reset: Duration,
}

impl Left {
    fn of(limit: &Limit, ahead: Duration) -> Self {
        let free = limit.tolerance.checked_sub(ahead);
        let requests = free.map_or(0, |free| {
            let emission = limit.emission.as_nanos().max(1);
            u64::try_from(free.as_nanos() / emission)
                .unwrap_or(u64::MAX)
                .saturating_add(1)
        });
        Self {
            requests,
            reset: ahead,
        }
    }
}

/// Who asks. Whoever has one address of IPv6 has as many as it likes, so a network of them counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    Unknown,
    V4(u32),
    V6(u64),
}

impl Client {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address.to_bits()),
            Some(IpAddr::V6(address)) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }
}

/// How far a client is.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// When the time its requests took up is over.
    busy_until: Duration,
    blocked_until: Duration,
}

impl Cell {
    fn matters_at(&self, now: Duration) -> bool {
        self.busy_until > now || self.blocked_until > now
    }
}

/// What clients have used up.
#[derive(Default)]
pub(super) struct Limiter(Mutex<HashMap<(Arc<str>, Client), Cell>>);

impl Limiter {
    /// Counts a request.
    ///
    /// # Errors
    /// How long to wait when it is one too many.
    pub(super) fn take(
        &self,
        name: &Arc<str>,
        limit: &Limit,
        client: Option<IpAddr>,
        now: Duration,
    ) -> Result<Left, Duration> {
        let mut cells = self.0.lock();
        let key = (name.clone(), Client::of(client));
        if cells.len() >= MOST && !cells.contains_key(&key) {
            make_room(&mut cells, now);
        }
        let cell = cells.entry(key).or_default();
        if cell.blocked_until > now {
            return Err(cell.blocked_until.saturating_sub(now));
        }
        let busy_until = cell.busy_until.max(now);
        let ahead = busy_until.saturating_sub(now);
        if ahead > limit.tolerance {
            cell.blocked_until = now + limit.block;
            return Err(limit.block.max(ahead.saturating_sub(limit.tolerance)));
        }
        cell.busy_until = busy_until + limit.emission;
        Ok(Left::of(limit, ahead + limit.emission))
    }
}

/// Forgets clients that have used up nothing; when all have, every second one, so that this is seldom needed.
fn make_room(cells: &mut HashMap<(Arc<str>, Client), Cell>, now: Duration) {
    cells.retain(|_, cell| cell.matters_at(now));
    if cells.len() > MOST / 2 {
        let mut keep = false;
        cells.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_second: u32, block: u64) -> Limit {
        let emission = Duration::from_secs(1) / per_second;
        Limit {
            emission,
            tolerance: Duration::from_secs(1).saturating_sub(emission),
            block: Duration::from_secs(block),
        }
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn taken(limiter: &Limiter, limit: &Limit, client: Option<IpAddr>, millis: u64) -> Result<(), u128> {
        let taken = limiter.take(&"q".into(), limit, client, Duration::from_millis(millis));
        taken.map(drop).map_err(|wait| wait.as_millis())
    }

    #[test]
    fn as_many_as_allowed_at_once_and_then_one_by_one() {
        let (limiter, limit) = (Limiter::default(), limit(4, 0));
        for _ in 0..4 {
            assert_eq!(taken(&limiter, &limit, ip("10.0.0.1"), 1000), Ok(()));
        }
        assert_eq!(taken(&limiter, &limit, ip("10.0.0.1"), 1000), Err(250));
        assert_eq!(
            taken(&limiter, &limit, ip("10.0.0.2"), 1000),
            Ok(()),
            "another client"
        );
        assert_eq!(taken(&limiter, &limit, None, 1000), Ok(()));
        assert_eq!(taken(&limiter, &limit, ip("10.0.0.1"), 1250), Ok(()));
        assert_eq!(taken(&limiter, &limit, ip("10.0.0.1"), 1250), Err(250));
        for _ in 0..4 {
            assert_eq!(taken(&limiter, &limit, ip("10.0.0.1"), 9000), Ok(()));
        }
        assert!(
            taken(&limiter, &limit, ip("10.0.0.1"), 9000).is_err(),
            "time saves up one interval"
        );
    }

    #[test]
    fn a_client_is_told_what_it_has_left() {
        let (limiter, limit) = (Limiter::default(), limit(4, 0));
        let left = |millis| limiter.take(&"q".into(), &limit, None, Duration::from_millis(millis));
        for requests in [3, 2, 1, 0] {
            assert_eq!(left(1000).unwrap().requests, requests);
        }
        assert!(left(1000).is_err());
        let later = left(1500).unwrap();
        assert_eq!((later.requests, later.reset), (1, Duration::from_millis(750)));
    }

    #[test]
    fn a_block_holds_for_its_time() {
        let (limiter, limit) = (Limiter::default(), limit(1, 10));
        assert_eq!(taken(&limiter, &limit, None, 0), Ok(()));
        assert_eq!(taken(&limiter, &limit, None, 0), Err(10_000));
        assert_eq!(taken(&limiter, &limit, None, 9_000), Err(1_000));
        assert_eq!(taken(&limiter, &limit, None, 10_000), Ok(()));
    }

    #[test]
    fn one_network_of_ipv6_is_one_client_and_mapped_addresses_are_ipv4() {
        let (limiter, limit) = (Limiter::default(), limit(1, 0));
        assert_eq!(taken(&limiter, &limit, ip("2001:db8::1"), 0), Ok(()));
        assert!(taken(&limiter, &limit, ip("2001:db8::ffff:1"), 0).is_err());
        assert_eq!(taken(&limiter, &limit, ip("2001:db8:0:1::1"), 0), Ok(()));
        assert_eq!(taken(&limiter, &limit, ip("10.0.0.1"), 0), Ok(()));
        assert!(taken(&limiter, &limit, ip("::ffff:10.0.0.1"), 0).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let (limiter, limit) = (Limiter::default(), limit(1, 0));
        for n in 0..u32::try_from(3 * MOST).unwrap() {
            let client = Some(IpAddr::from(n.to_be_bytes()));
            let _ = taken(&limiter, &limit, client, 0);
            assert!(limiter.0.lock().len() <= MOST);
        }
        let _ = taken(&limiter, &limit, None, 60_000);
        let left = limiter.0.lock().len();
        assert!(left <= MOST, "{left}");
    }
}
