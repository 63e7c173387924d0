//! Changes of entities and aliases, each one commit.

use arca_base::Timestamp;

use super::{Alias, AliasKey, Entity, Identity, NameRow, alias_row, name_row};
use crate::barrier::Writes;
use crate::fault::Fault;

impl Identity {
    /// Writes an entity, moving its name; `before` must still be what is stored.
    pub(super) async fn replace(&self, before: Option<&Entity>, entity: &Entity) -> Result<(), Fault> {
        let mut writes = Writes::new();
        let found = self.entities.get(&entity.id).await?;
        if found.as_ref().map(|row| &*row.value) != before {
            return Err(Fault::unavailable("the entity was changed meanwhile; try again"));
        }
        self.entities.expect_in(&mut writes, &entity.id, found.as_ref());
        self.entities.put_in(&mut writes, &entity.id, entity)?;
        let (old, new) = (
            before.map(|before| name_row(&before.name)),
            name_row(&entity.name),
        );
        if old.as_ref() != Some(&new) {
            if let Some(old) = old {
                self.names.delete_in(&mut writes, &old);
            }
            self.names.expect_in(&mut writes, &new, None);
            self.names.put_in(
                &mut writes,
                &new,
                &NameRow {
                    id: entity.id.clone(),
                },
            )?;
        }
        match self.barrier.commit(writes).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => Err(Fault::invalid("entity name is already in use")),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, entity: &Entity) -> Result<(), Fault> {
        let mut writes = Writes::new();
        for alias in self.aliases_of(entity).await? {
            self.aliases.delete_in(&mut writes, &alias.id);
            self.alias_keys
                .delete_in(&mut writes, &alias_row(&alias.mount_accessor, &alias.name));
        }
        self.names.delete_in(&mut writes, &name_row(&entity.name));
        self.entities.delete_in(&mut writes, &entity.id);
        self.barrier.commit(writes).await?;
        Ok(())
    }

    /// Writes an alias and gives it to `owner`, or to a new entity; returns the entity's identifier.
    pub(super) async fn attach(
        &self,
        before: Option<&Alias>,
        alias: &mut Alias,
        owner: Option<&str>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let mut writes = Writes::new();
        let mut entity = match owner {
            Some(id) => {
                let row = self.entities.get(id).await?;
                let found = row
                    .as_ref()
                    .ok_or_else(|| Fault::invalid("invalid canonical ID"))?;
                self.entities.expect_in(&mut writes, id, row.as_ref());
                (*found.value).clone()
            }
            None => {
                let entity = self.blank_entity(now);
                self.put_new_entity(&mut writes, &entity)?;
                entity
            }
        };
        for other in self.aliases_of(&entity).await? {
            if other.mount_accessor == alias.mount_accessor && other.id != alias.id {
                return Err(Fault::invalid(
                    "Alias already exists for requested entity and mount accessor",
                ));
            }
        }
        if let Some(before) = before {
            self.release(&mut writes, before, &entity.id).await?;
        }
        alias.canonical_id.clone_from(&entity.id);
        if !entity.aliases.contains(&alias.id) {
            entity.aliases.push(alias.id.clone());
        }
        entity.last_update_time = Some(now);
        self.entities.put_in(&mut writes, &entity.id, &entity)?;
        self.aliases.put_in(&mut writes, &alias.id, alias)?;
        let row = alias_row(&alias.mount_accessor, &alias.name);
        self.alias_keys
            .put_in(&mut writes, &row, &AliasKey { id: alias.id.clone() })?;
        self.barrier.commit(writes).await?;
        Ok(entity.id)
    }

    /// Takes an alias from its former name and its former entity.
    async fn release(&self, writes: &mut Writes, before: &Alias, next_owner: &str) -> Result<(), Fault> {
        self.alias_keys
            .delete_in(writes, &alias_row(&before.mount_accessor, &before.name));
        if before.canonical_id == next_owner {
            return Ok(());
        }
        let row = self.entities.get(&before.canonical_id).await?;
        if let Some(found) = &row {
            let mut entity = (*found.value).clone();
            entity.aliases.retain(|id| *id != before.id);
            self.entities.expect_in(writes, &entity.id, row.as_ref());
            self.entities.put_in(writes, &entity.id, &entity)?;
        }
        Ok(())
    }

    pub(super) async fn detach(&self, alias: &Alias) -> Result<(), Fault> {
        let mut writes = Writes::new();
        self.release(&mut writes, alias, "").await?;
        self.aliases.delete_in(&mut writes, &alias.id);
        self.barrier.commit(writes).await?;
        Ok(())
    }
}
