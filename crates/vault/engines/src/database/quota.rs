//! How many leases a role, or one entity with it, may have at a time; counted so that requests at the same time
//! cannot pass the limit together.
//!
//! ```text
//! quota/role/<role>             how many tickets there are
//! quota/entity/<role>/<entity>  how many of them belong to one entity
//! quota/ticket/<role>/<ticket>  one user with a lease, or one that is being made
//! ```
//!
//! A ticket is written in the commit that writes down the user to come, and given back once, whatever is repeated.
//! Every change of these rows changes the row of the role and expects it as it was read, on any node. Where leases
//! were removed without their users (`revoke-force`), or made before there was a limit, the count is made again from
//! the leases: when there is none yet, and when a request would be refused, at most once a minute.

use std::collections::{BTreeMap, BTreeSet};

use arca_base::{Timestamp, Ttl};
use arca_core::Fault;
use arca_core::barrier::{Row, Rows, Stored, Writes};
use arca_core::engine::Site;
use arca_storage::Revision;
use serde::{Deserialize, Serialize};

use super::lease::Internal;
use super::role::Role;
use super::{Databases, intent};

const MAX_ATTEMPTS: usize = 64;
const BETWEEN_RECOUNTS: Ttl = Ttl::from_seconds(60);

/// How many tickets there are, as stored.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Count {
    leases: u64,
    recounted: Option<Timestamp>,
}

impl Stored for Count {
    const VERSION: u8 = 1;
    const NAME: &'static str = "number of leases of a database role";
}

/// One user with a lease, or one that is being made, as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ticket {
    entity: String,
}

impl Stored for Ticket {
    const VERSION: u8 = 1;
    const NAME: &'static str = "ticket for a lease of a database role";
}

/// Who wants a user of which role.
pub(super) struct Applicant<'a> {
    pub(super) role: &'a str,
    pub(super) entity: &'a str,
    pub(super) ticket: &'a str,
}

/// The rows of one role.
struct Books {
    role: String,
    totals: Rows<Count>,
    entities: Rows<Count>,
    tickets: Rows<Ticket>,
}

impl Books {
    fn of(site: &Site, role: &str) -> Self {
        // Names of roles hold no colon: the rows of a role do not stand in the folder of another one.
        let role = role.replace('/', ":");
        Self {
            totals: Rows::new(site.view.folder("quota/role/")),
            entities: Rows::new(site.view.folder(&format!("quota/entity/{role}/"))),
            tickets: Rows::new(site.view.folder(&format!("quota/ticket/{role}/"))),
            role,
        }
    }

    async fn of_entity(&self, entity: &str) -> Result<Count, Fault> {
        if entity.is_empty() {
            return Ok(Count::default());
        }
        let row = self.entities.get(entity).await?;
        Ok(row.map_or_else(Count::default, |row| *row.value))
    }

    fn put_entity(&self, writes: &mut Writes, entity: &str, leases: u64) -> Result<(), Fault> {
        match (entity, leases) {
            ("", _) => {}
            (entity, 0) => self.entities.delete_in(writes, entity),
            (entity, leases) => {
                let count = Count {
                    leases,
                    recounted: None,
                };
                self.entities.put_in(writes, entity, &count)?;
            }
        }
        Ok(())
    }

    fn put_total(&self, writes: &mut Writes, found: Option<&Row<Count>>, count: Count) -> Result<(), Fault> {
        self.totals.expect_in(writes, &self.role, found);
        Ok(self.totals.put_in(writes, &self.role, &count)?)
    }
}

/// Takes a ticket in the commit of `note`, which is added to it.
///
/// # Errors
/// 429 where the role or the entity has as many leases as it may.
pub(super) async fn take(
    engine: &Databases,
    site: &Site,
    role: &Role,
    applicant: &Applicant<'_>,
    note: impl Fn(&mut Writes) -> Result<(), Fault>,
) -> Result<Revision, Fault> {
    let _turn = engine.rotating.hold(format!("quota/{}", applicant.role)).await;
    let books = Books::of(site, applicant.role);
    for _ in 0..MAX_ATTEMPTS {
        let Some(total) = books.totals.get(&books.role).await? else {
            recount(site, &books, applicant.role).await?;
            continue;
        };
        let of_entity = books.of_entity(applicant.entity).await?;
        if let Err(refused) = check(applicant, role, total.value.leases, of_entity.leases) {
            let recounted = total.value.recounted;
            if recounted.is_some_and(|at| at.plus(BETWEEN_RECOUNTS) > site.now) {
                return Err(refused);
            }
            recount(site, &books, applicant.role).await?;
            continue;
        }
        let mut writes = Writes::new();
        let more = Count {
            leases: total.value.leases + 1,
            ..*total.value
        };
        books.put_total(&mut writes, Some(&total), more)?;
        books.put_entity(&mut writes, applicant.entity, of_entity.leases + 1)?;
        let ticket = Ticket {
            entity: applicant.entity.to_owned(),
        };
        books.tickets.put_in(&mut writes, applicant.ticket, &ticket)?;
        note(&mut writes)?;
        match site.view.commit(writes).await {
            Ok(revision) => return Ok(revision),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// Gives a ticket back; one that is not there was given back before.
pub(super) async fn give_back(
    engine: &Databases,
    site: &Site,
    role: &str,
    ticket: &str,
) -> Result<(), Fault> {
    if ticket.is_empty() {
        return Ok(());
    }
    let _turn = engine.rotating.hold(format!("quota/{role}")).await;
    let books = Books::of(site, role);
    for _ in 0..MAX_ATTEMPTS {
        let Some(held) = books.tickets.get(ticket).await? else {
            return Ok(());
        };
        let mut writes = Writes::new();
        books.tickets.expect_in(&mut writes, ticket, Some(&held));
        books.tickets.delete_in(&mut writes, ticket);
        let total = books.totals.get(&books.role).await?;
        match &total {
            Some(found) => {
                let fewer = Count {
                    leases: found.value.leases.saturating_sub(1),
                    ..*found.value
                };
                books.put_total(&mut writes, total.as_ref(), fewer)?;
                let of_entity = books.of_entity(&held.value.entity).await?;
                books.put_entity(
                    &mut writes,
                    &held.value.entity,
                    of_entity.leases.saturating_sub(1),
                )?;
            }
            // Whoever counts next counts without it.
            None => books.totals.expect_in(&mut writes, &books.role, None),
        }
        match site.view.commit(writes).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// Forgets the count of a role, which is then made again from its leases.
pub(super) async fn forget(site: &Site, role: &str) -> Result<(), Fault> {
    let books = Books::of(site, role);
    books.totals.delete(&books.role).await?;
    Ok(())
}

fn busy() -> Fault {
    Fault::unavailable("the leases of the role keep changing; try again")
}

fn check(applicant: &Applicant<'_>, role: &Role, total: u64, of_entity: u64) -> Result<(), Fault> {
    let name = applicant.role;
    let most = role.max_leases;
    if most > 0 && total >= most {
        return Err(Fault::limited(format!(
            "role {name:?} has {most} leases, as many as its max_leases allows; end some of them or raise it"
        )));
    }
    let most = role.max_leases_per_entity;
    if most > 0 && !applicant.entity.is_empty() && of_entity >= most {
        return Err(Fault::limited(format!(
            "this entity has {most} leases of role {name:?}, as many as its max_leases_per_entity allows; end some of them or raise it"
        )));
    }
    Ok(())
}

/// Counts the leases of a role. Where somebody else changes the count meanwhile, nothing is written.
async fn recount(site: &Site, books: &Books, role: &str) -> Result<(), Fault> {
    let total = books.totals.get(&books.role).await?;
    let tickets = books.tickets.all().await?;
    // In this order: what is being made has its lease by the time the leases are read.
    let mut live: BTreeSet<String> = intent::tickets(site, role).await?;
    let mut counted = Vec::new();
    site.leases
        .each(&format!("creds/{role}/"), |lease| {
            if let Some(internal) = Internal::of(lease).filter(|internal| internal.role == role) {
                if !internal.ticket.is_empty() {
                    live.insert(internal.ticket);
                } else if !lease.revoking {
                    counted.push(internal.entity);
                }
            }
            true
        })
        .await?;
    let mut writes = Writes::new();
    for (name, ticket) in tickets {
        if live.contains(&name) {
            counted.push(ticket.entity);
        } else {
            books.tickets.delete_in(&mut writes, &name);
        }
    }
    let mut by_entity: BTreeMap<String, u64> = BTreeMap::new();
    for (entity, _) in books.entities.all().await? {
        by_entity.insert(entity, 0);
    }
    let count = Count {
        leases: counted.len() as u64,
        recounted: Some(site.now),
    };
    for entity in counted {
        *by_entity.entry(entity).or_default() += 1;
    }
    for (entity, leases) in by_entity {
        books.put_entity(&mut writes, &entity, leases)?;
    }
    books.put_total(&mut writes, total.as_ref(), count)?;
    match site.view.commit(writes).await {
        Err(error) if !error.is_conflict() => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_form_is_read() {
        let count = Count::decode(1, br#"{"leases":3,"recounted":"2026-01-02T03:04:05Z"}"#).unwrap();
        assert_eq!((count.leases, count.recounted.is_some()), (3, true));
        let ticket = Ticket::decode(1, br#"{"entity":"e"}"#).unwrap();
        assert_eq!(ticket.entity, "e");
        assert!(Count::decode(2, b"{}").is_err() && Ticket::decode(2, b"{}").is_err());
    }
}
