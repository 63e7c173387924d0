//! Whom a token belongs to: an entity, and the groups it is in, directly or through other groups.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Entity, Group, Identity};
use crate::fault::Fault;

/// How many groups may be nested in each other.
pub(super) const MAX_DEPTH: usize = 32;

/// An entity at one moment, with what its groups add.
#[derive(Clone)]
pub struct Principal {
    /// The entity.
    pub entity: Arc<Entity>,
    /// The groups it is in; `None` for none.
    membership: Option<Arc<Membership>>,
    /// Where the counter of changes stood before any of this was read.
    seen: u64,
}

/// The groups of an entity.
pub struct Membership {
    /// Those it is a member of.
    pub direct: Vec<Arc<Group>>,
    /// Those that have one of them as a member, and so on.
    pub inherited: Vec<Arc<Group>>,
    /// Policies of the entity and of all groups, sorted.
    policies: Vec<String>,
}

impl Principal {
    /// Policies the identity adds to those of a token: the entity's own, and those of its groups.
    #[must_use]
    pub fn policies(&self) -> &[String] {
        match &self.membership {
            Some(membership) => &membership.policies,
            None => &self.entity.policies,
        }
    }

    /// The groups it is a direct member of.
    #[must_use]
    pub fn direct(&self) -> &[Arc<Group>] {
        self.membership.as_ref().map_or(&[], |all| &all.direct)
    }

    /// The groups it is in through other groups.
    #[must_use]
    pub fn inherited(&self) -> &[Arc<Group>] {
        self.membership.as_ref().map_or(&[], |all| &all.inherited)
    }

    /// All its groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.direct().iter().chain(self.inherited())
    }

    /// Where the counter of changes stood before any of this was read.
    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }
}

impl Identity {
    /// Whom tokens of an entity belong to; an entity that was merged is the one it was merged into. `None` when it
    /// no longer exists.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn principal(&self, entity_id: &str) -> Result<Option<Principal>, Fault> {
        let seen = self.changed.current();
        let Some(entity) = self.entity_or_heir(entity_id).await? else {
            return Ok(None);
        };
        let membership = if entity.groups.is_empty() {
            None
        } else {
            Some(self.membership(&entity, seen).await?)
        };
        Ok(Some(Principal {
            entity,
            membership,
            seen,
        }))
    }

    /// The policies that an identity adds to a token; none for a token without one.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn policies_of(&self, entity_id: &str) -> Result<Vec<String>, Fault> {
        if entity_id.is_empty() {
            return Ok(Vec::new());
        }
        let principal = self.principal(entity_id).await?;
        Ok(principal.map(|of| of.policies().to_vec()).unwrap_or_default())
    }

    async fn entity_or_heir(&self, id: &str) -> Result<Option<Arc<Entity>>, Fault> {
        if let Some(entity) = self.entity(id).await? {
            return Ok(Some(entity));
        }
        if !super::is_id(id) {
            return Ok(None);
        }
        match self.merged.get(id).await? {
            Some(heir) => self.entity(&heir.value.id).await,
            None => Ok(None),
        }
    }

    /// The groups of an entity that has some, kept until anything in identity changes.
    async fn membership(&self, entity: &Entity, seen: u64) -> Result<Arc<Membership>, Fault> {
        if let Some((kept, membership)) = self.memberships.lock().get(&entity.id)
            && *kept == seen
        {
            return Ok(membership.clone());
        }
        let membership = Arc::new(self.derive_membership(entity).await?);
        self.memberships
            .lock()
            .insert(entity.id.clone(), (seen, membership.clone()));
        Ok(membership)
    }

    async fn derive_membership(&self, entity: &Entity) -> Result<Membership, Fault> {
        let mut levels = self.levels_above(&entity.groups).await?.into_iter();
        let direct = levels.next().unwrap_or_default();
        let inherited: Vec<Arc<Group>> = levels.flatten().collect();
        let groups = direct.iter().chain(&inherited);
        let mut policies = entity.policies.clone();
        policies.extend(groups.flat_map(|group| group.policies.iter().cloned()));
        policies.sort_unstable();
        policies.dedup();
        Ok(Membership {
            direct,
            inherited,
            policies,
        })
    }

    /// The groups with these identifiers, those they are in, and so on; each once. What was deleted is left out.
    async fn levels_above(&self, ids: &[String]) -> Result<Vec<Vec<Arc<Group>>>, Fault> {
        let mut levels = Vec::new();
        let mut visited: BTreeSet<String> = ids.iter().cloned().collect();
        let mut next: Vec<String> = visited.iter().cloned().collect();
        while !next.is_empty() && levels.len() < MAX_DEPTH {
            let mut level = Vec::with_capacity(next.len());
            let mut above = Vec::new();
            for id in &next {
                let Some(group) = self.group(id).await? else {
                    continue;
                };
                let new = group.parents.iter().filter(|id| visited.insert((*id).clone()));
                above.extend(new.cloned());
                level.push(group);
            }
            levels.push(level);
            next = above;
        }
        Ok(levels)
    }
}
