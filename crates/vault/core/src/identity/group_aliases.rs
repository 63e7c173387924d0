//! The aliases of external groups: reading and changing, each change one commit.

use std::sync::Arc;

use arca_base::{Timestamp, id};

use super::draft::Draft;
use super::{Group, GroupAlias, GroupKind, Identity, MAX_ATTEMPTS, alias_row, busy, is_id};
use crate::fault::Fault;
use crate::router::Mount;

/// What a caller wants the alias of a group to be; an empty owner stays, or is a new group.
pub(super) struct GroupAliasChange<'a> {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mount: &'a Mount,
    pub(super) owner: String,
}

impl Identity {
    /// The alias of a group with this identifier.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group_alias(&self, id: &str) -> Result<Option<Arc<GroupAlias>>, Fault> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.group_aliases.get(id).await?.map(|row| row.value))
    }

    /// The alias that an auth mount knows a group by, compared without regard to case.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group_alias_of(
        &self,
        mount_accessor: &str,
        name: &str,
    ) -> Result<Option<Arc<GroupAlias>>, Fault> {
        let row = alias_row(mount_accessor, name);
        match self.group_alias_keys.get(&row).await? {
            Some(row) => self.group_alias(&row.value.id).await,
            None => Ok(None),
        }
    }

    /// Identifiers of the aliases of groups, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group_alias_ids(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.group_aliases.list("", after, limit).await?.names)
    }

    /// Makes or changes the alias of a group; `None` when there is nothing to change.
    pub(super) async fn write_group_alias(
        &self,
        change: &GroupAliasChange<'_>,
        now: Timestamp,
    ) -> Result<Option<GroupAlias>, Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let written = self.draft_group_alias(&mut draft, change, now).await?;
            if written.is_none() || draft.commit().await? {
                return Ok(written);
            }
        }
        Err(busy())
    }

    async fn draft_group_alias(
        &self,
        draft: &mut Draft<'_>,
        change: &GroupAliasChange<'_>,
        now: Timestamp,
    ) -> Result<Option<GroupAlias>, Fault> {
        let before = match &*change.id {
            "" => None,
            id => {
                let found = draft.group_aliases.get(id).await?.cloned();
                Some(found.ok_or_else(|| Fault::invalid("invalid group alias ID"))?)
            }
        };
        let mut alias = before.clone().unwrap_or_else(|| GroupAlias {
            id: id::uuid_v4(&*self.entropy),
            creation_time: Some(now),
            ..GroupAlias::default()
        });
        alias.name.clone_from(&change.name);
        alias.mount_accessor.clone_from(&change.mount.accessor);
        alias.mount_path = change.mount.full_path();
        alias.mount_type.clone_from(&change.mount.kind);
        if !change.owner.is_empty() {
            alias.canonical_id.clone_from(&change.owner);
        }
        if before.as_ref() == Some(&alias) {
            return Ok(None);
        }
        let holder = self.group_alias_of(&alias.mount_accessor, &alias.name).await?;
        if holder.is_some_and(|holder| holder.id != alias.id) {
            return Err(Fault::invalid(
                "combination of mount and group alias name is already in use",
            ));
        }
        alias.last_update_time = Some(now);
        if let Some(before) = before.filter(|before| before.canonical_id != alias.canonical_id) {
            release(draft, &before).await?;
        }
        self.attach_group_alias(draft, &mut alias, now).await?;
        draft.group_aliases.put(alias.clone());
        Ok(Some(alias))
    }

    /// Gives an alias to its group, or to a new one; an alias the group had before is removed.
    async fn attach_group_alias(
        &self,
        draft: &mut Draft<'_>,
        alias: &mut GroupAlias,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut group = if alias.canonical_id.is_empty() {
            Group {
                kind: GroupKind::External,
                ..self.blank_group(now)
            }
        } else {
            let found = draft.groups.get(&alias.canonical_id).await?.cloned();
            found.ok_or_else(|| Fault::invalid("invalid group ID given in 'canonical_id'"))?
        };
        if group.kind != GroupKind::External {
            return Err(Fault::invalid("alias can't be set on an internal group"));
        }
        if group.alias != alias.id {
            draft.group_aliases.get(&group.alias).await?;
            draft.group_aliases.remove(&group.alias);
        }
        alias.canonical_id.clone_from(&group.id);
        group.alias.clone_from(&alias.id);
        group.last_update_time = Some(now);
        group.modify_index += 1;
        draft.groups.put(group);
        Ok(())
    }

    pub(super) async fn delete_group_alias(&self, id: &str) -> Result<(), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let Some(alias) = draft.group_aliases.get(id).await?.cloned() else {
                return Ok(());
            };
            release(&mut draft, &alias).await?;
            draft.group_aliases.remove(id);
            if draft.commit().await? {
                return Ok(());
            }
        }
        Err(busy())
    }
}

/// Takes an alias from its group.
async fn release(draft: &mut Draft<'_>, alias: &GroupAlias) -> Result<(), Fault> {
    if let Some(group) = draft.groups.get(&alias.canonical_id).await?
        && group.alias == alias.id
    {
        group.alias.clear();
    }
    Ok(())
}
