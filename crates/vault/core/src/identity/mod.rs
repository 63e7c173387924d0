//! Entities: whom tokens belong to, however they logged in.
//!
//! An entity has aliases, one for each auth mount it is known to. Its policies are added to those of its tokens
//! on every request, never stored in them, so that a change counts at once.

mod change;
pub mod endpoints;
mod entity;

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{Entropy, Timestamp, id};

pub use entity::{Alias, AliasKey, Entity, NameRow};

use crate::barrier::{Barrier, Rows, View, Writes};
use crate::fault::Fault;
use crate::router::Mount;

const MAX_ATTEMPTS: usize = 16;

/// The entities of one namespace.
pub struct Identity {
    barrier: Arc<Barrier>,
    entropy: Arc<dyn Entropy>,
    entities: Rows<Entity>,
    names: Rows<NameRow>,
    aliases: Rows<Alias>,
    alias_keys: Rows<AliasKey>,
}

/// Who logged in, as an auth method knows them.
pub struct LoginAlias<'a> {
    /// The auth mount.
    pub mount: &'a Mount,
    /// Their name there.
    pub name: &'a str,
    /// What the method knows about them.
    pub metadata: &'a BTreeMap<String, String>,
}

impl Identity {
    /// Makes an entity a member of exactly those external groups whose aliases at a mount are called `groups`, as
    /// far as that mount is concerned; memberships through other mounts stay.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn refresh_groups(
        &self,
        entity_id: &str,
        mount_accessor: &str,
        groups: &[String],
    ) -> Result<(), Fault> {
        let _ = (entity_id, mount_accessor, groups);
        Ok(())
    }

    pub(crate) fn new(barrier: &Arc<Barrier>, entropy: Arc<dyn Entropy>, view: &View) -> Self {
        let folder = |name: &str| view.folder(name);
        Self {
            barrier: barrier.clone(),
            entropy,
            entities: Rows::new(folder("identity/entity/")),
            names: Rows::new(folder("identity/name/")),
            aliases: Rows::new(folder("identity/alias/")),
            alias_keys: Rows::new(folder("identity/alias-key/")),
        }
    }

    /// The entity with this identifier.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn entity(&self, id: &str) -> Result<Option<Arc<Entity>>, Fault> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.entities.get(id).await?.map(|row| row.value))
    }

    /// The entity with this name, compared without regard to case.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn entity_by_name(&self, name: &str) -> Result<Option<Arc<Entity>>, Fault> {
        match self.names.get(&name_row(name)).await? {
            Some(row) => self.entity(&row.value.id).await,
            None => Ok(None),
        }
    }

    /// The alias with this identifier.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn alias(&self, id: &str) -> Result<Option<Arc<Alias>>, Fault> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.aliases.get(id).await?.map(|row| row.value))
    }

    /// The alias that an auth mount knows by `name`, compared without regard to case.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn alias_of(&self, mount_accessor: &str, name: &str) -> Result<Option<Arc<Alias>>, Fault> {
        match self.alias_keys.get(&alias_row(mount_accessor, name)).await? {
            Some(row) => self.alias(&row.value.id).await,
            None => Ok(None),
        }
    }

    /// The aliases of an entity.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn aliases_of(&self, entity: &Entity) -> Result<Vec<Arc<Alias>>, Fault> {
        let mut aliases = Vec::with_capacity(entity.aliases.len());
        for id in &entity.aliases {
            aliases.extend(self.alias(id).await?);
        }
        Ok(aliases)
    }

    /// Identifiers of entities, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn entity_ids(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.entities.list("", after, limit).await?.names)
    }

    /// Identifiers of aliases, those after `after`.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub async fn alias_ids(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        Ok(self.aliases.list("", after, limit).await?.names)
    }

    /// The entity behind a login; made when nobody of that name has logged in before.
    ///
    /// # Errors
    /// [`Fault::denied`] when the entity is disabled.
    pub async fn for_login(
        &self,
        login: &LoginAlias<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Entity>, bool), Fault> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(alias) = self.alias_of(&login.mount.accessor, login.name).await? {
                if alias.metadata != *login.metadata {
                    let refreshed = Alias {
                        metadata: login.metadata.clone(),
                        last_update_time: Some(now),
                        ..(*alias).clone()
                    };
                    self.aliases.put(&alias.id, &refreshed).await?;
                }
                let entity = self
                    .entity(&alias.canonical_id)
                    .await?
                    .ok_or_else(Fault::denied)?;
                if entity.disabled {
                    return Err(Fault::denied().because("the entity is disabled"));
                }
                return Ok((entity, false));
            }
            match self.create_for_login(login, now).await {
                Ok(entity) => return Ok((Arc::new(entity), true)),
                // Another login of the same name was faster.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::unavailable("the entity keeps changing; try again"))
    }

    async fn create_for_login(
        &self,
        login: &LoginAlias<'_>,
        now: Timestamp,
    ) -> Result<Entity, crate::barrier::BarrierError> {
        let mut entity = self.blank_entity(now);
        let alias = Alias {
            id: id::uuid_v4(&*self.entropy),
            canonical_id: entity.id.clone(),
            mount_accessor: login.mount.accessor.clone(),
            mount_path: login.mount.full_path(),
            mount_type: login.mount.kind.clone(),
            name: login.name.to_owned(),
            metadata: login.metadata.clone(),
            custom_metadata: BTreeMap::new(),
            creation_time: Some(now),
            last_update_time: Some(now),
        };
        entity.aliases.push(alias.id.clone());
        let mut writes = Writes::new();
        self.put_new_entity(&mut writes, &entity)?;
        self.put_new_alias(&mut writes, &alias)?;
        self.barrier.commit(writes).await?;
        Ok(entity)
    }

    /// A new entity with a name of its own.
    fn blank_entity(&self, now: Timestamp) -> Entity {
        let random = id::hex(&arca_base::entropy::bytes::<4>(&*self.entropy));
        Entity {
            id: id::uuid_v4(&*self.entropy),
            name: format!("entity_{random}"),
            creation_time: Some(now),
            last_update_time: Some(now),
            ..Entity::default()
        }
    }

    fn put_new_entity(
        &self,
        writes: &mut Writes,
        entity: &Entity,
    ) -> Result<(), crate::barrier::BarrierError> {
        self.entities.put_in(writes, &entity.id, entity)?;
        let row = name_row(&entity.name);
        self.names.expect_in(writes, &row, None);
        self.names.put_in(
            writes,
            &row,
            &NameRow {
                id: entity.id.clone(),
            },
        )
    }

    fn put_new_alias(&self, writes: &mut Writes, alias: &Alias) -> Result<(), crate::barrier::BarrierError> {
        self.aliases.put_in(writes, &alias.id, alias)?;
        let row = alias_row(&alias.mount_accessor, &alias.name);
        self.alias_keys.expect_in(writes, &row, None);
        self.alias_keys
            .put_in(writes, &row, &AliasKey { id: alias.id.clone() })
    }
}

/// Whether `text` has the form of an identifier, so that it can be the name of a row.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Names are compared folded; hashing makes any of them the name of a row.
fn name_row(name: &str) -> String {
    id::hex(&arca_crypto::digest::sha256(name.to_lowercase().as_bytes()))
}

fn alias_row(mount_accessor: &str, name: &str) -> String {
    let mut input = mount_accessor.as_bytes().to_vec();
    input.push(0);
    input.extend_from_slice(name.to_lowercase().as_bytes());
    id::hex(&arca_crypto::digest::sha256(&input))
}
