//! The lease of a secret.

use std::time::Duration;

use super::SPARE;
use crate::secrets::chance::{between, part};
use crate::secrets::moment::Moment;

/// The lease of the secret that is held.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) id: String,
    pub(crate) renewable: bool,
    /// How long it was made for at first; what renewals ask for.
    pub(crate) length: Duration,
    /// When it was made or last extended, and how long it had then.
    pub(super) since: Moment,
    pub(super) left: Duration,
    /// The server gave less than asked for or refuses to extend it: it is replaced.
    pub(super) last: bool,
    /// Which login it was made with, and when that one's token ends, once known for sure.
    pub(super) owner: u64,
    pub(super) owner_ends: Option<Moment>,
}

impl Lease {
    pub(super) fn end(&self) -> Moment {
        let own = self.since.after(self.left);
        self.owner_ends.map_or(own, |owner| own.earlier(owner))
    }

    /// Whether the token it was made with ends before it would.
    fn is_cut_by_owner(&self) -> bool {
        self.end() != self.since.after(self.left)
    }

    pub(super) fn is_extended(&self) -> bool {
        self.renewable && !self.last && !self.is_cut_by_owner()
    }

    /// How long before its end it is replaced if `left` is left of it. What is left at the end of a lease that cannot
    /// be extended any more may be little compared with the outages of a server that makes such leases.
    pub(super) fn spare(&self, left: Duration, roll: f64) -> Duration {
        let spare = part(left, between(SPARE, SPARE + 0.1, roll));
        spare.max(part(self.length, SPARE))
    }

    pub(super) fn replaced_at(&self, roll: f64) -> Moment {
        let whole = self.end().from(self.since);
        self.since.after(whole.saturating_sub(self.spare(whole, roll)))
    }
}
