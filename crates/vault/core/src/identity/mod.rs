//! Entities and groups: whom tokens belong to, however they logged in.
//!
//! An entity has aliases, one for each auth mount it is known to, and is a member of groups, which may be members of
//! groups. Their policies are added to those of its tokens on every request, never stored in them, so that a change
//! counts at once.
//!
//! ```text
//! entity/<id>  alias/<id>  group/<id>  group-alias/<id>     the records
//! name/<hash>  name-in-order/<hex>  alias-key/<hash>  group-name/<hex>  group-alias-key/<hash>  merged/<id>     from names to them
//! member/<group>/<entity>  child/<group>/<group>            who is in a group
//! ```
//!
//! Who is in which group stands with the member: a request reads its entity and goes upward. `member` and `child`
//! say the same from the other side and are written in the same commit. A deleted group leaves its identifier with
//! its members, where it counts for nothing.

mod aliases;
mod draft;
pub mod endpoints;
mod entities;
mod entity;
mod external;
mod group;
mod group_aliases;
mod groups;
pub(crate) mod in_order;
mod members;
mod merge;
mod principal;

use std::collections::BTreeMap;
use std::sync::Arc;

use arca_base::{Entropy, Timestamp, id};
use parking_lot::Mutex;
use quick_cache::unsync::Cache;

use draft::Draft;
pub use entity::{Alias, AliasKey, Entity, NameRow};
pub use group::{Group, GroupAlias, GroupKind, Member};
pub use principal::{Membership, Principal};

use crate::barrier::{Barrier, Change, Generation, Rows, View};
use crate::fault::Fault;
use crate::router::Mount;

const MAX_ATTEMPTS: usize = 16;

/// Memberships that are kept in memory.
const KEPT: usize = 4096;

/// The entities of one namespace.
pub struct Identity {
    barrier: Arc<Barrier>,
    entropy: Arc<dyn Entropy>,
    entities: Rows<Entity>,
    names: Rows<NameRow>,
    names_in_order: Rows<NameRow>,
    whole: Rows<in_order::Whole>,
    aliases: Rows<Alias>,
    alias_keys: Rows<AliasKey>,
    merged: Rows<AliasKey>,
    groups: Rows<Group>,
    group_names: Rows<NameRow>,
    group_aliases: Rows<GroupAlias>,
    group_alias_keys: Rows<AliasKey>,
    members: Rows<Member>,
    children: Rows<Member>,
    changed: Generation,
    memberships: Mutex<Cache<String, (u64, Arc<Membership>)>>,
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
    pub(crate) fn new(barrier: &Arc<Barrier>, entropy: Arc<dyn Entropy>, view: &View) -> Self {
        let folder = |name: &str| view.folder(name);
        Self {
            barrier: barrier.clone(),
            entropy,
            entities: Rows::new(folder("identity/entity/")),
            names: Rows::new(folder("identity/name/")),
            names_in_order: Rows::new(folder("identity/name-in-order/")),
            whole: in_order::whole(view),
            aliases: Rows::new(folder("identity/alias/")),
            alias_keys: Rows::new(folder("identity/alias-key/")),
            merged: Rows::new(folder("identity/merged/")),
            groups: Rows::new(folder("identity/group/")),
            group_names: Rows::new(folder("identity/group-name/")),
            group_aliases: Rows::new(folder("identity/group-alias/")),
            group_alias_keys: Rows::new(folder("identity/group-alias-key/")),
            members: Rows::new(folder("identity/member/")),
            children: Rows::new(folder("identity/child/")),
            changed: folder("identity/").generation(),
            memberships: Mutex::new(Cache::new(KEPT)),
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
                    self.refresh_metadata(&alias.id, login.metadata, now).await?;
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
            let mut draft = Draft::new(self);
            let entity = self.draft_for_login(&mut draft, login, now);
            // Otherwise another login of the same name was faster.
            if draft.commit().await? {
                return Ok((Arc::new(entity), true));
            }
        }
        Err(busy())
    }

    async fn refresh_metadata(
        &self,
        alias_id: &str,
        metadata: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let refresh = |found: Option<&Alias>| match found {
            Some(alias) if alias.metadata != *metadata => {
                let refreshed = Alias {
                    metadata: metadata.clone(),
                    last_update_time: Some(now),
                    ..alias.clone()
                };
                Ok::<_, Fault>((Change::Put(refreshed), ()))
            }
            _ => Ok((Change::Keep, ())),
        };
        self.aliases.update(alias_id, refresh).await
    }

    fn draft_for_login(&self, draft: &mut Draft<'_>, login: &LoginAlias<'_>, now: Timestamp) -> Entity {
        let mut entity = self.blank_entity(now);
        let alias = Alias {
            id: id::uuid_v4(&*self.entropy),
            canonical_id: entity.id.clone(),
            mount_accessor: login.mount.accessor.clone(),
            mount_path: login.mount.full_path(),
            mount_type: login.mount.kind.clone(),
            name: login.name.to_owned(),
            metadata: login.metadata.clone(),
            creation_time: Some(now),
            last_update_time: Some(now),
            ..Alias::default()
        };
        entity.aliases.push(alias.id.clone());
        draft.entities.put(entity.clone());
        draft.aliases.put(alias);
        entity
    }

    /// A new entity with a name of its own.
    fn blank_entity(&self, now: Timestamp) -> Entity {
        Entity {
            id: id::uuid_v4(&*self.entropy),
            name: self.random_name("entity"),
            creation_time: Some(now),
            last_update_time: Some(now),
            ..Entity::default()
        }
    }

    fn random_name(&self, kind: &str) -> String {
        let random = id::hex(&arca_base::entropy::bytes::<4>(&*self.entropy));
        format!("{kind}_{random}")
    }
}

/// What callers see when others keep changing what they change.
fn busy() -> Fault {
    Fault::unavailable("what this changes keeps being changed by others; try again")
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

/// Rows that sort like the names, so that a page of names is a page of rows.
fn hex_row(name: &str) -> String {
    id::hex(name.to_lowercase().as_bytes())
}
