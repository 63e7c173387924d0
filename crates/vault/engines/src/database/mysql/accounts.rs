//! What a server knows about a user: its accounts (one for each host it may come from), its sessions and its rights.

use super::super::driver::{DriverError, Fullness, Holdings, KnownUser, Remains};
use super::super::redact::Redactor;
use super::failure::{Failure, NO_SUCH_CONNECTION};
use super::link::Session;

/// An account of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// Where it may come from.
    pub(super) host: String,
    pub(super) may_log_in: bool,
}

/// Locked accounts are kept in one way by MariaDB and in another by MySQL, and not at all by older ones. Asked in turn
/// until one is answered: which tables there are, and which may be read, differs.
const ACCOUNTS: &[&str] = &[
    "SELECT User, Host, COALESCE(JSON_VALUE(Priv, '$.account_locked'), 'false') IN ('true', '1') \
     FROM mysql.global_priv WHERE LEFT(User, CHAR_LENGTH(?)) = ?",
    "SELECT User, Host, account_locked = 'Y' FROM mysql.user WHERE LEFT(User, CHAR_LENGTH(?)) = ?",
    "SELECT User, Host, 0 FROM mysql.user WHERE LEFT(User, CHAR_LENGTH(?)) = ?",
];

/// The accounts whose names begin with `prefix`, with their names.
async fn beginning_with(session: &mut Session<'_>, prefix: &str) -> Result<Vec<(String, Account)>, Failure> {
    let mut failure = None;
    for sql in ACCOUNTS {
        match session
            .rows::<(String, String, bool)>(sql, vec![prefix, prefix])
            .await
        {
            Ok(rows) => return Ok(rows.into_iter().map(named).collect()),
            Err(error @ Failure::Server { .. }) => failure = Some(error),
            Err(lost) => return Err(lost),
        }
    }
    Err(failure.unwrap_or_else(|| Failure::Lost(DriverError::Unreachable("no answer".to_owned()))))
}

fn named((username, host, is_locked): (String, String, bool)) -> (String, Account) {
    let account = Account {
        host,
        may_log_in: !is_locked,
    };
    (username, account)
}

/// The accounts of a user.
pub(super) async fn of_user(session: &mut Session<'_>, username: &str) -> Result<Vec<Account>, Failure> {
    Ok(beginning_with(session, username)
        .await?
        .into_iter()
        .filter(|(name, _)| name == username)
        .map(|(_, account)| account)
        .collect())
}

/// The host in the account that Arca itself is logged in with.
pub(super) async fn own_host(session: &mut Session<'_>) -> Result<String, Failure> {
    let rows: Vec<(String,)> = session.rows("SELECT CURRENT_USER()", Vec::new()).await?;
    let host = rows
        .first()
        .and_then(|(account,)| account.rsplit_once('@'))
        .map_or("%", |(_, host)| host);
    Ok(host.to_owned())
}

/// Drops accounts. Their rights go with them, their sessions stay.
pub(super) async fn drop(
    session: &mut Session<'_>,
    username: &str,
    accounts: &[Account],
) -> Result<(), Failure> {
    for account in accounts {
        let sql = format!("DROP USER IF EXISTS {}", quoted(username, &account.host));
        session.run(&sql, &Redactor::new()).await?;
    }
    Ok(())
}

/// An account as statements name it: quoted as identifiers, where only the quote itself is special in every mode.
pub(super) fn quoted(username: &str, host: &str) -> String {
    let quoted = |text: &str| format!("`{}`", text.replace('`', "``"));
    format!("{}@{}", quoted(username), quoted(host))
}

/// What is left of a user.
pub(super) async fn remains(session: &mut Session<'_>, username: &str) -> Result<Remains, Failure> {
    let accounts = of_user(session, username).await?;
    let grants: Vec<(u64,)> = session
        .rows(
            "SELECT (SELECT COUNT(*) FROM mysql.db WHERE User = ?) \
             + (SELECT COUNT(*) FROM mysql.tables_priv WHERE User = ?) \
             + (SELECT COUNT(*) FROM mysql.columns_priv WHERE User = ?) \
             + (SELECT COUNT(*) FROM mysql.procs_priv WHERE User = ?)",
            vec![username; 4],
        )
        .await?;
    Ok(Remains {
        exists: !accounts.is_empty(),
        may_log_in: accounts.iter().any(|account| account.may_log_in),
        sessions: connections(session, username)
            .await?
            .len()
            .try_into()
            .unwrap_or(u64::MAX),
        grants: grants.first().map_or(0, |(grants,)| *grants),
    })
}

/// The numbers of a user's connections.
async fn connections(session: &mut Session<'_>, username: &str) -> Result<Vec<u64>, Failure> {
    let rows: Vec<(u64, String)> = session
        .rows(
            "SELECT ID, USER FROM information_schema.PROCESSLIST WHERE USER = ?",
            vec![username],
        )
        .await?;
    // The comparison of the server does not tell capitals from small letters.
    Ok(rows
        .into_iter()
        .filter(|(_, name)| name == username)
        .map(|(number, _)| number)
        .collect())
}

/// Ends the connections of a user.
pub(super) async fn end_sessions(session: &mut Session<'_>, username: &str) -> Result<u64, Failure> {
    let mut ended = 0;
    for number in connections(session, username).await? {
        match session
            .run(&format!("KILL CONNECTION {number}"), &Redactor::new())
            .await
        {
            Ok(()) => ended += 1,
            Err(failure) if failure.is(NO_SUCH_CONNECTION) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(ended)
}

/// The users whose names begin with `prefix`, and how full the server is.
pub(super) async fn holdings(session: &mut Session<'_>, prefix: &str) -> Result<Holdings, Failure> {
    let accounts = beginning_with(session, prefix).await?;
    let sessions: Vec<(String, u64)> = session
        .rows(
            "SELECT USER, COUNT(*) FROM information_schema.PROCESSLIST GROUP BY USER",
            Vec::new(),
        )
        .await?;
    let mut holdings = Holdings::default();
    for (username, account) in accounts {
        match holdings.users.iter_mut().find(|known| known.username == username) {
            Some(known) => known.may_log_in |= account.may_log_in,
            None => holdings.users.push(KnownUser {
                sessions: count_of(&sessions, &username),
                may_log_in: account.may_log_in,
                username,
            }),
        }
    }
    holdings.ghost_sessions = sessions
        .iter()
        .filter(|(name, _)| name.starts_with(prefix))
        .filter(|(name, _)| !holdings.users.iter().any(|known| known.username == *name))
        .map(|(_, count)| count)
        .sum();
    holdings.fullness = fullness(session).await?;
    Ok(holdings)
}

fn count_of(sessions: &[(String, u64)], username: &str) -> u64 {
    sessions
        .iter()
        .filter(|(name, _)| name == username)
        .map(|(_, count)| count)
        .sum()
}

async fn fullness(session: &mut Session<'_>) -> Result<Vec<Fullness>, Failure> {
    let connected: Vec<(String, String)> = session
        .rows("SHOW GLOBAL STATUS LIKE 'Threads_connected'", Vec::new())
        .await?;
    let limit: Vec<(u64,)> = session.rows("SELECT @@max_connections", Vec::new()).await?;
    let accounts: Vec<(u64,)> = session
        .rows("SELECT COUNT(*) FROM mysql.user", Vec::new())
        .await?;
    Ok(vec![
        Fullness {
            what: "connections".to_owned(),
            used: connected
                .first()
                .and_then(|(_, count)| count.parse().ok())
                .unwrap_or(0),
            limit: limit.first().map_or(0, |(limit,)| *limit),
        },
        Fullness {
            what: "accounts".to_owned(),
            used: accounts.first().map_or(0, |(count,)| *count),
            limit: 0,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_quoted() {
        assert_eq!(quoted("v-app", "%"), "`v-app`@`%`");
        assert_eq!(quoted("a`; DROP USER x", "10.%"), "`a``; DROP USER x`@`10.%`");
    }
}
