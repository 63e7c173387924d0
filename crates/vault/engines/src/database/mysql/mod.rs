//! MySQL, MariaDB and what speaks like them.
//!
//! | part | what |
//! |---|---|
//! | `dsn`, `options` | settings |
//! | `link`, `failure` | connections, and why there is none |
//! | `script` | the statements of roles |
//! | `accounts` | what a server knows about a user |
//! | `rehearse` | what is wrong with statements |
//!
//! Users have no end of their own here: extending one is nothing. Each statement is committed by itself, so that what
//! a failed creation has made is undone by statements too.

mod accounts;
mod dsn;
mod failure;
mod link;
mod options;
mod rehearse;
mod script;

use std::sync::Arc;

use arca_base::{Entropy, Timestamp};
use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::driver::{
    Credential, CredentialKind, Database, DriverError, Finding, Holdings, Kind, NewUser, Phase, Rehearsal,
    Remains,
};
use super::redact::Redactor;
use super::settings::ConnectionSettings;
use accounts::Account;
use failure::Failure;
use link::{Link, Session};
use script::{Values, password_of};

/// MySQL from version 5.7, and MariaDB.
pub(super) static MYSQL: Kind = kind("mysql-database-plugin", TEMPLATE, 32);
/// Amazon Aurora.
pub(super) static AURORA: Kind = kind("mysql-aurora-database-plugin", SHORT_TEMPLATE, 16);
/// Amazon RDS.
pub(super) static RDS: Kind = kind("mysql-rds-database-plugin", SHORT_TEMPLATE, 16);
/// Servers that cut usernames to 16 characters.
pub(super) static LEGACY: Kind = kind("mysql-legacy-database-plugin", SHORT_TEMPLATE, 16);

const TEMPLATE: &str = r#"{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 10) (.RoleName | truncate 10) (random 20) (unix_time) | truncate 32 }}"#;
const SHORT_TEMPLATE: &str = r#"{{ printf "v-%s-%s" (.RoleName | truncate 4) (random 20) | truncate 16 }}"#;

const fn kind(plugin_name: &'static str, username_template: &'static str, username_limit: usize) -> Kind {
    Kind {
        plugin_name,
        username_template,
        username_limit,
        takes_template: true,
        credentials: &[
            CredentialKind::Password,
            CredentialKind::RsaPrivateKey,
            CredentialKind::ClientCertificate,
        ],
        rehearses: true,
        runs_statements: true,
        secret_details: &["tls_certificate_key"],
        open,
    }
}

fn open(
    settings: ConnectionSettings,
    _entropy: Arc<dyn Entropy>,
) -> BoxFuture<'static, Result<Arc<dyn Database>, DriverError>> {
    Box::pin(async move {
        let options = options::options(&settings)?;
        Ok(Arc::new(MySql {
            own_name: options.user().unwrap_or_default().to_owned(),
            link: Link::new(options, settings.pool()?, settings.redactor()),
        }) as Arc<dyn Database>)
    })
}

struct MySql {
    own_name: String,
    link: Link,
}

#[async_trait]
impl Database for MySql {
    async fn verify(&self) -> Result<(), DriverError> {
        let mut session = self.link.session().await?;
        // A connection that was just made has not said anything but its greeting.
        session
            .run("SELECT 1", &Redactor::new())
            .await
            .map_err(Failure::of_question)
    }

    async fn create_user(&self, user: &NewUser<'_>) -> Result<(), DriverError> {
        let values = Values::new(user.username, Some(user.credential), Some(user.expiration))?;
        if values.fill(user.creation).is_empty() {
            return Err(DriverError::Statements("empty creation statements".to_owned()));
        }
        let mut session = self.link.session().await?;
        let known = accounts::of_user(&mut session, user.username)
            .await
            .map_err(Failure::of_question)?;
        if !known.is_empty() {
            // Not ours: undoing a failed creation would drop it.
            return Err(DriverError::Statements(format!(
                "there is a user {:?} in the database already; set a username_template that makes unique names",
                user.username
            )));
        }
        let Err(failed) = values.run(&mut session, user.creation).await else {
            return Ok(());
        };
        drop(session);
        Err(self.undo(&values, user, failed).await)
    }

    async fn extend_user(
        &self,
        username: &str,
        expiration: Timestamp,
        statements: &[String],
    ) -> Result<(), DriverError> {
        if statements.is_empty() {
            return Ok(());
        }
        let values = Values::new(username, None, Some(expiration))?;
        let mut session = self.link.session().await?;
        values.run(&mut session, statements).await
    }

    async fn set_credential(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError> {
        let values = Values::new(username, Some(credential), None)?;
        let mut session = self.link.session().await?;
        if !statements.is_empty() {
            return values.run(&mut session, statements).await;
        }
        password_of(credential)?;
        let hosts = self.hosts_to_change(&mut session, username).await?;
        let statements: Vec<String> = hosts
            .iter()
            .map(|host| {
                format!(
                    "ALTER USER {} IDENTIFIED BY '{{{{password}}}}'",
                    accounts::quoted(username, host)
                )
            })
            .collect();
        values.run(&mut session, &statements).await
    }

    async fn run_statements(
        &self,
        username: &str,
        credential: &Credential,
        statements: &[String],
    ) -> Result<(), DriverError> {
        let values = Values::new(username, Some(credential), None)?;
        let mut session = self.link.session().await?;
        values.run(&mut session, statements).await
    }

    async fn drop_user(&self, username: &str, statements: &[String]) -> Result<Vec<String>, DriverError> {
        let mut session = self.link.session().await?;
        let found = accounts::of_user(&mut session, username)
            .await
            .map_err(Failure::of_question)?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let mut notes = Vec::new();
        let mut left = found;
        if !statements.is_empty() {
            Values::new(username, None, None)?
                .run(&mut session, statements)
                .await?;
            left = accounts::of_user(&mut session, username)
                .await
                .map_err(Failure::of_question)?;
            left.retain(|account| account.may_log_in);
            notes.extend(left.iter().map(|Account { host, .. }| {
                format!(
                    "revocation_statements leave the account at host '{host}', which was dropped all the same; \
                     add: DROP USER IF EXISTS '{{{{name}}}}'@'{host}'"
                )
            }));
        }
        accounts::drop(&mut session, username, &left)
            .await
            .map_err(|failure| failure.of_statement(1, 1))?;
        Ok(notes)
    }

    async fn remains(&self, username: &str) -> Result<Remains, DriverError> {
        let mut session = self.link.session().await?;
        accounts::remains(&mut session, username)
            .await
            .map_err(Failure::of_question)
    }

    async fn end_sessions(&self, username: &str) -> Result<u64, DriverError> {
        let mut session = self.link.session().await?;
        accounts::end_sessions(&mut session, username)
            .await
            .map_err(Failure::of_question)
    }

    async fn rehearse(&self, role: &Rehearsal<'_>) -> Result<Vec<Finding>, DriverError> {
        let mut session = self.link.session().await?;
        rehearse::rehearse(&mut session, role).await
    }

    async fn rehearse_change(
        &self,
        username: &str,
        credential: &Credential,
        lists: &[(Phase, &[String])],
    ) -> Result<Vec<Finding>, DriverError> {
        let values = Values::new(username, Some(credential), None)?;
        let mut session = self.link.session().await?;
        rehearse::read_by_server(&mut session, &values, lists).await
    }

    async fn holdings(&self, prefix: &str) -> Result<Holdings, DriverError> {
        let mut session = self.link.session().await?;
        accounts::holdings(&mut session, prefix)
            .await
            .map_err(Failure::of_question)
    }

    async fn close(&self) {
        self.link.close().await;
    }
}

impl MySql {
    /// Removes what a failed creation has made: by the role's statements, and what they leave by our own. Returns
    /// why the creation failed; another cause when the user may still be there.
    async fn undo(&self, values: &Values<'_>, user: &NewUser<'_>, failed: DriverError) -> DriverError {
        match self.try_to_undo(values, user).await {
            Ok(Ok(())) => failed,
            Ok(Err(rollback)) => match failed {
                DriverError::Statement {
                    number,
                    total,
                    message,
                } => DriverError::Statement {
                    number,
                    total,
                    message: format!(
                        "{message}; rollback_statements failed too, and the user was dropped: {rollback}"
                    ),
                },
                other => other,
            },
            Err(left) if left.is_out_of_reach() => left,
            // Not the failure of a statement: whoever asked must know that there may be a user.
            Err(left) => DriverError::Setting(format!(
                "{failed}; and what it made may still be there, because the configured user cannot drop it: {left}"
            )),
        }
    }

    /// Returns how the role's own statements fared, once the user is gone.
    async fn try_to_undo(
        &self,
        values: &Values<'_>,
        user: &NewUser<'_>,
    ) -> Result<Result<(), DriverError>, DriverError> {
        let mut session = self.link.session().await?;
        let undone = values.run(&mut session, user.rollback).await;
        let left = accounts::of_user(&mut session, user.username)
            .await
            .map_err(Failure::of_question)?;
        accounts::drop(&mut session, user.username, &left)
            .await
            .map_err(|failure| failure.of_statement(1, 1))?;
        Ok(undone)
    }

    /// The hosts of the accounts that a new password is for: the one we are logged in with when it is our own, else
    /// the one that may come from anywhere, else all.
    async fn hosts_to_change(
        &self,
        session: &mut Session<'_>,
        username: &str,
    ) -> Result<Vec<String>, DriverError> {
        if username == self.own_name {
            let host = accounts::own_host(session).await.map_err(Failure::of_question)?;
            return Ok(vec![host]);
        }
        let found = accounts::of_user(session, username)
            .await
            .map_err(Failure::of_question)?;
        if found.is_empty() {
            return Err(DriverError::Statements(format!(
                "there is no user {username:?} in the database"
            )));
        }
        let hosts = found.into_iter().map(|account| account.host);
        Ok(match hosts.clone().any(|host| host == ANYWHERE) {
            true => vec![ANYWHERE.to_owned()],
            false => hosts.collect(),
        })
    }
}

const ANYWHERE: &str = "%";
