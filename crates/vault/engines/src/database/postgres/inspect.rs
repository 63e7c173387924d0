//! What is left of a user, and what the server holds.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::super::driver::{DriverError, Fullness, Holdings, KnownUser, Remains};
use super::execute::{Filled, identifier};
use super::pool::Connections;
use super::revoke::role_number;

/// Sessions carry the number of a role, not its name, once the role is gone: the numbers of those dropped lately.
#[derive(Default)]
pub(super) struct Graveyard(Mutex<VecDeque<(String, u32)>>);

impl Graveyard {
    const SIZE: usize = 1024;

    pub(super) fn remember(&self, username: &str, role: u32) {
        let mut graves = self.0.lock();
        graves.retain(|(name, _)| name != username);
        if graves.len() >= Self::SIZE {
            graves.pop_front();
        }
        graves.push_back((username.to_owned(), role));
    }

    fn number(&self, username: &str) -> Option<u32> {
        let graves = self.0.lock();
        graves
            .iter()
            .find(|(name, _)| name == username)
            .map(|(_, role)| *role)
    }
}

pub(super) async fn remains(
    connections: &Connections,
    dropped: &Graveyard,
    username: &str,
) -> Result<Remains, DriverError> {
    const LEFT: &str = "SELECT r.oid IS NOT NULL,
        coalesce(r.rolcanlogin AND (r.rolvaliduntil IS NULL OR r.rolvaliduntil > now()), false),
        (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = coalesce(r.oid, $2)),
        (SELECT count(*) FROM pg_catalog.pg_shdepend d
         WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'a')
        FROM (SELECT $1::name AS name) given LEFT JOIN pg_catalog.pg_roles r ON r.rolname = given.name";
    let number = dropped.number(username).unwrap_or(0);
    let client = connections.take().await?;
    let read = async {
        let statement = client.prepare_cached(LEFT).await?;
        let row = client.query_one(&statement, &[&username, &number]).await?;
        let count = |column| {
            row.try_get(column)
                .map(|count: i64| u64::try_from(count).unwrap_or(0))
        };
        Ok::<_, tokio_postgres::Error>(Remains {
            exists: row.try_get(0)?,
            may_log_in: row.try_get(1)?,
            sessions: count(2)?,
            grants: count(3)?,
        })
    };
    read.await.map_err(|error| connections.explain(&error))
}

/// Keeps a user from coming back and ends its sessions.
pub(super) async fn end_sessions(connections: &Connections, username: &str) -> Result<u64, DriverError> {
    const END: &str = "SELECT count(*) FILTER (WHERE pg_catalog.pg_terminate_backend(pid))
        FROM pg_catalog.pg_stat_activity WHERE usesysid = $1";
    let Some(role) = role_number(connections, username).await? else {
        return Ok(0);
    };
    let lock = Filled::own(vec![format!("ALTER ROLE {} NOLOGIN", identifier(username))]);
    connections.execute(&lock).await?;
    let client = connections.take().await?;
    let end = async {
        let statement = client.prepare_cached(END).await?;
        client.query_one(&statement, &[&role]).await?.try_get(0)
    };
    let ended: i64 = end.await.map_err(|error| connections.explain(&error))?;
    Ok(u64::try_from(ended).unwrap_or(0))
}

pub(super) async fn holdings(connections: &Connections, prefix: &str) -> Result<Holdings, DriverError> {
    const USERS: &str = "SELECT r.rolname::text,
        r.rolcanlogin AND (r.rolvaliduntil IS NULL OR r.rolvaliduntil > now()),
        (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid)
        FROM pg_catalog.pg_roles r WHERE starts_with(r.rolname::text, $1) ORDER BY 1";
    const GHOSTS: &str = "SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = a.usesysid)";
    // A row must fit into a page of 8 kB; a GRANT that makes its list of rights larger fails.
    const FULLNESS: &str =
        "SELECT 'rights on table ' || c.oid::regclass, pg_column_size(c.relacl)::bigint, 8000::bigint
            FROM pg_catalog.pg_class c WHERE c.relacl IS NOT NULL
        UNION ALL SELECT 'rights on schema ' || n.nspname, pg_column_size(n.nspacl), 8000
            FROM pg_catalog.pg_namespace n WHERE n.nspacl IS NOT NULL
        UNION ALL SELECT 'rights on database ' || d.datname, pg_column_size(d.datacl), 8000
            FROM pg_catalog.pg_database d WHERE d.datacl IS NOT NULL
        UNION ALL SELECT 'roles', count(*), 0 FROM pg_catalog.pg_roles
        ORDER BY 3 DESC, 2 DESC LIMIT 6";
    let client = connections.take().await?;
    let read = async {
        let mut holdings = Holdings::default();
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        for row in client.query(USERS, &[&prefix]).await? {
            holdings.users.push(KnownUser {
                username: row.try_get(0)?,
                may_log_in: row.try_get(1)?,
                sessions: count(row.try_get(2)?),
            });
        }
        holdings.ghost_sessions = count(client.query_one(GHOSTS, &[]).await?.try_get(0)?);
        for row in client.query(FULLNESS, &[]).await? {
            holdings.fullness.push(Fullness {
                what: row.try_get(0)?,
                used: count(row.try_get(1)?),
                limit: count(row.try_get(2)?),
            });
        }
        Ok::<_, tokio_postgres::Error>(holdings)
    };
    read.await.map_err(|error| connections.explain(&error))
}
