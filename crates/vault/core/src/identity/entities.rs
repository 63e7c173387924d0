//! Changes of entities, each one commit.

use std::collections::BTreeMap;

use arca_base::Timestamp;

use super::draft::Draft;
use super::{Entity, Identity, MAX_ATTEMPTS, busy};
use crate::fault::Fault;

/// What a caller wants an entity to be; what is `None` stays.
pub(super) struct EntityChange {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) policies: Option<Vec<String>>,
    pub(super) disabled: Option<bool>,
}

impl Identity {
    /// Makes or changes an entity; says whether it was made.
    pub(super) async fn write_entity(
        &self,
        change: &EntityChange,
        now: Timestamp,
    ) -> Result<(Entity, bool), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let written = self.draft_entity(&mut draft, change, now).await?;
            if draft.commit().await? {
                return Ok(written);
            }
        }
        Err(busy())
    }

    async fn draft_entity(
        &self,
        draft: &mut Draft<'_>,
        change: &EntityChange,
        now: Timestamp,
    ) -> Result<(Entity, bool), Fault> {
        let named = match &*change.name {
            "" => None,
            name => self.entity_by_name(name).await?,
        };
        let found = match (&*change.id, &named) {
            ("", None) => None,
            ("", Some(named)) => draft.entities.get(&named.id).await?,
            (id, _) => {
                let found = draft.entities.get(id).await?;
                Some(found.ok_or_else(|| Fault::invalid("entity not found from id"))?)
            }
        };
        let created = found.is_none();
        let mut entity = found.cloned().unwrap_or_else(|| self.blank_entity(now));
        if named.is_some_and(|named| named.id != entity.id) {
            return Err(Fault::invalid("entity name is already in use"));
        }
        if !change.name.is_empty() {
            entity.name.clone_from(&change.name);
        }
        if let Some(metadata) = &change.metadata {
            entity.metadata.clone_from(metadata);
        }
        if let Some(policies) = &change.policies {
            entity.policies.clone_from(policies);
        }
        entity.disabled = change.disabled.unwrap_or(entity.disabled);
        entity.last_update_time = Some(now);
        draft.entities.put(entity.clone());
        Ok((entity, created))
    }

    /// Removes an entity with its aliases; its tokens are refused from then on.
    pub(super) async fn delete_entity(&self, id: &str) -> Result<(), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let Some(entity) = draft.entities.get(id).await?.cloned() else {
                return Ok(());
            };
            for alias in &entity.aliases {
                draft.aliases.get(alias).await?;
                draft.aliases.remove(alias);
            }
            draft.entities.remove(id);
            if draft.commit().await? {
                return Ok(());
            }
        }
        Err(busy())
    }
}
