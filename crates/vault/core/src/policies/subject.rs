//! Whom templated policies are rendered for.

use std::borrow::Cow;
use std::sync::Arc;

use arca_policy::template::{AliasField, GroupField, IdentityView, Parameter};

use crate::identity::{Alias, Group, Principal};

/// An entity with its aliases and groups.
pub(super) struct Subject<'a> {
    pub(super) principal: &'a Principal,
    pub(super) aliases: Vec<Arc<Alias>>,
}

impl IdentityView for Subject<'_> {
    fn value(&self, parameter: Parameter<'_>) -> Option<Cow<'_, str>> {
        let entity = &self.principal.entity;
        let text = match parameter {
            Parameter::EntityId => &entity.id,
            Parameter::EntityName => &entity.name,
            Parameter::EntityMetadata(key) => entity.metadata.get(key)?,
            Parameter::Alias { accessor, field } => {
                let alias = self
                    .aliases
                    .iter()
                    .find(|alias| alias.mount_accessor == accessor)?;
                match field {
                    AliasField::Id => &alias.id,
                    AliasField::Name => &alias.name,
                    AliasField::Metadata(key) => alias.metadata.get(key)?,
                    AliasField::CustomMetadata(key) => alias.custom_metadata.get(key)?,
                }
            }
            Parameter::GroupById { id, field } => {
                let mut groups = self.principal.groups();
                of_group(groups.find(|group| group.id == id)?, field)?
            }
            Parameter::GroupByName { name, field } => {
                let mut groups = self.principal.groups();
                of_group(groups.find(|group| group.name == name)?, field)?
            }
        };
        Some(Cow::Borrowed(text))
    }
}

fn of_group<'a>(group: &'a Group, field: GroupField<'_>) -> Option<&'a String> {
    match field {
        GroupField::Id => Some(&group.id),
        GroupField::Name => Some(&group.name),
        GroupField::Metadata(key) => group.metadata.get(key),
    }
}
