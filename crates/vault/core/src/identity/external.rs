//! Memberships that outside directories decide about.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::members::check_groups;
use super::{GroupKind, Identity, MAX_ATTEMPTS, alias_row, busy};
use crate::fault::Fault;

impl Identity {
    /// Makes an entity a member of exactly those external groups whose aliases at a mount are called `groups`, as
    /// far as that mount is concerned: memberships through other mounts, and those set by hand, stay.
    ///
    /// # Errors
    /// 400 for too many groups, [`Fault::internal`] when storage fails.
    pub async fn refresh_groups(
        &self,
        entity_id: &str,
        mount_accessor: &str,
        groups: &[String],
    ) -> Result<(), Fault> {
        let Some(principal) = self.principal(entity_id).await? else {
            return Ok(());
        };
        if groups.is_empty() && principal.entity.groups.is_empty() {
            return Ok(());
        }
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let reported = self.reported(&mut draft, mount_accessor, groups).await?;
            let Some(mut entity) = draft.entities.get(&principal.entity.id).await?.cloned() else {
                return Ok(());
            };
            let mut after = BTreeSet::new();
            for id in &entity.groups {
                if self.stays(&mut draft, id, mount_accessor).await? {
                    after.insert(id.clone());
                }
            }
            after.extend(reported);
            if after == entity.groups.iter().cloned().collect() {
                return Ok(());
            }
            check_groups(&entity.id, after.len())?;
            entity.groups = after.into_iter().collect();
            draft.entities.put(entity);
            if draft.commit().await? {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Identifiers of the groups that a mount calls by these names.
    async fn reported(
        &self,
        draft: &mut Draft<'_>,
        mount_accessor: &str,
        names: &[String],
    ) -> Result<BTreeSet<String>, Fault> {
        let mut ids = BTreeSet::new();
        for name in names {
            let Some(key) = self
                .group_alias_keys
                .get(&alias_row(mount_accessor, name))
                .await?
            else {
                continue;
            };
            let Some(alias) = draft.group_aliases.get(&key.value.id).await?.cloned() else {
                continue;
            };
            if draft.groups.get(&alias.canonical_id).await?.is_some() {
                ids.insert(alias.canonical_id);
            }
        }
        Ok(ids)
    }

    /// Whether a membership does not depend on what this mount says. One that no mount vouches for any more ends.
    async fn stays(&self, draft: &mut Draft<'_>, group: &str, mount_accessor: &str) -> Result<bool, Fault> {
        let Some(group) = draft.groups.get(group).await?.cloned() else {
            return Ok(false);
        };
        if group.kind == GroupKind::Internal {
            return Ok(true);
        }
        let alias = draft.group_aliases.get(&group.alias).await?;
        Ok(alias.is_some_and(|alias| alias.mount_accessor != mount_accessor))
    }
}
