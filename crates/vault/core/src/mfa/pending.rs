//! Logins that wait for a second factor, in the memory of this node and for a few minutes.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use arca_base::{Timestamp, Ttl};
use parking_lot::Mutex;

use crate::engine::Login;
use crate::fault::Fault;
use crate::router::Mount;

/// How long a login waits.
const PATIENCE: Ttl = Ttl::from_seconds(300);
/// Most logins that wait.
const MOST: usize = 10_000;
/// Most logins of one entity that wait; the oldest makes room.
const MOST_OF_ONE: usize = 16;

/// A login that waits.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) mount: Arc<Mount>,
    pub(super) path: String,
    pub(super) login: Login,
    pub(super) entity: String,
    /// Where it came from; passcodes must come from there too.
    pub(super) address: Option<IpAddr>,
}

/// All that wait.
#[derive(Default)]
pub(super) struct PendingLogins(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    logins: HashMap<String, (Timestamp, Arc<Pending>)>,
    /// The same in the order of their ends.
    ends: BTreeSet<(Timestamp, String)>,
    /// Identifiers by entity, the oldest first.
    of_entity: HashMap<String, VecDeque<String>>,
}

impl Waiting {
    /// Forgets those whose time is over.
    fn expire(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.ends.first().filter(|(end, _)| *end <= now).cloned() {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &str) -> Option<Arc<Pending>> {
        let (end, login) = self.logins.remove(id)?;
        self.ends.remove(&(end, id.to_owned()));
        if let Some(ids) = self.of_entity.get_mut(&login.entity) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.of_entity.remove(&login.entity);
            }
        }
        Some(login)
    }
}

impl PendingLogins {
    /// Keeps a login under an identifier.
    ///
    /// # Errors
    /// 429 when too many wait.
    pub(super) fn keep(&self, id: String, login: Pending, now: Timestamp) -> Result<(), Fault> {
        let mut waiting = self.0.lock();
        waiting.expire(now);
        let own = waiting.of_entity.get(&login.entity);
        let own = own.filter(|own| own.len() >= MOST_OF_ONE);
        if let Some(oldest) = own.and_then(VecDeque::front).cloned() {
            waiting.forget(&oldest);
        }
        if waiting.logins.len() >= MOST {
            return Err(Fault::limited(
                "too many logins wait for a second factor; try again later",
            ));
        }
        let end = now.plus(PATIENCE);
        waiting.ends.insert((end, id.clone()));
        let own = waiting.of_entity.entry(login.entity.clone()).or_default();
        own.push_back(id.clone());
        waiting.logins.insert(id, (end, Arc::new(login)));
        Ok(())
    }

    /// The login that waits under an identifier.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<Arc<Pending>> {
        let mut waiting = self.0.lock();
        waiting.expire(now);
        waiting.logins.get(id).map(|(_, login)| login.clone())
    }

    /// Takes a login out; only one caller gets it.
    pub(super) fn take(&self, id: &str) -> Option<Arc<Pending>> {
        self.0.lock().forget(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix(seconds, 0)
    }

    fn login(entity: &str) -> Pending {
        Pending {
            mount: Arc::new(Mount::default()),
            path: String::new(),
            login: Login::default(),
            entity: entity.to_owned(),
            address: None,
        }
    }

    #[test]
    fn a_login_waits_five_minutes_and_is_taken_once() {
        let waiting = PendingLogins::default();
        waiting.keep("a".to_owned(), login("e"), at(0)).unwrap();
        assert!(waiting.find("a", at(299)).is_some());
        assert!(waiting.find("b", at(299)).is_none());
        assert!(waiting.take("a").is_some() && waiting.take("a").is_none());
        waiting.keep("b".to_owned(), login("e"), at(0)).unwrap();
        assert!(waiting.find("b", at(300)).is_none());
        let left = waiting.0.lock();
        assert!(left.logins.is_empty() && left.ends.is_empty() && left.of_entity.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let waiting = PendingLogins::default();
        for n in 0..100 {
            waiting.keep(format!("{n}"), login("greedy"), at(0)).unwrap();
        }
        assert!(waiting.find("83", at(1)).is_none() && waiting.find("84", at(1)).is_some());
        assert_eq!(waiting.0.lock().logins.len(), MOST_OF_ONE);
        let kept = (0..MOST + 100).filter(|n| {
            waiting
                .keep(format!("e{n}"), login(&format!("{n}")), at(1))
                .is_ok()
        });
        assert_eq!(kept.count(), MOST - MOST_OF_ONE);
        waiting.keep("late".to_owned(), login("late"), at(302)).unwrap();
        let left = waiting.0.lock();
        assert_eq!(
            (left.logins.len(), left.ends.len(), left.of_entity.len()),
            (1, 1, 1),
            "time makes room"
        );
    }
}
