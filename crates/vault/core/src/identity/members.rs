//! Who is in a group: listing, and setting by hand.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::principal::MAX_DEPTH;
use super::{Entity, Identity, Member};
use crate::barrier::Rows;
use crate::fault::Fault;

/// Entities that can be put into a group by hand.
const MAX_MEMBERS: usize = 10_000;
/// Groups that can be put into a group.
const MAX_MEMBER_GROUPS: usize = 1000;
/// Groups an entity, or a group, can be put into directly.
pub(super) const MAX_GROUPS: usize = 1000;

impl Identity {
    /// Identifiers of the entities in a group.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn member_entities(&self, group: &str) -> Result<Vec<String>, Fault> {
        names_in(&self.members, group).await
    }

    /// Identifiers of the groups in a group.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn member_groups(&self, group: &str) -> Result<Vec<String>, Fault> {
        names_in(&self.children, group).await
    }

    /// Puts exactly these entities into a group.
    pub(super) async fn draft_member_entities(
        &self,
        draft: &mut Draft<'_>,
        group: &str,
        wanted: &[String],
    ) -> Result<(), Fault> {
        let wanted = distinct("member_entity_ids", wanted, MAX_MEMBERS)?;
        let current: BTreeSet<String> = self.member_entities(group).await?.into_iter().collect();
        for id in current.difference(&wanted) {
            if let Some(entity) = draft.entities.get(id).await? {
                entity.groups.retain(|other| other != group);
            }
        }
        for id in wanted.difference(&current) {
            let entity = draft.entities.get(id).await?;
            let entity = entity.ok_or_else(|| Fault::invalid(format!("invalid entity ID {id:?}")))?;
            entity.groups.push(group.to_owned());
            if entity.groups.len() > MAX_GROUPS {
                let mut full = entity.clone();
                self.forget_deleted(&mut full, group).await?;
                draft.entities.put(full);
            }
        }
        Ok(())
    }

    /// Drops groups that were deleted from a list that has grown too long; refuses if that does not help.
    async fn forget_deleted(&self, entity: &mut Entity, joining: &str) -> Result<(), Fault> {
        let mut living = Vec::with_capacity(entity.groups.len());
        for id in &entity.groups {
            if id == joining || self.group(id).await?.is_some() {
                living.push(id.clone());
            }
        }
        check_groups(&entity.id, living.len())?;
        entity.groups = living;
        Ok(())
    }

    /// Puts exactly these groups into a group.
    pub(super) async fn draft_member_groups(
        &self,
        draft: &mut Draft<'_>,
        group: &str,
        wanted: &[String],
    ) -> Result<(), Fault> {
        let wanted = distinct("member_group_ids", wanted, MAX_MEMBER_GROUPS)?;
        let current: BTreeSet<String> = self.member_groups(group).await?.into_iter().collect();
        for id in current.difference(&wanted) {
            if let Some(member) = draft.groups.get(id).await? {
                member.parents.retain(|other| other != group);
            }
        }
        let new: Vec<&String> = wanted.difference(&current).collect();
        if new.is_empty() {
            return Ok(());
        }
        let (above, levels) = ancestors(draft, group).await?;
        for id in new {
            if id == group {
                let text = format!("member group ID {id:?} is same as the ID of the group");
                return Err(Fault::invalid(text));
            }
            let member = draft.groups.get(id).await?;
            let member = member.ok_or_else(|| Fault::invalid(format!("invalid group ID {id:?}")))?;
            if above.contains(id) {
                let text = format!("cyclic relationship detected for member group ID {id:?}");
                return Err(Fault::invalid(text));
            }
            check_groups(id, member.parents.len() + 1)?;
            member.parents.push(group.to_owned());
            let depth = levels + 1 + self.levels_below(id).await?;
            if depth > MAX_DEPTH {
                return Err(Fault::invalid(format!(
                    "with member group ID {id:?} groups would be nested {depth} deep, at most {MAX_DEPTH} is allowed"
                )));
            }
        }
        Ok(())
    }

    /// How many levels of groups a group is the top of, itself included.
    async fn levels_below(&self, group: &str) -> Result<usize, Fault> {
        let mut visited = BTreeSet::from([group.to_owned()]);
        let mut level = vec![group.to_owned()];
        let mut levels = 0;
        while !level.is_empty() && levels <= MAX_DEPTH {
            levels += 1;
            let mut below = Vec::new();
            for id in &level {
                let members = self.member_groups(id).await?;
                below.extend(members.into_iter().filter(|id| visited.insert(id.clone())));
            }
            level = below;
        }
        Ok(levels)
    }
}

/// The groups a group is in, however far up, and how many levels of them there are. The draft depends on them all:
/// two changes that would close a circle together cannot both be done.
async fn ancestors(draft: &mut Draft<'_>, group: &str) -> Result<(BTreeSet<String>, usize), Fault> {
    let mut visited = BTreeSet::new();
    let mut level = vec![group.to_owned()];
    let mut levels = 0;
    loop {
        let mut above = Vec::new();
        for id in &level {
            if let Some(group) = draft.groups.get(id).await? {
                let new = group.parents.iter().filter(|id| visited.insert((*id).clone()));
                above.extend(new.cloned());
            }
        }
        if above.is_empty() || levels > MAX_DEPTH {
            return Ok((visited, levels));
        }
        levels += 1;
        level = above;
    }
}

/// Refuses more direct groups than a member can have.
pub(super) fn check_groups(member: &str, groups: usize) -> Result<(), Fault> {
    if groups > MAX_GROUPS {
        return Err(Fault::invalid(format!(
            "{member} would be a direct member of {groups} groups, at most {MAX_GROUPS} is allowed"
        )));
    }
    Ok(())
}

fn distinct(field: &str, ids: &[String], most: usize) -> Result<BTreeSet<String>, Fault> {
    let ids: BTreeSet<String> = ids.iter().filter(|id| !id.is_empty()).cloned().collect();
    if ids.len() > most {
        return Err(Fault::invalid(format!(
            "{field} names {} members, at most {most} is allowed",
            ids.len()
        )));
    }
    Ok(ids)
}

async fn names_in(rows: &Rows<Member>, group: &str) -> Result<Vec<String>, Fault> {
    const PAGE: usize = 1000;
    let folder = format!("{group}/");
    let mut names: Vec<String> = Vec::new();
    loop {
        let after = names.last().cloned().unwrap_or_default();
        let page = rows.list(&folder, &after, PAGE).await?;
        names.extend(page.names);
        if !page.more {
            return Ok(names);
        }
    }
}
