//! What a server says about its users and what is going on as them.

use mongodb::bson::{Bson, Document, doc};

use super::super::driver::{Fullness, Holdings, KnownUser, Remains};
use super::link::{Failure, Link};

const ADMIN: &str = "admin";

/// A user in one database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) username: String,
    pub(super) database: String,
    pub(super) roles: u64,
}

async fn ask(link: &Link, command: Document) -> Result<Document, Failure> {
    link.ask(ADMIN, command).await
}

/// The users called `username` in all databases; in those that `nearby` names where the configured user may not see
/// all.
pub(super) async fn find(link: &Link, nearby: &[String], username: &str) -> Result<Vec<Found>, Failure> {
    called(link, nearby, Bson::String(username.to_owned())).await
}

async fn called(link: &Link, nearby: &[String], name: Bson) -> Result<Vec<Found>, Failure> {
    let filter = doc! { "user": name };
    let everywhere = doc! { "usersInfo": { "forAllDBs": true }, "filter": filter.clone() };
    let denied = match ask(link, everywhere).await {
        Err(failure) if failure.is_denied() => failure,
        answer => return Ok(elements(&answer?, "users").filter_map(found).collect()),
    };
    let mut seen = None;
    for database in nearby {
        match link
            .ask(database, doc! { "usersInfo": 1, "filter": filter.clone() })
            .await
        {
            Ok(answer) => seen
                .get_or_insert_with(Vec::new)
                .extend(elements(&answer, "users").filter_map(found)),
            Err(failure) if failure.is_denied() => {}
            Err(failure) => return Err(failure),
        }
    }
    seen.ok_or(denied)
}

fn found(user: &Document) -> Option<Found> {
    Some(Found {
        username: user.get_str("user").ok()?.to_owned(),
        database: user.get_str("db").ok()?.to_owned(),
        roles: count(user.get_array("roles").map_or(0, Vec::len)),
    })
}

/// Whether there is a role.
pub(super) async fn has_role(link: &Link, name: &str, database: &str) -> Result<bool, Failure> {
    let answer = ask(
        link,
        doc! { "rolesInfo": { "role": name, "db": database }, "showBuiltinRoles": true },
    )
    .await?;
    Ok(elements(&answer, "roles").next().is_some())
}

/// What is left of a user.
pub(super) async fn remains(link: &Link, nearby: &[String], username: &str) -> Result<Remains, Failure> {
    let found = find(link, nearby, username).await?;
    let sessions = match operations(link, Some(username)).await {
        Ok(operations) => operations.len(),
        // Who may not see them cannot count them; rehearsing says so.
        Err(failure) if failure.is_denied() => 0,
        Err(failure) => return Err(failure),
    };
    Ok(Remains {
        exists: !found.is_empty(),
        may_log_in: !found.is_empty(),
        sessions: count(sessions),
        grants: found.iter().map(|user| user.roles).sum(),
    })
}

/// As whom each connection is logged in: all connections, or those of one user.
pub(super) async fn operations(link: &Link, username: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut command = doc! { "currentOp": 1, "$all": true };
    if let Some(username) = username {
        command.insert("effectiveUsers.user", username);
    }
    let answer = ask(link, command).await?;
    Ok(elements(&answer, "inprog")
        .filter_map(|operation| operation.get_array("effectiveUsers").ok())
        .filter_map(|users| users.first()?.as_document()?.get_str("user").ok())
        .map(str::to_owned)
        .collect())
}

/// Ends what a user is doing. Connections stay, and can do nothing once the user is gone.
pub(super) async fn end_sessions(link: &Link, nearby: &[String], username: &str) -> Result<u64, Failure> {
    let before = operations(link, Some(username)).await?.len();
    let databases = find(link, nearby, username).await?;
    let mut users: Vec<Document> = databases
        .iter()
        .map(|found| doc! { "user": username, "db": &found.database })
        .collect();
    if users.is_empty() {
        users.push(doc! { "user": username, "db": ADMIN });
    }
    ask(link, doc! { "killAllSessions": users }).await?;
    Ok(count(before))
}

/// The users whose names begin with `prefix`, and how full the server is.
pub(super) async fn holdings(link: &Link, nearby: &[String], prefix: &str) -> Result<Holdings, Failure> {
    let expression = doc! { "$regex": beginning_with(prefix) };
    let found = called(link, nearby, Bson::Document(expression)).await?;
    let operations = operations(link, None).await?;
    let sessions = |wanted: &str| count(operations.iter().filter(|name| *name == wanted).count());
    let mut users: Vec<KnownUser> = Vec::new();
    for Found { username, .. } in found {
        // One name in several databases is one user to us.
        if !users.iter().any(|known| known.username == username) {
            users.push(KnownUser {
                may_log_in: true,
                sessions: sessions(&username),
                username,
            });
        }
    }
    let ghosts = operations
        .iter()
        .filter(|name| name.starts_with(prefix) && !users.iter().any(|known| known.username == **name));
    Ok(Holdings {
        ghost_sessions: count(ghosts.count()),
        users,
        fullness: vec![connections(link).await?],
    })
}

async fn connections(link: &Link) -> Result<Fullness, Failure> {
    let status = ask(link, doc! { "serverStatus": 1 }).await?;
    let number = |name: &str| {
        let value = status
            .get_document("connections")
            .ok()
            .and_then(|found| found.get(name));
        match value {
            Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
            Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 0,
        }
    };
    let used = number("current");
    Ok(Fullness {
        what: "connections".to_owned(),
        used,
        limit: used + number("available"),
    })
}

/// A regular expression for what begins with `prefix`.
fn beginning_with(prefix: &str) -> String {
    let mut expression = String::from("^");
    for character in prefix.chars() {
        if character.is_ascii_punctuation() {
            expression.push('\\');
        }
        expression.push(character);
    }
    expression
}

fn elements<'a>(answer: &'a Document, name: &str) -> impl Iterator<Item = &'a Document> {
    answer
        .get_array(name)
        .ok()
        .into_iter()
        .flatten()
        .filter_map(Bson::as_document)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_mean_themselves() {
        assert_eq!(beginning_with("v-app.x"), r"^v\-app\.x");
        assert_eq!(beginning_with("a(b"), r"^a\(b");
    }
}
