//! Whom templated policies are rendered for.

use std::borrow::Cow;
use std::sync::Arc;

use arca_policy::template::{AliasField, IdentityView, Parameter};

use crate::identity::{Alias, Entity};

/// An entity with its aliases.
pub(super) struct Subject<'a> {
    pub(super) entity: &'a Entity,
    pub(super) aliases: Vec<Arc<Alias>>,
}

impl IdentityView for Subject<'_> {
    fn value(&self, parameter: Parameter<'_>) -> Option<Cow<'_, str>> {
        let text = match parameter {
            Parameter::EntityId => &self.entity.id,
            Parameter::EntityName => &self.entity.name,
            Parameter::EntityMetadata(key) => self.entity.metadata.get(key)?,
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
            // There are no groups yet, so nobody is in one.
            Parameter::GroupById { .. } | Parameter::GroupByName { .. } => return None,
        };
        Some(Cow::Borrowed(text))
    }
}
