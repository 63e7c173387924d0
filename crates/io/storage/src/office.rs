//! Who is in office, by a clock that all candidates share.

use std::time::Duration;

use crate::{StorageError, Term};

/// The office that an election fills. Times are readings of one monotonic clock.
#[derive(Debug)]
pub(crate) struct Office {
    lease: Duration,
    term: Term,
    holder: Option<Holder>,
}

#[derive(Debug)]
struct Holder {
    candidate: String,
    until: Duration,
}

impl Office {
    /// An office nobody has held.
    pub(crate) const fn vacant(lease: Duration) -> Self {
        Self {
            lease,
            term: Term(0),
            holder: None,
        }
    }

    /// How long a term lasts without a renewal.
    pub(crate) const fn lease(&self) -> Duration {
        self.lease
    }

    /// Elects `candidate` when the office is free, else says when it will be.
    pub(crate) fn elect(&mut self, candidate: &str, now: Duration) -> Result<Term, Duration> {
        if let Some(holder) = self.holder(now) {
            return Err(holder.until);
        }
        self.term = Term(self.term.0 + 1);
        self.holder = Some(Holder {
            candidate: candidate.to_owned(),
            until: now + self.lease,
        });
        Ok(self.term)
    }

    /// Extends `term`.
    pub(crate) fn renew(&mut self, term: Term, now: Duration) -> Result<(), StorageError> {
        if !self.in_office(term, now) {
            return Err(StorageError::Fenced);
        }
        let until = now + self.lease;
        if let Some(holder) = &mut self.holder {
            holder.until = until;
        }
        Ok(())
    }

    /// Ends `term` if it is in office.
    pub(crate) fn resign(&mut self, term: Term) {
        if term == self.term {
            self.holder = None;
        }
    }

    /// Whether `term` is in office.
    pub(crate) fn in_office(&self, term: Term, now: Duration) -> bool {
        term == self.term && self.holder(now).is_some()
    }

    /// The candidate in office and its term.
    pub(crate) fn leader(&self, now: Duration) -> Option<(String, Term)> {
        self.holder(now)
            .map(|holder| (holder.candidate.clone(), self.term))
    }

    fn holder(&self, now: Duration) -> Option<&Holder> {
        self.holder.as_ref().filter(|holder| now < holder.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_term_lasts_as_long_as_it_is_renewed() {
        let mut office = Office::vacant(at(10));
        assert_eq!(office.leader(at(0)), None);
        assert_eq!(office.elect("a", at(0)), Ok(Term(1)));
        assert_eq!(office.elect("b", at(9)), Err(at(10)));
        office.renew(Term(1), at(9)).unwrap();
        assert_eq!(office.elect("b", at(18)), Err(at(19)));
        assert!(office.in_office(Term(1), at(18)));
        assert!(!office.in_office(Term(1), at(19)));
        assert!(office.renew(Term(1), at(19)).is_err());
        assert_eq!(office.elect("b", at(19)), Ok(Term(2)));
        assert_eq!(office.leader(at(19)), Some(("b".into(), Term(2))));
        assert!(office.renew(Term(1), at(19)).is_err());
    }

    #[test]
    fn only_the_term_in_office_can_resign() {
        let mut office = Office::vacant(at(10));
        office.elect("a", at(0)).unwrap();
        office.resign(Term(1));
        assert_eq!(office.elect("b", at(1)), Ok(Term(2)));
        office.resign(Term(1));
        assert!(office.in_office(Term(2), at(2)));
    }
}
