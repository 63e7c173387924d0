//! What one run gives to the next, so that nothing is fetched twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_api::Envelope;
use arca_base::{Secret, Timestamp};

use super::{Secrets, Shared, Slot, State};
use crate::secrets::answer::Held;
use crate::secrets::chance::roll;
use crate::secrets::dependency::Dependency;
use crate::secrets::life::Life;
use crate::secrets::life::kept::{KeptLife, replaced_at};
use crate::secrets::moment::Moment;

/// An answer of the server with all that is known about how long it is good for.
pub(crate) struct Saved {
    pub(crate) dependency: Dependency,
    pub(crate) body: Secret<Vec<u8>>,
    pub(crate) life: KeptLife,
}

/// What another run held, until a template asks for it.
#[derive(Default)]
pub(super) struct Larder {
    shelves: BTreeMap<Dependency, (Held, KeptLife)>,
    /// The login whose token is that of the other run.
    owner: u64,
}

impl Secrets {
    /// What is held now. Files are not: they are here for the next run too.
    pub(crate) fn saved(&self) -> Vec<Saved> {
        let now = Moment::now(&*self.0.clock);
        let state = self.0.state.lock();
        let of_slot = |(dependency, slot): (&Arc<Dependency>, &Slot)| {
            if matches!(**dependency, Dependency::File { .. }) {
                return None;
            }
            Some(Saved {
                dependency: (**dependency).clone(),
                body: slot.held.as_ref()?.body().duplicate(),
                life: slot.life.kept(now)?,
            })
        };
        state.slots.iter().filter_map(of_slot).collect()
    }

    /// Takes what another run held with the token of this login. To be called before the broker begins. Gives how
    /// many of them are of use.
    pub(crate) fn resume(&self, saved: Vec<Saved>, owner: u64) -> usize {
        let now = self.0.clock.now();
        let mut guard = self.0.state.lock();
        let state = &mut *guard;
        state.larder.owner = owner;
        for Saved {
            dependency,
            body,
            life,
        } in saved
        {
            if let (false, Ok(envelope)) = (life.is_over(now), read(&body)) {
                let held = Held::answer(body.expose().clone(), &envelope);
                state.larder.shelves.insert(dependency, (held, life));
            }
        }
        let count = state.larder.shelves.len();
        let wanted: Vec<Arc<Dependency>> = state.slots.keys().cloned().collect();
        for dependency in wanted {
            if let Some(slot) = state.take_up(&dependency, &self.0) {
                state.slots.insert(dependency, slot);
            }
        }
        drop(guard);
        self.0.wake.notify_one();
        self.0.changed.send_modify(|count| *count += 1);
        count
    }

    /// Takes what was found elsewhere, unless that is there already or being fetched.
    pub(crate) fn offer(&self, saved: Saved) -> bool {
        let Ok(envelope) = read(&saved.body) else {
            return false;
        };
        let mut guard = self.0.state.lock();
        let state = &mut *guard;
        if state.slots.contains_key(&saved.dependency) {
            return false;
        }
        let held = Held::answer(saved.body.expose().clone(), &envelope);
        let dependency = Arc::new(saved.dependency);
        state
            .larder
            .shelves
            .insert((*dependency).clone(), (held, saved.life));
        let Some(slot) = state.take_up(&dependency, &self.0) else {
            return false;
        };
        state.slots.insert(dependency, slot);
        true
    }

    /// Forgets what was offered, and is of no use.
    pub(crate) fn withdraw(&self, dependency: &Dependency) {
        self.0.state.lock().slots.remove(dependency);
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// When something that lives so long is replaced.
    pub(crate) fn replaced_at(&self, from: Timestamp, until: Timestamp) -> Timestamp {
        replaced_at(from, until, &self.0.rules, roll(&*self.0.entropy))
    }

    /// The place in the change stream up to which everything that is held is known to be the newest.
    pub(crate) fn position(&self) -> Option<u64> {
        self.0.state.lock().position
    }

    /// Notes that place.
    pub(crate) fn note_position(&self, position: Option<u64>) {
        self.0.state.lock().position = position;
    }
}

/// An answer without a body is one too.
fn read(body: &Secret<Vec<u8>>) -> Result<Envelope, serde_json::Error> {
    if body.expose().is_empty() {
        return Ok(Envelope::default());
    }
    serde_json::from_slice(body.expose())
}

impl State {
    /// What another run held for this dependency, if it is good still.
    pub(super) fn take_up(&mut self, dependency: &Dependency, shared: &Shared) -> Option<Slot> {
        let (held, kept) = self.larder.shelves.remove(dependency)?;
        let now = Moment::now(&*shared.clock);
        let life = Life::resumed(&kept, self.larder.owner, now, roll(&*shared.entropy))?;
        self.version += 1;
        Some(Slot {
            life,
            held: Some(Arc::new(held)),
            version: self.version,
            trouble: None,
        })
    }
}
