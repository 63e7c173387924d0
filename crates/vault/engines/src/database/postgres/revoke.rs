//! Dropping a user.
//!
//! A role cannot be dropped while rights depend on it, and users of statements like `GRANT ... ON ALL TABLES` do not
//! take them back. What blocks a drop is read from the server's own list of dependencies and revoked one by one:
//! never `DROP OWNED`, which would also drop the tables a user has made.

use super::super::driver::DriverError;
use super::execute::{Filled, Stopped, identifier};
use super::inspect::Graveyard;
use super::pool::Connections;

/// For a role (by oid): what revokes each right it holds in this database, and what it owns here or is held by
/// elsewhere. Names come quoted from the server.
const BLOCKERS: &str = include_str!("blockers.sql");

/// What stands in the way of dropping a role.
#[derive(Default)]
pub(super) struct Blockers {
    /// Statements that take it away.
    pub(super) revokes: Vec<String>,
    /// What only somebody who knows the data can decide about.
    pub(super) owned: Vec<String>,
    /// Other databases of the server with objects or rights of its.
    pub(super) elsewhere: Vec<String>,
}

impl Blockers {
    pub(super) async fn read(
        client: &impl deadpool_postgres::GenericClient,
        role: u32,
    ) -> Result<Self, tokio_postgres::Error> {
        let mut blockers = Self::default();
        for row in client.query(BLOCKERS, &[&role]).await? {
            let revoke: Option<String> = row.try_get(0)?;
            let owned: Option<String> = row.try_get(1)?;
            blockers.revokes.extend(revoke);
            let elsewhere: Option<String> = row.try_get(2)?;
            blockers.owned.extend(owned);
            blockers.elsewhere.extend(elsewhere);
        }
        Ok(blockers)
    }

    /// What to say about what cannot be revoked.
    fn objection(&self, username: &str) -> Option<String> {
        let first = self.owned.first()?;
        let more = match self.owned.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let name = identifier(username);
        Some(format!(
            "{name} has {first}{more}; this is never dropped automatically: run REASSIGN OWNED BY {name} TO <owner>; DROP OWNED BY {name}; there, or put that into revocation_statements"
        ))
    }
}

/// The number of a role, where it exists.
pub(super) async fn role_number(
    connections: &Connections,
    username: &str,
) -> Result<Option<u32>, DriverError> {
    let client = connections.take().await?;
    let row = async {
        let statement = client
            .prepare_cached("SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1")
            .await?;
        client.query_opt(&statement, &[&username]).await
    };
    let row = row.await.map_err(|error| connections.explain(&error))?;
    row.map(|row| row.try_get(0))
        .transpose()
        .map_err(|error| connections.explain(&error))
}

/// Drops a user with the statements of its role, or else our own.
pub(super) async fn drop_user(
    connections: &Connections,
    dropped: &Graveyard,
    username: &str,
    own: Option<&Filled>,
) -> Result<Vec<String>, DriverError> {
    let Some(role) = role_number(connections, username).await? else {
        return Ok(Vec::new());
    };
    dropped.remember(username, role);
    let drop = Filled::own(vec![format!("DROP ROLE IF EXISTS {}", identifier(username))]);
    let statements = own.unwrap_or(&drop);
    let mut notes = Vec::new();
    let ended = if own.is_some() {
        match connections.run(statements).await {
            Err(Stopped::Dependents(_)) => {
                notes.push(
                    "revocation_statements drop a role that still holds rights; they were revoked first (write the role again to see which statement is missing)"
                        .to_owned(),
                );
                clear_and_run(connections, username, role, statements).await
            }
            ended => ended.map_err(Stopped::into_error),
        }
    } else {
        clear_and_run(connections, username, role, statements).await
    };
    match ended {
        Ok(()) => Ok(notes),
        Err(error) => Err(lock_out(connections, username, error).await),
    }
}

/// Takes away what blocks the drop, and runs `statements` after it in the same transaction. Where one of the
/// rights cannot be taken away, the rest is, one by one.
async fn clear_and_run(
    connections: &Connections,
    username: &str,
    role: u32,
    statements: &Filled,
) -> Result<(), DriverError> {
    let client = connections.take().await?;
    let blockers = Blockers::read(&client, role).await;
    drop(client);
    let mut blockers = blockers.map_err(|error| connections.explain(&error))?;
    for database in std::mem::take(&mut blockers.elsewhere) {
        if let Err(error) = clear_elsewhere(connections, &database, role).await {
            let place = identifier(&database);
            blockers
                .owned
                .push(format!("objects or rights in database {place} ({error})"));
        }
    }
    let objection = blockers.objection(username);
    if objection.is_none() {
        let mut all = blockers.revokes.clone();
        all.extend(statements.statements.iter().cloned());
        match connections.run(&Filled::own(all)).await {
            Ok(()) => return Ok(()),
            Err(Stopped::Failed(error)) if error.is_out_of_reach() => return Err(error),
            Err(_) => {}
        }
    }
    let mut failures = Vec::new();
    for revoke in blockers.revokes {
        match connections.execute(&Filled::own(vec![revoke])).await {
            Err(error) if error.is_out_of_reach() => return Err(error),
            Err(error) => failures.push(error.to_string()),
            Ok(()) => {}
        }
    }
    if let Some(objection) = objection {
        return Err(DriverError::Statements(objection));
    }
    let dropped = connections.execute(statements).await;
    match dropped {
        Err(error) if !failures.is_empty() => Err(DriverError::Statements(format!(
            "could not perform all revocation statements: {}; {error}",
            failures.join("; ")
        ))),
        dropped => dropped,
    }
}

/// Takes away the rights a role holds in another database of the server.
async fn clear_elsewhere(connections: &Connections, database: &str, role: u32) -> Result<(), DriverError> {
    let mut client = connections.take_in(database).await?;
    let cleared = async {
        let blockers = Blockers::read(&client, role).await?;
        if let Some(owned) = blockers.owned.into_iter().next() {
            return Ok(Some(owned));
        }
        let transaction = client.transaction().await?;
        for revoke in blockers.revokes {
            transaction.batch_execute(&revoke).await?;
        }
        transaction.commit().await?;
        Ok::<_, tokio_postgres::Error>(None)
    };
    match cleared.await.map_err(|error| connections.explain(&error))? {
        None => Ok(()),
        Some(owned) => Err(DriverError::Statements(owned)),
    }
}

/// A user that cannot be dropped must at least not log in any more.
async fn lock_out(connections: &Connections, username: &str, error: DriverError) -> DriverError {
    if error.is_out_of_reach() {
        return error;
    }
    let lock = Filled::own(vec![format!("ALTER ROLE {} NOLOGIN", identifier(username))]);
    match connections.execute(&lock).await {
        Ok(()) => DriverError::Statements(format!("{error} (the user can no longer log in)")),
        Err(_) => error,
    }
}
