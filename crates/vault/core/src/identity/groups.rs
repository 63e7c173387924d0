//! Groups: reading, writing, deleting, each change one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{Timestamp, id};

use super::draft::Draft;
use super::{Group, GroupKind, Identity, MAX_ATTEMPTS, busy, hex_row, is_id};
use crate::fault::Fault;

/// What a caller wants a group to be; what is empty or `None` stays.
#[derive(Default)]
pub(super) struct GroupChange {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: Option<GroupKind>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) policies: Option<Vec<String>>,
    pub(super) member_entities: Option<Vec<String>>,
    pub(super) member_groups: Option<Vec<String>>,
}

impl Identity {
    /// The group with this identifier.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group(&self, id: &str) -> Result<Option<Arc<Group>>, Fault> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.groups.get(id).await?.map(|row| row.value))
    }

    /// The group with this name, compared without regard to case.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group_by_name(&self, name: &str) -> Result<Option<Arc<Group>>, Fault> {
        match self.group_names.get(&hex_row(name)).await? {
            Some(row) => self.group(&row.value.id).await,
            None => Ok(None),
        }
    }

    /// Identifiers of groups, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group_ids(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.groups.list("", after, limit).await?.names)
    }

    /// Names of groups, those after `after`, in the order of their lower case.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn group_names(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        let page = self.group_names.list("", &hex_row(after), limit).await?;
        let mut names = Vec::with_capacity(page.names.len());
        for row in &page.names {
            names.extend(self.group_names.get(row).await?.map(|row| row.value.name.clone()));
        }
        Ok(names)
    }

    /// Makes or changes a group; says whether it was made.
    pub(super) async fn write_group(
        &self,
        change: &GroupChange,
        now: Timestamp,
    ) -> Result<(Group, bool), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let written = self.draft_group(&mut draft, change, now).await?;
            if draft.commit().await? {
                return Ok(written);
            }
        }
        Err(busy())
    }

    async fn draft_group(
        &self,
        draft: &mut Draft<'_>,
        change: &GroupChange,
        now: Timestamp,
    ) -> Result<(Group, bool), Fault> {
        let named = match &*change.name {
            "" => None,
            name => self.group_by_name(name).await?,
        };
        let found = match (&*change.id, &named) {
            ("", None) => None,
            ("", Some(named)) => draft.groups.get(&named.id).await?,
            (id, _) => {
                let found = draft.groups.get(id).await?;
                Some(found.ok_or_else(|| Fault::invalid("invalid group id"))?)
            }
        };
        let created = found.is_none();
        let mut group = found.cloned().unwrap_or_else(|| self.blank_group(now));
        if named.is_some_and(|named| named.id != group.id) {
            return Err(Fault::invalid("group name is already in use"));
        }
        change.apply(&mut group, created)?;
        group.last_update_time = Some(now);
        group.modify_index += 1;
        draft.groups.put(group.clone());
        if let Some(wanted) = &change.member_entities {
            self.draft_member_entities(draft, &group.id, wanted).await?;
        }
        if let Some(wanted) = &change.member_groups {
            self.draft_member_groups(draft, &group.id, wanted).await?;
        }
        Ok((group, created))
    }

    pub(super) fn blank_group(&self, now: Timestamp) -> Group {
        Group {
            id: id::uuid_v4(&*self.entropy),
            name: self.random_name("group"),
            creation_time: Some(now),
            last_update_time: Some(now),
            ..Group::default()
        }
    }

    /// Removes a group with its alias; nobody is in it any more at once.
    pub(super) async fn delete_group(&self, id: &str) -> Result<(), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            let Some(group) = draft.groups.get(id).await?.cloned() else {
                return Ok(());
            };
            draft.group_aliases.get(&group.alias).await?;
            draft.group_aliases.remove(&group.alias);
            draft.groups.remove(id);
            if draft.commit().await? {
                // What these name no longer exists, so it does not matter if this is not reached.
                let folder = format!("{id}/");
                self.members.view().folder(&folder).clear().await?;
                self.children.view().folder(&folder).clear().await?;
                return Ok(());
            }
        }
        Err(busy())
    }
}

impl GroupChange {
    fn apply(&self, group: &mut Group, created: bool) -> Result<(), Fault> {
        match self.kind {
            Some(kind) if created => group.kind = kind,
            Some(kind) if kind != group.kind => return Err(Fault::invalid("group type cannot be changed")),
            _ => {}
        }
        if group.kind == GroupKind::External {
            if self.member_entities.is_some() {
                return Err(Fault::invalid(
                    "member entities can't be set manually for external groups",
                ));
            }
            if self.member_groups.is_some() {
                return Err(Fault::invalid("member groups can't be set for external groups"));
            }
        }
        if !self.name.is_empty() {
            group.name.clone_from(&self.name);
        }
        if let Some(metadata) = &self.metadata {
            group.metadata.clone_from(metadata);
        }
        if let Some(policies) = &self.policies {
            group.policies.clone_from(policies);
        }
        Ok(())
    }
}
