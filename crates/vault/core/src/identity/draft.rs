//! A change of several records: drafted, then committed as one, if nothing it was drafted from has changed.
//!
//! The rows that find records (names, aliases, members) follow from the records themselves, so they cannot disagree.

use std::collections::BTreeMap;

use super::{Alias, AliasKey, Entity, Group, GroupAlias, Identity, Member, NameRow};
use super::{alias_row, hex_row, name_row};
use crate::barrier::{BarrierError, Row, Rows, Stored, Writes, plaintext};
use crate::fault::Fault;

/// A change that is not done yet.
pub(super) struct Draft<'a> {
    identity: &'a Identity,
    pub(super) entities: Drafted<Entity>,
    pub(super) aliases: Drafted<Alias>,
    pub(super) groups: Drafted<Group>,
    pub(super) group_aliases: Drafted<GroupAlias>,
}

/// Records of one type as they were read, and as they shall be.
pub(super) struct Drafted<T> {
    rows: Rows<T>,
    slots: BTreeMap<String, Slot<T>>,
}

struct Slot<T> {
    before: Option<Row<T>>,
    after: Option<T>,
}

/// The rows by which a record is found.
type Index = BTreeMap<String, IndexRow>;

struct IndexRow {
    plaintext: Vec<u8>,
    /// Whether only one record may have it.
    unique: bool,
}

/// A record that is found by more than its identifier.
pub(super) trait Indexed: Stored + Clone + PartialEq {
    /// Its identifier.
    fn id(&self) -> &str;

    /// The rows by which it is found.
    fn index(&self, identity: &Identity, index: &mut Rowed) -> Result<(), BarrierError>;
}

/// Collects the rows of an index.
#[derive(Default)]
pub(super) struct Rowed(Index);

impl Rowed {
    fn add<T: Stored>(
        &mut self,
        rows: &Rows<T>,
        name: &str,
        value: &T,
        unique: bool,
    ) -> Result<(), BarrierError> {
        let plaintext = plaintext(value)?;
        self.0
            .insert(rows.view().key(name), IndexRow { plaintext, unique });
        Ok(())
    }

    fn of<T: Indexed>(record: Option<&T>, identity: &Identity) -> Result<Index, BarrierError> {
        let mut rowed = Self::default();
        if let Some(record) = record {
            record.index(identity, &mut rowed)?;
        }
        Ok(rowed.0)
    }
}

impl<T: Indexed> Drafted<T> {
    const fn new(rows: Rows<T>) -> Self {
        Self {
            rows,
            slots: BTreeMap::new(),
        }
    }

    /// A record to look at or to change. From here on the draft counts only if nobody else changes it.
    pub(super) async fn get(&mut self, id: &str) -> Result<Option<&mut T>, Fault> {
        if !super::is_id(id) {
            return Ok(None);
        }
        if !self.slots.contains_key(id) {
            let before = self.rows.get(id).await?;
            let after = before.as_ref().map(|row| (*row.value).clone());
            self.slots.insert(id.to_owned(), Slot { before, after });
        }
        Ok(self.slots.get_mut(id).and_then(|slot| slot.after.as_mut()))
    }

    /// Writes a record; a new one, or one that was got before.
    pub(super) fn put(&mut self, record: T) {
        let id = record.id().to_owned();
        let slot = self.slots.entry(id).or_insert(Slot {
            before: None,
            after: None,
        });
        slot.after = Some(record);
    }

    /// Removes a record that was got before.
    pub(super) fn remove(&mut self, id: &str) {
        if let Some(slot) = self.slots.get_mut(id) {
            slot.after = None;
        }
    }

    fn write_in(&self, changes: &mut Changes<'_>) -> Result<(), BarrierError> {
        for (id, slot) in &self.slots {
            let before = slot.before.as_ref().map(|row| &*row.value);
            self.rows.expect_in(&mut changes.writes, id, slot.before.as_ref());
            changes.read.push(self.rows.view().key(id));
            if before == slot.after.as_ref() {
                continue;
            }
            match &slot.after {
                Some(record) => self.rows.put_in(&mut changes.writes, id, record)?,
                None => self.rows.delete_in(&mut changes.writes, id),
            }
            changes.index(
                Rowed::of(before, changes.identity)?,
                Rowed::of(slot.after.as_ref(), changes.identity)?,
            );
        }
        Ok(())
    }
}

/// What a draft comes to.
struct Changes<'a> {
    identity: &'a Identity,
    writes: Writes,
    /// Keys the draft was made from.
    read: Vec<String>,
    gone: Index,
    new: Index,
}

impl Changes<'_> {
    fn index(&mut self, before: Index, mut after: Index) {
        for (key, row) in before {
            match after.remove(&key) {
                Some(same) if same.plaintext == row.plaintext => {}
                Some(other) => {
                    self.new.insert(key.clone(), other);
                    self.gone.insert(key, row);
                }
                None => {
                    self.gone.insert(key, row);
                }
            }
        }
        self.new.extend(after);
    }

    /// What one record loses and another gains stays.
    fn finish(mut self) -> (Writes, Vec<String>) {
        for key in self.gone.keys().filter(|key| !self.new.contains_key(*key)) {
            self.writes.delete(key);
        }
        for (key, row) in self.new {
            if row.unique && !self.gone.contains_key(&key) {
                self.writes.expect(&key, None);
                self.read.push(key.clone());
            }
            self.writes.put(key, row.plaintext);
        }
        (self.writes, self.read)
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(identity: &'a Identity) -> Self {
        Self {
            identity,
            entities: Drafted::new(identity.entities.clone()),
            aliases: Drafted::new(identity.aliases.clone()),
            groups: Drafted::new(identity.groups.clone()),
            group_aliases: Drafted::new(identity.group_aliases.clone()),
        }
    }

    /// Does it; `false` when something it was made from has changed, so that it has to be made again.
    pub(super) async fn commit(self) -> Result<bool, Fault> {
        let mut changes = Changes {
            identity: self.identity,
            writes: Writes::new(),
            read: Vec::new(),
            gone: Index::new(),
            new: Index::new(),
        };
        self.entities.write_in(&mut changes)?;
        self.aliases.write_in(&mut changes)?;
        self.groups.write_in(&mut changes)?;
        self.group_aliases.write_in(&mut changes)?;
        let (writes, read) = changes.finish();
        if writes.is_empty() {
            return Ok(true);
        }
        match self.identity.barrier.commit(writes).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => {
                // Another node may have changed what is cached here, and its news may still be on the way.
                self.identity.barrier.forget(&read);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Indexed for Entity {
    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self, identity: &Identity, index: &mut Rowed) -> Result<(), BarrierError> {
        let row = NameRow {
            id: self.id.clone(),
            name: self.name.clone(),
        };
        index.add(&identity.names, &name_row(&self.name), &row, true)?;
        index.add(&identity.names_in_order, &hex_row(&self.name), &row, false)?;
        for group in &self.groups {
            let name = format!("{group}/{}", self.id);
            index.add(&identity.members, &name, &Member {}, false)?;
        }
        let own = AliasKey { id: self.id.clone() };
        for merged in &self.merged {
            index.add(&identity.merged, merged, &own, false)?;
        }
        Ok(())
    }
}

impl Indexed for Alias {
    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self, identity: &Identity, index: &mut Rowed) -> Result<(), BarrierError> {
        let row = alias_row(&self.mount_accessor, &self.name);
        let own = AliasKey { id: self.id.clone() };
        index.add(&identity.alias_keys, &row, &own, true)
    }
}

impl Indexed for Group {
    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self, identity: &Identity, index: &mut Rowed) -> Result<(), BarrierError> {
        let row = NameRow {
            id: self.id.clone(),
            name: self.name.clone(),
        };
        index.add(&identity.group_names, &hex_row(&self.name), &row, true)?;
        for parent in &self.parents {
            let name = format!("{parent}/{}", self.id);
            index.add(&identity.children, &name, &Member {}, false)?;
        }
        Ok(())
    }
}

impl Indexed for GroupAlias {
    fn id(&self) -> &str {
        &self.id
    }

    fn index(&self, identity: &Identity, index: &mut Rowed) -> Result<(), BarrierError> {
        let row = alias_row(&self.mount_accessor, &self.name);
        let own = AliasKey { id: self.id.clone() };
        index.add(&identity.group_alias_keys, &row, &own, true)
    }
}
