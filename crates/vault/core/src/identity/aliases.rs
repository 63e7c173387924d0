//! Changes of the aliases of entities, each one commit.

use std::collections::BTreeMap;

use arca_base::{Timestamp, id};

use super::draft::Draft;
use super::{Alias, Identity, MAX_ATTEMPTS, busy};
use crate::fault::Fault;
use crate::router::Mount;

/// What a caller wants an alias to be; what is empty or `None` stays.
pub(super) struct AliasChange<'a> {
    pub(super) id: String,
    pub(super) name: String,
    /// The auth mount, also when it stays.
    pub(super) mount: &'a Mount,
    pub(super) owner: String,
    pub(super) custom_metadata: Option<BTreeMap<String, String>>,
}

impl Identity {
    /// Makes or changes an alias; `None` when there is nothing to change.
    pub(super) async fn write_alias(
        &self,
        change: &AliasChange<'_>,
        now: Timestamp,
    ) -> Result<Option<Alias>, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let written = self.draft_alias(&mut draft, change, now).await?;
            if written.is_none() || draft.commit().await? {
                return Ok(written);
            }
        }
        Err(busy())
    }

    async fn draft_alias(
        &self,
        draft: &mut Draft<'_>,
        change: &AliasChange<'_>,
        now: Timestamp,
    ) -> Result<Option<Alias>, Fault> {
        let accessor = &change.mount.accessor;
        let known = match &*change.id {
            "" => self
                .alias_of(accessor, &change.name)
                .await?
                .map(|alias| alias.id.clone()),
            id => Some(id.to_owned()),
        };
        let before = match known {
            None => None,
            Some(id) => {
                let found = draft.aliases.get(&id).await?.cloned();
                Some(found.ok_or_else(|| Fault::invalid("invalid alias ID"))?)
            }
        };
        let mut alias = before.clone().unwrap_or_else(|| Alias {
            id: id::uuid_v4(&*self.entropy),
            creation_time: Some(now),
            ..Alias::default()
        });
        if !change.name.is_empty() {
            alias.name.clone_from(&change.name);
        }
        alias.mount_accessor.clone_from(accessor);
        alias.mount_path = change.mount.full_path();
        alias.mount_type.clone_from(&change.mount.kind);
        if let Some(metadata) = &change.custom_metadata {
            alias.custom_metadata.clone_from(metadata);
        }
        if !change.owner.is_empty() {
            alias.canonical_id.clone_from(&change.owner);
        }
        if before.as_ref() == Some(&alias) {
            return Ok(None);
        }
        let holder = self.alias_of(accessor, &alias.name).await?;
        if holder.is_some_and(|holder| holder.id != alias.id) {
            return Err(Fault::invalid(
                "combination of mount and alias name is already in use",
            ));
        }
        alias.last_update_time = Some(now);
        if let Some(before) = before.filter(|before| before.canonical_id != alias.canonical_id) {
            release(draft, &before).await?;
        }
        self.attach(draft, &mut alias, now).await?;
        draft.aliases.put(alias.clone());
        Ok(Some(alias))
    }

    /// Gives an alias to its entity, or to a new one.
    async fn attach(&self, draft: &mut Draft<'_>, alias: &mut Alias, now: Timestamp) -> Result<(), Fault> {
        let mut entity = if alias.canonical_id.is_empty() {
            self.blank_entity(now)
        } else {
            let found = draft.entities.get(&alias.canonical_id).await?.cloned();
            found.ok_or_else(|| Fault::invalid("invalid canonical ID"))?
        };
        for other in entity.aliases.iter().filter(|other| **other != alias.id) {
            let other = draft.aliases.get(other).await?;
            if other.is_some_and(|other| other.mount_accessor == alias.mount_accessor) {
                return Err(Fault::invalid(
                    "Alias already exists for requested entity and mount accessor",
                ));
            }
        }
        alias.canonical_id.clone_from(&entity.id);
        if !entity.aliases.contains(&alias.id) {
            entity.aliases.push(alias.id.clone());
        }
        entity.last_update_time = Some(now);
        draft.entities.put(entity);
        Ok(())
    }

    pub(super) async fn delete_alias(&self, id: &str) -> Result<(), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let Some(alias) = draft.aliases.get(id).await?.cloned() else {
                return Ok(());
            };
            release(&mut draft, &alias).await?;
            draft.aliases.remove(id);
            if draft.commit().await? {
                return Ok(());
            }
        }
        Err(busy())
    }
}

/// Takes an alias from its entity.
async fn release(draft: &mut Draft<'_>, alias: &Alias) -> Result<(), Fault> {
    if let Some(entity) = draft.entities.get(&alias.canonical_id).await? {
        entity.aliases.retain(|id| *id != alias.id);
    }
    Ok(())
}
