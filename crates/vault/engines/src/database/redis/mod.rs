//! Redis and Valkey: users of the server's access control list.
//!
//! | part | what |
//! |---|---|
//! | `link` | the connection, and why there is none |
//! | `rules` | what roles say |
//! | `users` | what the server says |
//!
//! Users have no end of their own here: extending one is nothing. Changing a user is one command, which is done whole
//! or not at all. A server forgets users when it restarts, unless `persistence_mode` says how to keep them: with
//! `aclfile` in the file it reads them from, with `rewrite` in its configuration.

mod link;
mod rules;
mod users;

use std::sync::Arc;

use arca_base::{Entropy, Secret, Timestamp};
use async_trait::async_trait;
use futures_util::future::BoxFuture;
use redis::Value;

use super::driver::{
    Credential, CredentialKind, Database, DriverError, Finding, Holdings, Kind, NewUser, Phase, Rehearsal,
    Remains,
};
use super::redact::Redactor;
use super::settings::ConnectionSettings;
use link::{Failure, Link};

/// Redis from version 6.
pub(super) static REDIS: Kind = kind("redis-database-plugin");
/// Valkey.
pub(super) static VALKEY: Kind = kind("valkey-database-plugin");

/// Redis takes no names with spaces.
const TEMPLATE: &str = r#"{{ printf "V_%s_%s_%s_%s" (.DisplayName | truncate 40) (.RoleName | truncate 40) (random 20) (unix_time) | replace " " "_" | uppercase }}"#;

const fn kind(plugin_name: &'static str) -> Kind {
    Kind {
        plugin_name,
        username_template: TEMPLATE,
        username_limit: 128,
        takes_template: false,
        credentials: &[CredentialKind::Password],
        rehearses: true,
        runs_statements: false,
        secret_details: &[],
        open,
    }
}

fn open(
    settings: ConnectionSettings,
    _entropy: Arc<dyn Entropy>,
) -> BoxFuture<'static, Result<Arc<dyn Database>, DriverError>> {
    Box::pin(async move {
        Ok(Arc::new(Redis {
            link: Link::new(&settings)?,
            persistence: Persistence::parse(&settings.text("persistence_mode")?)?,
        }) as Arc<dyn Database>)
    })
}

struct Redis {
    link: Link,
    persistence: Persistence,
}

/// How a server is told to keep its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    None,
    AclFile,
    Rewrite,
}

impl Persistence {
    fn parse(text: &str) -> Result<Self, DriverError> {
        match text.to_ascii_lowercase().as_str() {
            "" | "none" => Ok(Self::None),
            "aclfile" => Ok(Self::AclFile),
            "rewrite" => Ok(Self::Rewrite),
            _ => Err(DriverError::Setting(
                "persistence_mode: must be none, aclfile or rewrite".to_owned(),
            )),
        }
    }

    const fn command(self) -> Option<[&'static str; 2]> {
        match self {
            Self::None => None,
            Self::AclFile => Some(["ACL", "SAVE"]),
            Self::Rewrite => Some(["CONFIG", "REWRITE"]),
        }
    }
}

#[async_trait]
impl Database for Redis {
    async fn verify(&self) -> Result<(), DriverError> {
        let answer: Result<String, _> = self.ask(&["PING"], &Redactor::new()).await;
        answer.map(|_| ()).map_err(Failure::of_question)
    }

    async fn create_user(&self, user: &NewUser<'_>) -> Result<(), DriverError> {
        let rules = rules::of_new_user(user.creation)?;
        check_name(user.username)?;
        let password = Password::of(user.credential)?;
        if self.find(user.username).await?.is_some() {
            // Not ours: the rules would be added to those it has.
            return Err(DriverError::Statements(format!(
                "there is a user {:?} in the database already",
                user.username
            )));
        }
        let mut words = vec![
            "ACL",
            "SETUSER",
            user.username,
            "ON",
            password.rule.expose().as_str(),
        ];
        words.extend(rules.iter().map(String::as_str));
        self.change(&words, &password.secrets).await?;
        // A user that the server forgets when it restarts is no reason to refuse one now; rehearsing says so.
        let _ = self.persist().await?;
        Ok(())
    }

    async fn extend_user(&self, _: &str, _: Timestamp, _: &[String]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn set_credential(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError> {
        let rules = rules::read(statements)?;
        let password = Password::of(credential)?;
        if self.find(username).await?.is_none() {
            // The command would make one.
            return Err(DriverError::Statements(format!(
                "there is no user {username:?} in the database"
            )));
        }
        let mut words = vec![
            "ACL",
            "SETUSER",
            username,
            "RESETPASS",
            password.rule.expose().as_str(),
        ];
        words.extend(rules.iter().map(String::as_str));
        self.change(&words, &password.secrets).await?;
        let _ = self.persist().await?;
        Ok(())
    }

    async fn drop_user(&self, username: &str, statements: &[String]) -> Result<Vec<String>, DriverError> {
        let rules = rules::read(statements)?;
        if self.find(username).await?.is_none() {
            // An earlier call may have dropped it and not come to this.
            return Ok(self.persist().await?.into_iter().collect());
        }
        let mut notes = Vec::new();
        let mut is_dropped = rules.is_empty();
        if !is_dropped {
            let mut words = vec!["ACL", "SETUSER", username];
            words.extend(rules.iter().map(String::as_str));
            self.change(&words, &Redactor::new()).await?;
            is_dropped = self.find(username).await?.is_some_and(|user| user.is_on);
            if is_dropped {
                notes.push(
                    "revocation_statements leave a user that can log in, which was dropped all the same; add: off"
                        .to_owned(),
                );
            }
        }
        if is_dropped {
            self.change(&["ACL", "DELUSER", username], &Redactor::new())
                .await?;
        }
        notes.extend(self.persist().await?);
        Ok(notes)
    }

    async fn remains(&self, username: &str) -> Result<Remains, DriverError> {
        users::remains(&self.link, username)
            .await
            .map_err(Failure::of_question)
    }

    async fn end_sessions(&self, username: &str) -> Result<u64, DriverError> {
        users::end_sessions(&self.link, username)
            .await
            .map_err(Failure::of_question)
    }

    async fn rehearse(&self, role: &Rehearsal<'_>) -> Result<Vec<Finding>, DriverError> {
        let mut findings = Vec::new();
        for (phase, rules) in [
            (Phase::Creation, rules::of_new_user(role.creation)),
            (Phase::Revocation, rules::read(role.revocation)),
        ] {
            match rules {
                Ok(rules) => findings.extend(self.try_rules(role.username, phase, &rules).await?),
                Err(error) => findings.push(Finding {
                    phase,
                    message: error.to_string(),
                    remedy: r#"["~app:*","+@read"]"#.to_owned(),
                }),
            }
        }
        if let Some(note) = self.persist().await? {
            findings.push(Finding {
                phase: Phase::Creation,
                message: note,
                remedy: "set aclfile in the server's configuration, or persistence_mode=none".to_owned(),
            });
        }
        Ok(findings)
    }

    async fn holdings(&self, prefix: &str) -> Result<Holdings, DriverError> {
        users::holdings(&self.link, prefix)
            .await
            .map_err(Failure::of_question)
    }

    async fn close(&self) {
        self.link.close().await;
    }
}

impl Redis {
    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str], secrets: &Redactor) -> Result<T, Failure> {
        self.link.ask(&users::command(words), secrets).await
    }

    async fn change(&self, words: &[&str], secrets: &Redactor) -> Result<(), DriverError> {
        let answer: Result<Value, _> = self.ask(words, secrets).await;
        answer.map(|_| ()).map_err(Failure::of_rules)
    }

    async fn find(&self, username: &str) -> Result<Option<users::Described>, DriverError> {
        users::find(&self.link, username)
            .await
            .map_err(Failure::of_question)
    }

    /// Has the server keep its users, where the configuration asks for that; says why it does not.
    async fn persist(&self) -> Result<Option<String>, DriverError> {
        let Some(command) = self.persistence.command() else {
            return Ok(None);
        };
        let answer: Result<Value, _> = self.ask(&command, &Redactor::new()).await;
        match answer {
            Ok(_) => Ok(None),
            Err(Failure::Server(message)) => Ok(Some(format!(
                "the server does not keep its users, so that a restart brings back dropped ones: {} is refused: \
                 {message}",
                command.join(" ")
            ))),
            Err(Failure::Lost(error)) => Err(error),
        }
    }

    /// Gives rules to a user that is gone before anybody can see it: the server runs a transaction in one piece.
    async fn try_rules(
        &self,
        username: &str,
        phase: Phase,
        rules: &[String],
    ) -> Result<Vec<Finding>, DriverError> {
        let mut findings: Vec<Finding> = rules
            .iter()
            .filter_map(|rule| rules::doubt(rule).filter(|_| phase == Phase::Creation))
            .map(|(doubt, remedy)| Finding {
                phase,
                message: doubt.to_owned(),
                remedy: remedy.to_owned(),
            })
            .collect();
        if rules.is_empty() || self.find(username).await?.is_some() {
            return Ok(findings);
        }
        let mut words = vec!["ACL", "SETUSER", username];
        words.extend(rules.iter().map(String::as_str));
        let drop = users::command(&["ACL", "DELUSER", username]);
        match self.link.ask_at_once([users::command(&words), drop]).await {
            Ok(()) => {}
            Err(Failure::Lost(error)) => return Err(error),
            Err(Failure::Server(message)) => findings.push(Finding {
                phase,
                message: format!("the server does not take the rules: {message}"),
                remedy: "see ACL CAT of the server for the categories and commands it knows".to_owned(),
            }),
        }
        Ok(findings)
    }
}

/// A password as a rule, and what hides it in errors.
struct Password {
    rule: Secret<String>,
    secrets: Redactor,
}

impl Password {
    fn of(credential: &Credential) -> Result<Self, DriverError> {
        let password = credential.password().ok_or_else(|| {
            DriverError::Unsupported("Redis users prove themselves with passwords".to_owned())
        })?;
        Ok(Self {
            rule: Secret::new(format!(">{}", password.expose())),
            secrets: Redactor::new().hiding(password.expose(), "[password]"),
        })
    }
}

fn check_name(username: &str) -> Result<(), DriverError> {
    if username.is_empty() || username.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(DriverError::Statements(
            "the username is empty or holds a space or control character, which Redis does not take"
                .to_owned(),
        ));
    }
    Ok(())
}
