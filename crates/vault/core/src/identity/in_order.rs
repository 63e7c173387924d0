//! Names of entities in the order of their lower case, so that a page of names is a page of rows.
//!
//! ```text
//! name-in-order/<hex of the lower case>     the name
//! whole/name-in-order                       present once every entity has such a row
//! ```
//!
//! Stores of former releases lack these rows. They are added when names are listed for the first time.

use serde::{Deserialize, Serialize};

use super::{Identity, NameRow, hex_row};
use crate::barrier::{BarrierError, Rows, Stored, View, Writes};
use crate::fault::Fault;

const WHOLE: &str = "name-in-order";
/// Rows that are looked at, and perhaps written, in one commit.
const STEP: usize = 500;

/// Says that rows are complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whole {}

impl Stored for Whole {
    const VERSION: u8 = 1;
    const NAME: &'static str = "complete order of names";
}

pub(super) fn whole(view: &View) -> Rows<Whole> {
    Rows::new(view.folder("identity/whole/"))
}

/// Marks a store without entities as complete.
pub(crate) fn begin_in(view: &View, writes: &mut Writes) -> Result<(), BarrierError> {
    whole(view).put_in(writes, WHOLE, &Whole {})
}

impl Identity {
    /// Names of entities, those after `after`, in the order of their lower case.
    ///
    /// # Errors
    /// [`Fault::internal`] when storage fails.
    pub(super) async fn entity_names(&self, after: &str, limit: usize) -> Result<Vec<String>, Fault> {
        self.complete_the_order().await?;
        let page = self.names_in_order.list("", &hex_row(after), limit).await?;
        let mut names = Vec::with_capacity(page.names.len());
        for row in &page.names {
            names.extend(
                self.names_in_order
                    .get(row)
                    .await?
                    .map(|row| row.value.name.clone()),
            );
        }
        Ok(names)
    }

    /// Gives entities of former releases their rows. Nothing is lost when it is interrupted, or done by several
    /// nodes: a row follows from its entity, and whoever writes it sees the entity as it is in the same commit.
    async fn complete_the_order(&self) -> Result<(), Fault> {
        if self.whole.get(WHOLE).await?.is_some() {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let page = self.names.list("", &after, STEP).await?;
            for row in &page.names {
                self.put_in_order(row).await?;
            }
            match page.names.last() {
                Some(last) if page.more => after.clone_from(last),
                _ => break,
            }
        }
        let mut writes = Writes::new();
        self.whole.put_in(&mut writes, WHOLE, &Whole {})?;
        self.barrier.commit(writes).await?;
        Ok(())
    }

    async fn put_in_order(&self, row: &str) -> Result<(), Fault> {
        for _ in 0..super::MAX_ATTEMPTS {
            let Some(found) = self.names.get(row).await? else {
                return Ok(());
            };
            let Some(entity) = self.entity(&found.value.id).await? else {
                return Ok(());
            };
            let name = hex_row(&entity.name);
            if self.names_in_order.get(&name).await?.is_some() {
                return Ok(());
            }
            let mut writes = Writes::new();
            self.names.expect_in(&mut writes, row, Some(&found));
            let ordered = NameRow {
                id: entity.id.clone(),
                name: entity.name.clone(),
            };
            self.names_in_order.put_in(&mut writes, &name, &ordered)?;
            match self.barrier.commit(writes).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_conflict() => {
                    self.barrier.forget(&[self.names.view().key(row)]);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(super::busy())
    }
}
