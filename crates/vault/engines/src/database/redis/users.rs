//! What a server says about its users and their connections.

use redis::{Cmd, FromRedisValue, Value};

use super::super::driver::{Fullness, Holdings, KnownUser, Remains};
use super::super::redact::Redactor;
use super::link::{Failure, Link};

/// A user as `ACL GETUSER` describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) is_on: bool,
    pub(super) grants: u64,
}

/// A command of these words.
pub(super) fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}

async fn ask<T: FromRedisValue>(link: &Link, words: &[&str]) -> Result<T, Failure> {
    link.ask(&command(words), &Redactor::new()).await
}

/// The user called `username`, if there is one.
pub(super) async fn find(link: &Link, username: &str) -> Result<Option<Described>, Failure> {
    let answer: Value = ask(link, &["ACL", "GETUSER", username]).await?;
    Ok(describe(answer))
}

fn describe(answer: Value) -> Option<Described> {
    let members: Vec<(String, Value)> = match answer {
        Value::Nil => return None,
        Value::Array(elements) => {
            let mut elements = elements.into_iter();
            std::iter::from_fn(|| Some((text(elements.next()?)?, elements.next()?))).collect()
        }
        Value::Map(members) => members
            .into_iter()
            .filter_map(|(name, value)| Some((text(name)?, value)))
            .collect(),
        _ => Vec::new(),
    };
    let words = |wanted: &str| -> Vec<String> {
        let found = members.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| all_words(value)).unwrap_or_default()
    };
    let commands = words("commands")
        .iter()
        .filter(|word| word.starts_with('+'))
        .count();
    let places = words("keys").len() + words("channels").len();
    Some(Described {
        is_on: words("flags").iter().any(|flag| flag == "on"),
        grants: u64::try_from(commands + places).unwrap_or(u64::MAX),
    })
}

/// Version 6 lists what version 7 puts into one text.
fn all_words(value: &Value) -> Vec<String> {
    match value {
        Value::Array(elements) | Value::Set(elements) => elements.iter().flat_map(all_words).collect(),
        other => text(other.clone())
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    }
}

fn text(value: Value) -> Option<String> {
    String::from_redis_value(value).ok()
}

/// What is left of a user.
pub(super) async fn remains(link: &Link, username: &str) -> Result<Remains, Failure> {
    let found = find(link, username).await?;
    let clients: String = ask(link, &["CLIENT", "LIST"]).await?;
    let sessions = clients_of(&clients).filter(|name| *name == username).count();
    Ok(Remains {
        exists: found.is_some(),
        may_log_in: found.as_ref().is_some_and(|user| user.is_on),
        sessions: u64::try_from(sessions).unwrap_or(u64::MAX),
        grants: found.map_or(0, |user| user.grants),
    })
}

/// Ends the connections of a user.
pub(super) async fn end_sessions(link: &Link, username: &str) -> Result<u64, Failure> {
    ask(link, &["CLIENT", "KILL", "USER", username]).await
}

/// The users whose names begin with `prefix`, and how full the server is.
pub(super) async fn holdings(link: &Link, prefix: &str) -> Result<Holdings, Failure> {
    let lines: Vec<String> = ask(link, &["ACL", "LIST"]).await?;
    let clients: String = ask(link, &["CLIENT", "LIST"]).await?;
    let info: String = ask(link, &["INFO"]).await?;
    let all: Vec<(&str, bool)> = lines.iter().filter_map(|line| listed(line)).collect();
    let sessions = |wanted: &str| {
        let count = clients_of(&clients).filter(|name| *name == wanted).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    };
    let ghosts = clients_of(&clients)
        .filter(|name| name.starts_with(prefix) && !all.iter().any(|(known, _)| known == name))
        .count();
    Ok(Holdings {
        users: all
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, is_on)| KnownUser {
                username: (*name).to_owned(),
                may_log_in: *is_on,
                sessions: sessions(name),
            })
            .collect(),
        ghost_sessions: u64::try_from(ghosts).unwrap_or(u64::MAX),
        fullness: vec![
            fullness("connections", &info, "connected_clients", "maxclients"),
            fullness("bytes of memory", &info, "used_memory", "maxmemory"),
            Fullness {
                what: "users".to_owned(),
                used: u64::try_from(all.len()).unwrap_or(u64::MAX),
                limit: 0,
            },
        ],
    })
}

/// The name in a line of `ACL LIST`, and whether the user can log in.
fn listed(line: &str) -> Option<(&str, bool)> {
    let mut words = line.strip_prefix("user ")?.split(' ');
    let name = words.next()?;
    Some((name, words.next() == Some("on")))
}

/// As whom each connection is logged in.
fn clients_of(clients: &str) -> impl Iterator<Item = &str> {
    clients
        .lines()
        .filter_map(|line| line.split(' ').find_map(|word| word.strip_prefix("user=")))
}

fn fullness(what: &str, info: &str, used: &str, limit: &str) -> Fullness {
    let number = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0)
    };
    Fullness {
        what: what.to_owned(),
        used: number(used),
        limit: number(limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn users_of_both_versions_are_read() {
        let seven = Value::Array(vec![
            bulk("flags"),
            Value::Array(vec![bulk("on"), bulk("sanitize-payload")]),
            bulk("passwords"),
            Value::Array(vec![bulk("abc")]),
            bulk("commands"),
            bulk("-@all +@read +set"),
            bulk("keys"),
            bulk("~app:* ~b:*"),
            bulk("channels"),
            bulk(""),
        ]);
        let six = Value::Array(vec![
            bulk("flags"),
            Value::Array(vec![bulk("off")]),
            bulk("commands"),
            bulk("-@all"),
            bulk("keys"),
            Value::Array(vec![bulk("app:*")]),
        ]);
        let described = |is_on, grants| Some(Described { is_on, grants });
        assert_eq!(describe(seven), described(true, 4));
        assert_eq!(describe(six), described(false, 1));
        assert_eq!(describe(Value::Nil), None);
    }

    #[test]
    fn lists_are_read() {
        assert_eq!(listed("user V_A on #abc ~* +@read"), Some(("V_A", true)));
        assert_eq!(listed("user V_B off -@all"), Some(("V_B", false)));
        let clients = "id=3 addr=127.0.0.1:1 name=user=x user=V_A cmd=client\nid=4 user=default\n";
        assert_eq!(clients_of(clients).collect::<Vec<_>>(), ["V_A", "default"]);
        let full = fullness(
            "x",
            "connected_clients:7\r\nmaxclients:10000\r\n",
            "connected_clients",
            "maxclients",
        );
        assert_eq!((full.used, full.limit), (7, 10_000));
    }
}
