//! Merging entities: one takes over the aliases, the groups and the tokens of others.

use std::collections::{BTreeMap, BTreeSet};

use arca_base::{Json, Timestamp, json_object};

use super::draft::Draft;
use super::members::check_groups;
use super::{Alias, Entity, Identity, MAX_ATTEMPTS, busy};
use crate::fault::Fault;

/// Entities that can be merged into one, at once and over time.
const MAX_MERGED: usize = 1000;

/// Which entities shall become one.
pub(super) struct Merge {
    pub(super) from: Vec<String>,
    pub(super) to: String,
    /// Of two aliases at one mount, those that stay.
    pub(super) keep: Vec<String>,
}

impl Identity {
    /// Merges entities. The target keeps its name, metadata and policies.
    pub(super) async fn merge(&self, merge: &Merge, now: Timestamp) -> Result<(), Fault> {
        let from: BTreeSet<&str> = merge.from.iter().map(String::as_str).collect();
        if from.len() > 1 && merge.keep.len() > 1 {
            return Err(Fault::invalid(
                "aliases conflicts cannot be resolved with multiple from entity ids - merge one entity at a time",
            ));
        }
        if from.contains(&*merge.to) {
            return Err(Fault::invalid(
                "to_entity_id should not be present in from_entity_ids",
            ));
        }
        for _ in 0..MAX_ATTEMPTS {
            let mut draft = Draft::new(self);
            draft_merge(&mut draft, &from, merge, now).await?;
            if draft.commit().await? {
                return Ok(());
            }
        }
        Err(busy())
    }
}

async fn draft_merge(
    draft: &mut Draft<'_>,
    from: &BTreeSet<&str>,
    merge: &Merge,
    now: Timestamp,
) -> Result<(), Fault> {
    let target = draft.entities.get(&merge.to).await?.cloned();
    let mut target = target.ok_or_else(|| Fault::invalid("entity id to merge to is invalid"))?;
    let mut sources = Vec::with_capacity(from.len());
    for id in from {
        let source = draft.entities.get(id).await?.cloned();
        sources.push(source.ok_or_else(|| Fault::invalid("entity id to merge from is invalid"))?);
    }
    if merge.keep.is_empty() {
        check_clashes(draft, &target, &sources).await?;
    }
    for source in sources {
        take_aliases(draft, &mut target, &source, &merge.keep, now).await?;
        for group in source.groups {
            if !target.groups.contains(&group) {
                target.groups.push(group);
            }
        }
        target.merged.extend(source.merged);
        target.merged.push(source.id.clone());
        draft.entities.remove(&source.id);
    }
    check_groups(&target.id, target.groups.len())?;
    if target.merged.len() > MAX_MERGED {
        return Err(Fault::invalid(format!(
            "{} entities would be merged into one, at most {MAX_MERGED} is allowed",
            target.merged.len()
        )));
    }
    target.last_update_time = Some(now);
    draft.entities.put(target);
    Ok(())
}

/// The aliases of an entity by mount.
async fn by_mount(draft: &mut Draft<'_>, entity: &Entity) -> Result<BTreeMap<String, Alias>, Fault> {
    let mut aliases = BTreeMap::new();
    for id in &entity.aliases {
        if let Some(alias) = draft.aliases.get(id).await? {
            aliases.insert(alias.mount_accessor.clone(), alias.clone());
        }
    }
    Ok(aliases)
}

/// Refuses, with all there is to know, when aliases at one mount would end up with one entity.
async fn check_clashes(draft: &mut Draft<'_>, target: &Entity, sources: &[Entity]) -> Result<(), Fault> {
    let own = by_mount(draft, target).await?;
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let (mut texts, mut involved) = (Vec::new(), Vec::new());
    for source in sources {
        for (accessor, alias) in by_mount(draft, source).await? {
            if let Some(mine) = own.get(&accessor) {
                texts.push(format!(
                    "mountAccessor: {accessor}, toEntity ID: {}, fromEntity ID: {}, conflicting toEntity alias ID: {}, \
                     conflicting fromEntity alias ID: {}",
                    target.id, source.id, mine.id, alias.id
                ));
                involved.push(outline(target, mine));
                involved.push(outline(source, &alias));
            }
            if !seen.insert(accessor.clone()) {
                return Err(Fault::invalid(format!(
                    "mount accessor {accessor} found in multiple fromEntities, merge should be done with one \
                     fromEntity at a time"
                )));
            }
        }
    }
    if texts.is_empty() {
        return Ok(());
    }
    let head = "toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge \
                request specifying exactly one fromEntity, clashes: ";
    let mut errors = vec![head];
    errors.extend(texts.iter().map(String::as_str));
    Err(Fault::invalid(arca_api::multierror(&errors)).with_data(Json::from(involved).to_text()))
}

/// One side of a clash, as clients show it for the choice.
fn outline(entity: &Entity, alias: &Alias) -> Json {
    json_object! {
        "entity" => entity.name.as_str(),
        "entity_id" => entity.id.as_str(),
        "alias" => alias.name.as_str(),
        "mount" => alias.mount_type.as_str(),
        "mount_path" => alias.mount_path.as_str(),
    }
}

async fn take_aliases(
    draft: &mut Draft<'_>,
    target: &mut Entity,
    source: &Entity,
    keep: &[String],
    now: Timestamp,
) -> Result<(), Fault> {
    let own = by_mount(draft, target).await?;
    for (accessor, mut alias) in by_mount(draft, source).await? {
        if let Some(mine) = own.get(&accessor) {
            if keep.contains(&mine.id) {
                draft.aliases.remove(&alias.id);
                continue;
            }
            if !keep.contains(&alias.id) {
                return Err(Fault::invalid(format!(
                    "conflicting mount accessors in following alias IDs and neither were present in \
                     conflicting_alias_ids_to_keep: {}, {}",
                    alias.id, mine.id
                )));
            }
            draft.aliases.remove(&mine.id);
            target.aliases.retain(|id| *id != mine.id);
        }
        alias.canonical_id.clone_from(&target.id);
        alias.merged_from.push(source.id.clone());
        alias.last_update_time = Some(now);
        target.aliases.push(alias.id.clone());
        draft.aliases.put(alias);
    }
    Ok(())
}
