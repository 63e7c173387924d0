//! Logins that are on their way through a browser. Each node keeps those that began with it.

use std::collections::VecDeque;

use arca_base::{Secret, Timestamp, Ttl};
use parking_lot::Mutex;

/// How long a login through the browser may take.
const LIFETIME: Ttl = Ttl::from_seconds(300);

/// Most logins at one time. Beyond that the oldest is forgotten, so that whoever begins many locks nobody out at once.
const MOST: usize = 10_000;

/// Logins that are on their way, the oldest first.
#[derive(Default)]
pub(in crate::jwt) struct Pending {
    logins: Mutex<VecDeque<Started>>,
}

/// A login that is on its way.
pub(in crate::jwt) struct Started {
    pub(super) state: Secret<String>,
    pub(super) began: Timestamp,
    pub(super) role: String,
    pub(super) redirect_uri: String,
    pub(super) nonce: Secret<String>,
    pub(super) client_nonce: Secret<String>,
    pub(super) verifier: Secret<String>,
    /// What the provider sent with a form.
    pub(super) code: Option<Secret<String>>,
}

impl Started {
    fn is_over(&self, now: Timestamp) -> bool {
        self.began.plus(LIFETIME) <= now
    }
}

impl Pending {
    pub(super) fn put(&self, login: Started) {
        let mut logins = self.logins.lock();
        while logins.front().is_some_and(|oldest| oldest.is_over(login.began)) || logins.len() >= MOST {
            logins.pop_front();
        }
        logins.push_back(login);
    }

    /// The login of a state, which is good for one time.
    pub(super) fn take(&self, state: &str, now: Timestamp) -> Option<Started> {
        let mut logins = self.logins.lock();
        let at = logins.iter().position(|login| login.state.expose() == state)?;
        logins.remove(at).filter(|login| !login.is_over(now))
    }

    /// Changes the login of a state, and says whether there is one.
    pub(super) fn change(&self, state: &str, now: Timestamp, change: impl FnOnce(&mut Started)) -> bool {
        let mut logins = self.logins.lock();
        let found = logins.iter_mut().find(|login| login.state.expose() == state);
        found.filter(|login| !login.is_over(now)).map(change).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(state: &str, began: i64) -> Started {
        let secret = || Secret::new(String::new());
        Started {
            state: Secret::new(state.to_owned()),
            began: Timestamp::from_unix(began, 0),
            role: String::new(),
            redirect_uri: String::new(),
            nonce: secret(),
            client_nonce: secret(),
            verifier: secret(),
            code: None,
        }
    }

    #[test]
    fn a_login_is_good_once_and_for_five_minutes() {
        let pending = Pending::default();
        let at = |seconds| Timestamp::from_unix(seconds, 0);
        pending.put(login("a", 0));
        pending.put(login("b", 0));
        assert!(pending.take("c", at(1)).is_none());
        assert!(pending.take("a", at(299)).is_some());
        assert!(pending.take("a", at(299)).is_none());
        assert!(!pending.change("b", at(300), |_| ()));
        assert!(pending.take("b", at(300)).is_none());
    }

    #[test]
    fn their_number_is_bounded() {
        let pending = Pending::default();
        for number in 0..MOST + 5 {
            pending.put(login(&number.to_string(), 0));
        }
        assert_eq!(pending.logins.lock().len(), MOST);
        assert!(pending.take("4", Timestamp::from_unix(1, 0)).is_none());
        assert!(pending.take("5", Timestamp::from_unix(1, 0)).is_some());
        pending.put(login("late", 1000));
        assert_eq!(pending.logins.lock().len(), 1, "what is over is forgotten");
    }
}
